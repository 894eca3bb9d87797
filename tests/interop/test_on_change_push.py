"""On-change push of datastores (RFC 8641) over real SSH."""

from collections.abc import Callable

import pytest
from lxml import etree

from tests.support.push_client import YP, PushClient, establish, name_of, operation

IF = "urn:ietf:params:xml:ns:yang:ietf-interfaces"
IANA = "urn:ietf:params:xml:ns:yang:iana-if-type"
NCM = "urn:ietf:params:xml:ns:yang:ietf-netconf-monitoring"
NC = "urn:ietf:params:xml:ns:netconf:base:1.0"
INTERFACES = f'<yp:datastore-subtree-filter><interfaces xmlns="{IF}"/></yp:datastore-subtree-filter>'


def interface(name: str, inner: str = "", attributes: str = "") -> str:
    kind = "" if attributes else f'<type xmlns:t="{IANA}">t:ethernetCsmacd</type>'
    return (
        f'<interfaces xmlns="{IF}" xmlns:nc="{NC}"><interface {attributes}><name>{name}</name>'
        f"{kind}{inner}</interface></interfaces>"
    )


def gone(name: str) -> str:
    return interface(name, attributes='nc:operation="delete"')


def on_change(datastore: str = "running", inner: str = INTERFACES, more: str = "") -> str:
    return f"<yp:datastore>ds:{datastore}</yp:datastore>{inner}<yp:on-change>{more}</yp:on-change>"


def edits(update: etree._Element) -> list[tuple[str, str]]:
    assert name_of(update) == "push-change-update"
    return [
        (edit.findtext(f"{{{YP}}}operation", ""), edit.findtext(f"{{{YP}}}target", ""))
        for edit in update.iter(f"{{{YP}}}edit")
    ]


ETH = "/ietf-interfaces:interfaces/interface=eth%2F0"


@pytest.mark.parametrize("datastore", ["running", "intended", "operational"])
def test_everything_once_and_then_what_changes(clients: Callable[[], PushClient], datastore: str) -> None:
    client, other = clients(), clients()
    other.edit(interface("eth1"))
    number = client.establish(on_change(datastore))
    first = client.take()
    assert name_of(first) == "push-update"
    assert [each.text for each in first.iter(f"{{{IF}}}name")] == ["eth1"]
    other.edit(interface("eth/0"))
    told = client.take()
    assert edits(told) == [("create", ETH)]
    assert told.findtext(f"{{{YP}}}id") == str(number)
    assert told.findtext(f".//{{{YP}}}value/{{{IF}}}interface/{{{IF}}}name") == "eth/0"
    other.edit(interface("eth/0", "<description>a &lt; b</description>"))
    told = client.take()
    assert edits(told) == [("create", f"{ETH}/description")]
    assert told.findtext(f".//{{{YP}}}value/{{{IF}}}description") == "a < b"
    other.edit(interface("eth/0", "<description>c</description>"))
    assert edits(client.take()) == [("replace", f"{ETH}/description")]
    other.edit(gone("eth/0"))
    assert edits(client.take()) == [("delete", ETH)]


def test_what_is_not_selected_is_not_told(clients: Callable[[], PushClient]) -> None:
    client, other = clients(), clients()
    one = f'<interfaces xmlns="{IF}"><interface><name>eth1</name></interface></interfaces>'
    wanted = f"<yp:datastore-subtree-filter>{one}</yp:datastore-subtree-filter>"
    client.establish(on_change(inner=wanted))
    assert name_of(client.take()) == "push-update"
    other.edit(interface("eth0"))
    other.edit(interface("eth1"))
    assert edits(client.take()) == [("create", "/ietf-interfaces:interfaces")]
    other.edit(gone("eth0"))
    other.edit(gone("eth1"))
    assert edits(client.take()) == [("delete", "/ietf-interfaces:interfaces")]


def test_without_sync_the_changes_alone(clients: Callable[[], PushClient]) -> None:
    client, other = clients(), clients()
    other.edit(interface("eth1"))
    number = client.establish(on_change(more="<yp:sync-on-start>false</yp:sync-on-start>"))
    other.edit(interface("eth/0"))
    assert edits(client.take()) == [("create", ETH)]
    error = client.refused(operation_resync(number))
    assert error.app_tag == "ietf-yang-push:on-change-sync-unsupported"


def operation_resync(number: int) -> str:
    return f'<resync-subscription xmlns="{YP}"><id>{number}</id></resync-subscription>'


def test_resync(clients: Callable[[], PushClient]) -> None:
    client, other = clients(), clients()
    number = client.establish(on_change())
    assert name_of(client.take()) == "push-update"
    client.ok(operation_resync(number))
    assert name_of(client.take()) == "push-update"
    error = other.refused(operation_resync(number))
    assert error.app_tag == "ietf-yang-push:no-such-subscription-resync"
    assert error.structure == "resync-subscription-error"


def test_kinds_of_changes_are_left_out(clients: Callable[[], PushClient]) -> None:
    client, other = clients(), clients()
    more = "<yp:excluded-change>create</yp:excluded-change><yp:excluded-change>replace</yp:excluded-change>"
    client.establish(on_change(more=more))
    assert name_of(client.take()) == "push-update"
    other.edit(interface("eth/0"))
    other.edit(interface("eth1"))
    other.edit(gone("eth/0"))
    assert edits(client.take()) == [("delete", ETH)]


def test_changes_are_dampened_and_none_is_lost(clients: Callable[[], PushClient]) -> None:
    """What was made and taken back within the time is told as not at rest (RFC 8641 section 3.3)."""
    client, other = clients(), clients()
    other.edit(interface("eth1"))
    client.establish(on_change(more="<yp:dampening-period>200</yp:dampening-period>"))
    assert name_of(client.take()) == "push-update"
    other.edit(interface("eth/0"))
    other.edit(gone("eth/0"))
    other.edit(interface("eth2"))
    told: list[tuple[str, str]] = []
    while ("create", ETH.replace("eth%2F0", "eth2")) not in told:
        told += edits(client.take())
    assert ("delete", ETH) in told


def test_state_is_told_when_it_changes(clients: Callable[[], PushClient]) -> None:
    client = clients()
    path = "/m:netconf-state/m:sessions/m:session"
    inner = f"<yp:datastore-xpath-filter xmlns:m='{NCM}'>{path}</yp:datastore-xpath-filter>"
    client.establish(on_change("operational", inner))
    first = client.take()
    assert name_of(first) == "push-update"
    assert first.find(f".//{{{NCM}}}username") is not None
    assert first.find(f".//{{{NCM}}}in-rpcs") is None  # a counter
    other = clients()
    other.ok("<get><filter/></get>")
    ((kind, target),) = edits(client.take())
    assert kind == "create"
    assert target.startswith("/ietf-netconf-monitoring:netconf-state/sessions/session=")


def test_without_a_filter_everything_that_rests(clients: Callable[[], PushClient]) -> None:
    """Subscriptions themselves are part of it, this one too."""
    client, other = clients(), clients()
    number = client.establish(on_change("operational", ""))
    first = client.take()
    assert name_of(first) == "push-update"
    second = other.establish(on_change("operational", ""))
    path = f"/ietf-subscribed-notifications:subscriptions/subscription={second}"
    told: list[tuple[str, str]] = []
    while ("create", path) not in told:
        told += edits(client.take())
    assert number != second


WRONG = {
    "candidate": (on_change("candidate"), "operation-not-supported", "on-change-unsupported"),
    "counters": (
        on_change(
            "operational",
            f'<yp:datastore-subtree-filter><netconf-state xmlns="{NCM}"><statistics/></netconf-state>'
            "</yp:datastore-subtree-filter>",
        ),
        "operation-not-supported",
        "on-change-unsupported",
    ),
    "nothing at all": (
        on_change("running", "<yp:datastore-subtree-filter><x xmlns='urn:x'/></yp:datastore-subtree-filter>"),
        "operation-failed",
        "unchanging-selection",
    ),
    "what never changes": (
        on_change(
            "operational",
            f'<yp:datastore-subtree-filter><netconf-state xmlns="{NCM}"><schemas/></netconf-state>'
            "</yp:datastore-subtree-filter>",
        ),
        "operation-failed",
        "unchanging-selection",
    ),
}


@pytest.mark.parametrize("row", WRONG.values(), ids=WRONG)
def test_what_cannot_be_told_is_refused(clients: Callable[[], PushClient], row: tuple[str, str, str]) -> None:
    inner, tag, app_tag = row
    error = clients().refused(establish(inner))
    assert (error.tag, error.app_tag) == (tag, f"ietf-yang-push:{app_tag}")
    assert error.structure == "establish-subscription-datastore-error-info"


def test_a_periodic_one_stays_periodic(clients: Callable[[], PushClient]) -> None:
    client = clients()
    number = client.establish(on_change())
    periodic = "<yp:periodic><yp:period>100</yp:period></yp:periodic>"
    body = f"<id>{number}</id><yp:datastore>ds:running</yp:datastore>{INTERFACES}{periodic}"
    assert client.refused(operation("modify-subscription", body)).path == (
        "/nc:rpc/sn:modify-subscription/yp:periodic"
    )

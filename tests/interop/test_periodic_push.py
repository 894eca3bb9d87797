"""Periodic push of datastores (RFC 8641) over real SSH."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from lxml import etree

from tests.support.netconf import NC
from tests.support.push_client import EVENT, SN, YP, PushClient, establish, name_of, operation

IF = "urn:ietf:params:xml:ns:yang:ietf-interfaces"
IANA = "urn:ietf:params:xml:ns:yang:iana-if-type"
NCM = "urn:ietf:params:xml:ns:yang:ietf-netconf-monitoring"
INTERFACES = f'<yp:datastore-subtree-filter><interfaces xmlns="{IF}"/></yp:datastore-subtree-filter>'


def interface(name: str, attributes: str = "") -> str:
    return (
        f'<interfaces xmlns="{IF}"><interface {attributes}><name>{name}</name>'
        f'<type xmlns:t="{IANA}">t:ethernetCsmacd</type></interface></interfaces>'
    )


def periodic(datastore: str = "running", period: int = 10, inner: str = INTERFACES, more: str = "") -> str:
    return (
        f"<yp:datastore>ds:{datastore}</yp:datastore>{inner}"
        f"<yp:periodic><yp:period>{period}</yp:period>{more}</yp:periodic>"
    )


def names(update: etree._Element) -> list[str]:
    return [each.text or "" for each in update.iter(f"{{{IF}}}name")]


@pytest.mark.parametrize("datastore", ["running", "operational", "intended"])
def test_updates_tell_the_selection_as_it_is(clients: Callable[[], PushClient], datastore: str) -> None:
    client, other = clients(), clients()
    other.edit(interface("eth0"))
    number = client.establish(periodic(datastore))
    first = client.take()
    assert name_of(first) == "push-update"
    assert first.findtext(f"{{{YP}}}id") == str(number)
    assert names(first) == ["eth0"]
    other.edit(interface("eth1"))
    while names(update := client.take()) == ["eth0"]:
        pass
    assert names(update) == ["eth0", "eth1"]


def test_the_candidate_is_told_before_it_is_committed(clients: Callable[[], PushClient]) -> None:
    client = clients()
    client.establish(periodic("candidate"))
    assert names(client.take()) == []
    client.ok(f"<edit-config><target><candidate/></target><config>{interface('eth7')}</config></edit-config>")
    while names(client.take()) != ["eth7"]:
        pass
    client.ok("<discard-changes/>")


def test_state_is_told(clients: Callable[[], PushClient]) -> None:
    client = clients()
    path = "/m:netconf-state/m:statistics"
    inner = f"<yp:datastore-xpath-filter xmlns:m='{NCM}'>{path}</yp:datastore-xpath-filter>"
    client.establish(periodic("operational", inner=inner))
    counts = [int(client.take().findtext(f".//{{{NCM}}}in-rpcs") or "0") for _ in range(2)]
    assert counts[0] > 0


def test_updates_keep_to_the_anchor(clients: Callable[[], PushClient]) -> None:
    client = clients()
    anchor = datetime(2026, 1, 1, 0, 0, 0, 50_000, tzinfo=UTC)
    client.establish(periodic(period=30, more=f"<yp:anchor-time>{anchor.isoformat()}</yp:anchor-time>"))
    for _ in range(3):
        when = client.take().getparent().findtext(f"{{{EVENT}}}eventTime")
        assert (datetime.fromisoformat(when) - anchor) % timedelta(seconds=0.3) < timedelta(seconds=0.3)


def test_other_terms(clients: Callable[[], PushClient]) -> None:
    client, other = clients(), clients()
    other.edit(interface("eth0"))
    number = client.establish(periodic(period=100_000))
    assert names(client.take()) == ["eth0"]
    wanted = f'<yp:datastore-subtree-filter><nacm xmlns="{NC}"/></yp:datastore-subtree-filter>'
    client.ok(operation("modify-subscription", f"<id>{number}</id>{periodic(inner=wanted)}"))
    told = client.take()
    assert name_of(told) == "subscription-modified"
    assert told.findtext(f"{{{YP}}}periodic/{{{YP}}}period") == "10"
    assert names(client.take()) == []
    client.ok(operation("delete-subscription", f"<id>{number}</id>"))


WRONG = {
    "too short a period": (periodic(period=1), "invalid-value", "ietf-yang-push:period-unsupported"),
    "a datastore that is not there": (
        periodic("factory-default"),
        "invalid-value",
        None,
    ),
    "one that is not offered": (
        periodic("startup"),
        "invalid-value",
        "ietf-yang-push:datastore-not-subscribable",
    ),
    "neither periodic nor on change": (
        "<yp:datastore>ds:running</yp:datastore>",
        "missing-element",
        None,
    ),
    "both": (
        f"{periodic()}<yp:on-change/>",
        "bad-element",
        None,
    ),
    "an expression that is none": (
        periodic(inner="<yp:datastore-xpath-filter>//[</yp:datastore-xpath-filter>"),
        "invalid-value",
        "ietf-subscribed-notifications:filter-unsupported",
    ),
    "an expression without nodes": (
        periodic(inner="<yp:datastore-xpath-filter>1 + 1</yp:datastore-xpath-filter>"),
        "invalid-value",
        "ietf-subscribed-notifications:filter-unsupported",
    ),
    "an unknown filter": (
        periodic(inner="<yp:selection-filter-ref>none</yp:selection-filter-ref>"),
        "invalid-value",
        "ietf-subscribed-notifications:filter-unsupported",
    ),
}


@pytest.mark.parametrize("row", WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_told(clients: Callable[[], PushClient], row: tuple[str, str, str | None]) -> None:
    inner, tag, app_tag = row
    error = clients().refused(establish(inner))
    assert error.tag == tag, error.message
    if app_tag is not None:
        assert error.app_tag == app_tag
        if app_tag.startswith("ietf"):
            assert error.structure == "establish-subscription-datastore-error-info"


def test_a_period_that_is_too_short_is_hinted_at(clients: Callable[[], PushClient]) -> None:
    assert clients().refused(establish(periodic(period=1))).hint("period-hint") == "10"


def test_its_terms_are_seen(clients: Callable[[], PushClient]) -> None:
    client = clients()
    client.establish(periodic(period=3000))
    data = client.ask(f'<get><filter><subscriptions xmlns="{SN}"/></filter></get>')
    (entry,) = data.iter(f"{{{SN}}}subscription")
    assert entry.findtext(f"{{{YP}}}periodic/{{{YP}}}period") == "3000"
    assert entry.find(f"{{{YP}}}datastore-subtree-filter/{{{IF}}}interfaces") is not None
    assert entry.findtext(f"{{{YP}}}datastore", "").endswith(":running")

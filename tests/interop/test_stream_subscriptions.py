"""Dynamic subscriptions to the event stream (RFC 8639, RFC 8640) over real SSH."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from lxml import etree

from tests.support.netconf import refused, request
from tests.support.push_client import EVENT, SN, PushClient, establish, name_of, operation

NCN = "urn:ietf:params:xml:ns:yang:ietf-netconf-notifications"
DEPOT = "urn:test:depot"
CONFIRMED = f'<netconf-confirmed-commit xmlns="{NCN}"/>'
FUTURE = "2199-01-01T00:00:00Z"


@pytest.fixture
def client(clients: Callable[[], PushClient]) -> PushClient:
    return clients()


def begin_and_end(other: PushClient) -> None:
    """A confirmed commit that is taken back: two notifications netconf-confirmed-commit."""
    location = f'<filters xmlns="{SN}"><stream-filter><name>made</name></stream-filter></filters>'
    edit = f"<edit-config><target><candidate/></target><config>{location}</config></edit-config>"
    other.ok(edit)
    other.ok("<commit><confirmed/></commit>")
    other.ok("<cancel-commit/>")
    other.ok("<discard-changes/>")


def event(content: etree._Element) -> str:
    return content.findtext(f"{{{NCN}}}confirm-event", "")


def test_event_records_follow_the_reply(clients: Callable[[], PushClient]) -> None:
    client, other = clients(), clients()
    client.establish("<stream>NETCONF</stream>")
    begin_and_end(other)
    assert event(client.until("netconf-confirmed-commit")) == "start"
    assert event(client.until("netconf-confirmed-commit")) == "cancel"


def test_ncclient_has_the_id_and_the_notifications(session: Any, clients: Callable[[], PushClient]) -> None:
    reply = request(session, establish("<stream>NETCONF</stream>"))
    assert int(etree.fromstring(reply.xml.encode()).findtext(f"{{{SN}}}id", "0")) > 0
    begin_and_end(clients())
    assert session.take_notification(timeout=10) is not None


@pytest.mark.parametrize(
    "inner",
    [
        f"<stream-subtree-filter>{CONFIRMED}</stream-subtree-filter>",
        f'<stream-xpath-filter xmlns:n="{NCN}">/n:netconf-confirmed-commit</stream-xpath-filter>',
        "<stream-xpath-filter>/ietf-netconf-notifications:netconf-confirmed-commit</stream-xpath-filter>",
        f"<stream-xpath-filter xmlns:n='{NCN}'>boolean(//n:confirm-event)</stream-xpath-filter>",
    ],
    ids=["subtree", "xpath", "xpath with the module's name", "xpath with a boolean"],
)
def test_a_filter_selects_event_records(clients: Callable[[], PushClient], inner: str) -> None:
    client, other = clients(), clients()
    client.establish(f"<stream>NETCONF</stream>{inner}")
    begin_and_end(other)
    assert [event(client.take()) for _ in range(2)] == ["start", "cancel"]


def test_several_subscriptions_of_one_session(clients: Callable[[], PushClient]) -> None:
    client, other = clients(), clients()
    first = client.establish(
        f"<stream>NETCONF</stream><stream-subtree-filter>{CONFIRMED}</stream-subtree-filter>"
    )
    second = client.establish(
        f"<stream>NETCONF</stream><stream-subtree-filter>{CONFIRMED}</stream-subtree-filter>"
    )
    assert first != second
    client.ok(operation("delete-subscription", f"<id>{first}</id>"))
    begin_and_end(other)
    assert [event(client.take()) for _ in range(2)] == ["start", "cancel"]


def test_who_is_killed_is_told(clients: Callable[[], PushClient]) -> None:
    client, other = clients(), clients()
    number = client.establish("<stream>NETCONF</stream>")
    other.ok(operation("kill-subscription", f"<id>{number}</id>"))
    told = client.until("subscription-terminated")
    assert told.findtext(f"{{{SN}}}id") == str(number)
    assert told.findtext(f"{{{SN}}}reason", "").endswith(":no-such-subscription")
    begin_and_end(other)
    client.ok("<get><filter/></get>")
    assert client.refused(operation("delete-subscription", f"<id>{number}</id>")).tag == "invalid-value"


@pytest.mark.parametrize("name", ["delete-subscription", "modify-subscription"])
def test_the_subscription_of_another_session_is_not_there(
    clients: Callable[[], PushClient], name: str
) -> None:
    client, other = clients(), clients()
    number = other.establish("<stream>NETCONF</stream>")
    inner = "<stop-time>2199-01-01T00:00:00Z</stop-time><stream-subtree-filter/>" if "modify" in name else ""
    found = client.refused(operation(name, f"<id>{number}</id>{inner}"))
    unknown = client.refused(operation(name, f"<id>{number + 999}</id>{inner}"))
    assert found.app_tag == unknown.app_tag == "ietf-subscribed-notifications:no-such-subscription"
    assert found.message.replace(str(number), "N") == unknown.message.replace(str(number + 999), "N")
    assert found.hint("reason") == "sn:no-such-subscription"


def test_a_replay_from_before_the_log_is_revised_and_completes(client: PushClient) -> None:
    reply = client.ask(
        establish("<stream>NETCONF</stream><replay-start-time>2001-01-01T00:00:00Z</replay-start-time>")
    )
    assert reply.findtext(f"{{{SN}}}replay-start-time-revision", "") > "2020"
    number = reply.findtext(f"{{{SN}}}id")
    assert client.until("replay-completed").findtext(f"{{{SN}}}id") == number


def test_a_replay_tells_the_past_in_order(clients: Callable[[], PushClient]) -> None:
    client, other = clients(), clients()
    start = datetime.now(UTC).isoformat()
    begin_and_end(other)
    client.establish(
        f"<stream>NETCONF</stream><stream-subtree-filter>{CONFIRMED}</stream-subtree-filter>"
        f"<replay-start-time>{start}</replay-start-time>"
    )
    assert [event(client.take()) for _ in range(2)] == ["start", "cancel"]
    assert name_of(client.take()) == "replay-completed"
    begin_and_end(other)
    assert [event(client.take()) for _ in range(2)] == ["start", "cancel"]


def test_a_stop_time_ends_it(clients: Callable[[], PushClient]) -> None:
    client = clients()
    stop = (datetime.now(UTC) + timedelta(seconds=0.5)).isoformat()
    number = client.establish(f"<stream>NETCONF</stream><stop-time>{stop}</stop-time>")
    gone = operation("delete-subscription", f"<id>{number}</id>")
    entry = f"<subscription><id>{number}</id></subscription>"
    wanted = f'<get><filter><subscriptions xmlns="{SN}">{entry}</subscriptions></filter></get>'
    while client.ask(wanted).find(f".//{{{SN}}}id") is not None:
        pass
    assert client.refused(gone).app_tag == "ietf-subscribed-notifications:no-such-subscription"


def test_other_terms_hold_from_the_notice_on(clients: Callable[[], PushClient]) -> None:
    client, other = clients(), clients()
    number = client.establish(
        f'<stream>NETCONF</stream><stream-subtree-filter><nothing xmlns="{DEPOT}"/></stream-subtree-filter>'
    )
    begin_and_end(other)
    wanted = f"<stream-subtree-filter>{CONFIRMED}</stream-subtree-filter>"
    client.ok(operation("modify-subscription", f"<id>{number}</id><stop-time>{FUTURE}</stop-time>{wanted}"))
    told = client.take()
    assert name_of(told) == "subscription-modified"
    assert told.findtext(f"{{{SN}}}stop-time") == FUTURE
    assert told.find(f"{{{SN}}}stream-subtree-filter/{{{NCN}}}netconf-confirmed-commit") is not None
    begin_and_end(other)
    assert [event(client.take()) for _ in range(2)] == ["start", "cancel"]


def test_the_two_kinds_of_subscriptions_do_not_share_a_session(clients: Callable[[], PushClient]) -> None:
    client, other = clients(), clients()
    create = f'<create-subscription xmlns="{EVENT}"/>'
    client.establish("<stream>NETCONF</stream>")
    assert client.refused(create).tag == "operation-not-supported"
    other.ok(create)
    assert other.refused(establish("<stream>NETCONF</stream>")).tag == "operation-not-supported"


OF_RPC = "/nc:rpc/sn:establish-subscription"
WRONG = {
    "no target": ("", "data-missing", "missing-choice", None),
    "an unknown stream": ("<stream>SNMP</stream>", "invalid-value", None, f"{OF_RPC}/sn:stream"),
    "an unknown filter": (
        "<stream>NETCONF</stream><stream-filter-name>none</stream-filter-name>",
        "invalid-value",
        "ietf-subscribed-notifications:filter-unsupported",
        None,
    ),
    "a broken expression": (
        "<stream>NETCONF</stream><stream-xpath-filter>/a[</stream-xpath-filter>",
        "invalid-value",
        "ietf-subscribed-notifications:filter-unsupported",
        None,
    ),
    "an unbound prefix": (
        "<stream>NETCONF</stream><stream-xpath-filter>/zz:a</stream-xpath-filter>",
        "invalid-value",
        "ietf-subscribed-notifications:filter-unsupported",
        None,
    ),
    "an unknown encoding": (
        "<stream>NETCONF</stream><encoding>encode-json</encoding>",
        "invalid-value",
        None,
        f"{OF_RPC}/sn:encoding",
    ),
    "a future start": (
        f"<stream>NETCONF</stream><replay-start-time>{FUTURE}</replay-start-time>",
        "invalid-value",
        None,
        f"{OF_RPC}/sn:replay-start-time",
    ),
    "a stop in the past": (
        "<stream>NETCONF</stream><stop-time>2020-01-01T00:00:00Z</stop-time>",
        "invalid-value",
        None,
        f"{OF_RPC}/sn:stop-time",
    ),
    "a priority, which is not offered": (
        "<stream>NETCONF</stream><dscp>10</dscp>",
        "unknown-element",
        None,
        None,
    ),
}


@pytest.mark.parametrize("row", WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_told(client: PushClient, row: tuple[str, str, str | None, str | None]) -> None:
    inner, tag, app_tag, path = row
    error = client.refused(establish(inner))
    assert error.tag == tag, error.message
    if app_tag is not None:
        assert error.app_tag == app_tag
    if path is not None:
        assert error.path == path


def test_a_filter_that_cannot_be_read_is_hinted_at(client: PushClient) -> None:
    error = client.refused(
        establish("<stream>NETCONF</stream><stream-xpath-filter>/a[</stream-xpath-filter>")
    )
    assert error.structure == "establish-subscription-stream-error-info"
    assert error.hint("reason") == "sn:filter-unsupported"
    assert "stream-xpath-filter" in (error.hint("filter-failure-hint") or "")


def test_subscriptions_are_seen_in_operational(clients: Callable[[], PushClient]) -> None:
    client, other = clients(), clients()
    filtered = f"<stream-subtree-filter>{CONFIRMED}</stream-subtree-filter>"
    number = client.establish(f"<stream>NETCONF</stream>{filtered}")
    begin_and_end(other)
    client.take()
    client.take()
    data = other.ask(
        '<get-data xmlns="urn:ietf:params:xml:ns:yang:ietf-netconf-nmda" '
        'xmlns:ds="urn:ietf:params:xml:ns:yang:ietf-datastores"><datastore>ds:operational</datastore>'
        f'<subtree-filter><subscriptions xmlns="{SN}"/><streams xmlns="{SN}"/></subtree-filter></get-data>'
    )
    (entry,) = (
        each for each in data.iter(f"{{{SN}}}subscription") if each.findtext(f"{{{SN}}}id") == str(number)
    )
    assert entry.findtext(f"{{{SN}}}stream") == "NETCONF"
    assert entry.findtext(f"{{{SN}}}encoding", "").endswith("encode-xml")
    assert entry.findtext(f".//{{{SN}}}sent-event-records") == "2"
    assert int(entry.findtext(f".//{{{SN}}}excluded-event-records", "0")) >= 2
    assert entry.findtext(f".//{{{SN}}}state") == "active"
    assert data.find(f".//{{{SN}}}stream/{{{SN}}}replay-support") is not None


def test_the_modules_are_announced_with_what_is_done(session: Any) -> None:
    library = "urn:ietf:params:xml:ns:yang:ietf-yang-library"
    data = session.get(("subtree", f'<yang-library xmlns="{library}"/>')).data
    features = {
        module.findtext(f"{{{library}}}name"): {
            each.text for each in module.iterfind(f"{{{library}}}feature")
        }
        for module in data.iter(f"{{{library}}}module")
    }
    assert features["ietf-subscribed-notifications"] == {"encode-xml", "replay", "subtree", "xpath"}
    assert features["ietf-yang-push"] == {"on-change"}
    assert "ietf-network-instance" not in features
    assert refused(request, session, establish("")).app_tag == "missing-choice"

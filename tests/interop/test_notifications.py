"""Notifications (RFC 5277) over real sessions: live, filtered, replayed, ended, cut off."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from lxml import etree

from tests.support.duo import Duo, free_port, running_duo
from tests.support.netconf import SPACES, TRB, edit, refused, request, service
from tests.support.netconf_client import RawClient
from tests.support.twincast import PASSWORD
from tests.support.wait import wait_for

EVENT = "urn:ietf:params:xml:ns:netconf:notification:1.0"
REPLAY = "urn:ietf:params:xml:ns:netmod:notification"
YANG = "urn:ietf:params:xml:ns:yang:1"


def backup_filter(inner: str) -> str:
    return f'<remote-backup xmlns="{TRB}">{inner}</remote-backup>'


SWITCHOVER = (
    f'<action xmlns="{YANG}"><remote-backup xmlns="{TRB}"><remote-backup-profile><name>rbp3</name>'
    "<switchover/></remote-backup-profile></remote-backup></action>"
)
BATCH = (
    f'<action xmlns="{YANG}"><remote-backup xmlns="{TRB}"><remote-backup-service><name>rbs1</name>'
    "<batch-backup/></remote-backup-service></remote-backup></action>"
)
ROLES = backup_filter("<remote-backup-profile><role-changed/></remote-backup-profile>")
STATIC = "<static-role>master</static-role>"


@pytest.fixture(scope="module")
def duo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Duo]:
    with running_duo(tmp_path_factory.mktemp("duo")) as running:
        running.configure(free_port(), arbitration=STATIC)
        running.connected()
        yield running


@pytest.fixture
def listener(duo: Duo) -> Iterator[Any]:
    session = duo.routers[0].connect()
    yield session
    session.close_session()


def taken(session: Any, timeout: float = 10.0) -> etree._Element:
    """The next notification as an element."""
    notification = session.take_notification(timeout=timeout)
    assert notification is not None, "no notification in time"
    return etree.fromstring(notification.notification_xml.encode())


def what(element: etree._Element) -> str:
    """The name of the notification in an envelope: the innermost element that is no leaf of it."""
    content = element[1]
    while len(content) and etree.QName(content).localname.startswith("remote-backup"):
        content = content[-1]
    return str(etree.QName(content).localname)


def take(session: Any, name: str) -> etree._Element:
    """The next notification of this name, whatever comes before it."""
    while True:
        element = taken(session)
        if what(element) == name:
            return element


def text(element: etree._Element, leaf: str) -> str:
    return str(element.findtext(f".//trb:{leaf}", "", SPACES))


def moment(element: etree._Element) -> str:
    return str(element.findtext(f"{{{EVENT}}}eventTime"))


def test_the_capabilities_say_so(duo: Duo) -> None:
    announced = set(duo.sessions[0].server_capabilities)
    base = "urn:ietf:params:netconf:capability"
    assert {f"{base}:notification:1.0", f"{base}:interleave:1.0"} <= announced


def test_the_stream_is_listed(duo: Duo) -> None:
    data = duo.sessions[0].get(("subtree", f'<netconf xmlns="{REPLAY}"><streams/></netconf>')).data
    (stream,) = data.iterfind(f".//{{{REPLAY}}}stream")
    found = {etree.QName(child).localname: child.text for child in stream}
    assert (found["name"], found["replaySupport"]) == ("NETCONF", "true")
    assert found["replayLogCreationTime"]


def test_what_happens_is_told_in_its_list_entry(duo: Duo, listener: Any) -> None:
    listener.create_subscription()
    assert request(listener, SWITCHOVER).ok  # the session goes on with other operations: interleave
    told = take(listener, "role-changed")
    assert text(told, "remote-backup-profile/trb:name") == "rbp3"
    assert text(told, "local-role") in ("master", "backup")
    assert (text(told, "reason"), text(told, "suppressed")) == ("switchover", "0")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", moment(told))


def test_a_batch_that_was_asked_for_is_told_of_by_its_id(listener: Any) -> None:
    listener.create_subscription()
    reply = etree.fromstring(request(listener, BATCH).xml.encode())
    told = take(listener, "batch-backup-completed")
    assert text(told, "batch-id") == reply.findtext("trb:batch-id", "", SPACES)
    assert text(told, "remote-backup-service/trb:name") == "rbs1"


def test_the_channel_and_the_copy_state_are_told(duo: Duo, listener: Any) -> None:
    listener.create_subscription()
    for value in ("false", "true"):
        edit(duo.sessions[1], service(f"<enabled>{value}</enabled>"))
        duo.sessions[1].commit()
    assert text(take(listener, "channel-state-changed"), "channel-state") == "down"
    assert text(take(listener, "igmp-copy-state-changed"), "copy-state") == "channel-down"
    duo.connected()


def test_a_filter_selects_notifications(duo: Duo, listener: Any) -> None:
    listener.create_subscription(filter=("subtree", ROLES))
    assert request(listener, BATCH).xml
    assert request(listener, SWITCHOVER).ok
    assert what(taken(listener)) == "role-changed"


def test_a_filter_that_nothing_passes(duo: Duo, listener: Any) -> None:
    nothing = backup_filter("<remote-backup-profile><name>other</name></remote-backup-profile>")
    listener.create_subscription(filter=("subtree", nothing))
    other = duo.routers[0].connect()
    other.create_subscription()
    assert request(listener, SWITCHOVER).ok
    assert take(other, "role-changed") is not None
    other.close_session()
    assert listener.take_notification(block=False) is None


def test_a_replay_tells_the_past_then_says_so_then_goes_on(duo: Duo, listener: Any) -> None:
    start = moment(last_role_change(duo))
    listener.create_subscription(filter=("subtree", ROLES), start_time=start)
    first = taken(listener)
    assert (what(first), moment(first)) == ("role-changed", start)
    assert what(taken(listener)) == "replayComplete"
    assert request(listener, SWITCHOVER).ok
    assert what(taken(listener)) == "role-changed"


def last_role_change(duo: Duo) -> etree._Element:
    """Change the role and return what was told of it."""
    session = duo.routers[0].connect()
    session.create_subscription(filter=("subtree", ROLES))
    assert request(session, SWITCHOVER).ok
    told = taken(session)
    session.close_session()
    return told


def test_a_replay_that_ends_in_the_past_completes_and_another_may_follow(duo: Duo, listener: Any) -> None:
    when = moment(last_role_change(duo))
    for _ in range(2):
        listener.create_subscription(filter=("subtree", ROLES), start_time=when, stop_time=when)
        names = [what(taken(listener)) for _ in range(3)]
        assert names == ["role-changed", "replayComplete", "notificationComplete"]


def test_a_stop_time_in_the_future_ends_the_subscription_then(duo: Duo, listener: Any) -> None:
    now = datetime.now(UTC)
    stop = (now + timedelta(seconds=1)).isoformat()
    listener.create_subscription(filter=("subtree", ROLES), start_time=now.isoformat(), stop_time=stop)
    while what(told := taken(listener)) != "notificationComplete":
        assert what(told) == "replayComplete"


def test_the_log_outlives_the_server(duo: Duo) -> None:
    when = moment(last_role_change(duo))
    duo.routers[0].kill("server")
    session = wait_for(lambda: try_connect(duo), what="the server again", timeout=20)
    duo.sessions[0] = session
    session.create_subscription(start_time=when)
    assert moment(taken(session)) == when
    session.close_session()
    duo.sessions[0] = duo.routers[0].connect()


def try_connect(duo: Duo) -> Any:
    try:
        return duo.routers[0].connect()
    except Exception:  # noqa: BLE001 - whatever ncclient makes of a server that is not there yet
        return None


def test_a_client_that_does_not_read_disturbs_nobody(duo: Duo, listener: Any) -> None:
    silent = RawClient(duo.routers[0].port, "admin", password=PASSWORD)
    silent.hello()
    silent.send(subscription(""))
    silent.receive()
    listener.create_subscription(filter=("subtree", ROLES))
    for _ in range(5):
        assert request(listener, SWITCHOVER).ok
        assert what(taken(listener)) == "role-changed"
    silent.socket.close()


def subscription(inner: str) -> str:
    return f'<create-subscription xmlns="{EVENT}">{inner}</create-subscription>'


FUTURE = "2199-01-01T00:00:00Z"
PAST = "2020-01-01T00:00:00Z"
OF_RPC = "/nc:rpc/ncEvent:create-subscription"
WRONG = [
    ("an unknown stream", "<stream>SNMP</stream>", "invalid-value", f"{OF_RPC}/ncEvent:stream"),
    ("a future start", f"<startTime>{FUTURE}</startTime>", "bad-element", f"{OF_RPC}/ncEvent:startTime"),
    ("a stop alone", f"<stopTime>{FUTURE}</stopTime>", "missing-element", f"{OF_RPC}/ncEvent:startTime"),
    (
        "a stop before the start",
        f"<startTime>{PAST}</startTime><stopTime>2019-01-01T00:00:00Z</stopTime>",
        "bad-element",
        f"{OF_RPC}/ncEvent:stopTime",
    ),
    ("no time", "<startTime>yesterday</startTime>", "invalid-value", f"{OF_RPC}/ncEvent:startTime"),
    ("an unknown parameter", "<priority>9</priority>", "unknown-element", OF_RPC),
    ("a parameter twice", "<stream>NETCONF</stream><stream>NETCONF</stream>", "bad-element", None),
    ("a foreign parameter", '<x xmlns="urn:nobody"/>', "unknown-namespace", OF_RPC),
    ("an unknown filter", '<filter type="regex"/>', "bad-attribute", None),
]


@pytest.mark.parametrize(("inner", "tag", "path"), [row[1:] for row in WRONG], ids=[row[0] for row in WRONG])
def test_a_wrong_subscription_is_told_what_and_where(
    duo: Duo, inner: str, tag: str, path: str | None
) -> None:
    error = refused(request, duo.sessions[1], subscription(inner))
    assert error.tag == tag
    if path is not None:
        assert error.path == path


def test_a_second_subscription_of_a_session_is_refused(listener: Any) -> None:
    listener.create_subscription()
    assert refused(listener.create_subscription).tag == "in-use"


def test_notifications_are_counted(duo: Duo, listener: Any) -> None:
    listener.create_subscription(filter=("subtree", ROLES))
    assert request(listener, SWITCHOVER).ok
    assert what(taken(listener)) == "role-changed"
    space = "urn:ietf:params:xml:ns:yang:ietf-netconf-monitoring"
    own = f"<session><session-id>{listener.session_id}</session-id></session>"
    wanted = f'<netconf-state xmlns="{space}"><sessions>{own}</sessions></netconf-state>'
    data = listener.get(("subtree", wanted)).data
    assert data.findtext(f".//{{{space}}}out-notifications") == "1"


BASE = "urn:ietf:params:xml:ns:yang:ietf-netconf-notifications"


def base(element: etree._Element, leaf: str) -> str:
    return str(element.findtext(f".//{{{BASE}}}{leaf}", ""))


def test_sessions_and_commits_are_told(duo: Duo, listener: Any) -> None:
    """RFC 6470: who came, what he changed, that he was killed and by whom."""
    listener.create_subscription()
    other = duo.routers[0].connect()
    started = take(listener, "netconf-session-start")
    assert base(started, "session-id") == str(other.session_id)
    edit(other, service("<enabled>true</enabled>"))
    other.commit(confirmed=True, timeout="60")
    changed = take(listener, "netconf-config-change")
    assert base(changed, "username") == "admin"
    told = take(listener, "netconf-confirmed-commit")
    assert (base(told, "confirm-event"), base(told, "timeout")) == ("start", "60")
    listener.kill_session(other.session_id)
    wanted = {"netconf-confirmed-commit", "netconf-session-end"}  # in either order
    found = {}
    while wanted - set(found):
        told = taken(listener)
        found[what(told)] = told
    assert base(found["netconf-confirmed-commit"], "confirm-event") == "cancel"
    ended = found["netconf-session-end"]
    assert (base(ended, "termination-reason"), base(ended, "killed-by")) == ("killed", listener.session_id)

"""The feed with a session that is written down: what it asks, and what it makes of the answers."""

from collections import deque

import pytest
from lxml import etree

from cli.top import requests
from cli.top.feed import Feed, SubscriptionOver
from cli.top.requests import NMDA, SN, TRB, YP
from server.status.picture import MOST_GROUPS

EVENT = "urn:ietf:params:xml:ns:netconf:notification:1.0"


def profile(role: str, members: int, group: str = "") -> str:
    counts = f"<igmp-copy-status><entries-count>{members}</entries-count></igmp-copy-status>"
    return (
        f'<remote-backup xmlns="{TRB}"><remote-backup-profile><name>rbp3</name>'
        f"<local-role>{role}</local-role>{counts}{group}</remote-backup-profile></remote-backup>"
    )


GROUP = (
    "<group><interface>a</interface><subscriber>s</subscriber>"
    "<group-address>239.1.1.1</group-address></group>"
)


def notification(inner: str) -> etree._Element:
    text = f'<notification xmlns="{EVENT}"><eventTime>2026-11-27T12:00:00Z</eventTime>{inner}</notification>'
    return etree.fromstring(text)


def update(content: str) -> etree._Element:
    return notification(
        f'<push-update xmlns="{YP}"><id>2</id><datastore-contents>{content}</datastore-contents>'
        "</push-update>"
    )


def role_changed(role: str) -> etree._Element:
    return notification(
        f'<remote-backup xmlns="{TRB}"><remote-backup-profile><name>rbp3</name><role-changed>'
        f"<local-role>{role}</local-role></role-changed></remote-backup-profile></remote-backup>"
    )


class Session:
    """A link and the operations on it, in one."""

    def __init__(self) -> None:
        self.link = self
        self.asked: list[str] = []
        self.heard: deque[etree._Element] = deque()
        self.answer = ""

    def call(self, operation: etree._Element) -> etree._Element:
        name = str(etree.QName(operation).localname)
        wanted = etree.tostring(operation).decode()
        self.asked.append("groups" if name == "get-data" and "<subscriber/>" in wanted else name)
        return etree.fromstring(f'<rpc-reply><data xmlns="{NMDA}">{self.answer}</data></rpc-reply>')

    def listen(self, _seconds: float) -> etree._Element | None:
        return self.heard.popleft() if self.heard else None


@pytest.fixture
def session() -> Session:
    return Session()


@pytest.fixture
def feed(session: Session) -> Feed:
    clock = iter(range(1000))
    made = Feed(session, "edge-1", 1.0, lambda: float(next(clock)))  # type: ignore[arg-type]
    assert session.asked == ["establish-subscription"] * 2
    session.asked.clear()
    return made


def test_nothing_is_shown_before_the_first_update(session: Session, feed: Feed) -> None:
    assert feed.next(0.1, groups=False) is None
    session.heard.append(role_changed("master"))
    assert feed.next(0.1, groups=False) is None
    assert session.asked == []


def test_an_update_is_a_picture(session: Session, feed: Feed) -> None:
    session.heard += [role_changed("master"), update(profile("master", 0))]
    found = feed.next(0.1, groups=False)
    assert found is not None
    assert (found.router, found.profiles[0].role) == ("edge-1", "master")
    assert [event.what for event in found.events] == ["role-changed"]


def test_what_is_notified_is_looked_at_at_once(session: Session, feed: Feed) -> None:
    session.heard.append(update(profile("backup", 0)))
    feed.next(0.1, groups=False)
    session.answer = profile("master", 0)
    session.heard.append(role_changed("master"))
    found = feed.next(0.1, groups=False)
    assert session.asked == ["get-data"]
    assert found is not None
    assert found.profiles[0].role == "master"


def test_a_storm_of_notifications_is_one_look(session: Session, feed: Feed) -> None:
    session.heard.append(update(profile("backup", 0)))
    feed.next(0.1, groups=False)
    session.answer = profile("master", 0)
    session.heard += [role_changed("master") for _ in range(300)]
    feed.next(0.1, groups=False)
    assert session.asked == ["get-data"]


def test_groups_are_asked_for_when_they_are_wanted_and_few(session: Session, feed: Feed) -> None:
    session.answer = profile("master", 1, GROUP)
    session.heard.append(update(profile("master", 1)))
    found = feed.next(0.1, groups=True)
    assert session.asked == ["groups"]
    assert found is not None
    assert [each.group for each in found.groups] == ["239.1.1.1"]
    session.heard.append(update(profile("master", MOST_GROUPS + 1)))
    found = feed.next(0.1, groups=True)
    assert session.asked == ["groups"]
    assert found is not None
    assert (found.groups, found.more) == ([], {"groups": MOST_GROUPS + 1})


def test_groups_are_not_asked_for_with_every_update(session: Session, feed: Feed) -> None:
    session.answer = profile("master", 1, GROUP)
    for _ in range(6):  # seconds of the clock
        session.heard.append(update(profile("master", 1)))
        feed.next(0.1, groups=True)
    assert session.asked == ["groups"] * 3


def test_a_subscription_that_is_over_is_told(session: Session, feed: Feed) -> None:
    inner = "<id>2</id><reason>no-such-subscription</reason>"
    ended = f'<subscription-terminated xmlns="{SN}">{inner}</subscription-terminated>'
    session.heard.append(notification(ended))
    with pytest.raises(SubscriptionOver, match="no-such-subscription"):
        feed.next(0.1, groups=False)


def test_no_secret_is_asked_for() -> None:
    asked = etree.tostring(requests.push(1.0)).decode() + etree.tostring(requests.overview()).decode()
    for name in ("security-key", "tcp-md5", "e-trunk", "<key/>", "<group>"):
        assert name not in asked

"""Dynamic subscriptions to a real stream and log, with clients that take or do not."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from server.protocol.session import Peer, TerminationReason
from server.provider import Notice
from server.push.errors import Problem, Unacceptable
from server.push.limits import Limits
from server.push.notices import Notices
from server.push.receiver import Receiver
from server.push.registry import Registry
from server.push.scheduler import Scheduler
from server.push.stream import StreamSubscription
from server.push.terms import StreamTerms
from server.schema.model import Schema, load_schema
from server.schema.sources import default_sources
from server.telemetry import subscriptions as rfc5277
from server.telemetry.content import Contents
from server.telemetry.limiter import Rate
from server.telemetry.replay import ReplayLog
from server.telemetry.sessions import Session, Sessions
from server.telemetry.streams import Stream
from server.telemetry.subscription import Condition, Source
from server.telemetry.subscriptions import Replays
from tests.support.wait import wait_for

CONFIRMED = "/ietf-netconf-notifications:netconf-confirmed-commit"
LIMITS = Limits(suspension=300_000, retry=20_000)


class Everybody:
    """Grants everything."""

    def may_receive(self, _peer: Peer, _operation: Any, _at: Any = None) -> bool:
        return True


class Client:
    """Takes as many messages as there is room for, and always those about its subscription's state."""

    def __init__(self, room: int = 1000) -> None:
        self.room = room
        self.said: list[str] = []
        self.reasons: list[TerminationReason] = []

    def notify(self, pieces: Sequence[bytes]) -> bool:
        if self.room <= 0:
            return False
        self.room -= 1
        return self.insist(pieces)

    def insist(self, pieces: Sequence[bytes]) -> bool:
        content = etree.fromstring(b"".join(pieces))[1]
        timeout, reason = content.findtext("{*}timeout"), content.findtext("{*}reason")
        self.said.append(timeout or " ".join(filter(None, (etree.QName(content).localname, reason))))
        return True

    def deliver(self, pieces: Sequence[bytes]) -> None:
        self.insist(pieces)

    def peer(self) -> Peer:
        return Peer(
            "u", "", 0, "netconf-ssh", self.reasons.append, self.notify, self.deliver, insist=self.insist
        )


class Publisher:
    """Everything that a subscription needs."""

    def __init__(self, schema: Schema, folder: Path) -> None:
        log = ReplayLog(folder / "events.db", 1)
        self.stream = Stream(Contents(schema), log, Rate(burst=5_000, per_second=1e6))
        self.sessions = Sessions(())
        self.scheduler = Scheduler()
        self.registry = Registry(self.stream, self.scheduler, LIMITS)
        self.replays = Replays()
        self.source = Source(self.stream, self.sessions, Everybody())  # type: ignore[arg-type]
        self._notices = Notices(self.stream.contents)
        self.stream.start()
        self.scheduler.start()

    def close(self) -> None:
        self.scheduler.close()
        self.stream.close()

    def tell(self, *numbers: int) -> None:
        for number in numbers:
            self.stream.put(
                Notice(CONFIRMED, data={"confirm-event": "start", "timeout": number, "session-id": 1})
            )

    def establish(
        self, session: Session, terms: StreamTerms, condition: Condition | None = None
    ) -> StreamSubscription:
        def make(number: int) -> StreamSubscription:
            receiver = Receiver(number, session, self.sessions, self._notices, LIMITS)
            return StreamSubscription(self.registry, self.replays, self.source, receiver, terms, condition)

        made = self.registry.establish(session, make)
        assert isinstance(made, StreamSubscription)
        return made


@pytest.fixture(scope="module")
def schema() -> Schema:
    return load_schema(default_sources())


@pytest.fixture
def publisher(schema: Schema, tmp_path: Path) -> Iterator[Publisher]:
    made = Publisher(schema, tmp_path)
    yield made
    made.close()


@pytest.fixture
def connect(publisher: Publisher) -> Callable[..., tuple[Client, Session]]:
    def one(room: int = 1000) -> tuple[Client, Session]:
        client = Client(room)
        return client, publisher.sessions.open(client.peer())

    return one


TERMS = StreamTerms("NETCONF")


def test_nothing_is_sent_before_the_reply(publisher: Publisher, connect: Any) -> None:
    client, session = connect()
    publisher.establish(session, TERMS)
    publisher.tell(1)
    wait_for(lambda: publisher.stream.log.last_id == 1, what="the record")
    assert client.said == []
    publisher.registry.answered(session)
    publisher.tell(2)
    wait_for(lambda: client.said == ["1", "2"], what="both, the first from the log")


def test_a_slow_client_is_told_what_it_missed_and_goes_on(publisher: Publisher, connect: Any) -> None:
    client, session = connect(room=2)
    publisher.establish(session, TERMS)
    publisher.registry.answered(session)
    publisher.tell(1, 2, 3, 4)
    told = ["1", "2", "subscription-suspended sn:unsupportable-volume"]
    wait_for(lambda: client.said == told, what="the suspension")
    client.room = 100
    wait_for(lambda: client.said[3:] == ["subscription-resumed"], what="the resumption")
    publisher.tell(5)
    wait_for(lambda: client.said[4:] == ["5"], what="what comes afterwards")
    assert client.reasons == []


def test_one_that_stays_slow_loses_its_subscription_only(publisher: Publisher, connect: Any) -> None:
    slow, session = connect(room=1)
    quick, other = connect()
    for each in (session, other):
        publisher.establish(each, TERMS)
        publisher.registry.answered(each)
    publisher.tell(1, 2)
    ended = "subscription-terminated sn:suspension-timeout"
    wait_for(lambda: slow.said[-1:] == [ended], what="the end")
    publisher.tell(3)
    wait_for(lambda: quick.said == ["1", "2", "3"], what="all for who reads")
    assert slow.said == ["1", "subscription-suspended sn:unsupportable-volume", ended]
    assert slow.reasons == []
    assert publisher.registry.counters.data() == {
        "subscriptions": 0,
        "subscription-suspended": 1,
        "subscription-timeout": 1,
    }
    assert [each.session for each in publisher.registry] == [other]


def test_a_replay_says_which_subscription_it_was_for(publisher: Publisher, connect: Any) -> None:
    publisher.tell(1, 2)
    wait_for(lambda: publisher.stream.log.last_id == 2, what="the records")
    client, session = connect()
    publisher.establish(session, StreamTerms("NETCONF", start=1))
    publisher.registry.answered(session)
    wait_for(lambda: client.said == ["1", "2", "replay-completed"], what="the past")
    publisher.tell(3)
    wait_for(lambda: client.said[3:] == ["3"], what="the present")


def test_replays_are_bounded_together_with_those_of_rfc_5277(
    publisher: Publisher, connect: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rfc5277, "MAXIMUM_REPLAYS", 1)
    _, session = connect()
    first = publisher.establish(session, StreamTerms("NETCONF", start=1))
    with pytest.raises(Unacceptable, match="replays") as refusal:
        publisher.establish(session, StreamTerms("NETCONF", start=1))
    assert refusal.value.problem is Problem.INSUFFICIENT_RESOURCES
    publisher.registry.remove(first)
    first.end()
    publisher.establish(session, StreamTerms("NETCONF", start=1))


def test_a_session_takes_its_subscriptions_with_it(publisher: Publisher, connect: Any) -> None:
    client, session = connect()
    publisher.establish(session, TERMS)
    publisher.establish(session, TERMS)
    publisher.registry.answered(session)
    publisher.registry.closed(session, TerminationReason.DROPPED)
    assert len(publisher.registry) == 0
    publisher.tell(1)
    wait_for(lambda: publisher.stream.log.last_id == 1, what="the record")
    assert client.said == []


def test_what_the_filter_holds_back_is_counted(publisher: Publisher, connect: Any) -> None:
    client, session = connect()
    subscription = publisher.establish(session, TERMS, lambda content: b">2<" in content.xml)
    publisher.registry.answered(session)
    publisher.tell(1, 2, 3)
    wait_for(lambda: client.said == ["2"], what="the one that passes")
    wait_for(lambda: (subscription.sent, subscription.excluded) == (1, 2), what="the counts")

"""Subscriptions on a real stream and log, with clients that take, wait or do nothing."""

import gc
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from server.protocol.errors import RpcError
from server.protocol.session import Peer, TerminationReason
from server.provider import Notice
from server.schema.model import Schema, load_schema
from server.telemetry import subscriptions as module
from server.telemetry.content import Contents
from server.telemetry.limiter import Rate
from server.telemetry.replay import ReplayLog
from server.telemetry.sessions import Session, Sessions
from server.telemetry.streams import Stream
from server.telemetry.subscription import Wanted
from server.telemetry.subscriptions import Subscriptions
from server.transport.outbox import OutboxClosedError
from tests.support.schema import sources_of
from tests.support.wait import wait_for

BODY = """
  container a { list b { key name; leaf name { type string; }
    notification happened { leaf number { type uint32; } leaf suppressed { type uint32; } } } }
  notification other { leaf text { type string; } }
"""
HAPPENED = "/ev:a/b/happened"


class Everybody:
    """Grants everything, but for what it is told to deny."""

    denied: str = ""

    def may_receive(self, _user: str, operation: Any, _at: Any = None) -> bool:
        return bool(operation.name != self.denied)


@dataclass
class Client:
    """The transport of one session."""

    room: int = 1_000
    messages: list[bytes] = field(default_factory=list)
    reasons: list[TerminationReason] = field(default_factory=list)
    gate: threading.Event = field(default_factory=threading.Event)

    def notify(self, pieces: Sequence[bytes]) -> bool:
        if len(self.messages) >= self.room:
            return False
        self.messages.append(b"".join(pieces))
        return True

    def deliver(self, pieces: Sequence[bytes]) -> None:
        self.gate.wait(20)
        if self.reasons:
            raise OutboxClosedError("over")
        self.messages.append(b"".join(pieces))

    def peer(self) -> Peer:
        return Peer("admin", "", 0, "netconf-ssh", self.reasons.append, self.notify, self.deliver)

    def said(self) -> list[str]:
        """The number, or the name where there is none, of each notification."""
        found = []
        for message in list(self.messages):
            root = etree.fromstring(message)
            number = root.findtext(".//{urn:ev}number")
            found.append(number or str(etree.QName(root[1]).localname))
        return found


@pytest.fixture(scope="module")
def schema(tmp_path_factory: pytest.TempPathFactory) -> Schema:
    return load_schema(sources_of(tmp_path_factory.mktemp("yang"), ev=BODY))


@pytest.fixture
def guard() -> Everybody:
    return Everybody()


@pytest.fixture
def owner(schema: Schema, tmp_path: Path, guard: Everybody) -> Iterator[Subscriptions]:
    log = ReplayLog(tmp_path / "events.db", 1)
    stream = Stream(Contents(schema), log, Rate(burst=5_000, per_second=1e6))
    stream.start()
    yield Subscriptions(stream, Sessions(()), guard)  # type: ignore[arg-type]
    stream.close()


@pytest.fixture
def connect(owner: Subscriptions) -> Callable[..., tuple[Client, Session]]:
    def run(wanted: Wanted | None = None, room: int = 1_000) -> tuple[Client, Session]:
        client = Client(room)
        session = owner.sessions.open(client.peer())
        if wanted is not None:
            owner.create(session, wanted)
            owner.answered(session)
        return client, session

    return run


def tell(owner: Subscriptions, *numbers: int) -> None:
    for number in numbers:
        owner.stream.put(Notice(HAPPENED, (("x",),), {"number": number}))


def settled(owner: Subscriptions, count: int) -> None:
    wait_for(lambda: owner.stream.log.last_id >= count, what=f"{count} notifications in the log")


def test_nothing_is_sent_before_the_reply(owner: Subscriptions, connect: Any) -> None:
    client, session = connect()
    owner.create(session, Wanted())
    tell(owner, 1)
    settled(owner, 1)
    assert client.said() == []
    client.gate.set()
    owner.answered(session)
    tell(owner, 2)
    wait_for(lambda: client.said() == ["1", "2"], what="both, the first from the log")


def test_a_replay_meets_the_stream_without_gap_or_repetition(owner: Subscriptions, connect: Any) -> None:
    tell(owner, *range(500))
    settled(owner, 500)
    client, _session = connect(Wanted(start=1))
    tell(owner, *range(500, 700))
    settled(owner, 700)
    client.gate.set()
    tell(owner, *range(700, 900))
    expected = [str(number) for number in range(900)]
    wait_for(lambda: len(client.messages) == 901, what="all and replayComplete")
    said = client.said()
    assert [each for each in said if each != "replayComplete"] == expected
    assert said.index("replayComplete") == 500


def test_a_client_that_does_not_keep_up_is_cut_off(owner: Subscriptions, connect: Any) -> None:
    slow, session = connect(Wanted(), room=3)
    quick, _ = connect(Wanted())
    tell(owner, *range(10))
    wait_for(lambda: len(quick.messages) == 10, what="all for who reads")
    assert slow.said() == ["0", "1", "2"]
    assert slow.reasons == [TerminationReason.OTHER]
    assert owner.cut_off_count == 1
    owner.closed(session, TerminationReason.OTHER)


def test_a_replay_waits_for_its_client_and_for_nobody_else(owner: Subscriptions, connect: Any) -> None:
    tell(owner, *range(20))
    settled(owner, 20)
    stuck, session = connect(Wanted(start=1))
    quick, _ = connect(Wanted())
    tell(owner, 20)
    wait_for(lambda: quick.said() == ["20"], what="the live notification")
    assert stuck.said() == []
    stuck.reasons.append(TerminationReason.KILLED)
    stuck.gate.set()
    owner.closed(session, TerminationReason.KILLED)
    assert stuck.said() == []


def test_replays_are_bounded(owner: Subscriptions, connect: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAXIMUM_REPLAYS", 1)
    first, session = connect()
    owner.create(session, Wanted(start=1))
    _, other = connect()
    with pytest.raises(RpcError, match="1 replays are going on"):
        owner.create(other, Wanted(start=1))
    first.gate.set()
    owner.answered(session)
    wait_for(lambda: first.said() == ["replayComplete"], what="the end of the replay")
    owner.create(other, Wanted(start=1))


def test_a_session_that_goes_before_its_reply_gives_its_replay_back(
    owner: Subscriptions, connect: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAXIMUM_REPLAYS", 1)
    _, session = connect()
    owner.create(session, Wanted(start=1))
    owner.closed(session, TerminationReason.DROPPED)
    _, other = connect()
    owner.create(other, Wanted(start=1))


def test_subscriptions_are_bounded(
    owner: Subscriptions, connect: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAXIMUM_SUBSCRIPTIONS", 1)
    connect(Wanted())
    _, session = connect()
    with pytest.raises(RpcError, match="1 subscriptions already"):
        owner.create(session, Wanted())


def test_what_a_user_may_not_receive_is_not_sent(
    owner: Subscriptions, connect: Any, guard: Everybody
) -> None:
    client, _ = connect(Wanted())
    guard.denied = "happened"
    tell(owner, 1)
    owner.stream.put(Notice("/ev:other", (), {"text": "x"}))
    wait_for(lambda: client.said() == ["other"], what="what is permitted")
    replaying, _ = connect(Wanted(start=1))
    replaying.gate.set()
    wait_for(lambda: replaying.said() == ["other", "replayComplete"], what="the permitted past")


def test_what_the_rate_leaves_out_is_told(schema: Schema, tmp_path: Path, guard: Everybody) -> None:
    log = ReplayLog(tmp_path / "events.db", 1)
    stream = Stream(Contents(schema), log, Rate(burst=2, per_second=20.0))
    stream.start()
    owner = Subscriptions(stream, Sessions(()), guard)  # type: ignore[arg-type]
    client = Client()
    session = owner.sessions.open(client.peer())
    owner.create(session, Wanted())
    owner.answered(session)
    tell(owner, *range(100))
    wait_for(lambda: "99" in client.said(), what="the last one")
    left_out = [
        int(etree.fromstring(message).findtext(".//{urn:ev}suppressed") or "0") for message in client.messages
    ]
    assert len(client.messages) + sum(left_out) == 100
    stream.close()


def test_what_does_not_fit_the_schema_costs_itself_only(owner: Subscriptions, connect: Any) -> None:
    client, _ = connect(Wanted())
    owner.stream.put(Notice(HAPPENED, (("x",),), {"colour": "red"}))
    owner.stream.put(Notice("/ev:nothing"))
    tell(owner, 1)
    wait_for(lambda: client.said() == ["1"], what="the good one")


def test_the_time_of_notifications_never_goes_back(owner: Subscriptions) -> None:
    now = owner.stream.now()
    owner.stream.put(Notice("/ev:other", time=now))
    owner.stream.put(Notice("/ev:other", time=now - 1))
    settled(owner, 2)
    assert [record.time for _, record in owner.stream.log.after(0, 0)] == [now, now]


def test_nothing_is_kept_of_one_that_ends_while_it_begins(
    owner: Subscriptions, connect: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, session = connect()
    begun = owner.create(session, Wanted())
    add = owner.stream.add

    def adding(subscriber: Any, position: int) -> bool:
        owner.closed(session, TerminationReason.KILLED)  # on another thread
        return add(subscriber, position)

    with monkeypatch.context() as patch:
        patch.setattr(owner.stream, "add", adding)
        owner.answered(session)
    kept = weakref.ref(begun)
    del begun
    wait_for(lambda: gc.collect() >= 0 and kept() is None, what="nobody to know it")

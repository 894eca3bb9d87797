"""A client that does not keep up is told so, and in the end loses its subscription, not its session."""

from collections.abc import Sequence
from typing import Any

import pytest
from lxml import etree

from server.protocol.session import Peer, TerminationReason
from server.push.errors import Problem
from server.push.limits import Limits
from server.push.machine import Event, State
from server.push.notices import Notices
from server.push.receiver import Outcome, Receiver
from server.push.terms import StreamTerms
from server.schema.model import load_schema
from server.schema.sources import default_sources
from server.telemetry.content import Contents
from server.telemetry.sessions import Sessions


class Client:
    """Takes what there is room for, and always the few short messages."""

    def __init__(self) -> None:
        self.room = 0
        self.said: list[str] = []
        self.ended: list[TerminationReason] = []

    def notify(self, pieces: Sequence[bytes]) -> bool:
        if self.room <= 0:
            return False
        self.room -= 1
        return self.insist(pieces)

    def insist(self, pieces: Sequence[bytes]) -> bool:
        content = etree.fromstring(b"".join(pieces))[1]
        reason = content.findtext("{*}reason")
        self.said.append(etree.QName(content).localname + (f" {reason}" if reason else ""))
        return True


@pytest.fixture(scope="module")
def notices() -> Notices:
    return Notices(Contents(load_schema(default_sources())))


@pytest.fixture
def client() -> Client:
    return Client()


@pytest.fixture
def receiver(client: Client, notices: Notices) -> Receiver:
    sessions = Sessions(())
    peer = Peer("u", "", 0, "netconf-ssh", client.ended.append, client.notify, insist=client.insist)
    made = Receiver(7, sessions.open(peer), sessions, notices, Limits(suspension=100, retry=10))
    made.on(Event.REPLIED)
    return made


RECORD = b'<record xmlns="urn:x"/>'


def test_it_goes_on_when_the_client_takes_messages_again(client: Client, receiver: Receiver) -> None:
    assert not receiver.send(0, RECORD)
    assert receiver.suspend(0, Problem.UNSUPPORTABLE_VOLUME)
    assert not receiver.suspend(0, Problem.UNSUPPORTABLE_VOLUME)
    assert receiver.try_resume(10) is Outcome.STILL
    client.room = 2
    assert receiver.try_resume(20) is Outcome.RESUMED
    assert receiver.send(20, RECORD)
    assert client.said == ["subscription-suspended sn:unsupportable-volume", "subscription-resumed", "record"]
    assert receiver.state is State.ACTIVE


def test_it_is_terminated_when_he_does_not(client: Client, receiver: Receiver) -> None:
    receiver.suspend(0, Problem.UNSUPPORTABLE_VOLUME)
    assert receiver.try_resume(99) is Outcome.STILL
    assert receiver.try_resume(100) is Outcome.EXPIRED
    assert receiver.terminate(100, Problem.SUSPENSION_TIMEOUT)
    assert not receiver.terminate(100, Problem.SUSPENSION_TIMEOUT)
    assert client.said[-1] == "subscription-terminated sn:suspension-timeout"
    assert client.ended == []


def test_what_is_resumed_in_vain_was_suspended_all_the_time(client: Client, receiver: Receiver) -> None:
    receiver.suspend(0, Problem.UNSUPPORTABLE_VOLUME)
    for now in range(10, 100, 10):
        client.room = 1
        assert receiver.try_resume(now) is Outcome.RESUMED
        assert not receiver.send(now, RECORD)
        receiver.suspend(now, Problem.UNSUPPORTABLE_VOLUME)
    assert receiver.try_resume(100) is Outcome.EXPIRED


def test_a_modification_says_all_terms(client: Client, receiver: Receiver) -> None:
    receiver.modified(0, StreamTerms("NETCONF", stop=5_000_000))
    assert client.said == ["subscription-modified"]


def test_messages_are_counted(client: Client, receiver: Receiver) -> None:
    client.room = 1
    receiver.send(0, RECORD)
    receiver.send(0, RECORD)
    counters: Any = receiver.session.counters
    assert counters.out_notifications == 1

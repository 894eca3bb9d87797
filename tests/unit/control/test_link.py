"""The client's end of the control socket, over a socket pair whose other end the test holds."""

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from dataplane.control.link import Link, Unavailable
from dataplane.control.messages import (
    LENGTH_SIZE,
    Announced,
    Answer,
    Done,
    Generation,
    Piece,
    Ping,
    Request,
    State,
    decode_request,
    encode,
    length_of,
)
from dataplane.state import ChannelStateChanged, StatePiece, StateSelection
from tests.support.wait import wait_for

EVENT = Announced(ChannelStateChanged("svc", "connecting", "connected", ""))


class Service:
    """The other end: the test says what it answers."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock

    def take(self) -> Request:
        size = length_of(self._socket.recv(LENGTH_SIZE, socket.MSG_WAITALL))
        return decode_request(self._socket.recv(size, socket.MSG_WAITALL))

    def say(self, *answers: Answer) -> None:
        self._socket.sendall(b"".join(map(encode, answers)))

    def say_bytes(self, data: bytes) -> None:
        self._socket.sendall(data)

    def close(self) -> None:
        self._socket.close()


class Rig:
    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        theirs.settimeout(10)
        self.service = Service(theirs)
        self.events: list[Announced] = []
        self.link = Link(ours, 1, self.events.append)
        self.watcher = threading.Thread(target=self._watch)
        self.watcher.start()

    def _watch(self) -> None:
        try:
            self.link.watch()
        except OSError:
            self.link.close()

    def close(self) -> None:
        self.link.shut()
        self.watcher.join(10)
        self.service.close()


@pytest.fixture
def rig() -> Iterator[Rig]:
    rig = Rig()
    yield rig
    rig.close()


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor() as pool:
        yield pool


def done(number: int) -> Done:
    return Done(number, Generation("here", number))


def test_an_answer_reaches_who_asked_whoever_reads(rig: Rig, pool: ThreadPoolExecutor) -> None:
    first = pool.submit(rig.link.ask, Ping(1), 10)
    rig.service.take()
    second = pool.submit(rig.link.ask, Ping(2), 10)
    rig.service.take()
    rig.service.say(done(2), EVENT)
    assert second.result(10) == done(2)
    rig.service.say(done(1))
    assert first.result(10) == done(1)
    assert rig.events == [EVENT]


def test_an_event_is_read_while_nobody_asks(rig: Rig, pool: ThreadPoolExecutor) -> None:
    asked = pool.submit(rig.link.ask, Ping(1), 10)
    rig.service.take()
    rig.service.say(done(1))
    asked.result(10)
    rig.service.say(EVENT)
    wait_for(lambda: rig.events, what="the event")


def test_what_one_caller_left_half_read_the_next_one_completes(rig: Rig, pool: ThreadPoolExecutor) -> None:
    data = encode(done(1))
    rig.service.say_bytes(data[:7])
    with pytest.raises(Unavailable):
        rig.link.ask(Ping(1), 0)
    rig.service.take()
    asked = pool.submit(rig.link.ask, Ping(2), 10)
    rig.service.take()
    rig.service.say_bytes(data[7:] + encode(done(2)))
    assert asked.result(10) == done(2)


def test_pieces_come_one_by_one_while_others_ask(rig: Rig, pool: ThreadPoolExecutor) -> None:
    pieces = rig.link.ask_for_many(State(1, StateSelection()), 10)
    first = pool.submit(next, pieces)
    rig.service.take()
    rig.service.say(Piece(1, StatePiece(), last=False))
    assert first.result(10) == Piece(1, StatePiece(), last=False)
    asked = pool.submit(rig.link.ask, Ping(2), 10)
    rig.service.take()
    rig.service.say(Piece(1, StatePiece(), last=True), done(2))
    assert asked.result(10) == done(2)
    assert next(pieces) == Piece(1, StatePiece(), last=True)


def test_the_end_of_the_connection_ends_every_wait(rig: Rig, pool: ThreadPoolExecutor) -> None:
    waiting = [pool.submit(rig.link.ask, Ping(number), 10) for number in (1, 2)]
    for _ in waiting:
        rig.service.take()
    rig.service.close()
    for asked in waiting:
        with pytest.raises(Unavailable):
            asked.result(10)
    rig.watcher.join(10)
    with pytest.raises(Unavailable):
        rig.link.ask(Ping(3), 10)

"""Captures at work: what is told of them to the engine."""

from collections.abc import Callable
from concurrent.futures import Future
from itertools import count
from typing import Any

import pytest

from dataplane.capture import Captured, CaptureError, CaptureStatistics
from dataplane.captures import BURST, WAITING, Captures
from dataplane.engine import effects, messages

OPEN = effects.OpenCapture("access0", 4, upstream=False)
CLOSE = effects.CloseCapture("access0")
FRAME = effects.SendFrame("access0", b"")


class Source:
    """A capture that loses as much, and has as many frames waiting, as a test says."""

    mode = "ring"
    alive = True
    totals = (0, 0)
    waiting = 0
    numbers = count()

    def __init__(self) -> None:
        self.number = next(self.numbers)
        self.closed = False
        self.sent: list[bytes] = []
        self.read_at_once: list[int] = []

    def fileno(self) -> int:
        return self.number

    def read(self, limit: int = 256) -> list[Any]:
        given = min(limit, self.waiting, 22)
        self.waiting -= given
        self.read_at_once.append(given)
        return [Captured(b"", 0, 0.0)] * given

    def send(self, frame: bytes) -> bool:
        self.sent.append(frame)
        return True

    def statistics(self) -> CaptureStatistics:
        return CaptureStatistics(0, *self.totals)

    def close(self) -> None:
        self.closed = True


class Rig:
    """Captures of interfaces that can refuse, on a loop that runs when a test says so."""

    def __init__(self, *, waits: bool = False) -> None:
        self.sources: list[Source] = []
        self.refuse = False
        self.at_open: Callable[[], None] = lambda: None
        self.waits = waits
        self.told: list[Any] = []
        self.loop = Loop()
        self.captures = Captures(self, self.give, self.loop)  # type: ignore[arg-type]

    def open(self, name: str, index: int, *, upstream: bool) -> Source:
        if self.refuse:
            raise CaptureError("no privilege")
        self.at_open()
        self.sources.append(Source())
        return self.sources[-1]

    def give(self, *given: object) -> None:
        self.told += given

    def taken(self) -> list[Any]:
        told, self.told = self.told, []
        return told


class Loop:
    """As much of an event loop as captures use."""

    def __init__(self) -> None:
        self.later: list[Callable[[], None]] = []
        self.soon: list[Callable[[], None]] = []
        self.jobs: list[Callable[[], None]] = []
        self.readers: dict[int, Callable[[], None]] = {}

    def add_reader(self, fileno: int, what: Callable[..., None], *arguments: object) -> None:
        self.readers[fileno] = lambda: what(*arguments)

    def remove_reader(self, fileno: int) -> None:
        self.readers.pop(fileno, None)

    def call_later(self, _: float, what: Callable[..., None], *arguments: object) -> "Timer":
        self.later.append(lambda: what(*arguments))
        return Timer()

    def call_soon(self, what: Callable[[], None]) -> None:
        self.soon.append(what)

    def run_in_executor(self, _: object, work: Callable[[], Any]) -> "Future[Any]":
        done: Future[Any] = Future()
        self.jobs.append(lambda: _do(work, done))
        return done

    def turn(self) -> None:
        """One turn: what is due soon, then everything that is readable."""
        soon, self.soon = self.soon, []
        for call in [*soon, *self.readers.values()]:
            call()


class Timer:
    def cancel(self) -> None:
        pass


def _do(work: Callable[[], Any], done: "Future[Any]") -> None:
    try:
        done.set_result(work())
    except CaptureError as error:
        done.set_exception(error)


def test_how_an_interface_is_captured_is_told() -> None:
    rig = Rig()
    rig.captures.open(OPEN)
    assert rig.taken() == [messages.CaptureTold("access0", "ring")]
    rig.captures.close(CLOSE)
    assert rig.taken() == [messages.CaptureTold("access0", "")]


def test_what_was_lost_is_told_once() -> None:
    rig = Rig()
    rig.captures.open(OPEN)
    rig.taken()
    rig.captures.tell(None)
    assert rig.taken() == []
    rig.sources[0].totals = (5, 2)
    rig.captures.tell(("access0", "elsewhere0"))
    assert rig.taken() == [messages.CaptureTold("access0", "ring", 5, 2)]
    rig.captures.tell(None)
    assert rig.taken() == []
    rig.sources[0].totals = (6, 2)
    rig.captures.tell(None)
    assert rig.taken() == [messages.CaptureTold("access0", "ring", 1, 0)]


def test_what_was_lost_until_the_end_is_told_and_the_next_begins_anew() -> None:
    rig = Rig()
    rig.captures.open(OPEN)
    rig.sources[0].totals = (5, 0)
    rig.captures.open(OPEN)
    told = [each for each in rig.taken() if each.missed or each.unsent]
    assert told == [messages.CaptureTold("access0", "ring", 5, 0)]
    rig.sources[1].totals = (3, 0)
    rig.captures.tell(None)
    assert rig.taken() == [messages.CaptureTold("access0", "ring", 3, 0)]


def test_a_refusal_that_goes_on_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    rig = Rig()
    rig.refuse = True
    rig.captures.open(OPEN)
    for _ in range(5):
        rig.loop.later.pop()()
    assert [each.message for each in caplog.records] == ["capture-failed"]
    rig.captures.close(CLOSE)
    rig.captures.open(OPEN)
    assert [each.message for each in caplog.records] == ["capture-failed"] * 2


def test_what_is_sent_where_nothing_is_captured_is_counted() -> None:
    rig = Rig()
    rig.refuse = True
    rig.captures.open(OPEN)
    rig.captures.send(FRAME)
    rig.captures.send(FRAME)
    rig.captures.tell(None)
    assert rig.taken() == [messages.CaptureTold("access0", "", 0, 2)]
    rig.refuse = False
    rig.loop.later.pop()()
    assert rig.taken() == [messages.CaptureTold("access0", "ring")]


def test_what_is_sent_while_a_capture_is_being_opened_leaves_when_it_is() -> None:
    """The startup query comes with the order to open."""
    rig = Rig(waits=True)
    rig.captures.open(OPEN)
    for number in range(WAITING + 3):
        rig.captures.send(effects.SendFrame("access0", str(number).encode()))
    assert rig.taken() == rig.sources == []
    rig.loop.jobs.pop()()
    assert rig.taken() == [messages.CaptureTold("access0", "ring")]
    assert rig.sources[0].sent == [str(number).encode() for number in range(WAITING)]
    rig.captures.tell(None)
    assert rig.taken() == [messages.CaptureTold("access0", "ring", 0, 3)]


def test_what_waited_for_a_capture_that_is_refused_was_not_sent() -> None:
    rig = Rig(waits=True)
    rig.captures.open(OPEN)
    rig.captures.send(FRAME)
    rig.refuse = True
    rig.loop.jobs.pop()()
    rig.captures.tell(None)
    assert rig.taken() == [messages.CaptureTold("access0", "", 0, 1)]
    assert len(rig.loop.later) == 1


def test_one_that_is_not_wanted_any_more_is_not_opened() -> None:
    rig = Rig(waits=True)
    for _ in range(20):
        rig.captures.open(OPEN)
        rig.captures.close(CLOSE)
    rig.captures.open(OPEN)
    while rig.loop.jobs:
        rig.loop.jobs.pop(0)()
    assert [source.closed for source in rig.sources] == [False]
    assert rig.taken() == [messages.CaptureTold("access0", "ring")]


def test_one_that_is_not_wanted_any_more_when_it_is_open_is_closed() -> None:
    rig = Rig(waits=True)
    rig.captures.open(OPEN)
    rig.at_open = lambda: rig.captures.close(CLOSE)
    while rig.loop.jobs:
        rig.loop.jobs.pop(0)()
    assert [source.closed for source in rig.sources] == [True]
    assert rig.taken() == []


def test_an_interface_that_went_without_a_word_is_captured_again() -> None:
    """One that was made anew with the same index, while the kernel's events were lost."""
    rig = Rig()
    rig.captures.open(OPEN)
    rig.sources[0].alive = False
    rig.loop.turn()
    assert rig.sources[0].closed
    assert rig.taken()[-1] == messages.CaptureTold("access0", "")
    (again,) = rig.loop.later
    again()
    assert rig.taken() == [messages.CaptureTold("access0", "ring")]


def full(rig: Rig, number: int) -> list[Source]:
    """So many interfaces with frames that wait."""
    for index in range(number):
        rig.captures.open(effects.OpenCapture(f"access{index}", index, upstream=False))
        rig.sources[-1].waiting = 100
    return rig.sources


def test_one_turn_of_the_loop_takes_no_more_frames_from_many_interfaces_than_from_one() -> None:
    rig = Rig()
    sources = full(rig, 31)
    while any(source.waiting for source in sources):
        rig.told.clear()
        rig.loop.turn()
        assert len([each for each in rig.told if isinstance(each, messages.FrameCaptured)]) < BURST + 22
    assert sum(sum(source.read_at_once) for source in sources) == 3100


def test_every_interface_has_its_turn() -> None:
    rig = Rig()
    sources = full(rig, 31)
    for _ in range(16):
        rig.loop.turn()
    assert {len(source.read_at_once) for source in sources} == {1}
    for _ in range(16):
        rig.loop.turn()
    assert {len(source.read_at_once) for source in sources} <= {1, 2}
    for source in sources[1:]:
        source.waiting = 0
    alone = len(sources[0].read_at_once)
    for _ in range(6):
        sources[0].waiting = 100
        rig.loop.turn()
    assert len(sources[0].read_at_once) >= alone + 3

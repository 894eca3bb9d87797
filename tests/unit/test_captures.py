"""Captures at work: what is told of them to the engine."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from dataplane.capture import CaptureError, CaptureStatistics
from dataplane.captures import Captures
from dataplane.engine import effects, messages

OPEN = effects.OpenCapture("access0", 4, upstream=False)
CLOSE = effects.CloseCapture("access0")
FRAME = effects.SendFrame("access0", b"")


class Source:
    """A capture that loses as much as a test says."""

    mode = "ring"
    alive = True
    totals = (0, 0)

    def fileno(self) -> int:
        return 0

    def read(self, limit: int = 256) -> list[Any]:
        return []

    def send(self, frame: bytes) -> bool:
        return True

    def statistics(self) -> CaptureStatistics:
        return CaptureStatistics(0, *self.totals)

    def close(self) -> None:
        pass


class Rig:
    """Captures of interfaces that can refuse."""

    def __init__(self) -> None:
        self.sources: list[Source] = []
        self.refuse = False
        self.told: list[Any] = []
        self.loop: Any = Loop()
        self.captures = Captures(self, self.give, self.loop)  # type: ignore[arg-type]

    def open(self, name: str, index: int, *, upstream: bool) -> Source:
        if self.refuse:
            raise CaptureError("no privilege")
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

    def add_reader(self, *_: object) -> None:
        pass

    def remove_reader(self, *_: object) -> None:
        pass

    def call_later(self, _: float, what: Callable[..., None], *arguments: object) -> asyncio.TimerHandle:
        self.later.append(lambda: what(*arguments))
        return asyncio.TimerHandle(0.0, what, arguments, asyncio.new_event_loop())


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

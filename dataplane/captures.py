"""The captures of the configured interfaces, at work: opened, read, sent to, and opened again.

Owns the packet sockets and what is told of them to the engine: how each captures, which frames came faster
than they were read, and which could not be sent.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any, Final

from dataplane.capture import CaptureError
from dataplane.engine import effects, messages
from dataplane.forwarding.sender import send_reports
from dataplane.interfaces import FrameSource, Interfaces

_log = logging.getLogger("twincast.dataplane.shell")

BURST: Final = 32
"""Frames that are taken at once. What they cause leaves for the peer together: more would make the first of
them wait for longer, fewer would cost more for each. As many are taken in one turn of the loop, whatever
the number of interfaces: 31 that were full kept the hellos waiting for 70 ms."""

CAPTURE_RETRY: Final = 1.0
"""Seconds until a capture that could not be opened is tried again."""

WORKERS: Final = 4
"""Sockets that are opened or closed at the same time: 121 access interfaces do so in half a second."""
WAITING: Final = 4096
"""Frames that wait for a capture that is being opened: the reports toward the core after a restart do."""

_NONE: Final = (0, 0)


class _Opening:
    """A capture that is being opened, and what is to be sent on it then.

    `wanted`: no other order came since. A link that comes and goes faster than that leaves none behind.
    """

    def __init__(self, effect: effects.OpenCapture) -> None:
        self.effect = effect
        self.wanted = True
        self.frames: list[bytes] = []

    def send(self, frame: bytes) -> bool:
        if len(self.frames) >= WAITING:
            return False
        self.frames.append(frame)
        return True


class Captures:
    """By interface; `give` takes messages for the engine.

    The kernel waits for all processors when a packet socket with a ring is opened or closed, 10 to 30 ms each
    time. A thread does that: a commit that removes ten interfaces would else outlast the hellos' timeout.
    """

    def __init__(
        self, interfaces: Interfaces, give: Callable[..., None], loop: asyncio.AbstractEventLoop
    ) -> None:
        self._interfaces = interfaces
        self._give = give
        self._loop = loop
        self._worker = ThreadPoolExecutor(WORKERS, thread_name_prefix="captures")
        self._orders: dict[str, effects.OpenCapture] = {}
        self._busy: set[asyncio.Future[Any]] = set()
        self._open: dict[str, FrameSource] = {}
        self._opening: dict[str, _Opening] = {}
        self._retries: dict[str, asyncio.TimerHandle] = {}
        self._refusals: dict[str, str] = {}
        self._told: dict[str, tuple[int, int]] = {}
        self._nowhere: dict[str, int] = {}
        self._turn = _Turn(loop)

    def open(self, effect: effects.OpenCapture) -> None:
        """Capture an interface; one that refuses is tried again."""
        self._close(effect.interface)
        self._orders[effect.interface] = effect
        opening = self._opening[effect.interface] = _Opening(effect)
        self._do(partial(self._made, opening), partial(self._opened, opening))

    def _made(self, opening: _Opening) -> FrameSource:
        effect = opening.effect
        if not opening.wanted:
            raise CaptureError("not wanted any more")
        return self._interfaces.open(effect.interface, effect.index, upstream=effect.upstream)

    def _do(self, work: Callable[[], Any], then: Callable[[Any], None]) -> None:
        """Do what may wait in the kernel, then, on the loop, what follows."""
        if self._interfaces.waits:
            future = self._loop.run_in_executor(self._worker, work)
            self._busy.add(future)
            future.add_done_callback(self._busy.discard)
            future.add_done_callback(then)
            return
        done: Future[Any] = Future()
        try:
            done.set_result(work())
        except CaptureError as error:
            done.set_exception(error)
        then(done)

    def _opened(self, opening: _Opening, done: "Future[FrameSource]") -> None:
        effect = opening.effect
        name = effect.interface
        if opening.wanted:
            del self._opening[name]
        try:
            capture = done.result()
        except CaptureError as error:
            if opening.wanted:
                self._unsent(name, len(opening.frames))
                self._refused(effect, str(error))
            return
        if not opening.wanted:
            self._do(capture.close, _nothing)
            return
        self._begin(name, capture)
        for frame in opening.frames:
            capture.send(frame)

    def _begin(self, name: str, capture: FrameSource) -> None:
        self._refusals.pop(name, None)
        self._open[name] = capture
        self._loop.add_reader(capture.fileno(), self._readable, name, capture)
        _log.info("capture-opened", extra={"interface": name, "mode": capture.mode})
        self._give(messages.CaptureTold(name, capture.mode))

    def _refused(self, effect: effects.OpenCapture, reason: str) -> None:
        """Try again later; what goes on for the same reason is logged once."""
        name = effect.interface
        if self._refusals.get(name) != reason:
            self._refusals[name] = reason
            _log.error("capture-failed", extra={"interface": name, "reason": reason})
        self._retries[name] = self._loop.call_later(CAPTURE_RETRY, self.open, effect)

    def close(self, effect: effects.CloseCapture) -> None:
        """Capture an interface no more."""
        self._close(effect.interface)
        self._orders.pop(effect.interface, None)
        self._refusals.pop(effect.interface, None)

    async def stop(self) -> None:
        """Release everything."""
        for name in [*self._open, *self._retries, *self._opening]:
            self._close(name)
        try:
            while self._busy:  # what was being opened is closed then
                await asyncio.wait(self._busy)
        finally:
            self._worker.shutdown(wait=False, cancel_futures=True)

    def tell(self, names: Iterable[str] | None) -> None:
        """Tell the engine what was lost on these interfaces since it was told; None for all."""
        for name in [*self._open, *self._nowhere] if names is None else names:
            self._tell(name)

    def send(self, effect: effects.SendFrame) -> None:
        """Send a frame."""
        name = effect.interface
        capture = self._open.get(name)
        if capture is not None:
            capture.send(effect.frame)
        elif name not in self._opening or not self._opening[name].send(effect.frame):
            self._unsent(name, 1)

    def send_reports(self, effect: effects.SendReports) -> None:
        """Send reports toward the core."""
        name, capture = effect.link.name, self._open.get(effect.link.name)
        if capture is not None:
            send_reports(capture, effect.link, effect.reports)
            return
        opening = self._opening.get(name)
        kept = 0 if opening is None else send_reports(opening, effect.link, effect.reports)
        self._unsent(name, len(effect.reports) - kept)

    def _unsent(self, name: str, count: int) -> None:
        if count > 0:
            self._nowhere[name] = self._nowhere.get(name, 0) + count

    def _readable(self, name: str, capture: FrameSource) -> None:
        if not self._turn.allows(name):
            return
        captured = capture.read(BURST)
        self._turn.took(name, len(captured))
        self._give(*[messages.FrameCaptured(name, item.frame, item.outer_vlan) for item in captured])
        if not capture.alive and self._open.get(name) is capture:
            self._lost(name)

    def _lost(self, name: str) -> None:
        """The interface is gone, which the engine hears too; unless that was lost and it is there again."""
        self._close(name)
        self._retries[name] = self._loop.call_later(CAPTURE_RETRY, self.open, self._orders[name])

    def _tell(self, name: str) -> None:
        capture = self._open.get(name)
        before, now = self._told.get(name, _NONE), _NONE
        if capture is not None:
            statistics = capture.statistics()
            now = self._told[name] = (statistics.dropped, statistics.send_failures)
        missed, unsent = now[0] - before[0], now[1] - before[1] + self._nowhere.pop(name, 0)
        if missed:
            _log.warning("frames-missed", extra={"interface": name, "frames": missed})
        if missed or unsent:
            self._give(messages.CaptureTold(name, "" if capture is None else capture.mode, missed, unsent))

    def _close(self, name: str) -> None:
        retry = self._retries.pop(name, None)
        if retry is not None:
            retry.cancel()
        opening = self._opening.pop(name, None)
        if opening is not None:
            opening.wanted = False
        if name not in self._open:
            return
        self._tell(name)
        self._told.pop(name, None)
        capture = self._open.pop(name)
        self._loop.remove_reader(capture.fileno())
        self._do(capture.close, _nothing)
        self._give(messages.CaptureTold(name, ""))


class _Turn:
    """What was taken in this turn of the loop: frames leave room for the rest, and each has its turn."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._left = BURST
        self._served: set[str] = set()
        self._others_wait = False
        self._began = False

    def allows(self, name: str) -> bool:
        """Whether an interface may be read now: in one turn so many frames, and whoever waits comes first."""
        if not self._began:
            self._began = True
            self._loop.call_soon(self._end)
        if self._left > 0 and name not in self._served:
            return True
        self._others_wait = self._others_wait or name not in self._served
        return False

    def took(self, name: str, frames: int) -> None:
        """Note what was read."""
        self._served.add(name)
        self._left -= frames

    def _end(self) -> None:
        self._left, self._began = BURST, False
        if not self._others_wait:
            self._served.clear()
        self._others_wait = False


def _nothing(_: object = None) -> None:
    pass

"""The captures of the configured interfaces, at work: opened, read, sent to, and opened again.

Owns the packet sockets and what is told of them to the engine: how each captures, which frames came faster
than they were read, and which could not be sent.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import Final

from dataplane.capture import CaptureError
from dataplane.engine import effects, messages
from dataplane.forwarding.sender import send_reports
from dataplane.interfaces import FrameSource, Interfaces

_log = logging.getLogger("twincast.dataplane.shell")

BURST: Final = 32
"""Frames that are taken at once. What they cause leaves for the peer together: more would make the first of
them wait for longer, fewer would cost more for each."""

CAPTURE_RETRY: Final = 1.0
"""Seconds until a capture that could not be opened is tried again."""

_NONE: Final = (0, 0)


class Captures:
    """By interface; `give` takes messages for the engine."""

    def __init__(
        self, interfaces: Interfaces, give: Callable[..., None], loop: asyncio.AbstractEventLoop
    ) -> None:
        self._interfaces = interfaces
        self._give = give
        self._loop = loop
        self._open: dict[str, FrameSource] = {}
        self._retries: dict[str, asyncio.TimerHandle] = {}
        self._refusals: dict[str, str] = {}
        self._told: dict[str, tuple[int, int]] = {}
        self._nowhere: dict[str, int] = {}

    def open(self, effect: effects.OpenCapture) -> None:
        """Capture an interface; one that refuses is tried again."""
        name = effect.interface
        self._close(name)
        try:
            capture = self._interfaces.open(name, effect.index, upstream=effect.upstream)
        except CaptureError as error:
            self._refused(effect, str(error))
            return
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
        self._refusals.pop(effect.interface, None)

    def close_all(self) -> None:
        """Release everything."""
        for name in [*self._open, *self._retries]:
            self._close(name)

    def tell(self, names: Iterable[str] | None) -> None:
        """Tell the engine what was lost on these interfaces since it was told; None for all."""
        for name in [*self._open, *self._nowhere] if names is None else names:
            self._tell(name)

    def send(self, effect: effects.SendFrame) -> None:
        """Send a frame."""
        capture = self._open.get(effect.interface)
        if capture is not None:
            capture.send(effect.frame)
        else:
            self._unsent(effect.interface, 1)

    def send_reports(self, effect: effects.SendReports) -> None:
        """Send reports toward the core."""
        capture = self._open.get(effect.link.name)
        if capture is not None:
            send_reports(capture, effect.link, effect.reports)
        else:
            self._unsent(effect.link.name, len(effect.reports))

    def _unsent(self, name: str, count: int) -> None:
        self._nowhere[name] = self._nowhere.get(name, 0) + count

    def _readable(self, name: str, capture: FrameSource) -> None:
        captured = capture.read(BURST)
        self._give(*[messages.FrameCaptured(name, item.frame, item.outer_vlan) for item in captured])
        if not capture.alive and self._open.get(name) is capture:
            self._close(name)

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
        if name not in self._open:
            return
        self._tell(name)
        self._told.pop(name, None)
        capture = self._open.pop(name)
        self._loop.remove_reader(capture.fileno())
        capture.close()
        self._give(messages.CaptureTold(name, ""))

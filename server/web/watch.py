"""Looks at the router for as long as somebody looks at the page, and tells those who do.

One thread reads state, each INTERVAL seconds and no more than a tenth of the time, and SOON when something
is notified. Without spectators nothing is read.
"""

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final

import msgspec

from server.status.events import MOST_EVENTS, of_stream
from server.status.picture import Event, Picture
from server.telemetry.streams import Notification, Stream

logger = logging.getLogger("twincast.web.watch")

INTERVAL: Final = 0.5
SOON: Final = 0.1
"""Seconds between two readings at least, also in a storm of notifications; longer if a reading takes more."""
SHARE: Final = 10
"""A reading that took t seconds is followed by ten times t without one."""

Read = Callable[[tuple[Event, ...]], Picture]
"""Makes a picture with these events."""


class Spectator:
    """Somebody who looks: has the latest picture, never a queue. Belongs to one event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._changed = asyncio.Event()
        self._latest = b""

    def show(self, content: bytes) -> None:
        """Take a new picture; from any thread."""
        self._latest = content
        try:
            self._loop.call_soon_threadsafe(self._changed.set)
        except RuntimeError:  # the loop has ended, and so has whoever looked
            logger.debug("spectator-gone")

    async def next(self) -> bytes:
        """Wait for the next picture."""
        await self._changed.wait()
        self._changed.clear()
        return self._latest


class Watch:
    """Reads and tells; a `server.telemetry.streams.Subscriber` of the event stream."""

    def __init__(self, read: Read, stream: Stream) -> None:
        self._read = read
        self._stream = stream
        self._changed = threading.Condition()
        self._spectators: list[Spectator] = []
        self._events: deque[Event] = deque(maxlen=MOST_EVENTS)
        self._happened = self._closing = False
        self._shown = b""
        self._thread = threading.Thread(target=self._run, name="web-watch", daemon=True)

    def start(self) -> None:
        """Take over the events that there were, and begin."""
        log = self._stream.log
        position = max(0, log.last_id - 10 * MOST_EVENTS)
        while True:
            for number, record in log.after(position, 0, 10 * MOST_EVENTS):
                position = number
                self._keep(of_stream(record.time, record.path, record.keys, record.xml))
            if self._stream.add(self, position):
                break
        self._thread.start()

    def close(self) -> None:
        """Read nothing more."""
        self._stream.remove(self)
        with self._changed:
            self._closing = True
            self._changed.notify()
        if self._thread.ident is not None:
            self._thread.join(1.0)

    def add(self, spectator: Spectator) -> None:
        """Show the next picture to somebody, at once, and those that follow."""
        with self._changed:
            self._spectators.append(spectator)
            self._shown = b""
            self._happened = True
            self._changed.notify()

    def remove(self, spectator: Spectator) -> None:
        """Show him nothing more."""
        with self._changed:
            self._spectators.remove(spectator)

    def offer(self, notification: Notification) -> None:
        """Keep an event, and look at once."""
        content = notification.content
        self._keep(of_stream(notification.time, content.operation.path, content.keys, content.xml))
        with self._changed:
            self._happened = True
            self._changed.notify()

    def stop_time(self) -> int | None:
        """It has none."""
        return None

    def stop_reached(self) -> None:
        """Not called without a stop time."""

    def _keep(self, event: Event | None) -> None:
        if event is not None:
            self._events.append(event)

    def _run(self) -> None:
        took = 0.0
        while self._wait(max(SOON, took), max(INTERVAL, SHARE * took)):
            begin = time.monotonic()
            try:
                self._look()
            except Exception:  # a fault of ours costs a picture, not those that follow
                logger.exception("web-watch-fault")
            took = time.monotonic() - begin

    def _wait(self, soon: float, later: float) -> bool:
        """Wait until it is time to look and somebody wants to see it; False at the end.

        That is `soon` when something has happened, else `later`.
        """
        begin = time.monotonic()
        with self._changed:
            while not self._closing:
                left = begin + (soon if self._happened else later) - time.monotonic()
                if self._spectators and left <= 0:
                    self._happened = False
                    return True
                self._changed.wait(left if self._spectators else None)
            return False

    def _look(self) -> None:
        content = msgspec.json.encode(self._read(tuple(self._events)))
        with self._changed:
            spectators = tuple(self._spectators) if content != self._shown else ()
            self._shown = content
        for spectator in spectators:
            spectator.show(content)

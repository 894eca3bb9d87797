"""What there is to tell, told when there is time: forwarding and commits do not wait for it.

A failover of thousands of profiles has as many events; each costs a line in the log and a message to every
client of the control socket.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from typing import Final

import msgspec

from dataplane.state import Event

_log = logging.getLogger("twincast.dataplane.news")

MAXIMUM_WAITING: Final = 100_000
"""Events that may wait; those beyond are dropped and counted."""
AT_ONCE: Final = 100
"""Events that are told before the loop does other things: a few milliseconds."""


class News:
    """Events on their way out, in order; used on the running loop only."""

    def __init__(self, announce: Callable[[Event], None]) -> None:
        """`announce` tells whoever listens; the log is written here."""
        self._announce = announce
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[Event] = deque()
        self._dropped = 0

    def put(self, event: Event) -> None:
        """Tell an event soon."""
        if len(self._waiting) >= MAXIMUM_WAITING:
            self._dropped += 1
            return
        if not self._waiting:
            self._loop.call_soon(self._tell_some)
        self._waiting.append(event)

    def flush(self) -> None:
        """Tell everything now: the loop ends."""
        while self._waiting:
            self._tell(self._waiting.popleft())
        if self._dropped:
            _log.warning("events-dropped", extra={"count": self._dropped})
            self._dropped = 0

    def _tell_some(self) -> None:
        if len(self._waiting) <= AT_ONCE:
            self.flush()
            return
        for _ in range(AT_ONCE):
            self._tell(self._waiting.popleft())
        self._loop.call_soon(self._tell_some)

    def _tell(self, event: Event) -> None:
        fields = msgspec.to_builtins(event)
        _log.info(fields.pop("type"), extra=fields)
        self._announce(event)

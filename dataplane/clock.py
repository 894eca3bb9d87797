"""Tells the engine where the wall clock and local time stand, at the start and when either has changed.

The engine counts in monotonic seconds. A clock that is set (a router without a battery gets the time from the
network after its start) and summer time are noticed within half a minute.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Final

from dataplane.engine.messages import ClockTold

LOOK: Final = 30.0
"""Seconds between two looks."""
TOLERANCE: Final = 0.5
"""Seconds by which the clock may be slewed before the engine is told."""


class Clock:
    """Looks at the clock as long as the loop runs; `stop` ends it."""

    def __init__(self, give: Callable[[ClockTold], None]) -> None:
        self._give = give
        self._told: ClockTold | None = None
        self._timer: asyncio.TimerHandle | None = None

    def look(self) -> None:
        """Tell what has changed, and look again later."""
        self._timer = asyncio.get_running_loop().call_later(LOOK, self.look)
        seen = ClockTold(time.time() - time.monotonic(), time.localtime().tm_gmtoff)
        if self._told is None or differ(self._told, seen):
            self._told = seen
            self._give(seen)

    def stop(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()


def differ(one: ClockTold, other: ClockTold) -> bool:
    """Return whether the engine has to be told."""
    set_anew = abs(one.wall_offset - other.wall_offset) > TOLERANCE
    return set_anew or one.utc_offset != other.utc_offset

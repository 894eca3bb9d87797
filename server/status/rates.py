"""Rates of counters over the last seconds. Pure: time comes in."""

from collections import deque
from collections.abc import Hashable
from typing import Final

WINDOW: Final = 3.0
"""Seconds that a rate looks back, so that single messages do not make it jump."""


class Rates:
    """Remembers samples of counters; `begin` opens a sample, `rate` adds a counter to it."""

    def __init__(self) -> None:
        self._samples: deque[tuple[float, dict[Hashable, int]]] = deque()

    def begin(self, now: float) -> None:
        """What follows was read at `now`, monotonic seconds."""
        while len(self._samples) > 1 and self._samples[1][0] <= now - WINDOW:
            self._samples.popleft()
        self._samples.append((now, {}))

    def rate(self, key: Hashable, value: int) -> float:
        """Return how fast a counter grew, in a second; 0 at first and when it began anew.

        The key has to change when the counter begins anew without becoming smaller.
        """
        now, current = self._samples[-1]
        current[key] = value
        for then, values in self._samples:
            if key in values and then < now:
                return max(0.0, (value - values[key]) / (now - then))
        return 0.0

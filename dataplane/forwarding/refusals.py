"""What the plane refused, told in the log: so many lines a minute, however many subscribers ask for it.

Where a whole family is missing each report of it is refused, and what subscribers send must not fill the
log.
"""

import logging
from typing import Final

_log = logging.getLogger("twincast.dataplane.forwarding.refusals")

PERIOD: Final = 60.0
LINES: Final = 20
"""Of one period; a commit that asks for too much is told in full."""


class Refusals:
    """Writes the lines of one plane, and counts those that it leaves out."""

    def __init__(self) -> None:
        self._begin = float("-inf")
        self._told = 0
        self._suppressed = 0

    def note(self, effect: str, reason: str, now: float) -> None:
        """Tell that an effect was refused, at monotonic `now`; the next line says how many were left out."""
        if now - self._begin >= PERIOD:
            self._begin, self._told = now, 0
        if self._told >= LINES:
            self._suppressed += 1
            return
        self._told += 1
        left_out = {"suppressed": self._suppressed} if self._suppressed else {}
        self._suppressed = 0
        _log.error("plane-refused", extra={"effect": effect, "reason": reason, **left_out})

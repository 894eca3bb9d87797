"""When updates are due (RFC 8641 sections 3.1 and 3.3). Pure: `now` is microseconds since the Unix epoch.

A period that was missed is left out, not made up for.
"""

from dataclasses import dataclass
from typing import Final

CENTISECOND: Final = 10_000
"""Microseconds: the unit of period and dampening-period."""
SECOND: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Periodic:
    """Updates at multiples of `period` from `anchor`, both in microseconds; from the first one without it."""

    period: int
    anchor: int | None = None

    def first(self, now: int) -> int:
        """When the first update is due: at once, or with an anchor at the next multiple."""
        if self.anchor is None:
            return now
        return self.anchor + -((self.anchor - now) // self.period) * self.period

    def following(self, origin: int, now: int) -> int:
        """When the next update is due: the next multiple after `now`, from when the first one was due."""
        return origin + ((now - origin) // self.period + 1) * self.period


@dataclass(frozen=True, slots=True)
class OnChange:
    """Updates when something changed, `dampening` microseconds apart; `excluded` names kinds of changes."""

    dampening: int = 0
    sync_on_start: bool = True
    excluded: frozenset[str] = frozenset()

    def due(self, last: int | None, now: int) -> int:
        """When a change of now may be told, given when the last update was assembled."""
        return now if last is None else max(now, last + self.dampening)


Trigger = Periodic | OnChange

"""How much one subscriber may say: a bound on the time that its messages take from all others. Pure.

A report of 1,500 octets has 183 records and takes milliseconds; a few hundred of them a second would keep
the reports of everybody else on the interface waiting until their memberships have ended.
"""

from math import inf
from typing import Final

from dataplane.config import IgmpConfig
from dataplane.packets.ethernet import Subscriber

WINDOW: Final = 10.0
"""Seconds over which the rate is looked at: a box that answers a general query says all it has at once."""
_SUBSCRIBERS: Final = 1 << 16
"""Who is remembered in a window: many more are made up, and there is nothing to gain from knowing them."""


class Policer:
    """Records of each subscriber in the window that runs; the limit is asked for before a message is read."""

    __slots__ = ("_most", "_taken", "_until", "limited")

    def __init__(self, config: IgmpConfig) -> None:
        self.limited = config.max_record_rate is not None
        self._most = (config.max_record_rate or 0) * WINDOW
        self._taken: dict[Subscriber, int] = {}
        self._until = -inf

    def admits(self, subscriber: Subscriber, records: int, now: float) -> bool:
        """Whether a message of so many records is to be read; it is while any of the window's are left."""
        if now >= self._until or len(self._taken) > _SUBSCRIBERS:
            self._taken.clear()
            self._until = now + WINDOW
        taken = self._taken.get(subscriber, 0)
        if taken >= self._most:
            return False
        self._taken[subscriber] = taken + records
        return True

"""Intervals derived from the configuration, and a queue of deadlines that is cheap to refresh.

RFC 3376 section 8. Seconds throughout.
"""

import heapq
from collections.abc import Iterator
from math import inf
from typing import Generic, Protocol, TypeVar

import msgspec

from dataplane.config import IgmpConfig

MAX_LIFETIME = 7 * 31744 + 1023
"""The longest group membership interval that the ranges of RFC 8652 allow; no copied timer is longer."""


class Timing(msgspec.Struct, frozen=True):
    """The variables of RFC 3376 section 8 that are in force: ours, or the elected querier's."""

    robustness: int
    query_interval: float
    query_response: float
    last_member_query_interval: float

    @classmethod
    def of(cls, config: IgmpConfig) -> "Timing":
        """What the interface is configured with."""
        return cls(
            config.robustness_variable,
            config.query_interval,
            config.query_max_response_time,
            config.last_member_query_interval,
        )

    @property
    def group_membership_interval(self) -> float:
        """Section 8.4."""
        return self.robustness * self.query_interval + self.query_response

    @property
    def other_querier_present_interval(self) -> float:
        """Section 8.5."""
        return self.robustness * self.query_interval + self.query_response / 2

    @property
    def startup_query_interval(self) -> float:
        """Section 8.6."""
        return self.query_interval / 4

    @property
    def startup_query_count(self) -> int:
        """Section 8.7."""
        return self.robustness

    @property
    def last_member_query_count(self) -> int:
        """Section 8.9."""
        return self.robustness

    @property
    def last_member_query_time(self) -> float:
        """Section 8.10: how long a group outlives a leave that nobody contradicts."""
        return self.last_member_query_interval * self.last_member_query_count

    @property
    def older_host_present_interval(self) -> float:
        """Section 8.13."""
        return self.group_membership_interval


class Timed(Protocol):
    """What a `DeadlineQueue` holds; `scheduled` is the queue's own note and starts as infinity."""

    scheduled: float


T = TypeVar("T", bound=Timed)


class DeadlineQueue(Generic[T]):
    """A heap in which a deadline that moves later costs nothing until the old one comes up.

    An item whose time is not the one its owner notes is stale; the heap is rebuilt when more than half of
    it is, so members that come and go quickly do not pile up.
    """

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, T]] = []
        self._serial = 0
        self._live = 0

    def __len__(self) -> int:
        return len(self._heap)

    def schedule(self, item: T, at: float) -> None:
        """Have the item come up no later than `at`."""
        if at >= item.scheduled:
            return
        if item.scheduled == inf:
            self._live += 1
        item.scheduled = at
        self._serial += 1
        heapq.heappush(self._heap, (at, self._serial, item))
        self._trim()

    def forget(self, item: T) -> None:
        """The item shall not come up any more."""
        if item.scheduled != inf:
            item.scheduled = inf
            self._live -= 1
            self._trim()

    def due(self, now: float) -> Iterator[T]:
        """Items whose time has come; whoever takes one schedules it again if need be."""
        while self._heap and self._heap[0][0] <= now:
            at, _, item = heapq.heappop(self._heap)
            if at == item.scheduled:
                self.forget(item)
                yield item

    def next(self) -> float | None:
        """The earliest time at which something may come up, None for never."""
        while self._heap and self._heap[0][0] != self._heap[0][2].scheduled:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def _trim(self) -> None:
        if len(self._heap) > 2 * self._live + 64:
            self._heap = [node for node in self._heap if node[0] == node[2].scheduled]
            heapq.heapify(self._heap)

"""When each part of the engine next has something to do. Pure.

A heap with lazy removal: a part that moves its deadline leaves the old one behind, to be skipped. The cost
of a message depends on the parts it touched, not on how many there are.
"""

from heapq import heapify, heappop, heappush
from typing import Generic, TypeVar

K = TypeVar("K")

_SLACK = 64
"""Stale heap items tolerated beyond twice the live ones before the heap is rebuilt."""


class Deadlines(Generic[K]):
    """Deadlines in monotonic seconds by key."""

    def __init__(self) -> None:
        self._when: dict[K, float] = {}
        self._heap: list[tuple[float, int, K]] = []
        self._count = 0

    def set(self, key: K, when: float | None) -> None:
        """Replace the deadline of `key`; None takes it away."""
        if when is None:
            self._when.pop(key, None)
            return
        if self._when.get(key) == when:
            return
        self._when[key] = when
        self._count += 1
        heappush(self._heap, (when, self._count, key))
        if len(self._heap) > 2 * len(self._when) + _SLACK:
            self._rebuild()

    def next(self) -> float | None:
        """Return the earliest deadline, None when there is none."""
        while self._heap:
            when, _, key = self._heap[0]
            if self._when.get(key) == when:
                return when
            heappop(self._heap)
        return None

    def due(self, now: float) -> list[K]:
        """Take away and return the keys whose deadline has come, earliest first."""
        found: list[K] = []
        while self._heap and self._heap[0][0] <= now:
            when, _, key = heappop(self._heap)
            if self._when.get(key) == when:
                del self._when[key]
                found.append(key)
        return found

    def _rebuild(self) -> None:
        self._heap = [(when, number, key) for number, (key, when) in enumerate(self._when.items())]
        self._count = len(self._heap)
        heapify(self._heap)

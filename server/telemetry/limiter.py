"""How often notifications of one kind may be sent. Pure.

A bucket of tokens for each kind. What finds no token waits, and the next takes its place and counts it as
suppressed; what waits is sent with the first token there is. So the last of a burst always arrives, with the
number of those that did not, and nobody has to guess whether something is missing.
"""

from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Rate:
    """`burst` at once, then `per_second`.

    A failover of a thousand profiles changes a thousand roles, which a manager wants to hear of one by one.
    A hundred a second is more than a person reads, and costs the server a few percent of a processor.
    """

    burst: int = 1_000
    per_second: float = 100.0


@dataclass(slots=True)
class _Bucket(Generic[T]):
    tokens: float
    filled: float
    suppressed: int = 0
    waiting: T | None = None


class Limiter(Generic[T]):
    """One bucket for each kind; `now` is monotonic seconds, never backwards."""

    def __init__(self, rate: Rate | None = None) -> None:
        self._rate = rate or Rate()
        self._buckets: dict[Hashable, _Bucket[T]] = {}

    def offer(self, kind: Hashable, item: T, now: float, suppressed: int = 0) -> Iterator[tuple[T, int]]:
        """Return what may be sent now, with how many of its kind were left out before it.

        `suppressed` were left out already by who offers.
        """
        bucket = self._filled(kind, now)
        bucket.suppressed += suppressed
        ready = list(self._taken(bucket))
        if bucket.waiting is not None:
            bucket.suppressed += 1
        bucket.waiting = item
        return iter([*ready, *self._taken(bucket)])

    def due(self, now: float) -> Iterator[tuple[T, int]]:
        """Yield what waited and may be sent now."""
        for kind in list(self._buckets):
            yield from self._taken(self._filled(kind, now))

    def next_due(self) -> float | None:
        """When `due` yields something next; None while nothing waits."""
        waiting = [bucket for bucket in self._buckets.values() if bucket.waiting is not None]
        moments = (bucket.filled + (1 - bucket.tokens) / self._rate.per_second for bucket in waiting)
        return min(moments, default=None)

    def _filled(self, kind: Hashable, now: float) -> _Bucket[T]:
        bucket = self._buckets.get(kind)
        if bucket is None:
            bucket = self._buckets[kind] = _Bucket(float(self._rate.burst), now)
        grown = bucket.tokens + (now - bucket.filled) * self._rate.per_second
        bucket.tokens, bucket.filled = min(float(self._rate.burst), grown), now
        return bucket

    def _taken(self, bucket: _Bucket[T]) -> Iterator[tuple[T, int]]:
        item = bucket.waiting
        if item is None or bucket.tokens < 1:
            return
        bucket.tokens -= 1
        suppressed, bucket.suppressed, bucket.waiting = bucket.suppressed, 0, None
        yield item, suppressed

"""One stream over time, with what happened meanwhile. Pure; times are CLOCK_MONOTONIC nanoseconds."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby
from math import floor

SECOND = 1_000_000_000


class MarkKind(StrEnum):
    """What is marked."""

    COMMIT = "commit"
    FAILURE = "failure"
    SWITCHOVER = "switchover"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that happened at a time."""

    kind: MarkKind
    at: int
    text: str


@dataclass(frozen=True, slots=True)
class Timeline:
    """A stream from `begin` to `end`.

    `sent_at[n]` is when packet n left; `received` has number and time of each that arrived, twice for a
    packet that arrived twice.
    """

    begin: int
    end: int
    sent_at: Sequence[int]
    received: Sequence[tuple[int, int]]
    marks: Sequence[Mark] = ()

    @property
    def seconds(self) -> float:
        """How long it is."""
        return (self.end - self.begin) / SECOND

    def since(self, moment: int) -> float:
        """Seconds from the begin to `moment`."""
        return (moment - self.begin) / SECOND

    def rates_received(self, width: float) -> list[float]:
        """Return packets a second received in each `width` seconds, the last part of a width left out."""
        return self._rates([moment for _, moment in self.received], width)

    def rates_sent(self, width: float) -> list[float]:
        """Return packets a second sent in each `width` seconds."""
        return self._rates(self.sent_at, width)

    def _rates(self, moments: Iterable[int], width: float) -> list[float]:
        counts = Counter(floor(self.since(moment) / width) for moment in moments)
        return [counts[number] / width for number in range(int(self.seconds / width))]

    def outages(self) -> list[tuple[int, int, int]]:
        """Return begin, end and number of packets for each run of packets that did not arrive.

        Its end is when the next packet that did arrive was sent, or the end of the timeline. Before the
        first that arrived nobody had joined.
        """
        arrived = {number for number, _ in self.received}
        found = []
        numbers = range(min(arrived, default=0), len(self.sent_at))
        for lost, run in groupby(numbers, lambda number: number not in arrived):
            inside = [number for number in run if self.begin <= self.sent_at[number] < self.end]
            if lost and inside:
                place = inside[-1] + 1
                last = self.sent_at[place] if place < len(self.sent_at) else self.end
                found.append((self.sent_at[inside[0]], min(last, self.end), len(inside)))
        return found

    def lost(self) -> int:
        """Return how many packets did not arrive."""
        return sum(count for _, _, count in self.outages())

    def twice(self) -> int:
        """Return how many packets arrived more than once."""
        return len(self.received) - len({number for number, _ in self.received})

    def first(self, kind: MarkKind) -> Mark | None:
        """Return the first mark of a kind."""
        return next((mark for mark in self.marks if mark.kind is kind), None)

    def part(self, begin: int, end: int) -> "Timeline":
        """Return the same stream between two times within it."""
        marks = [mark for mark in self.marks if begin <= mark.at < end]
        return Timeline(max(begin, self.begin), min(end, self.end), self.sent_at, self.received, marks)

"""What a failure cost: counts sent and lost packets from what the source and an STB noted. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

RECENT = 200_000_000
"""Nanoseconds: a stream is back if a packet of the window's end arrived."""


@dataclass(frozen=True, slots=True)
class Loss:
    """Packets `sent` from the failure to the end of the window, those `lost`, and the longest silence.

    `gap_ms` is None when the stream did not come back.
    """

    sent: int
    lost: int
    gap_ms: float | None


def loss(sent_at: Sequence[int], received: Sequence[tuple[int, int]], cut: tuple[int, int], end: int) -> Loss:
    """Compare both sides of one stream; times are nanoseconds of one clock.

    `sent_at[n]` is when packet n left; `received` has number and time of each that arrived. `cut` is when
    cutting the link began and when it was done: the link failed somewhere between, at the first packet of
    that time that did not arrive, or else when it was done.
    """
    failure = failed_at(sent_at, received, *cut)
    window = {number for number, moment in enumerate(sent_at) if failure <= moment < end}
    arrived = {number for number, _ in received}
    late = {number for number in window if sent_at[number] >= end - RECENT}
    back = bool(late & arrived)
    return Loss(len(window), len(window - arrived), _longest_gap(received, failure, end) if back else None)


def failed_at(sent_at: Sequence[int], received: Sequence[tuple[int, int]], begun: int, done: int) -> int:
    """Return when a link failed that was cut between two times; see `loss`."""
    arrived = {number for number, _ in received}
    missing = (moment for number, moment in enumerate(sent_at) if number not in arrived)
    return min((moment for moment in missing if begun <= moment < done), default=done)


def _longest_gap(received: Sequence[tuple[int, int]], failure: int, end: int) -> float:
    """The longest time without a packet that touches the window, milliseconds."""
    moments = sorted(moment for _, moment in received if moment < end)
    gaps = [later - earlier for earlier, later in pairwise(moments) if later >= failure]
    return round(max(gaps, default=0) / 1e6, 3)

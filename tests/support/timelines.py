"""Streams over time as a laboratory would have recorded them, made up for tests."""

from collections.abc import Collection, Sequence

from cli.lab.timeline import SECOND, Mark, MarkKind, Timeline

BEGIN = 50 * SECOND
PERIOD = SECOND // 1000


def timeline(
    seconds: float,
    *,
    lost: Collection[int] = (),
    twice: Collection[int] = (),
    marks: Sequence[tuple[MarkKind, float, str]] = (),
) -> Timeline:
    """A thousand packets a second, each 1 ms under way; `lost` and `twice` are numbers of packets."""
    numbers = range(int(seconds * 1000))
    sent = [BEGIN + number * PERIOD for number in numbers]
    times = [number for number in numbers if number not in lost for _ in range(1 + (number in twice))]
    received = [(number, sent[number] + PERIOD) for number in times]
    placed = [Mark(kind, BEGIN + int(at * SECOND), text) for kind, at, text in marks]
    return Timeline(BEGIN, BEGIN + int(seconds * SECOND), sent, received, placed)

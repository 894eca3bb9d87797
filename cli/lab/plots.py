"""The plots of the report: a stream over time, and how long joins took to the backup. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil, floor, log10

from cli.lab import svg
from cli.lab.scenes import Scenario, Scene
from cli.lab.timeline import SECOND, Mark, MarkKind, Timeline

WIDTH = 880
_LEFT, _RIGHT = 64, 24
_LANE = 18
"""Height of a row of labels."""
_HEIGHT = 130
_STRIP = 34
BIN = 0.05
"""Seconds of stream in one step of a curve."""
BESIDE = 0.04
"""Seconds that the enlarged part shows before the failure and after the return, at least."""
LONGEST = 0.6
"""Seconds of the enlarged part at most: more packets than that would be one block."""


@dataclass(frozen=True, slots=True)
class _Axis:
    """From a value to a place; `turned` axes grow upwards."""

    low: float
    high: float
    begin: float
    end: float

    def __call__(self, value: float) -> float:
        return self.begin + (value - self.low) / (self.high - self.low) * (self.end - self.begin)


def stream(scene: Scene, *, rules: str = "") -> str:
    """Return the picture of a scene: the rate over time with its marks, and each packet at the failure."""
    line = scene.timeline
    x = _Axis(0.0, line.seconds, _LEFT, WIDTH - _RIGHT)
    labels = list(_placed(line, x))
    top = _LANE * (1 + max((lane for _, lane, _, _ in labels), default=0)) + 10
    bottom = top + _HEIGHT
    parts = [*_curve(line, x, top, bottom), *_marks(labels, top, bottom), *_seconds(x, bottom)]
    window = _enlarged(scene)
    height = bottom + 42
    if window is not None:
        parts += _packets(line, window, height + 18)
        height += 18 + _STRIP + 40
    return svg.picture(WIDTH, height, _said(scene), parts, rules)


def _said(scene: Scene) -> str:
    loss = scene.loss()
    marks = ", ".join(
        f"{mark.text} at {scene.timeline.since(mark.at):.2f} s" for mark in scene.timeline.marks
    )
    end = "the stream does not come back" if loss.gap_ms is None else f"longest silence {loss.gap_ms:.1f} ms"
    return f"{scene.title}: {loss.lost} of {loss.sent} packets lost, {end}; {marks}"


def _placed(line: Timeline, x: _Axis) -> Iterator[tuple[Mark, int, float, str]]:
    """Yield each mark with its lane, place and anchor, so that no label covers another.

    Later ones are lower: then no line goes through a label on its way down.
    """
    free: list[float] = []
    for mark in reversed(line.marks):
        place = x(line.since(mark.at))
        width = len(mark.text) * svg.CHARACTER + 20
        turned = place + width > WIDTH
        begin, end = (place - width, place + 6) if turned else (place - 6, place + width)
        lane = next((number for number, taken in enumerate(free) if taken >= end), len(free))
        free[lane : lane + 1] = [begin]
        yield mark, lane, place, "end" if turned else "start"


def _marks(labels: Sequence[tuple[Mark, int, float, str]], top: float, bottom: float) -> Iterator[str]:
    for mark, lane, place, _ in labels:
        yield svg.line(place, top - 5 - lane * _LANE, place, bottom, f"p-{mark.kind}")
    for mark, lane, place, anchor in labels:  # above all lines
        y = top - 10 - lane * _LANE
        yield svg.symbol(mark.kind, place, y)
        yield svg.text(place + (-9 if anchor == "end" else 9), y + 4, mark.text, f"p-{mark.kind}-t", anchor)


def _curve(line: Timeline, x: _Axis, top: float, bottom: float) -> Iterator[str]:
    rates, sent = line.rates_received(BIN), line.rates_sent(BIN)
    high = _nice(1.15 * max(_usual(rates), _usual(sent), 1.0))
    y = _Axis(0.0, high, bottom, top)
    for begin, end, _ in line.outages():
        yield svg.box(
            x(line.since(begin)), top, x(line.since(end)) - x(line.since(begin)), _HEIGHT, "p-shade"
        )
    for part in range(3):
        value = high * part / 2
        yield svg.line(_LEFT, y(value), WIDTH - _RIGHT, y(value), "p-rule")
        yield svg.text(_LEFT - 8, y(value) + 4, f"{value:,.0f}", "p-quiet", "end")
    yield svg.text(8, top - 12, "packets/s", "p-quiet", size=11)
    steps, last = _steps(rates, x, y), x(len(rates) * BIN)
    yield svg.path(f"M{_LEFT} {bottom:.1f}{steps}L{last:.1f} {bottom:.1f}Z", "p-fill")
    yield svg.path(f"M{_LEFT} {bottom:.1f}{_steps(sent, x, y)}", "p-sent")
    yield svg.path(f"M{_LEFT} {bottom:.1f}{steps}", "p-stream")


def _usual(rates: Sequence[float]) -> float:
    """The highest rate but for the bursts after a pause of the machine: those may leave the picture."""
    return sorted(rates)[int(len(rates) * 0.97)] if rates else 0.0


def _steps(rates: Sequence[float], x: _Axis, y: _Axis) -> str:
    return "".join(
        f"L{x(number * BIN):.1f} {y(min(rate, y.high)):.1f}H{x((number + 1) * BIN):.1f}"
        for number, rate in enumerate(rates)
    )


def _nice(value: float) -> float:
    """The next of 1, 2, 3, 4, 5, 6, 8 times a power of ten."""
    power = 10.0 ** floor(log10(max(value, 1.0)))
    return next(step * power for step in (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10) if step * power >= value)


def _seconds(x: _Axis, bottom: float) -> Iterator[str]:
    step = 1 if x.high <= 12 else 2 if x.high <= 24 else 5
    for second in range(0, int(x.high) + 1, step):
        yield svg.line(x(second), bottom, x(second), bottom + 4, "p-rule")
        yield svg.text(x(second), bottom + 18, str(second), "p-quiet", "middle")
    yield svg.text((x.begin + x.end) / 2, bottom + 33, "seconds", "p-quiet", "middle", 11)


def _enlarged(scene: Scene) -> Timeline | None:
    """The part around the failure in which packets can be told apart, None where nothing failed."""
    line, failure = scene.timeline, scene.timeline.first(MarkKind.FAILURE)
    if failure is None:
        return None
    moments = [end for begin, end, _ in line.outages() if abs(begin - failure.at) < LONGEST * SECOND]
    moments += [mark.at for mark in line.marks if mark.kind is MarkKind.SWITCHOVER and mark.at >= failure.at]
    beside = int(BESIDE * SECOND)
    near = [moment for moment in moments if moment - failure.at < (LONGEST - 2 * BESIDE) * SECOND]
    return line.part(failure.at - beside, max([failure.at + beside, *near]) + beside)


def _packets(line: Timeline, window: Timeline, top: float) -> Iterator[str]:
    """One line for each packet at the time when it was sent: high where it arrived, low where it was lost."""
    x = _Axis(window.begin, window.end, _LEFT, WIDTH - _RIGHT)
    arrived = {number for number, _ in line.received}
    got: list[float] = []
    lost: list[float] = []
    for number, moment in enumerate(line.sent_at):
        if window.begin <= moment < window.end:
            (got if number in arrived else lost).append(x(moment))
    half = _STRIP / 2
    span = (window.end - window.begin) / SECOND
    yield svg.text(_LEFT, top - 8, f"each packet, {span * 1e3:.0f} ms around the failure", "p-quiet", size=11)
    yield svg.text(_LEFT - 8, top + 12, "arrived", "p-quiet", "end", 11)
    yield svg.text(_LEFT - 8, top + half + 13, "lost", "p-quiet", "end", 11)
    yield svg.path("".join(f"M{place:.1f} {top:.1f}v{half - 2:.1f}" for place in got), "p-got")
    yield svg.path("".join(f"M{place:.1f} {top + half:.1f}v{half:.1f}" for place in lost), "p-lost")
    for mark in window.marks:
        place = x(mark.at)
        yield svg.line(place, top - 4, place, top + _STRIP + 4, f"p-{mark.kind}")
        yield svg.symbol(mark.kind, place, top + _STRIP + 10)
    failure = next(mark.at for mark in window.marks if mark.kind is MarkKind.FAILURE)
    step = _nice(span * 1e3 / 6)
    begin = ceil((window.begin - failure) / 1e6 / step)
    for number in range(begin, floor((window.end - failure) / 1e6 / step) + 1):
        place = x(failure + number * step * 1e6)
        yield svg.text(
            place, top + _STRIP + 28, f"{number * step:+.0f} ms" if number else "0", "p-quiet", "middle", 11
        )


def latencies(scenario: Scenario, *, rules: str = "") -> str:
    """Return the picture of how long joins took from the master to the backup's kernel."""
    values = scenario.latencies
    low, high = floor(log10(max(min(values), 0.01))), ceil(log10(max(values)))
    high = max(high, low + 1)
    bins = 16 * (high - low)
    counts = [0] * bins
    for value in values:
        counts[min(bins - 1, max(0, int((log10(max(value, 10.0**low)) - low) / (high - low) * bins)))] += 1
    top, bottom = 36, 36 + _HEIGHT
    x, y = _Axis(low, high, _LEFT, WIDTH - _RIGHT), _Axis(0, _nice(max(counts)), bottom, top)
    parts = [*_counted(y), *_bars(counts, x, y, low, high), *_decades(low, high, x, bottom)]
    parts += _measures(scenario, x, top, bottom)
    said = ", ".join(f"{name} {value:.2f} ms" for name, value in scenario.latency().items())
    return svg.picture(WIDTH, bottom + 44, f"latency of {len(values)} joins: {said}", parts, rules)


def _counted(y: _Axis) -> Iterator[str]:
    for part in range(3):
        value = y.high * part / 2
        yield svg.line(_LEFT, y(value), WIDTH - _RIGHT, y(value), "p-rule")
        yield svg.text(_LEFT - 8, y(value) + 4, f"{value:,.0f}", "p-quiet", "end")
    yield svg.text(8, y.end - 12, "joins", "p-quiet", size=11)


def _bars(counts: Sequence[int], x: _Axis, y: _Axis, low: int, high: int) -> Iterator[str]:
    width = (high - low) / len(counts)
    for number, count in enumerate(counts):
        if count:
            begin, end = x(low + number * width), x(low + (number + 1) * width)
            yield svg.box(begin + 0.5, y(count), end - begin - 1, y(0) - y(count), "p-bar")


def _decades(low: int, high: int, x: _Axis, bottom: float) -> Iterator[str]:
    for power in range(low, high + 1):
        yield svg.line(x(power), bottom, x(power), bottom + 4, "p-rule")
        yield svg.text(x(power), bottom + 18, f"{10.0**power:g}", "p-quiet", "middle")
    middle = (x.begin + x.end) / 2
    yield svg.text(
        middle,
        bottom + 34,
        "milliseconds from the report on the master to the entry of the backup",
        "p-quiet",
        "middle",
        11,
    )


def _measures(scenario: Scenario, x: _Axis, top: float, bottom: float) -> Iterator[str]:
    found = scenario.latency()
    for name, kind, anchor, aside in (("median", "other", "end", -6), ("p99", "commit", "start", 6)):
        place = x(min(max(log10(max(found[name], 0.001)), x.low), x.high))
        yield svg.line(place, top - 14, place, bottom, f"p-{kind}")
        yield svg.text(place + aside, top - 8, f"{name} {found[name]:.2f} ms", f"p-{kind}-t", anchor)

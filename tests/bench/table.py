"""One measurement a row, printed as it comes and kept for the JSON file."""

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """What was measured, its value, and the server's CPU time for one operation where it applies."""

    name: str
    value: float
    unit: str
    cpu_ms: float | None = None
    note: str = ""

    def __str__(self) -> str:
        cpu = "" if self.cpu_ms is None else f"{self.cpu_ms:.3f}"
        return f"{self.name:<58} {self.value:>12,.3f} {self.unit:<14} {cpu:>9}  {self.note}"

    def as_json(self) -> dict[str, object]:
        """Return the row for the JSON file."""
        return asdict(self)


HEAD = f"{'measurement':<58} {'value':>12} {'unit':<14} {'CPU ms':>9}"


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which `share` (0 to 1) of the values lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def latency(values: Sequence[float]) -> str:
    """Return median and 99th percentile of seconds, as milliseconds."""
    return f"p50 {statistics.median(values) * 1e3:.2f} ms, p99 {percentile(values, 0.99) * 1e3:.2f} ms"

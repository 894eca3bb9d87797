"""What a scenario shows: scenes, each a stream over time, with what was expected of it. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from statistics import median, quantiles

from cli.lab.measure import Loss, loss
from cli.lab.timeline import Mark, MarkKind, Timeline


class ScenarioName(StrEnum):
    """What `--scenario` takes, besides `cases` and `all`."""

    CORE_LINK = "core-link"
    RE_ENABLE = "re-enable"
    ZAPPING_STORM = "zapping-storm"
    NODE_DEATH = "node-death"
    PARTITION = "partition"
    VRRP = "vrrp"


@dataclass(frozen=True, slots=True)
class Scene:
    """One stream, and how many of its packets its failure may cost; None: it must not come back."""

    title: str
    text: str
    timeline: Timeline
    allowed: int | None

    @property
    def failure(self) -> Mark:
        """The failure, or the begin where nothing failed."""
        return self.timeline.first(MarkKind.FAILURE) or Mark(MarkKind.OTHER, self.timeline.begin, "")

    def loss(self) -> Loss:
        """What was lost from the failure on."""
        line, at = self.timeline, self.failure.at
        return loss(line.sent_at, line.received, (at, at), line.end)

    def misses(self) -> list[str]:
        """Return what it should have shown and did not."""
        found = self.loss()
        if found.sent == 0:
            return ["no packet was sent"]
        if self.allowed is None:
            return [] if found.gap_ms is None else ["the stream came back though nobody copied its join"]
        if found.gap_ms is None:
            return ["the stream did not come back"]
        over = found.lost > self.allowed
        return [f"lost {found.lost} packets, {self.allowed} are allowed"] if over else []


@dataclass(frozen=True, slots=True)
class Scenario:
    """A scenario as it was seen; `skipped` says why it was not played.

    `latencies`: milliseconds from a join on the master to its entry in the backup's kernel. `missing`: joins
    without one.
    """

    name: str
    title: str
    text: str
    scenes: Sequence[Scene] = ()
    facts: Mapping[str, str] = field(default_factory=dict)
    latencies: Sequence[float] = ()
    missing: int = 0
    skipped: str = ""
    found: Sequence[str] = ()
    """What else was not as it should have been."""

    def misses(self) -> list[str]:
        """Return everything that was not as it should have been."""
        own = [*self.found, *([f"{self.missing} joins without an entry"] if self.missing else [])]
        return [*(f"{scene.title}: {miss}" for scene in self.scenes for miss in scene.misses()), *own]

    def latency(self) -> dict[str, float]:
        """Return median, 99th percentile and most of the latencies, in milliseconds; empty without any."""
        if not self.latencies:
            return {}
        hundredths = _hundredths(self.latencies)
        return {"median": median(self.latencies), "p99": hundredths[98], "most": max(self.latencies)}

    def as_json(self) -> dict[str, object]:
        """Return the form of the result file."""
        return {
            "name": self.name,
            "skipped": self.skipped,
            "facts": dict(self.facts),
            "misses": self.misses(),
            "scenes": [
                {"title": scene.title, "twice": scene.timeline.twice(), **asdict(scene.loss())}
                for scene in self.scenes
            ],
            "marks": [mark.text for scene in self.scenes for mark in scene.timeline.marks],
            "join_to_backup_ms": {name: round(value, 3) for name, value in self.latency().items()},
        }


def _hundredths(values: Sequence[float]) -> list[float]:
    return quantiles(values, n=100, method="inclusive") if len(values) > 1 else [values[0]] * 99

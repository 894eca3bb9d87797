"""The five cases of the laboratory and what each must show."""

from dataclasses import dataclass
from enum import StrEnum

from cli.lab.measure import Loss
from cli.lab.timeline import Timeline

ALLOWED_LOSS = 5
"""Packets of a stream of 1,000 a second that a failover may cost where the backup was ready."""


class CaseName(StrEnum):
    """The names in the result file."""

    COPIED = "copied-link-failure"
    NOT_COPIED = "not-copied-link-failure"
    RE_ENABLED = "re-enabled-batch"
    DUAL_HOMED = "not-copied-dual-homed"
    ZAP = "copied-zap-after-failure"


@dataclass(frozen=True, slots=True)
class CaseResult:
    """One case as it was seen.

    `entries_on_backup`: resolved kernel entries for this case's own groups just before the failure.
    `retained_entries`: those kept from before. `zap_ms`: from the join of a new group after the failure to
    its first packet (with the memory plane: its entry on the backup); None where the case has no zap.
    `loss` and `timeline`, the stream itself, are None with the memory plane, which forwards nothing.
    """

    name: CaseName
    igmp_copy: bool
    groups: int
    entries_on_backup: int
    retained_entries: int
    loss: Loss | None
    zap_ms: float | None = None
    timeline: Timeline | None = None

    def misses(self) -> list[str]:
        """Return what the case should have shown and did not; empty when all is well."""
        found = self._misses_of_entries()
        if self.loss is not None:
            found += self._misses_of_loss(self.loss)
        if self.name is CaseName.ZAP and (self.zap_ms is None or self.zap_ms > 1000):
            found.append("the new channel did not arrive within a second")
        return found

    @property
    def expects_silence(self) -> bool:
        """Whether the stream must not come back."""
        return self.name is CaseName.NOT_COPIED

    @property
    def allowed_loss(self) -> int:
        """Packets that it may lose."""
        return ALLOWED_LOSS

    def misses_beside_the_stream(self) -> list[str]:
        """Return the misses that the stream itself does not show."""
        of_loss = [] if self.loss is None else self._misses_of_loss(self.loss)
        return [miss for miss in self.misses() if miss not in of_loss]

    def _misses_of_entries(self) -> list[str]:
        if self.name is not CaseName.NOT_COPIED:
            missing = self.entries_on_backup != self.groups
            return [f"{self.entries_on_backup} of {self.groups} entries on the backup"] if missing else []
        found = []
        if self.entries_on_backup:
            found.append(f"{self.entries_on_backup} entries on the backup that nobody copied")
        if self.retained_entries != self.groups:
            found.append(f"{self.retained_entries} of {self.groups} entries retained")
        return found

    def _misses_of_loss(self, loss: Loss) -> list[str]:
        if loss.sent == 0:
            return ["no packet was sent"]
        if self.name is CaseName.NOT_COPIED:
            arrived = loss.sent - loss.lost
            return [f"{arrived} packets arrived that nobody should forward"] if arrived else []
        found = []
        if loss.lost > ALLOWED_LOSS:
            found.append(f"lost {loss.lost} packets, {ALLOWED_LOSS} are allowed")
        if loss.gap_ms is None:
            found.append("the stream did not come back")
        return found

    def as_json(self) -> dict[str, object]:
        """Return the form of the result file."""
        fields: dict[str, object] = {
            "name": str(self.name),
            "igmp_copy": self.igmp_copy,
            "entries_on_backup": self.entries_on_backup,
            "retained_entries": self.retained_entries,
            "sent": self.loss.sent if self.loss else 0,
            "lost": self.loss.lost if self.loss else 0,
            "gap_ms": self.loss.gap_ms if self.loss else None,
        }
        return fields if self.zap_ms is None else {**fields, "zap_ms": self.zap_ms}


def group_block(number: int, size: int) -> list[str]:
    """Return `size` groups of the administratively scoped range (RFC 2365); blocks do not overlap."""
    return [f"239.{number}.{index // 250}.{index % 250 + 1}" for index in range(size)]

"""The five cases of the laboratory and what each must show."""

from dataclasses import dataclass
from enum import StrEnum

from cli.lab.measure import Loss

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
    its first packet; None where the case has no zap.
    """

    name: CaseName
    igmp_copy: bool
    groups: int
    entries_on_backup: int
    retained_entries: int
    loss: Loss
    zap_ms: float | None = None

    def misses(self) -> list[str]:
        """Return what the case should have shown and did not; empty when all is well."""
        found = []
        if self.name is CaseName.NOT_COPIED:
            found += self._misses_of_not_copied()
        else:
            if self.entries_on_backup != self.groups:
                found.append(f"{self.entries_on_backup} of {self.groups} entries on the backup")
            if self.loss.lost > ALLOWED_LOSS:
                found.append(f"lost {self.loss.lost} packets, {ALLOWED_LOSS} are allowed")
            if self.loss.gap_ms is None:
                found.append("the stream did not come back")
        if self.name is CaseName.ZAP and (self.zap_ms is None or self.zap_ms > 1000):
            found.append("the new channel did not arrive within a second")
        if self.loss.sent == 0:
            found.append("no packet was sent")
        return found

    def _misses_of_not_copied(self) -> list[str]:
        found = []
        if self.entries_on_backup:
            found.append(f"{self.entries_on_backup} entries on the backup that nobody copied")
        if self.retained_entries != self.groups:
            found.append(f"{self.retained_entries} of {self.groups} entries retained")
        if self.loss.lost != self.loss.sent:
            found.append(f"{self.loss.sent - self.loss.lost} packets arrived that nobody should forward")
        return found

    def as_json(self) -> dict[str, object]:
        """Return the form of the result file."""
        fields: dict[str, object] = {
            "name": str(self.name),
            "igmp_copy": self.igmp_copy,
            "entries_on_backup": self.entries_on_backup,
            "retained_entries": self.retained_entries,
            "sent": self.loss.sent,
            "lost": self.loss.lost,
            "gap_ms": self.loss.gap_ms,
        }
        return fields if self.zap_ms is None else {**fields, "zap_ms": self.zap_ms}


def group_block(number: int, size: int) -> list[str]:
    """Return `size` groups of the administratively scoped range (RFC 2365); blocks do not overlap."""
    return [f"239.{number}.{index // 250}.{index % 250 + 1}" for index in range(size)]

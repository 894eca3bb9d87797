"""What the dataplane can be told to do besides its configuration, and what comes of it.

Owns the types only (msgspec; they cross the control socket as they are, and the engine takes them as
messages). Each action has one outcome, or `ActionRefused`.
"""

import msgspec


class BatchBackup(msgspec.Struct, frozen=True, tag="batch-backup"):
    """Send a batch of the current memberships of all profiles of a service."""

    service: str


class ResetStatistics(msgspec.Struct, frozen=True, tag="reset-statistics"):
    """Start the counters of a service from zero."""

    service: str


class ClearCopiedGroups(msgspec.Struct, frozen=True, tag="clear-copied-groups"):
    """Remove the memberships of a profile that only a copy explains; empty fields match any."""

    profile: str
    group: str = ""
    interface: str = ""


class Switchover(msgspec.Struct, frozen=True, tag="switchover"):
    """Give up the role of master of a profile, or take it."""

    profile: str


class BatchStarted(msgspec.Struct, frozen=True, tag="batch-started"):
    """The batch is on its way; its completion is announced with this id."""

    batch_id: int


class StatisticsReset(msgspec.Struct, frozen=True, tag="statistics-reset"):
    """The counters are at zero."""


class GroupsCleared(msgspec.Struct, frozen=True, tag="groups-cleared"):
    """So many memberships were removed."""

    count: int


class RoleSwitched(msgspec.Struct, frozen=True, tag="role-switched"):
    """The role machine has taken the request; a change of the role is announced."""


class ActionRefused(msgspec.Struct, frozen=True, tag="action-refused"):
    """Nothing was done. `reason` is a word for programs, `message` a sentence for people."""

    reason: str
    message: str


Action = BatchBackup | ResetStatistics | ClearCopiedGroups | Switchover
Outcome = BatchStarted | StatisticsReset | GroupsCleared | RoleSwitched | ActionRefused

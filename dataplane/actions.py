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


class LoadSubscribers(msgspec.Struct, frozen=True, tag="load-subscribers"):
    """Take a part of a list of subscribers, as patterns (`dataplane.subscriber_list`).

    `profile` is whose list it is, "" for all that have none of their own. `loading` is a number of the
    sender's choice that holds the parts together; with `first` a new list begins, with `last` it takes the
    place of the one before.
    """

    profile: str
    loading: int
    patterns: tuple[str, ...]
    first: bool = False
    last: bool = False


class ClearSubscribers(msgspec.Struct, frozen=True, tag="clear-subscribers"):
    """Forget a list of subscribers."""

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


class SubscribersLoaded(msgspec.Struct, frozen=True, tag="subscribers-loaded"):
    """So many subscribers are in the list so far."""

    count: int


class SubscribersCleared(msgspec.Struct, frozen=True, tag="subscribers-cleared"):
    """So many subscribers were in the list."""

    count: int


class ActionRefused(msgspec.Struct, frozen=True, tag="action-refused"):
    """Nothing was done. `reason` is a word for programs, `message` a sentence for people."""

    reason: str
    message: str


Action = BatchBackup | ResetStatistics | ClearCopiedGroups | Switchover | LoadSubscribers | ClearSubscribers
Outcome = (
    BatchStarted
    | StatisticsReset
    | GroupsCleared
    | RoleSwitched
    | SubscribersLoaded
    | SubscribersCleared
    | ActionRefused
)

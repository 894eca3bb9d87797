"""What the reference model keeps: memberships, what is believed of them, and what is on its way."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

NEVER = float("-inf")


class Key(NamedTuple):
    """One membership: what one subscriber of a port wants of a group; source "" is any source."""

    port: str
    subscriber: str
    group: str
    source: str = ""


class Kind(NamedTuple):
    """What the rules ask about a subscriber's message."""

    pppoe: bool
    family: int


@dataclass
class Mark:
    """Something that is known for certain, or possible."""

    sure: bool = False
    may: bool = False

    def set(self, *, sure: bool) -> None:
        self.may = True
        self.sure |= sure


@dataclass
class Belief:
    """What is known of one entry of one router. `local`: heard on its port; `copied`: told by the peer."""

    sure: float = NEVER
    may: float = NEVER
    local: Mark = field(default_factory=Mark)
    copied: Mark = field(default_factory=Mark)
    heard_at: float = NEVER
    left_at: float = NEVER


@dataclass
class Settings:
    """A profile as it is committed on one router."""

    multicast: bool = True
    igmp_copy: bool = True
    mld_copy: bool = True

    def copies(self, kind: Kind) -> bool:
        """Rules 1, 2, 5 and 6."""
        return self.multicast and (kind.pppoe or (self.igmp_copy if kind.family == 4 else self.mld_copy))


class Copy(NamedTuple):
    """A copy on its way: accepted at `at`; nobody knows yet whether it arrived."""

    at: float
    key: Key
    leave: bool
    certain: bool
    void: bool = False
    """A report whose subscriber left, which was not copied: it is not sent again, but may be under way."""


class Batch(NamedTuple):
    """A batch that began at `at` while the channel was connected."""

    at: float
    profile: str
    chosen: Callable[[Kind], bool]


@dataclass
class Site:
    """One router. `open`: its end of the channel takes records. `pulling`: it begins with nothing."""

    beliefs: dict[Key, Belief] = field(default_factory=dict)
    profiles: dict[str, Settings] = field(default_factory=dict)
    ports: dict[str, str] = field(default_factory=dict)
    bound_at: dict[str, float] = field(default_factory=dict)
    removed_at: dict[str, float] = field(default_factory=dict)
    """When profiles were deleted."""
    open: bool = False
    opened_at: float | None = None
    """When the batches of this connection began; None when they have come to their end."""
    pulling: bool = True
    sending_blocked: bool = False
    deaf_since: float | None = None
    """Since when what the peer copies is discarded."""
    listed: frozenset[str] | None = None
    """The MAC addresses of the subscribers that are copied; None for everyone."""
    denied: dict[str, frozenset[str]] = field(default_factory=dict)
    """The groups that the filter of a port denies."""
    disturbed: dict[str, float] = field(default_factory=dict)
    """When something last kept what is said on a port from being known here."""
    copies: list[Copy] = field(default_factory=list)
    batches: list[Batch] = field(default_factory=list)

    def lists(self, key: Key) -> bool:
        """Rule 14: whether the subscriber is one of those that are copied."""
        return self.listed is None or key.subscriber[:17] in self.listed

    def denies(self, key: Key) -> bool:
        """Whether a filter keeps the membership from beginning, or from going on."""
        return key.group in self.denied.get(key.port, ())

"""What membership is made of: filter modes, the state of an entry as a value, the merge of a group.

Types shared by the table, the querier and whoever reads them (RFC 3376 sections 3 and 6). Times are
monotonic seconds, lifetimes are seconds from now.
"""

from enum import StrEnum
from ipaddress import IPv4Address
from typing import Final, TypeAlias

import msgspec

from dataplane.packets.ethernet import UNTAGGED, Subscriber
from dataplane.packets.messages import Address

Sources: TypeAlias = tuple[Address, ...]


class FilterMode(StrEnum):
    """RFC 3376 section 3.1: the listed sources only, or all but them."""

    INCLUDE = "include"
    EXCLUDE = "exclude"


class Origin(StrEnum):
    """How an entry came to be known: a message on the access interface, a copy of the peer's, or both."""

    LOCAL = "local"
    COPIED = "copied"
    BOTH = "both"


class SourceState(msgspec.Struct, frozen=True, gc=False):
    """One source of an entry. `lifetime` 0 means excluded: known, and not forwarded (only in EXCLUDE)."""

    address: Address
    lifetime: float
    up_since: float = 0.0


class EntryState(msgspec.Struct, frozen=True, gc=False):
    """An entry as a value: what a record on the channel carries and what a person is shown.

    `lifetime` is the group timer's rest in EXCLUDE and the longest source timer's in INCLUDE, in seconds;
    the entry is gone when it has passed. `up_since` is local time and never crosses the channel.
    `origin` is the table's own word in a snapshot; to `apply_update` it says what the entry is to be here.
    """

    subscriber: Subscriber
    group: Address
    filter_mode: FilterMode
    lifetime: float
    sources: tuple[SourceState, ...] = ()
    last_reporter: Address = IPv4Address(0)
    origin: Origin = Origin.COPIED
    up_since: float = 0.0

    @property
    def alive(self) -> bool:
        """Whether any of its timers runs."""
        if self.filter_mode is _EXCLUDE:
            return self.lifetime > 0
        return any(source.lifetime > 0 for source in self.sources)

    @property
    def longest(self) -> float:
        """Seconds until the last of its timers ends."""
        if not self.sources:
            return self.lifetime
        last = max(source.lifetime for source in self.sources)
        return max(last, self.lifetime) if self.filter_mode is _EXCLUDE else last


class ChangeKind(StrEnum):
    """What happened to an entry.

    A message made it (CREATED), changed its filter state or lowered one of its timers (UPDATED), only
    lengthened its timers (REFRESHED), lowered all of them to the last member query time (LEAVING), or
    took it out at once (REMOVED: immediate leave, or `MembershipTable.remove`). EXPIRED: time took it.
    """

    CREATED = "created"
    UPDATED = "updated"
    REFRESHED = "refreshed"
    LEAVING = "leaving"
    REMOVED = "removed"
    EXPIRED = "expired"


# A member costs 0.1 µs to look up in its class (Python 3.11), and a report asks for a dozen of them.
_INCLUDE: Final = FilterMode.INCLUDE
_EXCLUDE: Final = FilterMode.EXCLUDE


class Aggregate(msgspec.Struct, frozen=True, gc=False):
    """What one subscriber wants of a group, or all together (RFC 3376 section 3.2).

    EXCLUDE with no sources is any-source; INCLUDE always has at least one source.
    """

    filter_mode: FilterMode
    sources: frozenset[Address] = frozenset()

    def wants(self, source: Address) -> bool:
        """Whether traffic of this source is to be forwarded."""
        return (source in self.sources) == (self.filter_mode is _INCLUDE)


ANY_SOURCE = Aggregate(_EXCLUDE)


class LastMemberQuery(msgspec.Struct, frozen=True, gc=False):
    """A question to ask before a group, or sources of it, are dropped; () means the whole group.

    `circuit`: where the member is that may have been the last. Whoever is behind another VLAN tag or PPPoE
    session has timers of their own, and would not hear the answer either.
    """

    group: Address
    sources: Sources = ()
    circuit: Subscriber = UNTAGGED


class Tally(msgspec.Struct, eq=False, gc=False):
    """How many filters want and how many exclude each source; one costs as many steps as it has sources."""

    _excludes: int = 0
    _wanted: dict[Address, int] = {}
    _blocked: dict[Address, int] = {}

    def count(self, wants: Aggregate, step: int) -> None:
        """Add a filter, or with -1 take it away."""
        if wants.filter_mode is _EXCLUDE:
            self._excludes += step
        if wants.sources:
            self._count_sources(wants.filter_mode, wants.sources, step)

    def _count_sources(self, mode: FilterMode, sources: frozenset[Address], step: int) -> None:
        counts = self._wanted if mode is _INCLUDE else self._blocked
        for source in sources:
            left = counts.get(source, 0) + step
            if left:
                counts[source] = left
            else:
                del counts[source]

    def wants(self, source: Address) -> bool:
        """Whether any filter wants the source."""
        return source in self._wanted or self._blocked.get(source, 0) < self._excludes


class Merge(Tally, eq=False, gc=False):
    """The merge of many filters, kept up to date one filter at a time (RFC 3376 section 3.2).

    Any EXCLUDE makes the whole EXCLUDE, of the sources that every EXCLUDE excludes and no INCLUDE wants.
    Changing one filter costs as many steps as its sources differ, however many filters there are.
    """

    _result: Aggregate | None = None

    def replace(self, old: Aggregate | None, new: Aggregate | None) -> bool:
        """Take one filter for another (None: none); says whether the merge differs now."""
        if old is not None and new is not None and old.filter_mode is new.filter_mode:
            self._recount(new.filter_mode, old.sources - new.sources, new.sources - old.sources)
        else:
            self._count_both(old, new)
        before, self._result = self._result, self._merged()
        return before != self._result

    @property
    def result(self) -> Aggregate | None:
        """What all want together; None when there is no filter."""
        return self._result

    def _count_both(self, old: Aggregate | None, new: Aggregate | None) -> None:
        if old is not None:
            self.count(old, -1)
        if new is not None:
            self.count(new, 1)

    def _recount(self, mode: FilterMode, went: frozenset[Address], came: frozenset[Address]) -> None:
        """Other sources in the same mode."""
        self._count_sources(mode, went, -1)
        self._count_sources(mode, came, 1)

    def _merged(self) -> Aggregate | None:
        if self._excludes == 0:
            return Aggregate(_INCLUDE, frozenset(self._wanted)) if self._wanted else None
        if not self._blocked:
            return ANY_SOURCE
        blocked = (source for source, count in self._blocked.items() if count == self._excludes)
        return Aggregate(_EXCLUDE, frozenset(blocked) - self._wanted.keys())

"""What membership is made of: the filter mode, one subscriber's entry in a group, a group's aggregate.

Types shared by the table, the querier and whoever reads them (RFC 3376 sections 3 and 6). Times are
monotonic seconds, lifetimes are seconds from now.
"""

from enum import StrEnum
from ipaddress import IPv4Address
from typing import TypeAlias

import msgspec

from dataplane.packets.ethernet import Subscriber
from dataplane.packets.wire import DropReason

Sources: TypeAlias = tuple[IPv4Address, ...]


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

    address: IPv4Address
    lifetime: float


class EntryState(msgspec.Struct, frozen=True):
    """An entry as a value: what a record on the channel carries and what a person is shown.

    `lifetime` is the group timer's rest in EXCLUDE and the longest source timer's in INCLUDE, in seconds;
    the entry is gone when it has passed.
    """

    subscriber: Subscriber
    group: IPv4Address
    filter_mode: FilterMode
    lifetime: float
    sources: tuple[SourceState, ...] = ()
    last_reporter: IPv4Address = IPv4Address(0)
    origin: Origin = Origin.LOCAL
    up_since: float = 0.0


class ChangeKind(StrEnum):
    """What happened to an entry. All but REMOVED leave it in the table.

    CREATED, UPDATED (its filter state differs), REFRESHED (its timers only) and LEAVING (all its timers
    were lowered to the last member query time) tell what a message did. REMOVED: it is gone.
    """

    CREATED = "created"
    UPDATED = "updated"
    REFRESHED = "refreshed"
    LEAVING = "leaving"
    REMOVED = "removed"


class Aggregate(msgspec.Struct, frozen=True):
    """What all subscribers of a group want together (RFC 3376 section 3.2, the merge of filter modes).

    EXCLUDE with no sources is any-source; INCLUDE always has at least one source.
    """

    filter_mode: FilterMode
    sources: frozenset[IPv4Address] = frozenset()

    def wants(self, source: IPv4Address) -> bool:
        """Whether traffic of this source is to be forwarded."""
        return (source in self.sources) == (self.filter_mode is FilterMode.INCLUDE)


class LastMemberQuery(msgspec.Struct, frozen=True):
    """A question to ask before a group, or sources of it, are dropped; () means the whole group."""

    group: IPv4Address
    sources: Sources = ()

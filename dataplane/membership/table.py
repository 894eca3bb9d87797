"""The members behind one access interface: RFC 3376 section 6 with explicit tracking per subscriber.

Every subscriber has its own entry per group, with the state and timers that RFC 3376 gives a router for
the group, run as if that subscriber were alone; the group is the merge of its entries. The table does
not know the role: it always says what to query, and the `Querier` knows whether that is ours to send.
"""

from collections.abc import Iterator
from ipaddress import IPv4Address

import msgspec

from dataplane.config import IgmpConfig
from dataplane.membership.groups import Aggregate, ChangeKind, EntryState, FilterMode, LastMemberQuery, Origin
from dataplane.packets.ethernet import Subscriber
from dataplane.packets.igmp import Report
from dataplane.packets.wire import DropReason


class Entry:
    """One subscriber in one group. Read its attributes; only the table changes them."""

    subscriber: Subscriber
    group: IPv4Address
    filter_mode: FilterMode
    origin: Origin
    last_reporter: IPv4Address
    up_since: float

    def state(self, now: float) -> EntryState:
        """The entry as a value with lifetimes in seconds from `now`."""
        raise NotImplementedError


class EntryChange(msgspec.Struct, frozen=True):
    """What happened to one entry."""

    kind: ChangeKind
    entry: Entry


class Changes(msgspec.Struct, frozen=True):
    """What one call did.

    `entries`: the entries a message touched or time removed, in order. After `report`, CREATED, UPDATED
    and REFRESHED are copied to the peer as an UPDATE of `entry.state(now)`, LEAVING and REMOVED as a
    LEAVE. After `expire`, nothing is copied: the peer's timers run too.
    `groups`: the groups whose aggregate differs now (read it with `aggregate`): forwarding and upstream.
    `queries`: what to give to `Querier.ask`, also on a backup.
    `refused`: one reason per record that was not taken, for the counters.
    """

    entries: tuple[EntryChange, ...] = ()
    groups: tuple[IPv4Address, ...] = ()
    queries: tuple[LastMemberQuery, ...] = ()
    refused: tuple[DropReason, ...] = ()


class MembershipTable:
    """Entries of one access interface. Every method is given `now` in monotonic seconds, never backwards."""

    def __init__(self, config: IgmpConfig) -> None:
        raise NotImplementedError

    def reconfigure(self, config: IgmpConfig) -> None:
        """Use other timers and limits from now on; running timers and existing entries stay."""

    def report(self, subscriber: Subscriber, report: Report, reporter: IPv4Address, now: float) -> Changes:
        """A report or leave that arrived on the access interface (RFC 3376 section 6.4)."""
        raise NotImplementedError

    def apply_update(self, state: EntryState, now: float, *, batch: bool = False) -> Changes:
        """A copied entry: it refreshes like the message itself (`last_reporter` is taken from it).

        In a batch it only starts what is missing: a timer that runs is neither lengthened nor shortened.
        """
        raise NotImplementedError

    def apply_leave(self, subscriber: Subscriber, group: IPv4Address, now: float) -> Changes:
        """A copied leave: the entry's timers are lowered to the last member query time."""
        raise NotImplementedError

    def query_heard(self, query: LastMemberQuery, max_response: float, now: float) -> Changes:
        """A foreign querier's last-member query without the S flag (RFC 3376 section 6.6.1)."""
        raise NotImplementedError

    def remove(self, subscriber: Subscriber, group: IPv4Address) -> Changes:
        """Drop one entry at once (clear-copied-groups)."""
        raise NotImplementedError

    def expire(self, now: float) -> Changes:
        """Let time do its work; costs what expired."""
        raise NotImplementedError

    def next_deadline(self) -> float | None:
        """When `expire` may next have something to do; never later than that, None for never."""
        raise NotImplementedError

    def entry(self, subscriber: Subscriber, group: IPv4Address) -> Entry | None:
        """One entry."""
        raise NotImplementedError

    def entries(self, group: IPv4Address | None = None) -> Iterator[Entry]:
        """All entries, or those of one group."""
        raise NotImplementedError

    def snapshot(self, now: float) -> list[EntryState]:
        """All live entries as values with lifetimes in seconds from `now`, for a batch."""
        raise NotImplementedError

    def groups(self) -> Iterator[IPv4Address]:
        """The groups that anyone wants."""
        raise NotImplementedError

    def aggregate(self, group: IPv4Address) -> Aggregate | None:
        """What all subscribers of the group want together; None when nobody does."""
        raise NotImplementedError

    def __len__(self) -> int:
        """The number of entries."""
        raise NotImplementedError

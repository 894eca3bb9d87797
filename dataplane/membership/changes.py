"""What a call on the table did: the value that the engine turns into records, routes and queries."""

import msgspec

from dataplane.membership.entry import Ask, Entry
from dataplane.membership.groups import ChangeKind, EntryState, LastMemberQuery
from dataplane.packets.ethernet import UNTAGGED
from dataplane.packets.messages import Address
from dataplane.packets.wire import DropReason


class EntryChange(msgspec.Struct, frozen=True, gc=False):
    """What happened to one entry. `copied`: what a copy says where that is not the entry as it is now."""

    kind: ChangeKind
    entry: Entry
    copied: EntryState | None = None

    def state(self, now: float) -> EntryState:
        """What the peer is to be told."""
        return self.copied or self.entry.state(now)


class Changes(msgspec.Struct, frozen=True, gc=False):
    """What one call did.

    `entries`: the entries that a message touched or time removed, in order. After `report`, CREATED,
    UPDATED and REFRESHED are copied to the peer as an UPDATE of `state(now)`, LEAVING and REMOVED as
    a LEAVE; EXPIRED is not copied, for the peer's timers run too. After `expire`, nothing is copied.
    `groups`: the groups whose aggregate differs now (read it with `aggregate`): forwarding and upstream.
    `queries`: what to give to `Querier.ask`, also on a backup.
    `refused`: one reason per record that was not taken, for the counters.
    """

    entries: tuple[EntryChange, ...] = ()
    groups: tuple[Address, ...] = ()
    queries: tuple[LastMemberQuery, ...] = ()
    refused: tuple[DropReason, ...] = ()


class Collector:
    """Gathers `Changes` while a call runs."""

    __slots__ = ("_entries", "_groups", "_queries", "_refused")

    def __init__(self) -> None:
        self._entries: list[EntryChange] = []
        self._groups: list[Address] = []
        self._queries: list[LastMemberQuery] = []
        self._refused: list[DropReason] = []

    def entry(self, kind: ChangeKind, entry: Entry, copied: EntryState | None = None) -> None:
        """An entry was touched."""
        self._entries.append(EntryChange(kind, entry, copied))

    def group(self, address: Address) -> None:
        """A group's aggregate differs."""
        self._groups.append(address)

    def ask(self, entry: Entry, ask: Ask) -> None:
        """Queries are to be sent where the entry's subscriber is."""
        subscriber = entry.subscriber
        circuit = subscriber.circuit if subscriber.tagged else UNTAGGED
        if ask.group:
            self._queries.append(LastMemberQuery(entry.group, (), circuit))
        if ask.sources:
            self._queries.append(LastMemberQuery(entry.group, tuple(sorted(ask.sources)), circuit))

    def refuse(self, reason: DropReason) -> None:
        """A record was not taken."""
        self._refused.append(reason)

    def changes(self) -> Changes:
        """What was gathered."""
        groups = self._groups if len(self._groups) < 2 else dict.fromkeys(self._groups)
        return Changes(tuple(self._entries), tuple(groups), tuple(self._queries), tuple(self._refused))

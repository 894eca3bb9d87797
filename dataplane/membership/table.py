"""The members behind one access interface: RFC 3376 section 6 with explicit tracking per subscriber.

Every subscriber has its own entry per group, with the state and timers that RFC 3376 gives a router for
the group, run as if that subscriber were alone; the group is the merge of its entries. The table does
not know the role: it always says what to query, and the `Querier` knows whether that is ours to send.
"""

from collections.abc import Iterable, Iterator
from math import inf
from typing import Final

from dataplane.config import IgmpConfig
from dataplane.membership.admission import Admission
from dataplane.membership.changes import Changes, Collector, EntryChange
from dataplane.membership.entry import NO_QUERY, Ask, Entry
from dataplane.membership.groups import Aggregate, ChangeKind, EntryState, FilterMode, LastMemberQuery, Origin
from dataplane.membership.members import Group
from dataplane.membership.room import Room
from dataplane.membership.timers import MAX_LIFETIME, DeadlineQueue, Timing
from dataplane.packets.ethernet import Subscriber
from dataplane.packets.messages import Address, GroupRecord, RecordType, Report
from dataplane.packets.wire import DropReason

__all__ = ["Changes", "Entry", "EntryChange", "MembershipTable"]

# A member costs 0.1 µs to look up in its class (Python 3.11), and a report asks for a dozen of them.
_CREATED: Final = ChangeKind.CREATED
_REFRESHED: Final = ChangeKind.REFRESHED
_MODE_IS_EXCLUDE: Final = RecordType.MODE_IS_EXCLUDE
_LOCAL: Final = Origin.LOCAL
_EXCLUDE: Final = FilterMode.EXCLUDE
_NO_SOURCES: frozenset[Address] = frozenset()
_INSTANT: Final = 0.001
"""Seconds that a copy gives to what an immediate leave has ended: what a copy does not name goes on."""
_STARTING_MODE = (_MODE_IS_EXCLUDE, RecordType.CHANGE_TO_EXCLUDE_MODE)
_MODE_IS_INCLUDE, _CHANGE_TO_INCLUDE_MODE = RecordType.MODE_IS_INCLUDE, RecordType.CHANGE_TO_INCLUDE_MODE
_STARTING_SOURCES = (_MODE_IS_INCLUDE, _CHANGE_TO_INCLUDE_MODE, RecordType.ALLOW_NEW_SOURCES)


class MembershipTable:
    """Entries of one access interface. Every method is given `now` in monotonic seconds, never backwards.

    `timing` are the intervals in force; the `Querier` changes them while a foreign querier rules.
    """

    def __init__(self, config: IgmpConfig) -> None:
        self._config = config
        self._admission = Admission(config)
        self.timing = Timing.of(config)
        self._groups: dict[Address, Group] = {}
        self._room = Room(self._admission, self._groups)
        self._queue: DeadlineQueue[Entry] = DeadlineQueue()

    def reconfigure(self, config: IgmpConfig) -> None:
        """Use other timers, limits and rules from now on; running timers and existing entries stay."""
        self._config = config
        self._admission = self._room.admission = Admission(config)
        self.timing = Timing.of(config)

    def report(self, subscriber: Subscriber, report: Report, reporter: Address, now: float) -> Changes:
        """A report or leave that arrived on the access interface (RFC 3376 section 6.4)."""
        if report.version > self._config.version:
            return Changes(refused=(DropReason.UNSUPPORTED_VERSION,))
        done = Collector()
        records = self._admitted(report.records, done) if self._admission.filtering else report.records
        for record in records:
            self._take(subscriber, record, report.version, reporter, now, done)
        return done.changes()

    def _admitted(self, records: Iterable[GroupRecord], done: Collector) -> Iterator[GroupRecord]:
        """What the group filter leaves of a report."""
        for record in records:
            admitted, reason = self._admission.record(record)
            if reason is not None:
                done.refuse(reason)
            if admitted is not None:
                yield admitted

    def _take(
        self,
        subscriber: Subscriber,
        record: GroupRecord,
        version: int,
        reporter: Address,
        now: float,
        done: Collector,
    ) -> None:
        entry = self._live(subscriber, record.group, now, done)
        if entry is not None and self._refresh(entry, record, version, reporter, now, done):
            return
        listed = frozenset(record.sources) if record.sources else _NO_SOURCES
        if entry is None and not (
            record.type in _STARTING_MODE or (record.type in _STARTING_SOURCES and listed)
        ):
            return
        refusal = self._room.for_record(subscriber, entry, record, listed)
        if refusal is not None:
            done.refuse(refusal)
            return
        created = entry is None
        if entry is None:
            entry = self._create(subscriber, record.group, _LOCAL, now)
        ask = entry.receive(record.type, listed, now, self.timing)
        if ask is None:
            return
        if not entry.kept:
            self._room.keep(entry, kept=True)
        self._note_report(entry, record.type, version, reporter, now)
        self._answer(entry, ask, now, done, created=created)

    def _refresh(
        self,
        entry: Entry,
        record: GroupRecord,
        version: int,
        reporter: Address,
        now: float,
        done: Collector,
    ) -> bool:
        """The usual case at its cheapest: a member of any source says so again."""
        plain = record.type in _STARTING_MODE and not record.sources and not entry.sources
        if not plain or not entry.firm or not entry.kept:
            return False
        entry.deadline = now + self.timing.group_membership_interval
        self._queue.schedule(entry, entry.deadline)
        self._note_report(entry, record.type, version, reporter, now)
        done.entry(_REFRESHED, entry)
        return True

    def _note_report(
        self, entry: Entry, kind: RecordType, version: int, reporter: Address, now: float
    ) -> None:
        entry.last_reporter = reporter
        entry.promise = None
        if version < 3 and kind is _MODE_IS_EXCLUDE:
            entry.heard(version, now, self.timing)
        self._note_origin(entry, _LOCAL)

    def apply_update(self, state: EntryState, now: float, *, batch: bool = False) -> Changes:
        """A copied entry: it refreshes like the message itself (`last_reporter` is taken from it).

        In a batch it only starts what is missing, now or, unless something newer is said, when a timer ends:
        one that runs is neither lengthened nor shortened.
        An update that lowers a timer to the last member query time or less is a leave in part and asks
        what a leave asks. `state.origin` is COPIED, or LOCAL for an entry of our own that the peer gives
        back after our restart (rule 12). A state whose timers have all ended says nothing.
        """
        if batch and (entry := self._confirmed(state, now)):
            return Changes((EntryChange(_REFRESHED, entry),))
        done = Collector()
        admitted, reason = self._admission.copy(state) if self._admission.filtering else (state, None)
        if reason is not None:
            done.refuse(reason)
        if admitted is None or not admitted.alive:
            return done.changes()
        state = admitted
        entry = self._live(state.subscriber, state.group, now, done)
        if entry is not None and not batch and self._refresh_copied(entry, state, now, done):
            return done.changes()
        created = entry is None
        refusal = self._room.for_copy(entry, state, batch=batch)
        if refusal is not None:
            done.refuse(refusal)
            return done.changes()
        if entry is None:
            entry = self._create(state.subscriber, state.group, state.origin, now)
        self._note_origin(entry, state.origin)
        self._copy(entry, state, now, done, created=created, batch=batch)
        return done.changes()

    def _confirmed(self, state: EntryState, now: float) -> Entry | None:
        """The usual record of a batch at its cheapest: a member of any source that is known already."""
        entry = None if self._admission.filtering else self.entry(state.subscriber, state.group)
        return entry if entry is not None and entry.confirm(state, now) else None

    def _refresh_copied(self, entry: Entry, state: EntryState, now: float, done: Collector) -> bool:
        plain = state.filter_mode is _EXCLUDE and not state.sources and not entry.sources
        if not plain or not entry.firm or not entry.kept:
            return False
        if state.lifetime <= self.timing.last_member_query_time:
            return False
        entry.deadline = now + min(state.lifetime, MAX_LIFETIME)
        entry.last_reporter = state.last_reporter
        entry.promise = None
        self._note_origin(entry, state.origin)
        self._queue.schedule(entry, entry.deadline)
        done.entry(_REFRESHED, entry)
        return True

    def _note_origin(self, entry: Entry, origin: Origin) -> None:
        if entry.origin is not origin:
            entry.origin = Origin.BOTH

    def _copy(
        self, entry: Entry, state: EntryState, now: float, done: Collector, *, created: bool, batch: bool
    ) -> None:
        if created or not batch:
            entry.last_reporter = state.last_reporter
        if batch:
            entry.complete(state, now, now + self.timing.last_member_query_time)
            self._answer(entry, NO_QUERY, now, done, created=created)
            return
        self._room.keep(entry, kept=True)
        soon = now + self.timing.last_member_query_time
        if created:
            entry.overwrite(state, now, soon)
            self._answer(entry, NO_QUERY, now, done, created=True)
            return
        before = entry.running_after(soon)
        entry.overwrite(state, now, soon)
        lowered = before & entry.running_after(now) - entry.running_after(soon)
        ask = Ask(frozenset(source for source in lowered if source is not None), None in lowered)
        self._answer(entry, ask, now, done, created=created)

    def apply_leave(self, subscriber: Subscriber, group: Address, now: float) -> Changes:
        """A copied leave: the entry's timers are lowered to the last member query time."""
        done = Collector()
        entry = self._live(subscriber, group, now, done)
        if entry is not None:
            self._answer(entry, entry.leave(now), now, done)
        return done.changes()

    def query_heard(self, query: LastMemberQuery, limit: float, now: float) -> None:
        """A foreign querier's last-member query without the S flag (section 6.6.1).

        The timers that it asks about end within `limit` seconds unless they are refreshed. It was heard
        without a tag, and asks those who are without one.
        """
        group = self._groups.get(query.group)
        if group is None:
            return
        ask = Ask(frozenset(query.sources), group=not query.sources)
        until = now + limit
        for entry in group.entries.values():
            again = ask.group and entry.leaving and entry.deadline <= until
            if again or entry.subscriber.tagged:
                continue
            entry.lower(ask, until)
            group.recount(entry, entry.counted)
            self._queue.schedule(entry, entry.next_event(now))

    def remove(self, subscriber: Subscriber, group: Address) -> Changes:
        """Drop one entry at once (clear-copied-groups)."""
        done = Collector()
        entry = self.entry(subscriber, group)
        if entry is not None:
            self._discard(entry, ChangeKind.REMOVED, done)
        return done.changes()

    def expire(self, now: float, most: int | None = None) -> Changes:
        """Let time do its work; costs what expired. The kinds are EXPIRED and UPDATED.

        With `most`, after about as many entries and sources; `next_deadline` says that there are others.
        """
        done, left = Collector(), inf if most is None else most
        for entry in self._queue.due(now):
            left -= 1 + len(entry.sources)
            self._settle(entry, now, done, told=True)
            if left <= 0:
                break
        return done.changes()

    def next_deadline(self) -> float | None:
        """When `expire` may next have something to do; never later than that, None for never."""
        return self._queue.next()

    def entry(self, subscriber: Subscriber, group: Address) -> Entry | None:
        """One entry."""
        known = self._groups.get(group)
        return known.entries.get(subscriber) if known else None

    def entries(self, group: Address | None = None) -> Iterator[Entry]:
        """All entries, or those of one group."""
        if group is None:
            for known in self._groups.values():
                yield from known.entries.values()
        elif group in self._groups:
            yield from self._groups[group].entries.values()

    def walk(self) -> Iterator[Entry]:
        """The entries that are there now, each for as long as it is; the table may change meanwhile.

        Entries that come to be after the beginning may be left out. A step costs little, however many there
        are; the first of a group takes note of the group's members.
        """
        for address in list(self._groups):
            known = self._groups.get(address)
            for entry in list(known.entries.values()) if known else ():
                if known and known.entries.get(entry.subscriber) is entry:
                    yield entry

    def groups(self) -> Iterator[Address]:
        """The groups that anyone wants."""
        return iter(self._groups)

    def aggregate(self, group: Address) -> Aggregate | None:
        """What all untagged subscribers of the group want together; None when nobody does."""
        known = self._groups.get(group)
        return known.merge.result if known else None

    def tagged_aggregate(self, group: Address) -> Aggregate | None:
        """What all subscribers want that are behind a VLAN tag or in a PPPoE session."""
        known = self._groups.get(group)
        return known.tagged.result if known and known.tagged else None

    def outlives(self, group: Address, source: Address | None, now: float, limit: float) -> bool:
        """Whether an untagged member's timer, of a source or with None of the group, outlasts the limit."""
        members = (entry for entry in self.entries(group) if not entry.subscriber.tagged)
        return any(entry.lifetime(source, now) > limit for entry in members)

    def __len__(self) -> int:
        return self._room.entries

    def _live(self, subscriber: Subscriber, group: Address, now: float, done: Collector) -> Entry | None:
        """The entry, brought to `now`."""
        entry = self.entry(subscriber, group)
        if entry is None or entry.scheduled > now:
            return entry
        return entry if self._settle(entry, now, done) else None

    def _settle(self, entry: Entry, now: float, done: Collector, *, told: bool = False) -> bool:
        mode = entry.filter_mode
        if not entry.settle(now):
            self._discard(entry, ChangeKind.EXPIRED, done)
            return False
        before = entry.counted
        self._recount(entry, now, done)
        if told and (before != entry.counted or mode is not entry.filter_mode):
            done.entry(ChangeKind.UPDATED, entry)
        return True

    def _recount(self, entry: Entry, now: float, done: Collector) -> None:
        group = self._groups[entry.group]
        if entry.sources is not entry.named:
            self._room.name(entry, group)
        if group.recount(entry, entry.wants(now)):
            done.group(entry.group)
        self._queue.schedule(entry, entry.next_event(now))

    def _create(self, subscriber: Subscriber, group: Address, origin: Origin, now: float) -> Entry:
        known = self._groups.get(group)
        if known is None:
            known = self._groups[group] = Group(group)
        entry = known.entries[subscriber] = Entry(subscriber, known.address, origin, now)
        self._room.entries += 1
        self._room.keep(entry, kept=True)
        return entry

    def _discard(self, entry: Entry, kind: ChangeKind, done: Collector) -> None:
        group = self._groups[entry.group]
        del group.entries[entry.subscriber]
        if group.recount(entry, None):
            done.group(entry.group)
        if not group.entries:
            del self._groups[entry.group]
        self._room.drop(entry)
        if entry.named:
            self._room.name(entry, group, gone=True)
        self._room.entries -= 1
        self._queue.forget(entry)
        done.entry(kind, entry)

    def _answer(self, entry: Entry, ask: Ask, now: float, done: Collector, *, created: bool = False) -> None:
        """Lower what is asked for, let what ended end, and say what came of it."""
        before = entry.counted
        immediate = self._config.immediate_leave
        limit, copied = 0.0, None
        if ask and immediate:
            entry.lower(ask, now + _INSTANT)
            copied = entry.state(now)
            entry.lower(ask, now)
        elif ask:
            limit = self.timing.last_member_query_time
            entry.lower(ask, now + limit)
        if not entry.settle(now):
            self._discard(entry, ChangeKind.REMOVED, done)
            return
        self._recount(entry, now, done)
        if ask and not immediate:
            done.ask(entry, self._needed(entry, ask))
        kind = _CREATED if created else _REFRESHED
        if not created and (ask or before != entry.counted):
            leaving = ask and entry.ends() <= now + limit
            kind = ChangeKind.LEAVING if leaving else ChangeKind.UPDATED
            if leaving:
                self._room.keep(entry, kept=False)
        done.entry(kind, entry, copied)

    def _needed(self, entry: Entry, ask: Ask) -> Ask:
        """Nobody need be asked for what another untagged member keeps, whatever the answer."""
        if entry.subscriber.tagged:
            return ask
        group = self._groups[entry.group]
        if group.firm:
            return NO_QUERY
        sources = ask.sources
        if sources and group.kept is not None:
            sources = frozenset([source for source in sources if not group.keeps(source)])
        return Ask(sources, ask.group)

"""One subscriber in one group: RFC 3376 sections 6.2 to 6.5 and 7.3 for a router with that one host.

Time is looked at, never waited for: `settle` brings an entry to `now` before anything else is done to it.
"""

from collections.abc import Iterable, Mapping
from ipaddress import IPv4Address
from math import inf
from types import MappingProxyType
from typing import Final

import msgspec

from dataplane.membership.groups import ANY_SOURCE, Aggregate, EntryState, FilterMode, Origin, SourceState
from dataplane.membership.promises import aged, longer
from dataplane.membership.timers import MAX_LIFETIME, Timing
from dataplane.packets.ethernet import Subscriber
from dataplane.packets.messages import Address, RecordType

# A member costs 0.1 µs to look up in its class (Python 3.11), and a report asks for a dozen of them.
_BLOCK_OLD_SOURCES: Final = RecordType.BLOCK_OLD_SOURCES
_CHANGE_TO_EXCLUDE_MODE: Final = RecordType.CHANGE_TO_EXCLUDE_MODE
_CHANGE_TO_INCLUDE_MODE: Final = RecordType.CHANGE_TO_INCLUDE_MODE
_MODE_IS_EXCLUDE: Final = RecordType.MODE_IS_EXCLUDE
_MODE_IS_INCLUDE: Final = RecordType.MODE_IS_INCLUDE
_ALLOW_NEW_SOURCES: Final = RecordType.ALLOW_NEW_SOURCES
_INCLUDE: Final = FilterMode.INCLUDE
_EXCLUDE: Final = FilterMode.EXCLUDE
_BOTH: Final = Origin.BOTH
_ALLOWING = (_MODE_IS_INCLUDE, _ALLOW_NEW_SOURCES)
_STARTING_MODE = (_MODE_IS_EXCLUDE, _CHANGE_TO_EXCLUDE_MODE)
_NO_SOURCES: frozenset[Address] = frozenset()


class SourceTimer(msgspec.Struct, frozen=True, gc=False):
    """When a source's timer ends; one that has ended is excluded (it exists in EXCLUDE only).

    `leaving`: it was lowered by a leave and nothing has raised it since.
    """

    deadline: float
    up_since: float
    leaving: bool = False


Timers = Mapping[Address, SourceTimer]
NO_TIMERS: Timers = MappingProxyType({})


class Ask(msgspec.Struct, frozen=True, gc=False):
    """The queries that RFC 3376 section 6.4.2 answers a message with: Q(G, sources) and Q(G)."""

    sources: frozenset[Address] = _NO_SOURCES
    group: bool = False

    def __bool__(self) -> bool:
        return self.group or bool(self.sources)


NO_QUERY = Ask()
_NOBODY = IPv4Address(0)
_ASK_GROUP = Ask(group=True)


class Entry(msgspec.Struct, eq=False, gc=False):
    """One subscriber in one group. Read its attributes; only the table changes them.

    `deadline` is the group timer and means something in EXCLUDE only. `leaving`: the group timer was
    lowered by a leave and nothing has raised it since. `scheduled` belongs to the deadline queue;
    `counted`, `counted_keeps` and `named` are what the group holds of this entry; `kept`: it counts as its
    subscriber's. `promise`: what the last batch said that ends later than the timers that run, and when it
    said so.
    """

    subscriber: Subscriber
    group: Address
    origin: Origin
    up_since: float
    filter_mode: FilterMode = _INCLUDE
    deadline: float = -inf
    sources: Timers = NO_TIMERS
    last_reporter: Address = _NOBODY
    v1_until: float = -inf
    v2_until: float = -inf
    leaving: bool = False
    promise: tuple[EntryState, float] | None = None
    scheduled: float = inf
    counted: Aggregate | None = None
    counted_keeps: Aggregate | None = None
    named: Timers = NO_TIMERS
    kept: bool = False

    def __repr__(self) -> str:
        return f"<Entry {self.subscriber.text()} {self.group} {self.filter_mode} {self.origin}>"

    def state(self, now: float) -> EntryState:
        """The entry as a value with lifetimes in seconds from `now`: those of the timers that run."""
        sources: tuple[SourceState, ...] = ()
        if self.sources:
            sources = tuple(
                SourceState(address, max(timer.deadline - now, 0.0), timer.up_since)
                for address, timer in self.sources.items()
            )
        return EntryState(
            self.subscriber,
            self.group,
            self.filter_mode,
            max(self._longest() - now, 0.0),
            sources,
            self.last_reporter,
            self.origin,
            self.up_since,
        )

    def outlook(self, now: float) -> EntryState:
        """The same with what was promised, for a batch: a peer that restarted is to know as much."""
        state = self.state(now)
        if self.promise is None:
            return state
        promised, since = self.promise
        return longer(state, aged(promised, now - since))

    def _longest(self) -> float:
        return self.deadline if self.filter_mode is _EXCLUDE else self.ends()

    def ends(self) -> float:
        """When the entry is gone if nothing refreshes it."""
        last = max((timer.deadline for timer in self.sources.values()), default=-inf)
        return max(last, self.deadline) if self.filter_mode is _EXCLUDE else last

    def running_after(self, limit: float) -> frozenset[Address | None]:
        """Which timers run beyond `limit`: sources, and None for the group's."""
        running: set[Address | None] = set(self._requested(limit))
        if self.filter_mode is _EXCLUDE and self.deadline > limit:
            running.add(None)
        return frozenset(running)

    def lifetime(self, source: Address | None, now: float) -> float:
        """Seconds left of a source's timer, or with None of the group timer; 0 when it does not run."""
        if source is None:
            return max(self.deadline - now, 0.0) if self.filter_mode is _EXCLUDE else 0.0
        timer = self.sources.get(source)
        return max(timer.deadline - now, 0.0) if timer else 0.0

    def wants(self, now: float) -> Aggregate:
        """What this subscriber wants at `now` (section 6.3)."""
        if self.filter_mode is _INCLUDE:
            return Aggregate(_INCLUDE, frozenset(self.sources))
        if not self.sources:
            return ANY_SOURCE
        return Aggregate(_EXCLUDE, frozenset(self.sources.keys() - self._requested(now)))

    @property
    def firm(self) -> bool:
        """Whether this member keeps the group for any source, whatever the others do."""
        return self.filter_mode is _EXCLUDE and not self.leaving

    def keeps(self, wants: Aggregate) -> Aggregate | None:
        """What of that is not being left: nobody need be asked for it, whatever the other members do."""
        if not self.sources:
            return None if self.leaving else wants
        leaving = frozenset([source for source, timer in self.sources.items() if timer.leaving])
        if self.filter_mode is _EXCLUDE and not self.leaving:
            doubtful = wants.sources | leaving
            return Aggregate(_EXCLUDE, doubtful) if doubtful else ANY_SOURCE
        kept = self.sources.keys() - leaving
        if self.filter_mode is _EXCLUDE:
            kept -= wants.sources
        return Aggregate(_INCLUDE, frozenset(kept)) if kept else None

    def next_event(self, now: float) -> float:
        """When time will next change the entry by itself."""
        if not self.sources:
            return self.deadline if self.filter_mode is _EXCLUDE else now
        times = [timer.deadline for timer in self.sources.values() if timer.deadline > now]
        if self.filter_mode is _EXCLUDE:
            times.append(self.deadline)
        return min(times, default=now)

    def settle(self, now: float) -> bool:
        """Let time do its work (sections 6.2.2, 6.3 and 6.5); False when the entry is gone."""
        if self.promise is not None:
            return self._settle_promised(*self.promise, now)
        if self.filter_mode is _EXCLUDE:
            if self.deadline > now:
                return True
            self.filter_mode = _INCLUDE
            self.leaving = False
        self.sources = {source: self.sources[source] for source in self._requested(now)}
        return bool(self.sources)

    def _settle_promised(self, state: EntryState, since: float, now: float) -> bool:
        """Start from the batch what ended before the batch says: as if it had come now.

        A batch never lengthens a timer, because it is not a message of the subscriber's: it may cross with a
        leave, or come back to where it began. But after an outage of the channel the timers of a backup may
        be far behind the master's, and end before the next report does. What the batch says of that time is
        true all the same, until something newer is said of the entry.
        """
        self.promise = None
        alive = self.settle(now)
        rest = aged(state, now - since)
        if rest is not None:
            self.complete(rest, now, now)
        return alive or rest is not None

    def heard(self, version: int, now: float, timing: Timing) -> None:
        """Note the version of a report (section 7.3.2)."""
        if version == 1:
            self.v1_until = now + timing.older_host_present_interval
        elif version == 2:
            self.v2_until = now + timing.older_host_present_interval

    def receive(self, kind: RecordType, listed: frozenset[Address], now: float, timing: Timing) -> Ask | None:
        """A settled entry takes one record (sections 6.4 and 7.3.2).

        Returns what to query, and None when the record does nothing at all.
        """
        if now < self.v1_until and kind is _CHANGE_TO_INCLUDE_MODE:
            return None
        if now < max(self.v1_until, self.v2_until):
            if kind is _BLOCK_OLD_SOURCES:
                return None
            if kind is _CHANGE_TO_EXCLUDE_MODE:
                listed = _NO_SOURCES
        if kind in _ALLOWING:
            return self._allow(listed, now, timing)
        if self.filter_mode is _INCLUDE:
            return self._in_include(kind, listed, now, timing)
        return self._in_exclude(kind, listed, now, timing)

    def _allow(self, listed: frozenset[Address], now: float, timing: Timing) -> Ask | None:
        if not listed:
            return None
        self._start(listed, now, now + timing.group_membership_interval)
        return NO_QUERY

    def _in_include(
        self, kind: RecordType, listed: frozenset[Address], now: float, timing: Timing
    ) -> Ask | None:
        known = self.sources
        both = known.keys() & listed if known and listed else _NO_SOURCES
        if kind is _BLOCK_OLD_SOURCES:
            return Ask(frozenset(both)) if both else None
        until = now + timing.group_membership_interval
        if kind is _CHANGE_TO_INCLUDE_MODE:
            dropped = frozenset(known.keys() - listed)
            self._start(listed, now, until)
            return Ask(dropped) if listed or dropped else None
        self.sources = NO_TIMERS
        if listed:
            excluded = SourceTimer(-inf, now)
            self.sources = {source: known.get(source, excluded) for source in listed}
        self.filter_mode = _EXCLUDE
        self.deadline = until
        return Ask(frozenset(both)) if both and kind is _CHANGE_TO_EXCLUDE_MODE else NO_QUERY

    def _in_exclude(
        self, kind: RecordType, listed: frozenset[Address], now: float, timing: Timing
    ) -> Ask | None:
        if kind in _STARTING_MODE:
            return self._exclude_again(kind, listed, now, timing)
        requested = self._requested(now)
        if kind is _CHANGE_TO_INCLUDE_MODE:
            self._start(listed, now, now + timing.group_membership_interval)
            return Ask(requested - listed, group=True)
        asked = listed - (self.sources.keys() - requested)
        self._start(listed - self.sources.keys(), now, self.deadline)
        return Ask(asked) if asked else None

    def _exclude_again(self, kind: RecordType, listed: frozenset[Address], now: float, timing: Timing) -> Ask:
        until = now + timing.group_membership_interval
        asked = NO_QUERY
        if listed or self.sources:
            changing = kind is _CHANGE_TO_EXCLUDE_MODE
            known = self.sources
            new = SourceTimer(self.deadline if changing else until, now)
            if changing:
                asked = Ask(listed - (known.keys() - self._requested(now)))
            self.sources = {source: known.get(source, new) for source in listed} if listed else NO_TIMERS
        self.deadline = until
        self.leaving = False
        return asked

    def lower(self, ask: Ask, until: float) -> None:
        """Lower the timers of what is asked for (section 6.6.3); those that end earlier stay."""
        self.promise = None
        if ask.group and self.filter_mode is _EXCLUDE:
            self.deadline = min(self.deadline, until)
            self.leaving = True
        if ask.sources:
            self.sources = {
                source: SourceTimer(min(timer.deadline, until), timer.up_since, leaving=True)
                if source in ask.sources
                else timer
                for source, timer in self.sources.items()
            }

    def leave(self, now: float) -> Ask:
        """The subscriber leaves the group as a whole."""
        return Ask(self._requested(now), group=self.filter_mode is _EXCLUDE)

    def overwrite(self, state: EntryState, now: float, lowered: float) -> None:
        """Take over a copied state as if its message had arrived here.

        A timer that is being left and is to end before `lowered` is being left as before.
        """
        self.promise = None
        timers = {source.address: self._copied_timer(source, now, lowered) for source in state.sources}
        if state.filter_mode is _EXCLUDE:
            self.filter_mode = _EXCLUDE
            self.deadline = now + min(state.lifetime, MAX_LIFETIME)
            self.leaving = self.leaving and self.deadline <= lowered
            self.sources = timers or NO_TIMERS
        else:
            self._add_running(timers, now)

    def confirm(self, state: EntryState, now: float) -> bool:
        """Take a batch's word where `complete` would change nothing but the promise: members of any source.

        Returns False, and does nothing, where more is to be done.
        """
        plain = self.filter_mode is _EXCLUDE and not self.sources and not state.sources
        if not plain or state.filter_mode is not _EXCLUDE or state.lifetime <= 0 or self.scheduled <= now:
            return False
        if self.origin is not state.origin and self.origin is not _BOTH:
            return False
        longer = self.deadline < now + state.lifetime and not self.leaving
        self.promise = (state, now) if longer else None
        return True

    def complete(self, state: EntryState, now: float, lowered: float) -> None:
        """Start what a batch has and the entry lacks; what runs is left alone, and what it promises noted.

        A source's timer that ends before `lowered` may have been lowered by a leave: no promise for it,
        unless there is one already, which a leave would have taken back.
        """
        if self.promise is not None:
            lowered = now
        running = self._requested(now)
        timers = {
            source.address: self._copied_timer(source, now)
            for source in state.sources
            if source.address not in running
        }
        if state.filter_mode is _EXCLUDE and self.filter_mode is _INCLUDE:
            self.filter_mode = _EXCLUDE
            self.deadline = now + min(state.lifetime, MAX_LIFETIME)
            self.sources = {**self.sources, **timers} or NO_TIMERS
        else:
            self._add_running(timers, now)
        self.promise = self._outliving(state, now, lowered)

    def _outliving(self, state: EntryState, now: float, lowered: float) -> tuple[EntryState, float] | None:
        excludes = state.filter_mode is _EXCLUDE and self.filter_mode is _EXCLUDE
        longer = excludes and self.deadline < now + state.lifetime
        sources = [
            source
            for source in state.sources
            if (timer := self.sources.get(source.address))
            and lowered < timer.deadline < now + source.lifetime
        ]
        if self.leaving or not (longer or sources):
            return None
        if longer:
            sources += [source for source in state.sources if source.lifetime <= 0]
        mode = _EXCLUDE if longer else _INCLUDE
        return msgspec.structs.replace(state, filter_mode=mode, sources=tuple(sources)), now

    def _add_running(self, timers: Timers, now: float) -> None:
        running = {source: timer for source, timer in timers.items() if timer.deadline > now}
        if running:
            self.sources = {**self.sources, **running}

    def _copied_timer(self, source: SourceState, now: float, lowered: float = -inf) -> SourceTimer:
        known = self.sources.get(source.address)
        deadline = now + min(source.lifetime, MAX_LIFETIME) if source.lifetime > 0 else -inf
        if known is None:
            return SourceTimer(deadline, now)
        return SourceTimer(deadline, known.up_since, leaving=known.leaving and deadline <= lowered)

    def _requested(self, now: float) -> frozenset[Address]:
        """The sources whose timers run: X of EXCLUDE(X, Y), A of INCLUDE(A)."""
        if not self.sources:
            return _NO_SOURCES
        return frozenset(source for source, timer in self.sources.items() if timer.deadline > now)

    def _start(self, sources: Iterable[Address], now: float, until: float) -> None:
        started = dict(self.sources)
        for source in sources:
            known = started.get(source)
            started[source] = SourceTimer(until, known.up_since if known else now)
        self.sources = started

"""Membership the slow way: one subscriber in one group, replayed timer by timer from RFC 3376's text.

The model shares nothing with the product but the names of the record types. Sections 6.4 (received
records), 6.5 (expiring timers), 6.6.3 (lowered timers) and 7.3.2 (older hosts); times are numbers, sources
are anything.
"""

from collections.abc import Hashable
from dataclasses import dataclass, field

from dataplane.membership.groups import EntryState
from dataplane.membership.table import MembershipTable

INCLUDE, EXCLUDE = "include", "exclude"
NEVER = float("-inf")
Source = Hashable


def live_states(table: MembershipTable, now: float) -> list[EntryState]:
    """What a table holds and time has not taken yet."""
    return [entry.state(now) for entry in table.entries() if entry.ends() > now]


@dataclass
class Intervals:
    membership: float
    last_member: float


@dataclass
class Member:
    """INCLUDE(requested) or EXCLUDE(requested, excluded)."""

    intervals: Intervals
    mode: str = INCLUDE
    group_timer: float = NEVER
    requested: dict[Source, float] = field(default_factory=dict)
    excluded: set[Source] = field(default_factory=set)
    v1_until: float = NEVER
    v2_until: float = NEVER
    group_left: bool = False
    left: set[Source] = field(default_factory=set)
    """Whether the group, and which sources, a leave has put in doubt and nothing has confirmed since."""

    @property
    def present(self) -> bool:
        return self.mode == EXCLUDE or bool(self.requested)

    def wants(self, source: Source) -> bool:
        return source not in self.excluded if self.mode == EXCLUDE else source in self.requested

    def keeps(self, source: Source) -> bool:
        """Whether the member wants a source and nothing that it said puts that in doubt."""
        if self.mode == EXCLUDE and not self.group_left:
            return source not in self.excluded | self.left
        return source in set(self.requested) - self.left

    @property
    def keeps_all(self) -> bool:
        return self.mode == EXCLUDE and not (self.group_left or self.excluded or self.left)

    def advance(self, now: float) -> None:
        while True:
            ends = sorted((end, 0, source) for source, end in self.requested.items())
            if self.mode == EXCLUDE:
                ends.append((self.group_timer, 1, None))
            if not ends or min(ends, key=lambda item: item[:2])[0] > now:
                break
            _, is_group, source = min(ends, key=lambda item: item[:2])
            if is_group:
                self.mode, self.excluded, self.group_left = INCLUDE, set(), False
            else:
                del self.requested[source]
                self.left.discard(source)
                if self.mode == EXCLUDE:
                    self.excluded.add(source)
        if not self.present:
            self.v1_until = self.v2_until = NEVER

    def start(self, sources: set[Source], end: float) -> None:
        for source in sources:
            self.requested[source] = end
            self.excluded.discard(source)
            self.left.discard(source)

    def receive(self, kind: str, b: set[Source], now: float) -> tuple[bool, set[Source]]:
        """Returns (Q(G) was sent, sources of Q(G, S))."""
        old = now < max(self.v1_until, self.v2_until)
        if (now < self.v1_until and kind == "TO_IN") or (old and kind == "BLOCK"):
            return False, set()
        asked_group, asked = self.step(kind, set() if old and kind == "TO_EX" else b, now)
        self.left &= set(self.requested)
        self.lower(asked_group, asked, now)
        return asked_group, asked

    def step(self, kind: str, b: set[Source], now: float) -> tuple[bool, set[Source]]:
        """The tables of section 6.4, A and X being `x`, Y being `y`."""
        full = now + self.intervals.membership
        x, y, group_timer = set(self.requested), set(self.excluded), self.group_timer
        asked_group, asked = False, set()
        match self.mode, kind:
            case (_, "IS_IN" | "ALLOW"):
                self.start(b, full)
            case "include", "IS_EX" | "TO_EX":
                self.mode = EXCLUDE
                self.excluded = b - x
                self.requested = {source: end for source, end in self.requested.items() if source in b}
                self.group_timer = full
                asked = x & b if kind == "TO_EX" else set()
            case "include", "BLOCK":
                asked = x & b
            case "include", "TO_IN":
                self.start(b, full)
                asked = x - b
            case "exclude", "IS_EX" | "TO_EX":
                new = full if kind == "IS_EX" else group_timer
                self.requested = {source: self.requested.get(source, new) for source in b - y}
                self.excluded = y & b
                self.group_timer, self.group_left = full, False
                asked = b - y if kind == "TO_EX" else set()
            case "exclude", "BLOCK":
                self.start(b - x - y, group_timer)
                asked = b - y
            case "exclude", "TO_IN":
                self.start(b, full)
                asked, asked_group = x - b, True
        return asked_group, asked

    def lower(self, group: bool, sources: set[Source], now: float) -> None:
        limit = now + self.intervals.last_member
        if group:
            self.group_timer, self.group_left = min(self.group_timer, limit), True
        for source in sources & set(self.requested):
            self.left.add(source)
            self.requested[source] = min(self.requested[source], limit)

    def report_of_old_host(self, version: int, now: float) -> None:
        if version == 1:
            self.v1_until = now + self.intervals.membership
        elif version == 2:
            self.v2_until = now + self.intervals.membership

    def copied_leave(self, now: float) -> None:
        self.lower(self.mode == EXCLUDE, set(self.requested), now)

"""The upstream side of the proxy (RFC 4605): what the router itself reports toward the core. Pure.

Host behaviour of RFC 3376 section 5 with the compatibility of section 7.2, which for MLD is RFC 3810
sections 6 and 8.2 with the same timers; many groups share a report. Versions are IGMP's (MLDv1 is 2).
The caller sends the reports (see `sender`) on the active upstream and hands in the queries heard there.
"""

import heapq
import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from math import inf

from dataplane.forwarding.querier import LATEST_VERSION, HeardQuerier
from dataplane.forwarding.reports import PendingChange, answer, current_state, state_change
from dataplane.membership.groups import Aggregate
from dataplane.packets.messages import Address, GroupRecord, Query, RecordType, Report

UNSOLICITED_REPORT_INTERVAL = 1.0  # RFC 3376 section 8.11
MAXIMUM_SOURCES = 512
"""Sources that questions about one group may name together; beyond them the whole group is answered for
(RFC 3376 section 5.2), for a querier may give us most of an hour for the answer."""
IP_VERSIONS = (4, 6)

REPEATED_AT_ONCE = 128
"""Groups of one piece: the second report of a thousand groups in one piece kept a failover waiting 10 ms.
Reports after a change of upstream and answers to a query come in such pieces too. To an older querier each
group is a message, and 30,000 of them at once kept the hellos waiting 0.6 s: the peer took over."""
SOURCES_AT_ONCE = 1024
"""Sources of the groups of one piece: a group that has so many is a piece by itself."""


@dataclass(slots=True)
class _Answer:
    """An answer that waits; `sources` None answers for the group whatever its sources."""

    deadline: float
    sources: frozenset[Address] | None


class UpstreamProxy:
    """The memberships of one upstream interface, as a host has them.

    `generator` spreads the answers to queries (RFC 3376 section 5.2). Reports that come out are
    version 3, or, while an older querier is heard, version 2 or 1 with one record each.
    """

    def __init__(self, generator: random.Random) -> None:
        self._generator = generator
        self._interests: dict[Address, Aggregate] = {}
        self._fresh: list[tuple[Address, PendingChange]] = []
        self._fresh_since: float | None = None
        self._pending: dict[Address, PendingChange] = {}
        self._retransmit_at: float | None = None
        self._again: list[tuple[Address, PendingChange]] = []
        self._again_at = 0.0
        self._anew: list[Address] = []
        self._general_at: float | None = None
        self._general_pause = 0.0
        self._general: list[Address] = []
        self._answers: dict[Address, _Answer] = {}
        self._answer_order: list[tuple[float, Address]] = []
        self._querier = HeardQuerier()

    def version(self, now: float) -> int:
        """Tell which IGMP version the core's querier makes us speak (RFC 3376 section 7.2.1)."""
        return self._querier.version(now)

    @property
    def behind(self) -> bool:
        """True while the core has yet to be told of a group for the first time."""
        return bool(self._anew or self._fresh)

    def groups(self) -> Iterator[Address]:
        """Every group that the core is asked for."""
        return iter(self._interests)

    def set_interest(self, group: Address, interest: Aggregate | None, now: float) -> None:
        """Tell what subscribers together want of a group; None when nobody wants it any more."""
        before = self._interests.get(group)
        if before == interest:
            return
        if interest is None:
            del self._interests[group]
        else:
            self._interests[group] = interest
        self._changed(group, before, interest, now)

    def _changed(self, group: Address, before: Aggregate | None, after: Aggregate | None, now: float) -> None:
        pending = self._pending.get(group)
        if pending is None:
            pending = self._pending[group] = PendingChange()
        if not pending.fresh:
            self._fresh.append((group, pending))
        pending.note(before, after, self._querier.robustness)
        if self._fresh_since is None:
            self._fresh_since = now

    def restart(self, now: float, querier: HeardQuerier | None = None) -> None:
        """Report everything anew: another upstream is active or came back, or the core took no notice.

        `querier` is the one of that upstream; None: it is the same as before.
        """
        self._querier = querier or self._querier
        self._forget_answers()
        for group in [group for group in self._pending if group not in self._interests]:
            del self._pending[group]
        self._fresh = [each for each in self._fresh if each[0] in self._pending]
        self._anew = list(reversed(self._interests))
        self._report_anew(now)

    def _report_anew(self, now: float) -> None:
        """Report the next few groups to a core that knows none of them."""
        for _ in range(_piece(self._wanted(reversed(self._anew)), REPEATED_AT_ONCE)):
            group = self._anew.pop()
            interest = self._interests.get(group)
            if interest is not None:
                self._changed(group, None, interest, now)

    def query(self, query: Query, now: float) -> None:
        """Hear a query from the core; the answer is spread over its response time (RFC 3376 section 5.2)."""
        self._learn(query, now)
        if query.group is None:
            self._answer_all(query.max_response, now)
        elif query.group in self._interests:
            deadline = now + self._generator.uniform(0.0, query.max_response)
            self._answer_group(query.group, frozenset(query.sources) or None, deadline)

    def _answer_all(self, max_response: float, now: float) -> None:
        """Answer about every group: after a delay, or, each being a message, spread over the whole time."""
        pieces = -(-len(self._interests) // REPEATED_AT_ONCE) or 1
        older = self.version(now) < LATEST_VERSION
        pause = max_response / pieces if older else 0.0
        begun = bool(self._general)
        if begun and not self._general_pause:
            return  # it is over in a moment
        delay = self._generator.uniform(0.0, pause or max_response)
        waiting = self._general_at
        self._general_pause = pause if waiting is None else min(self._general_pause, pause)
        self._general_at = now + delay if waiting is None else min(waiting, now + delay)
        if begun and len(self._general) < len(self._interests):
            unanswered = frozenset(self._general)
            self._general[:0] = reversed([each for each in self._interests if each not in unanswered])

    def _learn(self, query: Query, now: float) -> None:
        before = self.version(now)
        self._querier.learn(query, now)
        if self.version(now) != before:
            # State changes that wait stay: they go out in the other version's form.
            self._forget_answers()

    def _forget_answers(self) -> None:
        self._general_at = None
        self._general = []
        self._answers.clear()
        self._answer_order.clear()

    def _answer_group(self, group: Address, sources: frozenset[Address] | None, deadline: float) -> None:
        if self._is_answered_by_general(deadline):
            return
        waiting = self._answers.get(group)
        if waiting is not None:
            # One answer serves both questions, at the earlier time.
            both = sources is not None and waiting.sources is not None
            sources = sources | waiting.sources if both else None  # type: ignore[operator]
        if sources is not None and len(sources) > MAXIMUM_SOURCES:
            sources = None
        if waiting is not None and waiting.deadline <= deadline:
            waiting.sources = sources
            return
        self._answers[group] = _Answer(deadline, sources)
        heapq.heappush(self._answer_order, (deadline, group))

    def _is_answered_by_general(self, deadline: float) -> bool:
        """Whether the general answer has every group in time; it has not when it is spread over its time."""
        begins = self._general_at
        return begins is not None and not self._general and not self._general_pause and begins <= deadline

    def expire(self, now: float) -> list[Report]:
        """Collect the messages that are due; call it after changes and at `next_deadline`."""
        version = self.version(now)
        reports = self._state_changes(version, now)
        reports.extend(as_reports(version, self._due_answers(now)))
        return reports

    def _state_changes(self, version: int, now: float) -> list[Report]:
        if self._anew and len(self._fresh) < REPEATED_AT_ONCE:
            self._report_anew(now)
        fresh = (change.sources for _, change in self._fresh)
        piece = _piece(fresh, inf if version == LATEST_VERSION else REPEATED_AT_ONCE)
        changes, self._fresh = self._fresh[:piece], self._fresh[piece:]
        self._fresh_since = now if self.behind else None
        changes.extend(self._repeated(now))
        records = [record for group, change in changes for record in self._transmit(group, change, version)]
        if self._pending and self._retransmit_at is None and not self._again:
            self._retransmit_at = now + self._generator.uniform(0.0, UNSOLICITED_REPORT_INTERVAL)
        return as_reports(version, records)

    def _repeated(self, now: float) -> list[tuple[Address, PendingChange]]:
        """The next changes whose report is due again, a few at a time; fresh ones go out by themselves."""
        if self._retransmit_at is not None and self._retransmit_at <= now:
            self._retransmit_at = None
            self._again = list(self._pending.items())
        number = _piece((change.sources for _, change in self._again), REPEATED_AT_ONCE)
        piece, self._again = self._again[:number], self._again[number:]
        self._again_at = now
        return [each for each in piece if self._pending.get(each[0]) is each[1] and not each[1].fresh]

    def _transmit(self, group: Address, pending: PendingChange, version: int) -> list[GroupRecord]:
        records = state_change(group, pending, version)
        pending.sent()
        if pending.done:
            del self._pending[group]
        return records

    def _due_answers(self, now: float) -> list[GroupRecord]:
        if self._general_at is not None and self._general_at <= now:
            return self._general_answer(now)
        records: list[GroupRecord] = []
        while self._answer_order and self._answer_order[0][0] <= now and len(records) < REPEATED_AT_ONCE:
            _, group = heapq.heappop(self._answer_order)
            waiting = self._answers.get(group)
            if waiting is None or waiting.deadline > now:
                continue
            del self._answers[group]
            interest = self._interests.get(group)
            record = None if interest is None else answer(group, interest, waiting.sources)
            if record is not None:
                records.append(record)
        return records

    def _general_answer(self, now: float) -> list[GroupRecord]:
        """The next piece of the answer to a general query; one that is not spread answers all questions."""
        if not self._general:
            if not self._general_pause:
                self._forget_answers()
            self._general = list(reversed(self._interests))
        number = REPEATED_AT_ONCE
        if not self._general_pause:
            number = _piece(self._wanted(reversed(self._general)), REPEATED_AT_ONCE)
        piece = [self._general.pop() for _ in range(min(number, len(self._general)))]
        self._general_at = now + self._general_pause if self._general else None
        wanted = ((group, self._interests.get(group)) for group in piece)
        return [current_state(group, interest) for group, interest in wanted if interest is not None]

    def _wanted(self, groups: Iterable[Address]) -> Iterator[int]:
        """How many sources are wanted, or not, of each of these groups."""
        return (len(self._interests[group].sources) if group in self._interests else 0 for group in groups)

    def next_deadline(self) -> float | None:
        """Monotonic seconds of the next message, None when nothing waits."""
        first = self._answer_order[0][0] if self._answer_order else None
        again = self._again_at if self._again else None
        waiting = (self._fresh_since, self._retransmit_at, self._general_at, first, again)
        return min((deadline for deadline in waiting if deadline is not None), default=None)


class UpstreamProxies:
    """One proxy for each family: what subscribers want is told to the one of its groups' family."""

    def __init__(self, generator: random.Random) -> None:
        self._families = {version: UpstreamProxy(generator) for version in IP_VERSIONS}

    def of(self, version: int) -> UpstreamProxy:
        """The proxy of an IP version: 4 reports by IGMP, 6 by MLD."""
        return self._families[version]

    @property
    def behind(self) -> bool:
        """True while the core has yet to be told of a group for the first time."""
        return any(proxy.behind for proxy in self._families.values())

    def groups(self) -> Iterator[Address]:
        """Every group that the core is asked for."""
        return chain.from_iterable(proxy.groups() for proxy in self._families.values())

    def set_interest(self, group: Address, interest: Aggregate | None, now: float) -> None:
        """Tell what subscribers together want of a group; None when nobody wants it any more."""
        self._families[group.version].set_interest(group, interest, now)

    def restart(self, now: float, queriers: Mapping[int, HeardQuerier]) -> None:
        """Report everything anew, in both families, to the queriers of another upstream, by IP version."""
        for version, proxy in self._families.items():
            proxy.restart(now, queriers[version])

    def expire(self, now: float) -> list[Report]:
        """Collect the messages that are due; a report has groups of one family."""
        return [report for proxy in self._families.values() for report in proxy.expire(now)]

    def next_deadline(self) -> float | None:
        """Monotonic seconds of the next message, None when nothing waits."""
        deadlines = (proxy.next_deadline() for proxy in self._families.values())
        return min((deadline for deadline in deadlines if deadline is not None), default=None)


def _piece(sources: Iterable[int], most: float) -> int:
    """How many groups that list so many sources go together: `most`, or fewer that list SOURCES_AT_ONCE."""
    number = listed = 0
    for each in sources:
        if number >= most or listed >= SOURCES_AT_ONCE:
            break
        number += 1
        listed += each
    return number


def as_reports(version: int, records: Iterable[GroupRecord]) -> list[Report]:
    """Version 3 puts all records into one report (the sender splits it by MTU), older versions one each."""
    every = tuple(records)
    if version == LATEST_VERSION:
        return [Report(version, every)] if every else []
    return [_older(version, record) for record in every]


def _older(version: int, record: GroupRecord) -> Report:
    leave = record.type is RecordType.CHANGE_TO_INCLUDE_MODE and not record.sources
    kind = RecordType.CHANGE_TO_INCLUDE_MODE if leave else RecordType.MODE_IS_EXCLUDE
    return Report(version, (GroupRecord(kind, record.group),))

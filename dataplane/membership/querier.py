"""The querier of one access interface (RFC 3376 sections 6.6 and 8): who asks, when and what.

Pure: it says what to send. It runs only while the local role is master (`set_active`); a backup sends
nothing and elects nobody, but keeps count of last-member queries so that it can finish them.
"""

from enum import StrEnum
from itertools import islice
from math import inf

import msgspec

from dataplane.config import IgmpConfig
from dataplane.membership.groups import LastMemberQuery
from dataplane.membership.table import MembershipTable
from dataplane.membership.timers import DeadlineQueue, Timing
from dataplane.packets.ethernet import UNTAGGED, Subscriber
from dataplane.packets.messages import Address, Query

GROUPS_AT_ONCE = 128
"""Groups that one tick asks about, so that nothing else waits long for a line-up that is left at once."""


class QuerierState(StrEnum):
    """OFF: not master. QUERIER: we ask. NON_QUERIER: a foreign router with a lower address does."""

    OFF = "off"
    QUERIER = "querier"
    NON_QUERIER = "non-querier"


class SendQuery(msgspec.Struct, frozen=True):
    """Send this query on the access interface now (`frames.query_frames` makes the octets).

    `circuit`: to this VLAN or PPPoE session only; None: to all that are known.
    """

    query: Query
    circuit: Subscriber | None = None


_Key = Address | tuple[Address, Subscriber]


def _key(group: Address, circuit: Subscriber) -> _Key:
    """What is being asked, once for a circuit; the usual one has no tags, and costs half to look up."""
    return group if circuit is UNTAGGED else (group, circuit)


class _Pending:
    """What is left to ask about one group on one circuit: how often, for the group and for each source."""

    __slots__ = ("circuit", "group", "group_left", "scheduled", "sources_left")

    def __init__(self, group: Address, circuit: Subscriber) -> None:
        self.group = group
        self.circuit = circuit
        self.group_left = 0
        self.sources_left: dict[Address, int] = {}
        self.scheduled = inf

    def add(self, sources: tuple[Address, ...], count: int) -> None:
        if sources:
            self.sources_left.update(dict.fromkeys(sources, count))
        else:
            self.group_left = count

    def spend(self) -> bool:
        """One round was sent; says whether there is another."""
        self.group_left = max(self.group_left - 1, 0)
        self.sources_left = {source: left - 1 for source, left in self.sources_left.items() if left > 1}
        return bool(self.group_left or self.sources_left)


class Querier:
    """One per access interface; `table` is asked for timers when the S flag is decided (6.6.3)."""

    def __init__(self, config: IgmpConfig, table: MembershipTable, address: Address | None = None) -> None:
        self.state = QuerierState.OFF
        self._config = config
        self._table = table
        self._address = address
        self._foreign: Address | None = None
        self._timing = Timing.of(config)
        self._elected_robustness = self._elected_interval = 0
        self._startup_left = 0
        self._general_at = inf
        self._other_present_until = inf
        self._pending: dict[_Key, _Pending] = {}
        self._queue: DeadlineQueue[_Pending] = DeadlineQueue()

    @property
    def querier_address(self) -> Address | None:
        """Who asks on this interface, as far as we know."""
        if self.state is QuerierState.QUERIER:
            return self._address
        return self._foreign

    def reconfigure(self, config: IgmpConfig, now: float) -> None:
        """Other intervals from now on; those of an elected querier stay in force while it rules.

        The table is reconfigured by its owner, before this.
        """
        self._config = config
        self._timing = Timing.of(config)
        self._table.timing = self._in_force()
        if self.state is QuerierState.QUERIER:
            self._general_at = min(self._general_at, now + self._timing.query_interval)
        elif self.state is QuerierState.NON_QUERIER and not config.querier_election:
            self._other_present_until = now

    @property
    def elects(self) -> bool:
        """Whether anybody else may be the querier."""
        return self._config.querier_election

    def set_address(self, address: Address | None) -> None:
        """The interface's own address, which decides the election."""
        self._address = address

    def set_active(self, active: bool, now: float) -> tuple[SendQuery, ...]:
        """Master or not. Becoming active sends the first startup query at once (rule 10)."""
        if active == (self.state is not QuerierState.OFF):
            return ()
        if not active:
            self._become(QuerierState.OFF)
            return ()
        self._startup_left = self._timing.startup_query_count
        return self._rule(now)

    def take_back(self, now: float) -> tuple[SendQuery, ...]:
        """Ask again, if we had yielded: the peer was master too and is not any more (rules 17 and 19).

        While both asked, an election may have been lost to the peer, which now is silent. A querier that is
        really foreign goes on asking and is elected again.
        """
        if self.state is not QuerierState.NON_QUERIER:
            return ()
        self._startup_left = self._timing.startup_query_count
        return self._rule(now)

    def heard(self, query: Query, source: Address, now: float, *, from_peer: bool = False) -> None:
        """A query arrived on the access interface (sections 6.6.1 and 6.6.2).

        It counts for nothing when we are not active, when it is the peer's (rule 17), or when its source
        is 0.0.0.0, as a snooping switch sends it (RFC 4541 section 2.1.1). Whoever calls this leaves out what
        came with a tag or in a session: behind those are subscribers, who must not silence the querier of all
        the others.
        """
        if self.state is QuerierState.OFF or from_peer or source.is_unspecified or source == self._address:
            return
        if self._address is not None and int(self._address) < int(source):
            return
        self._yield_to(query, source, now)
        if query.group is not None and not query.suppress:
            question = LastMemberQuery(query.group, query.sources)
            response = query.max_response or self._timing.last_member_query_interval
            limit = response * self._table.timing.last_member_query_count
            self._table.query_heard(question, limit, now)

    def ask(self, queries: tuple[LastMemberQuery, ...], now: float) -> tuple[SendQuery, ...]:
        """Take `Changes.queries`: the first round of each is sent now if we are querier.

        The rounds that follow are counted whether we are or not, so that whoever becomes querier in the
        middle sends those that are left.
        """
        asked: dict[int, _Pending] = {}
        for question in queries:
            key = _key(question.group, question.circuit)
            pending = self._pending.get(key)
            if pending is None:
                pending = self._pending[key] = _Pending(question.group, question.circuit)
            pending.add(question.sources, self._timing.last_member_query_count)
            asked[id(pending)] = pending
        return tuple([send for pending in asked.values() for send in self._round(pending, now)])

    def tick(self, now: float) -> tuple[SendQuery, ...]:
        """What is due at `now`; of many groups some, and `next_deadline` says that there are others."""
        sends: list[SendQuery] = []
        if self._other_present_until <= now or self._general_at <= now:
            sends += self._rule(now)
        for pending in islice(self._queue.due(now), GROUPS_AT_ONCE):
            sends += self._round(pending, now)
        return tuple(sends)

    def next_deadline(self) -> float | None:
        """When `tick` next has something to do; None for never."""
        pending = self._queue.next()
        earliest = min(self._general_at, self._other_present_until, inf if pending is None else pending)
        return None if earliest == inf else earliest

    def _rule(self, now: float) -> tuple[SendQuery, ...]:
        """Be the querier and send the general query that is due."""
        self._become(QuerierState.QUERIER)
        self._startup_left = max(self._startup_left - 1, 0)
        starting = self._startup_left > 0
        timing = self._timing
        self._general_at = now + (timing.startup_query_interval if starting else timing.query_interval)
        return (SendQuery(self._query(None, (), timing.query_response)),)

    def _yield_to(self, query: Query, source: Address, now: float) -> None:
        self._become(QuerierState.NON_QUERIER)
        self._foreign = source
        self._startup_left = 0
        self._elected_robustness, self._elected_interval = query.robustness, query.query_interval
        self._table.timing = self._in_force()
        self._other_present_until = now + self._table.timing.other_querier_present_interval

    def _in_force(self) -> Timing:
        """Our intervals, but for what the elected querier says; 0 is what it does not (sections 8.1, 8.2)."""
        ours = self._timing
        robustness = self._elected_robustness or ours.robustness
        interval = self._elected_interval or ours.query_interval
        return msgspec.structs.replace(ours, robustness=robustness, query_interval=interval)

    def _become(self, state: QuerierState) -> None:
        self.state = state
        self._foreign = None
        self._general_at = self._other_present_until = inf
        self._elected_robustness = self._elected_interval = 0
        self._table.timing = self._timing

    def _round(self, pending: _Pending, now: float) -> list[SendQuery]:
        """One transmission of section 6.6.3; silent, but counted, while we are not querier."""
        sends = self._questions(pending, now) if self.state is QuerierState.QUERIER else []
        if pending.spend():
            self._queue.forget(pending)
            self._queue.schedule(pending, now + self._timing.last_member_query_interval)
        else:
            self._queue.forget(pending)
            del self._pending[_key(pending.group, pending.circuit)]
        return sends

    def _questions(self, pending: _Pending, now: float) -> list[SendQuery]:
        if self._config.version == 1:
            return []
        sends = []
        if pending.group_left:
            sends.append(self._question(pending, (), suppress=self._outlives(pending, None, now)))
        if pending.sources_left and self._config.version == 3:
            safe = {source for source in pending.sources_left if self._outlives(pending, source, now)}
            doubtful = tuple(source for source in pending.sources_left if source not in safe)
            if safe and not pending.group_left:
                sends.append(self._question(pending, tuple(sorted(safe)), suppress=True))
            if doubtful:
                sends.append(self._question(pending, doubtful, suppress=False))
        return sends

    def _outlives(self, pending: _Pending, source: Address | None, now: float) -> bool:
        """Whether the S flag belongs into the query: it is for other routers, and none is behind a tag."""
        if pending.circuit.tagged:
            return False
        return self._table.outlives(pending.group, source, now, self._timing.last_member_query_time)

    def _question(self, pending: _Pending, sources: tuple[Address, ...], *, suppress: bool) -> SendQuery:
        interval = self._timing.last_member_query_interval
        return SendQuery(self._query(pending.group, sources, interval, suppress=suppress), pending.circuit)

    def _query(
        self,
        group: Address | None,
        sources: tuple[Address, ...],
        response: float,
        *,
        suppress: bool = False,
    ) -> Query:
        version = self._config.version
        if version < 3:
            return Query(version, group, (), response)
        interval = int(self._timing.query_interval)
        return Query(3, group, sources, response, suppress, self._timing.robustness, interval)

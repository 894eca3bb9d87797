"""Membership against the reference model, whatever arrives and however often time is looked at.

For IGMP and MLD, and for subscribers that are untagged, behind a VLAN tag or in a PPPoE session. Times are
multiples of an eighth of a second, so that sums and differences are exact.
"""

import itertools
from ipaddress import IPv4Address, IPv6Address

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dataplane.config import IgmpConfig
from dataplane.membership.groups import ChangeKind, EntryState, FilterMode, LastMemberQuery, SourceState
from dataplane.membership.table import MembershipTable
from dataplane.packets.ethernet import Subscriber
from dataplane.packets.messages import GroupRecord, RecordType, Report
from tests.support.membership_model import Intervals, Member, live_states

CONFIG = IgmpConfig(query_interval=10, query_max_response_time=2)
INTERVALS = Intervals(membership=22.0, last_member=2.0)
SUBSCRIBERS = [
    Subscriber(*tags, bytes((2, 0, 0, 0, 0, number)))
    for number, tags in enumerate([(0, 0, 0), (0, 0, 0), (100, 0, 0), (100, 7, 9)])
]
GROUPS = [IPv4Address("239.0.0.1"), IPv4Address("239.0.0.2")]
SOURCES = [IPv4Address(f"10.0.0.{number}") for number in (1, 2, 3)]
OTHER = IPv4Address("10.0.0.99")
REPORTER = IPv4Address("10.0.0.200")
TWINS = {
    **{group: IPv6Address(f"ff3e::{number}") for number, group in enumerate(GROUPS, 1)},
    **{source: IPv6Address(f"2001:db8::{number}") for number, source in enumerate([*SOURCES, OTHER], 1)},
    REPORTER: IPv6Address("fe80::200"),
}
"""What takes the place of an address when the same history is played in MLD."""

A, G = SUBSCRIBERS[0], GROUPS[0]
ALL_GROUPS = [*GROUPS, *(TWINS[group] for group in GROUPS)]

SHORT = {
    "IS_IN": RecordType.MODE_IS_INCLUDE,
    "IS_EX": RecordType.MODE_IS_EXCLUDE,
    "TO_IN": RecordType.CHANGE_TO_INCLUDE_MODE,
    "TO_EX": RecordType.CHANGE_TO_EXCLUDE_MODE,
    "ALLOW": RecordType.ALLOW_NEW_SOURCES,
    "BLOCK": RecordType.BLOCK_OLD_SOURCES,
}

subscribers = st.sampled_from(SUBSCRIBERS)
groups = st.sampled_from(GROUPS)
source_sets = st.frozensets(st.sampled_from(SOURCES))
pauses = st.sampled_from([0.0, 0.125, 0.5, 1.0, 1.875, 2.0, 5.0, 11.0, 20.0, 21.875, 22.0, 40.0])
lifetimes = st.sampled_from([0.125, 1.0, 2.0, 2.125, 7.0, 22.0])

v3_reports = st.tuples(st.just(3), st.sampled_from(sorted(SHORT)), source_sets)
v2_reports = st.tuples(st.just(2), st.sampled_from(["IS_EX", "TO_IN"]), st.just(frozenset()))
v1_reports = st.tuples(st.just(1), st.just("IS_EX"), st.just(frozenset()))
messages = st.tuples(pauses, subscribers, groups, st.one_of(v3_reports, v3_reports, v2_reports, v1_reports))


def in_mld(step):
    match step:
        case (pause, subscriber, group, (version, kind, listed)):
            sources = frozenset(TWINS[source] for source in listed)
            return pause, subscriber, TWINS[group], (max(version, 2), kind, sources)
        case (pause, subscriber, group):
            return pause, subscriber, TWINS[group]
        case (pause, state):
            return pause, state_in_mld(state)


def state_in_mld(state):
    sources = tuple(SourceState(TWINS[source.address], source.lifetime) for source in state.sources)
    return msgspec.structs.replace(
        state, group=TWINS[state.group], sources=sources, last_reporter=TWINS[state.last_reporter]
    )


def histories_of(step, *, least=0, most=25):
    """Histories of one family or the other, as a table has them."""
    ones = st.lists(step, min_size=least, max_size=most)
    return st.one_of(ones, ones.map(lambda history: [in_mld(each) for each in history]))


histories = histories_of(messages, least=1)


@st.composite
def copies(draw):
    mode = draw(st.sampled_from(list(FilterMode)))
    listed = draw(st.dictionaries(st.sampled_from(SOURCES), lifetimes))
    excluded = draw(source_sets) - listed.keys() if mode is FilterMode.EXCLUDE else frozenset()
    if mode is FilterMode.INCLUDE and not listed:
        listed = {SOURCES[0]: draw(lifetimes)}
    sources = [SourceState(source, listed[source]) for source in sorted(listed)]
    sources += [SourceState(source, 0.0) for source in sorted(excluded)]
    group_lifetime = draw(lifetimes) if mode is FilterMode.EXCLUDE else max(listed.values())
    return EntryState(draw(subscribers), draw(groups), mode, group_lifetime, tuple(sources), REPORTER)


def report_of(message):
    version, kind, listed = message
    return lambda group: Report(version, (GroupRecord(SHORT[kind], group, tuple(sorted(listed))),))


class Models:
    """All members by (subscriber, group)."""

    def __init__(self):
        self.members = {}

    def at(self, now):
        for key, member in list(self.members.items()):
            member.advance(now)
            if not member.present:
                del self.members[key]

    def take(self, subscriber, group, message, now):
        version, kind, listed = message
        self.at(now)
        member = self.members.setdefault((subscriber, group), Member(INTERVALS))
        asked = member.receive(kind, set(listed), now)
        if kind == "IS_EX":
            member.report_of_old_host(version, now)
        if not member.present:
            del self.members[(subscriber, group)]
        return asked

    def update(self, state, now):
        self.at(now)
        member = self.members.setdefault((state.subscriber, state.group), Member(INTERVALS))
        running = {source.address: now + source.lifetime for source in state.sources if source.lifetime}
        if state.filter_mode is FilterMode.EXCLUDE:
            member.mode = "exclude"
            member.group_timer = now + state.lifetime
            member.requested = running
            member.excluded = {source.address for source in state.sources if not source.lifetime}
        else:
            for source, end in running.items():
                member.start({source}, end)

    def leave(self, subscriber, group, now):
        self.at(now)
        if (subscriber, group) in self.members:
            self.members[(subscriber, group)].copied_leave(now)

    def doubtful(self, subscriber, group, asked_group, asked):
        """What is left to ask for: nobody is asked for what another untagged member keeps."""
        others = [
            member
            for (who, of), member in self.members.items()
            if of == group and who != subscriber and not (who.tagged or subscriber.tagged)
        ]
        if any(member.keeps_all for member in others):
            return False, set()
        return asked_group, {source for source in asked if not any(each.keeps(source) for each in others)}

    def wants(self, group, source, *, tagged):
        return any(
            member.wants(source)
            for (who, of), member in self.members.items()
            if of == group and who.tagged is tagged
        )


def assert_same(table, models, now):
    """Every entry, every timer and every merge; the table has been told the time."""
    found = {(state.subscriber, state.group): state for state in live_states(table, now)}
    assert found.keys() == models.members.keys()
    assert len(table) == len(found)
    for key, member in models.members.items():
        state = found[key]
        running = {source.address: now + source.lifetime for source in state.sources if source.lifetime}
        assert state.filter_mode.value == member.mode
        assert running == member.requested
        assert {source.address for source in state.sources if not source.lifetime} == member.excluded
        if member.mode == "exclude":
            assert now + state.lifetime == member.group_timer
    for group in ALL_GROUPS:
        for source in [*TWINS, *TWINS.values()]:
            for merged, tagged in ((table.aggregate(group), False), (table.tagged_aggregate(group), True)):
                found = merged is not None and merged.wants(source)
                assert found == models.wants(group, source, tagged=tagged)


@given(histories)
def test_reports_do_what_rfc_3376_says(history):
    table, models, now = MembershipTable(CONFIG), Models(), 1000.0
    for pause, subscriber, group, message in history:
        now += pause
        table.expire(now)
        models.at(now)
        asked_group, asked = models.take(subscriber, group, message, now)
        asked_group, asked = models.doubtful(subscriber, group, asked_group, asked)
        changes = table.report(subscriber, report_of(message)(group), REPORTER, now)
        circuit = subscriber.circuit
        expected = [LastMemberQuery(group, (), circuit)] if asked_group else []
        expected += [LastMemberQuery(group, tuple(sorted(asked)), circuit)] if asked else []
        assert list(changes.queries) == expected
        assert_same(table, models, now)


TWO = SOURCES[:2]
SUBSETS = [frozenset(some) for size in range(3) for some in itertools.combinations(TWO, size)]
RECORDS = [(3, kind, listed) for kind in SHORT for listed in SUBSETS]


@pytest.mark.parametrize(
    "first", RECORDS, ids=lambda each: f"{each[1]}-{','.join(map(str, sorted(each[2])))}"
)
def test_any_three_records_of_one_host(first):
    """All of RFC 3376 section 6.4's tables in every order, with timers that differ and one that ends."""
    for second, third in itertools.product(RECORDS, RECORDS):
        table, models = MembershipTable(CONFIG), Models()
        for now, message in ((0.0, first), (1.0, second), (2.5, third)):
            asked_group, asked = models.take(A, G, message, now)
            changes = table.report(A, report_of(message)(G), REPORTER, now)
            expected = [LastMemberQuery(G)] if asked_group else []
            expected += [LastMemberQuery(G, tuple(sorted(asked)))] if asked else []
            assert list(changes.queries) == expected
        assert_same(table, models, 2.5)
        models.at(3.5)
        table.expire(3.5)
        assert_same(table, models, 3.5)


either_copies = st.one_of(copies(), copies().map(state_in_mld))
steps = st.one_of(messages, st.tuples(pauses, copies()), st.tuples(pauses, subscribers, groups))


def play(table, step, now):
    match step:
        case (_, subscriber, group, message):
            return table.report(subscriber, report_of(message)(group), REPORTER, now)
        case (_, subscriber, group):
            return table.apply_leave(subscriber, group, now)
        case (_, state):
            return table.apply_update(state, now)


@given(histories_of(steps))
def test_copies_and_reports_together(history):
    table, models, now = MembershipTable(CONFIG), Models(), 0.0
    for step in history:
        now += step[0]
        play(table, step, now)
        match step:
            case (_, subscriber, group, message):
                models.take(subscriber, group, message, now)
            case (_, subscriber, group):
                models.leave(subscriber, group, now)
            case (_, state):
                models.update(state, now)
        table.expire(now)
        assert_same(table, models, now)


@given(histories_of(steps), st.lists(st.booleans(), min_size=25, max_size=25), pauses)
def test_how_often_time_is_looked_at_makes_no_difference(history, looks, rest):
    eager, lazy, now = MembershipTable(CONFIG), MembershipTable(CONFIG), 0.0
    for step, look in zip(history, looks, strict=False):
        target = now + step[0]
        while (deadline := eager.next_deadline()) is not None and deadline <= target:
            eager.expire(deadline)
        now = target
        if look:
            lazy.expire(now)
        play(eager, step, now)
        play(lazy, step, now)
    now += rest
    eager.expire(now)
    lazy.expire(now)
    assert strip(eager, now) == strip(lazy, now)
    for group in ALL_GROUPS:
        assert wanted(eager, group) == wanted(lazy, group)


def strip(table, now):
    return sorted(
        (s.subscriber, s.group, s.filter_mode, s.lifetime, sorted((x.address, x.lifetime) for x in s.sources))
        for s in live_states(table, now)
    )


def wanted(table, group):
    found = (table.aggregate(group), table.tagged_aggregate(group))
    return None if found == (None, None) else found


@given(histories_of(steps))
def test_changes_tell_every_group_whose_merge_differs(history):
    table, known, now = MembershipTable(CONFIG), {}, 0.0
    for step in history:
        now += step[0]
        told = [*table.expire(now).groups, *play(table, step, now).groups]
        for group in told:
            known[group] = wanted(table, group)
        assert all(known.get(group) == wanted(table, group) for group in ALL_GROUPS)


IMMEDIATE = msgspec.structs.replace(CONFIG, immediate_leave=True)


@pytest.mark.parametrize("config", [CONFIG, IMMEDIATE], ids=["asks", "immediate"])
@example(
    history=[(0.0, A, G, (3, "TO_EX", frozenset())), (1.0, A, G, (3, "TO_IN", frozenset(SOURCES[:1])))],
    rest=0.0,
)
@example(
    history=[
        (0.0, A, G, (3, "ALLOW", frozenset(SOURCES))),
        (1.0, A, G, (3, "BLOCK", frozenset(SOURCES[:1]))),
    ],
    rest=0.0,
)
@given(history=histories_of(messages), rest=pauses)
def test_a_mirror_fed_with_the_changes_is_equal(config, history, rest):
    """What ends at once here ends a millisecond later there, as soon as a copy can say it."""
    here, mirror, now = MembershipTable(config), MembershipTable(config), 0.0
    for pause, subscriber, group, message in history:
        now += pause
        for change in here.report(subscriber, report_of(message)(group), REPORTER, now).entries:
            if change.kind in (ChangeKind.LEAVING, ChangeKind.REMOVED):
                mirror.apply_leave(change.entry.subscriber, change.entry.group, now)
            elif change.kind is not ChangeKind.EXPIRED:
                mirror.apply_update(change.state(now), now)
    now += rest + 0.125
    here.expire(now)
    mirror.expire(now)
    assert strip(mirror, now) == strip(here, now)
    assert all(wanted(mirror, group) == wanted(here, group) for group in ALL_GROUPS)


@given(histories_of(steps, most=15), either_copies, pauses)
def test_a_batch_starts_what_is_missing_and_touches_no_running_timer(history, state, rest):
    table, now = MembershipTable(CONFIG), 0.0
    for step in history:
        now += step[0]
        play(table, step, now)
    now += rest
    table.expire(now)
    before = timers(table, now)
    table.apply_update(state, now, batch=True)
    after = timers(table, now)
    assert before.items() <= after.items()
    mine = (state.subscriber, state.group)
    offered = {(*mine, source.address): now + source.lifetime for source in state.sources if source.lifetime}
    if state.filter_mode is FilterMode.EXCLUDE:
        offered[(*mine, None)] = now + state.lifetime
    assert after == {**offered, **before}


def timers(table, now):
    """Running timers by (subscriber, group, source or None for the group's)."""
    running = {}
    for state in live_states(table, now):
        key = (state.subscriber, state.group)
        running |= {(*key, s.address): now + s.lifetime for s in state.sources if s.lifetime}
        if state.filter_mode is FilterMode.EXCLUDE:
            running[(*key, None)] = now + state.lifetime
    return running


@given(histories_of(steps, most=15), either_copies)
def test_a_batch_takes_no_picture_away(history, state):
    table, now = MembershipTable(CONFIG), 0.0
    for step in history:
        now += step[0]
        play(table, step, now)
    table.expire(now)
    entry = table.entry(state.subscriber, state.group)
    before = entry.wants(now) if entry else None
    table.apply_update(state, now, batch=True)
    entry = table.entry(state.subscriber, state.group)
    for source in [*TWINS, *TWINS.values()] if before else []:
        assert not before.wants(source) or entry.wants(now).wants(source)

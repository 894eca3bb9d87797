"""The querier machine: start-up, election, last-member queries, and a role that changes in the middle."""

from ipaddress import IPv4Address

import pytest

from dataplane.config import IgmpConfig
from dataplane.membership.groups import LastMemberQuery
from dataplane.membership.querier import Querier, QuerierState
from dataplane.membership.table import MembershipTable
from dataplane.packets.ethernet import Subscriber
from dataplane.packets.messages import GroupRecord, Query, RecordType, Report

OURS, LOWER, HIGHER = IPv4Address("10.0.0.5"), IPv4Address("10.0.0.4"), IPv4Address("10.0.0.6")
HOST = IPv4Address("10.0.0.100")
G = IPv4Address("239.1.1.1")
S1, S2 = IPv4Address("10.1.1.1"), IPv4Address("10.1.1.2")
A, B = (Subscriber(0, 0, 0, bytes((2, 0, 0, 0, 0, number))) for number in (1, 2))
GENERAL = Query(3, None, (), 10.0, robustness=2, query_interval=125)


class Interface:
    """A table and its querier, driven by deadlines."""

    def __init__(self, config=None, address=OURS):
        config = config or IgmpConfig()
        self.table = MembershipTable(config)
        self.querier = Querier(config, self.table, address)
        self.sent = []

    def note(self, sends, now):
        self.sent += [(now, send.query) for send in sends]

    def active(self, value, now):
        self.note(self.querier.set_active(value, now), now)

    def run(self, until):
        while (deadline := self.querier.next_deadline()) is not None and deadline <= until:
            self.table.expire(deadline)
            self.note(self.querier.tick(deadline), deadline)
        self.table.expire(until)

    def report(self, subscriber, kind, now, *sources, version=3):
        self.run(now)
        message = Report(version, (GroupRecord(kind, G, sources),))
        self.note(self.querier.ask(self.table.report(subscriber, message, HOST, now).queries, now), now)

    def take(self):
        sent, self.sent = self.sent, []
        return sent


@pytest.fixture
def interface():
    return Interface()


@pytest.fixture
def settled(interface):
    """A querier between two general queries."""
    interface.active(True, 0.0)
    interface.run(40.0)
    interface.take()
    return interface


def specific(*sources, suppress=False):
    return Query(3, G, sources, 1.0, suppress, robustness=2, query_interval=125)


def test_it_is_silent_until_it_is_active(interface):
    interface.run(1000.0)
    assert interface.querier.next_deadline() is None
    assert interface.querier.state is QuerierState.OFF
    assert interface.querier.querier_address is None


def test_start_up_queries_then_the_query_interval(interface):
    interface.active(True, 100.0)
    interface.active(True, 101.0)
    interface.run(400.0)
    assert interface.take() == [(at, GENERAL) for at in (100.0, 131.25, 256.25, 381.25)]
    assert interface.querier.state is QuerierState.QUERIER
    assert interface.querier.querier_address == OURS


def test_a_late_tick_sends_one_query(interface):
    interface.active(True, 0.0)
    assert len(interface.querier.tick(10_000.0)) == 1
    assert interface.querier.next_deadline() == 10_125.0


def test_a_backup_says_nothing_and_elects_nobody(interface):
    interface.active(True, 0.0)
    interface.active(False, 10.0)
    interface.take()
    interface.querier.heard(GENERAL, LOWER, 11.0)
    assert interface.querier.state is QuerierState.OFF
    interface.run(10_000.0)
    assert interface.take() == []
    interface.active(True, 10_000.0)
    assert interface.take() == [(10_000.0, GENERAL)]


def test_a_lower_address_wins_until_it_is_silent(settled):
    settled.querier.heard(GENERAL, LOWER, 50.0)
    assert settled.querier.state is QuerierState.NON_QUERIER
    assert settled.querier.querier_address == LOWER
    settled.run(50.0 + 254.9)
    assert settled.take() == []
    settled.run(50.0 + 255.0)
    assert settled.take() == [(305.0, GENERAL)]
    assert settled.querier.querier_address == OURS


@pytest.mark.parametrize("source", [HIGHER, OURS, IPv4Address(0)])
def test_who_does_not_win(settled, source):
    settled.querier.heard(GENERAL, source, 50.0)
    assert settled.querier.state is QuerierState.QUERIER


def test_the_peer_is_not_elected_against(settled):
    settled.querier.heard(GENERAL, LOWER, 50.0, from_peer=True)
    assert settled.querier.state is QuerierState.QUERIER


def test_without_an_address_anyone_wins():
    interface = Interface(address=None)
    interface.active(True, 0.0)
    interface.querier.heard(GENERAL, HIGHER, 1.0)
    assert interface.querier.state is QuerierState.NON_QUERIER
    interface.querier.set_address(OURS)
    interface.run(300.0)
    assert interface.querier.querier_address == OURS


def test_the_elected_queriers_variables_are_used(settled):
    settled.querier.heard(Query(3, None, (), 10.0, robustness=3, query_interval=20), LOWER, 50.0)
    settled.report(A, RecordType.MODE_IS_EXCLUDE, 51.0)
    assert settled.table.entry(A, G).state(51.0).lifetime == 70.0
    settled.run(50.0 + 65.0)
    assert settled.querier.state is QuerierState.QUERIER
    settled.report(A, RecordType.MODE_IS_EXCLUDE, 116.0)
    assert settled.table.entry(A, G).state(116.0).lifetime == 260.0


def test_the_elected_queriers_last_member_query_lowers_our_timers(settled):
    settled.report(A, RecordType.MODE_IS_EXCLUDE, 41.0)
    settled.querier.heard(specific(suppress=True), LOWER, 50.0)
    assert settled.table.entry(A, G).state(50.0).lifetime > 200
    settled.querier.heard(specific(), LOWER, 51.0)
    assert settled.table.entry(A, G).state(51.0).lifetime == 2.0


def test_a_leave_is_asked_about_twice(settled):
    settled.report(A, RecordType.MODE_IS_EXCLUDE, 41.0)
    settled.report(A, RecordType.CHANGE_TO_INCLUDE_MODE, 50.0)
    settled.run(60.0)
    assert settled.take() == [(50.0, specific()), (51.0, specific())]
    assert len(settled.table) == 0


def test_start_up_is_over_once_another_asks():
    interface = Interface(IgmpConfig(robustness_variable=3))
    interface.active(True, 0.0)
    interface.querier.heard(GENERAL, LOWER, 1.0)
    interface.active(True, 1.0)
    interface.run(256.0)
    assert [at for at, _ in interface.take()] == [0.0, 256.0]
    assert interface.querier.next_deadline() == 256.0 + 125.0


def test_a_backup_knows_no_querier(settled):
    settled.querier.heard(GENERAL, LOWER, 50.0)
    settled.active(False, 51.0)
    assert settled.querier.querier_address is None


def test_who_answers_is_told_by_the_s_flag(settled):
    settled.report(A, RecordType.MODE_IS_EXCLUDE, 41.0)
    settled.report(A, RecordType.CHANGE_TO_INCLUDE_MODE, 50.0)
    settled.report(A, RecordType.MODE_IS_EXCLUDE, 50.5)
    settled.run(60.0)
    assert settled.take() == [(50.0, specific()), (51.0, specific(suppress=True))]


def test_sources_are_asked_about_in_two_queries_when_one_answered(settled):
    settled.report(A, RecordType.ALLOW_NEW_SOURCES, 41.0, S1, S2)
    settled.report(A, RecordType.BLOCK_OLD_SOURCES, 50.0, S1, S2)
    settled.report(A, RecordType.MODE_IS_INCLUDE, 50.5, S2)
    settled.run(60.0)
    assert settled.take() == [
        (50.0, specific(S1, S2)),
        (51.0, specific(S2, suppress=True)),
        (51.0, specific(S1)),
    ]


def test_another_leave_in_the_middle_is_asked_about_as_often(settled):
    settled.report(A, RecordType.ALLOW_NEW_SOURCES, 41.0, S1, S2)
    settled.report(A, RecordType.BLOCK_OLD_SOURCES, 50.0, S1)
    settled.report(A, RecordType.BLOCK_OLD_SOURCES, 50.5, S2)
    settled.run(60.0)
    assert settled.take() == [(50.0, specific(S1)), (50.5, specific(S1, S2)), (51.5, specific(S2))]


def test_the_group_and_its_sources_at_once(settled):
    settled.report(A, RecordType.MODE_IS_EXCLUDE, 41.0)
    settled.report(A, RecordType.ALLOW_NEW_SOURCES, 42.0, S1)
    settled.report(A, RecordType.CHANGE_TO_INCLUDE_MODE, 50.0)
    settled.run(60.0)
    assert settled.take() == [
        (50.0, specific()),
        (50.0, specific(S1)),
        (51.0, specific()),
        (51.0, specific(S1)),
    ]


def test_a_source_that_answered_is_not_asked_about_beside_its_group(settled):
    settled.report(A, RecordType.MODE_IS_EXCLUDE, 41.0)
    settled.report(A, RecordType.ALLOW_NEW_SOURCES, 42.0, S1)
    settled.report(A, RecordType.CHANGE_TO_INCLUDE_MODE, 50.0)
    settled.report(A, RecordType.MODE_IS_INCLUDE, 50.5, S1)
    settled.take()
    settled.run(60.0)
    assert settled.take() == [(51.0, specific())]


def test_the_new_master_finishes_what_the_old_one_began(interface):
    interface.report(A, RecordType.MODE_IS_EXCLUDE, 1.0)
    interface.report(A, RecordType.CHANGE_TO_INCLUDE_MODE, 10.0)
    assert interface.take() == []
    interface.active(True, 10.5)
    interface.run(20.0)
    assert interface.take() == [(10.5, GENERAL), (11.0, specific())]


def test_the_old_master_falls_silent_in_the_middle(settled):
    settled.report(A, RecordType.MODE_IS_EXCLUDE, 41.0)
    settled.report(A, RecordType.CHANGE_TO_INCLUDE_MODE, 50.0)
    settled.active(False, 50.5)
    settled.run(60.0)
    assert settled.take() == [(50.0, specific())]
    assert settled.querier.next_deadline() is None


@pytest.mark.parametrize(
    ("version", "expected"), [(2, [(50.0, Query(2, G, (), 1.0)), (51.0, Query(2, G, (), 1.0))]), (1, [])]
)
def test_older_versions(version, expected):
    interface = Interface(IgmpConfig(version=version))
    interface.active(True, 0.0)
    assert interface.take() == [(0.0, Query(version, None, (), 10.0))]
    interface.run(40.0)
    interface.take()
    interface.report(A, RecordType.MODE_IS_EXCLUDE, 41.0, version=version)
    interface.note(interface.querier.ask((LastMemberQuery(G),), 50.0), 50.0)
    interface.run(60.0)
    assert interface.take() == expected


def test_a_shorter_interval_counts_from_now(settled):
    settled.querier.reconfigure(IgmpConfig(query_interval=8), 41.0)
    assert settled.querier.next_deadline() == 49.0


def test_questions_about_nothing_end(interface):
    interface.note(interface.querier.ask((LastMemberQuery(G), LastMemberQuery(G, (S1,))), 0.0), 0.0)
    interface.run(10.0)
    assert interface.sent == []
    assert interface.querier.next_deadline() is None


def test_many_groups_are_asked_about_in_parts(interface):
    interface.active(True, 0.0)
    groups = [IPv4Address(0xEF000000 + number) for number in range(300)]
    interface.querier.ask(tuple(LastMemberQuery(group) for group in groups), 1.0)
    parts = []
    while (deadline := interface.querier.next_deadline()) <= 2.0:
        parts.append([send.query.group for send in interface.querier.tick(max(deadline, 2.0))])
    assert max(map(len, parts)) <= 128
    assert sorted(group for part in parts for group in part) == groups


def test_a_group_that_a_report_names_twice_is_asked_for_once():
    """With a robustness of 1 the only round is the first: a second would have nothing to ask."""
    side = Interface(IgmpConfig(robustness_variable=1))
    other = IPv4Address("239.1.1.2")
    side.querier.set_active(True, 0.0)
    twice = (LastMemberQuery(G), LastMemberQuery(other), LastMemberQuery(G, (S1,)), LastMemberQuery(G))
    asked = [send.query.group for send in side.querier.ask(twice, 1.0)]
    assert asked == [G, G, other]
    assert side.querier.next_deadline() > 2.0

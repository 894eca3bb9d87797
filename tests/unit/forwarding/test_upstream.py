"""The proxy's host side toward the core: state changes, answers, older queriers."""

import random
from collections import Counter
from ipaddress import IPv4Address, IPv6Address

import pytest

from dataplane.forwarding.querier import HeardQuerier
from dataplane.forwarding.upstream import (
    MAXIMUM_SOURCES,
    REPEATED_AT_ONCE,
    UpstreamProxies,
    UpstreamProxy,
)
from dataplane.membership.groups import Aggregate, FilterMode
from dataplane.packets.messages import GroupRecord, Query, RecordType, Report

GROUP, OTHER = IPv4Address("239.1.1.1"), IPv4Address("239.1.1.2")
ONE, TWO = IPv4Address("10.0.0.1"), IPv4Address("10.0.0.2")
ANY = Aggregate(FilterMode.EXCLUDE)
GENERAL = Query(version=3, max_response=10.0, robustness=2, query_interval=125)


def include(*sources):
    return Aggregate(FilterMode.INCLUDE, frozenset(sources))


@pytest.fixture
def proxy():
    return UpstreamProxy(random.Random(1))


def run_out(proxy, now):
    """Everything that is still to be said, with its time."""
    said = []
    while (deadline := proxy.next_deadline()) is not None:
        now = max(now, deadline)
        said.extend((now, report) for report in proxy.expire(now))
    return said


def settled(proxy, interests, now=0.0):
    """A proxy that has said what it wants and is quiet."""
    for group, interest in interests.items():
        proxy.set_interest(group, interest, now)
    run_out(proxy, now)
    return proxy


def record(kind, group=GROUP, *sources):
    return GroupRecord(kind, group, sources)


def test_a_join_is_said_at_once_and_once_more_within_a_second(proxy):
    proxy.set_interest(GROUP, ANY, 5.0)
    assert proxy.next_deadline() == 5.0
    join = Report(3, (record(RecordType.CHANGE_TO_EXCLUDE_MODE),))
    assert proxy.expire(5.0) == [join]
    ((again, report),) = run_out(proxy, 5.0)
    assert report == join
    assert 5.0 < again <= 6.0


def test_a_thousand_joins_are_one_report(proxy):
    groups = [GROUP + number for number in range(1_000)]
    for group in groups:
        proxy.set_interest(group, ANY, 0.0)
    (report,) = proxy.expire(0.0)
    assert [each.group for each in report.records] == groups
    again = [each for _, repeated in run_out(proxy, 0.0) for each in repeated.records]
    assert again == list(report.records)


def test_a_leave_is_a_change_to_include(proxy):
    settled(proxy, {GROUP: ANY})
    proxy.set_interest(GROUP, None, 10.0)
    leave = Report(3, (record(RecordType.CHANGE_TO_INCLUDE_MODE),))
    assert proxy.expire(10.0) == [leave]
    assert [report for _, report in run_out(proxy, 10.0)] == [leave]


def test_sources_come_and_go_in_records_of_their_own(proxy):
    settled(proxy, {GROUP: include(ONE)})
    proxy.set_interest(GROUP, include(TWO), 10.0)
    allow = record(RecordType.ALLOW_NEW_SOURCES, GROUP, TWO)
    block = record(RecordType.BLOCK_OLD_SOURCES, GROUP, ONE)
    assert proxy.expire(10.0) == [Report(3, (allow, block))]


def test_an_excluded_source_is_blocked_and_allowed_again(proxy):
    settled(proxy, {GROUP: ANY})
    proxy.set_interest(GROUP, Aggregate(FilterMode.EXCLUDE, frozenset({ONE})), 10.0)
    assert proxy.expire(10.0) == [Report(3, (record(RecordType.BLOCK_OLD_SOURCES, GROUP, ONE),))]
    proxy.set_interest(GROUP, ANY, 10.1)
    assert proxy.expire(10.1) == [Report(3, (record(RecordType.ALLOW_NEW_SOURCES, GROUP, ONE),))]


def test_a_change_of_mind_before_anything_was_said_ends_in_what_is_true(proxy):
    proxy.set_interest(GROUP, ANY, 0.0)
    proxy.set_interest(GROUP, None, 0.0)
    assert proxy.expire(0.0) == [Report(3, (record(RecordType.CHANGE_TO_INCLUDE_MODE),))]


def test_the_same_interest_again_says_nothing(proxy):
    settled(proxy, {GROUP: ANY})
    proxy.set_interest(GROUP, ANY, 20.0)
    assert proxy.next_deadline() is None


def test_a_general_query_is_answered_once_for_all_groups(proxy):
    settled(proxy, {GROUP: ANY, OTHER: include(ONE)})
    proxy.query(GENERAL, 100.0)
    ((when, report),) = run_out(proxy, 100.0)
    assert 100.0 <= when <= 110.0
    assert report.records == (
        record(RecordType.MODE_IS_EXCLUDE),
        record(RecordType.MODE_IS_INCLUDE, OTHER, ONE),
    )


def test_a_second_general_query_does_not_delay_the_answer(proxy):
    settled(proxy, {GROUP: ANY})
    proxy.query(GENERAL, 100.0)
    first = proxy.next_deadline()
    proxy.query(GENERAL, 100.0)
    assert proxy.next_deadline() <= first
    assert len(run_out(proxy, 100.0)) == 1


def test_a_group_query_is_answered_for_that_group_only(proxy):
    settled(proxy, {GROUP: ANY, OTHER: ANY})
    proxy.query(Query(version=3, group=GROUP, max_response=1.0), 100.0)
    proxy.query(Query(version=3, group=GROUP + 9, max_response=1.0), 100.0)
    ((when, report),) = run_out(proxy, 100.0)
    assert 100.0 <= when <= 101.0
    assert report == Report(3, (record(RecordType.MODE_IS_EXCLUDE),))


def test_a_source_query_is_answered_with_the_sources_that_are_wanted(proxy):
    settled(proxy, {GROUP: include(ONE), OTHER: Aggregate(FilterMode.EXCLUDE, frozenset({ONE}))})
    for group in (GROUP, OTHER):
        proxy.query(Query(version=3, group=group, sources=(ONE, TWO), max_response=1.0), 100.0)
    said = {each.group: each for _, report in run_out(proxy, 100.0) for each in report.records}
    assert said == {
        GROUP: record(RecordType.MODE_IS_INCLUDE, GROUP, ONE),
        OTHER: record(RecordType.MODE_IS_INCLUDE, OTHER, TWO),
    }


def test_a_source_query_about_nothing_wanted_gets_no_answer(proxy):
    settled(proxy, {GROUP: include(ONE)})
    proxy.query(Query(version=3, group=GROUP, sources=(TWO,), max_response=1.0), 100.0)
    assert run_out(proxy, 100.0) == []


def test_questions_about_one_group_share_an_answer(proxy):
    settled(proxy, {GROUP: include(ONE, TWO)})
    for source in (ONE, TWO):
        proxy.query(Query(version=3, group=GROUP, sources=(source,), max_response=1.0), 100.0)
    ((_, report),) = run_out(proxy, 100.0)
    assert report.records == (record(RecordType.MODE_IS_INCLUDE, GROUP, ONE, TWO),)
    proxy.query(Query(version=3, group=GROUP, sources=(ONE,), max_response=1.0), 200.0)
    proxy.query(Query(version=3, group=GROUP, max_response=1.0), 200.0)
    ((_, report),) = run_out(proxy, 200.0)
    assert report.records == (record(RecordType.MODE_IS_INCLUDE, GROUP, ONE, TWO),)


def test_a_version_2_querier_gets_version_2_reports_one_group_each(proxy):
    settled(proxy, {GROUP: ANY, OTHER: include(ONE)})
    proxy.query(Query(version=2, max_response=10.0), 100.0)
    assert proxy.version(100.0) == 2
    said = [report for _, report in run_out(proxy, 100.0)]
    assert sorted(said, key=lambda report: report.records[0].group) == [
        Report(2, (record(RecordType.MODE_IS_EXCLUDE),)),
        Report(2, (record(RecordType.MODE_IS_EXCLUDE, OTHER),)),
    ]


def test_a_version_2_leave_is_said_once(proxy):
    settled(proxy, {GROUP: ANY})
    proxy.query(Query(version=2, max_response=1.0), 100.0)
    run_out(proxy, 100.0)
    proxy.set_interest(GROUP, None, 110.0)
    said = proxy.expire(110.0) + [report for _, report in run_out(proxy, 110.0)]
    assert said == [Report(2, (record(RecordType.CHANGE_TO_INCLUDE_MODE),))]


def test_version_1_has_no_leave(proxy):
    settled(proxy, {GROUP: ANY})
    proxy.query(Query(version=1, max_response=10.0), 100.0)
    assert {report.version for _, report in run_out(proxy, 100.0)} == {1}
    proxy.set_interest(GROUP, None, 120.0)
    assert proxy.expire(120.0) + [report for _, report in run_out(proxy, 120.0)] == []


def test_the_older_querier_is_forgotten_after_its_time(proxy):
    proxy.query(GENERAL, 0.0)
    proxy.query(Query(version=2, max_response=10.0), 0.0)
    # RFC 3376 section 8.12: robustness 2 x query interval 125 s + response time 10 s.
    assert proxy.version(259.9) == 2
    assert proxy.version(260.0) == 3


def test_robustness_is_the_queriers(proxy):
    proxy.query(Query(version=3, max_response=1.0, robustness=4, query_interval=125), 0.0)
    run_out(proxy, 0.0)
    proxy.set_interest(GROUP, ANY, 10.0)
    assert len(proxy.expire(10.0)) + len(run_out(proxy, 10.0)) == 4


def test_a_restart_says_everything_anew(proxy):
    settled(proxy, {GROUP: ANY, OTHER: include(ONE)})
    proxy.query(Query(version=2, max_response=10.0), 100.0)
    proxy.restart(200.0, HeardQuerier())
    assert proxy.next_deadline() == 200.0
    (report,) = proxy.expire(200.0)
    assert report.version == 3
    assert set(report.records) == {
        record(RecordType.CHANGE_TO_EXCLUDE_MODE),
        record(RecordType.ALLOW_NEW_SOURCES, OTHER, ONE),
    }


def test_the_second_report_of_many_groups_goes_out_in_pieces() -> None:
    proxy = UpstreamProxy(random.Random(1))
    groups = [IPv4Address("239.0.0.1") + number for number in range(300)]
    for group in groups:
        proxy.set_interest(group, ANY, 0.0)
    assert sum(len(report.records) for report in proxy.expire(0.0)) == 300
    again = []
    while len(again) < 300:
        now = proxy.next_deadline()
        assert now is not None
        piece = [record.group for report in proxy.expire(now) for record in report.records]
        assert 0 < len(piece) <= REPEATED_AT_ONCE
        again += piece
    assert sorted(again) == groups
    assert proxy.next_deadline() is None


SIX, SIX_SOURCE = IPv6Address("ff3e::1:1"), IPv6Address("2001:db8::1")


def test_mld_is_said_with_the_same_records(proxy):
    proxy.set_interest(SIX, include(SIX_SOURCE), 5.0)
    assert proxy.expire(5.0) == [Report(3, (record(RecordType.ALLOW_NEW_SOURCES, SIX, SIX_SOURCE),))]


def test_an_mldv1_querier_is_answered_with_done_and_reports():
    proxy = settled(UpstreamProxy(random.Random(1)), {SIX: ANY})
    proxy.query(Query(version=2, max_response=1.0), 10.0)
    assert [report for _, report in run_out(proxy, 10.0)] == [
        Report(2, (record(RecordType.MODE_IS_EXCLUDE, SIX),))
    ]
    proxy.set_interest(SIX, None, 12.0)
    (done,) = proxy.expire(12.0)
    assert done.is_leave


def test_each_family_has_a_proxy_and_an_older_querier_of_its_own():
    proxies = UpstreamProxies(random.Random(1))
    for group in (GROUP, SIX):
        proxies.set_interest(group, ANY, 0.0)
    proxies.of(6).query(Query(version=2, max_response=1.0), 0.0)
    first = proxies.expire(0.0)
    assert [(report.version, report.records[0].group) for report in first] == [(3, GROUP), (2, SIX)]
    proxies.set_interest(SIX, None, 1.0)
    assert [report.is_leave for report in proxies.of(6).expire(1.0)] == [True]
    assert proxies.next_deadline() is not None
    assert run_out(proxies, 1.0)
    assert proxies.next_deadline() is None


def test_a_general_answer_and_a_change_of_upstream_come_in_pieces():
    groups = [GROUP + number for number in range(2 * REPEATED_AT_ONCE + 1)]
    proxy = settled(UpstreamProxy(random.Random(1)), dict.fromkeys(groups, ANY))
    proxy.query(GENERAL, 100.0)
    answers = run_out(proxy, 100.0)
    assert [len(report.records) for _, report in answers] == [REPEATED_AT_ONCE, REPEATED_AT_ONCE, 1]
    assert [each.group for _, report in answers for each in report.records] == groups
    proxy.restart(200.0)
    said = run_out(proxy, 200.0)
    assert max(len(report.records) for _, report in said) <= 2 * REPEATED_AT_ONCE
    told = [each for _, report in said for each in report.records]
    assert {each.type for each in told} == {RecordType.CHANGE_TO_EXCLUDE_MODE}
    assert sorted(each.group for each in told) == sorted(groups * 2)


def test_an_older_querier_gets_its_answers_in_pieces_over_the_response_time():
    groups = [GROUP + number for number in range(10 * REPEATED_AT_ONCE)]
    proxy = settled(UpstreamProxy(random.Random(1)), dict.fromkeys(groups, ANY))
    proxy.query(Query(version=2, max_response=10.0), 100.0)
    answers = run_out(proxy, 100.0)
    assert [report.records[0].group for _, report in answers] == groups
    at_once = Counter(when for when, _ in answers)
    assert set(at_once.values()) == {REPEATED_AT_ONCE}
    assert 100.0 < min(at_once) < 101.0
    assert max(at_once) == pytest.approx(min(at_once) + 9.0)


def test_what_is_new_goes_to_an_older_querier_in_pieces_too():
    proxy = UpstreamProxy(random.Random(1))
    proxy.query(Query(version=2, max_response=1.0), 0.0)
    run_out(proxy, 0.0)
    groups = [GROUP + number for number in range(2 * REPEATED_AT_ONCE + 1)]
    for group in groups:
        proxy.set_interest(group, ANY, 2.0)
    assert proxy.behind
    sizes = [len(proxy.expire(2.0)) for _ in range(3)]
    assert sizes == [REPEATED_AT_ONCE, REPEATED_AT_ONCE, 1]
    assert not proxy.behind


def test_a_question_about_one_group_is_answered_although_the_general_answer_has_passed_it():
    groups = [GROUP + number for number in range(4 * REPEATED_AT_ONCE)]
    proxy = settled(UpstreamProxy(random.Random(1)), dict.fromkeys(groups, ANY))
    proxy.query(Query(version=2, max_response=10.0), 100.0)
    begin = proxy.next_deadline()
    proxy.expire(begin)
    proxy.query(Query(version=2, group=GROUP, max_response=1.0), begin + 0.1)
    answers = [when for when, report in run_out(proxy, begin + 0.1) if report.records[0].group == GROUP]
    assert len(answers) == 1
    assert answers[0] <= begin + 1.1


def test_many_questions_about_one_group_each_are_answered_in_pieces():
    groups = [GROUP + number for number in range(2 * REPEATED_AT_ONCE)]
    proxy = settled(UpstreamProxy(random.Random(1)), dict.fromkeys(groups, ANY))
    for group in groups:
        proxy.query(Query(version=3, group=group, max_response=1.0), 100.0)
    assert [len(report.records) for report in proxy.expire(102.0)] == [REPEATED_AT_ONCE]
    assert proxy.next_deadline() <= 102.0
    assert [len(report.records) for report in proxy.expire(102.0)] == [REPEATED_AT_ONCE]


def test_a_group_that_is_left_while_it_waits_to_be_reported_anew_is_not_reported_as_wanted():
    groups = [GROUP + number for number in range(3 * REPEATED_AT_ONCE)]
    proxy = settled(UpstreamProxy(random.Random(1)), dict.fromkeys(groups, ANY))
    proxy.restart(100.0)
    proxy.set_interest(groups[-1], None, 100.0)
    kinds = {
        each.type
        for _, report in run_out(proxy, 100.0)
        for each in report.records
        if each.group == groups[-1]
    }
    assert kinds == {RecordType.CHANGE_TO_INCLUDE_MODE}


@pytest.mark.parametrize("before", [True, False], ids=["before-the-general-query", "after-it"])
def test_a_question_about_one_group_does_not_wait_for_an_answer_that_takes_the_whole_response_time(before):
    """The core forgets the group after 2 s: last members are asked for while the general answer is spread."""
    groups = [GROUP + number for number in range(10 * REPEATED_AT_ONCE)]
    proxy = settled(UpstreamProxy(random.Random(1)), dict.fromkeys(groups, ANY))
    proxy.query(Query(version=2, max_response=10.0), 0.0)
    run_out(proxy, 0.0)
    questions = [
        Query(version=2, group=groups[-1], max_response=1.0),
        Query(version=2, max_response=10.0),
    ]
    for question in questions if before else reversed(questions):
        proxy.query(question, 100.0)
    answers = [when for when, report in run_out(proxy, 100.0) if report.records[0].group == groups[-1]]
    assert answers[0] <= 101.0


def test_what_is_remembered_of_questions_is_bounded(proxy):
    settled(proxy, {GROUP: ANY})
    for number in range(0, 4 * MAXIMUM_SOURCES, 100):
        asked = tuple(ONE + number + each for each in range(100))
        proxy.query(Query(version=3, group=GROUP, sources=asked, max_response=3_000.0), 100.0)
    assert len(proxy._answer_order) < 20
    ((_, report),) = run_out(proxy, 100.0)
    assert report.records == (record(RecordType.MODE_IS_EXCLUDE),), "too many sources: the group's state"


def test_reporting_anew_on_the_same_link_goes_on_in_its_queriers_version():
    proxy = settled(UpstreamProxy(random.Random(1)), {SIX: ANY})
    proxy.query(Query(version=2, max_response=1.0), 10.0)
    run_out(proxy, 10.0)
    proxy.restart(20.0)
    assert {report.version for report in proxy.expire(20.0)} == {2}

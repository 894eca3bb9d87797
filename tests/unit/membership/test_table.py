"""The table's own duties: limits, origins, leaves, copies, and what it tells about them."""

from ipaddress import IPv4Address

import msgspec
import pytest

from dataplane.config import IgmpConfig
from dataplane.membership import admission, room
from dataplane.membership import table as table_module
from dataplane.membership.groups import (
    ANY_SOURCE,
    Aggregate,
    ChangeKind,
    EntryState,
    FilterMode,
    LastMemberQuery,
    Origin,
    SourceState,
)
from dataplane.membership.room import MAX_SOURCES
from dataplane.membership.table import MembershipTable
from dataplane.membership.timers import MAX_LIFETIME
from dataplane.packets.ethernet import Subscriber
from dataplane.packets.messages import GroupRecord, RecordType, Report
from dataplane.packets.wire import DropReason

A, B, C = (Subscriber(0, 0, 0, bytes((2, 0, 0, 0, 0, number))) for number in (1, 2, 3))
G, H = IPv4Address("239.1.1.1"), IPv4Address("239.1.1.2")
S1, S2 = IPv4Address("10.1.1.1"), IPv4Address("10.1.1.2")
HOST, PEER_HOST = IPv4Address("10.0.0.2"), IPv4Address("10.0.0.3")
GMI = 260.0


def report(kind, group=G, *sources, version=3):
    return Report(version, (GroupRecord(kind, group, sources),))


JOIN = report(RecordType.MODE_IS_EXCLUDE, version=2)
LEAVE = report(RecordType.CHANGE_TO_INCLUDE_MODE, version=2)
TO_EX, TO_IN = RecordType.CHANGE_TO_EXCLUDE_MODE, RecordType.CHANGE_TO_INCLUDE_MODE
ALLOW, BLOCK = RecordType.ALLOW_NEW_SOURCES, RecordType.BLOCK_OLD_SOURCES


def kinds(changes):
    return [change.kind for change in changes.entries]


def copy_of(subscriber=A, lifetime=GMI, mode=FilterMode.EXCLUDE, *sources):
    return EntryState(subscriber, G, mode, lifetime, tuple(SourceState(*pair) for pair in sources), PEER_HOST)


@pytest.fixture
def table():
    return MembershipTable(IgmpConfig())


def test_a_join_its_refresh_and_its_end(table):
    first = table.report(A, JOIN, HOST, 10.0)
    assert kinds(first) == [ChangeKind.CREATED]
    assert first.groups == (G,)
    assert table.aggregate(G) == ANY_SOURCE
    again = table.report(A, JOIN, PEER_HOST, 110.0)
    assert kinds(again) == [ChangeKind.REFRESHED]
    assert again.groups == ()
    entry = table.entry(A, G)
    assert (entry.up_since, entry.last_reporter, entry.origin) == (10.0, PEER_HOST, Origin.LOCAL)
    assert entry.state(111.0).lifetime == GMI - 1
    assert table.next_deadline() <= 110.0 + GMI
    assert table.expire(110.0 + GMI - 0.001) == table_module.Changes()
    gone = table.expire(110.0 + GMI)
    assert kinds(gone) == [ChangeKind.EXPIRED]
    assert gone.groups == (G,)
    assert table.aggregate(G) is None
    assert len(table) == 0
    assert table.next_deadline() is None


def test_a_leave_is_asked_about_and_takes_the_last_member_query_time(table):
    table.report(A, JOIN, HOST, 0.0)
    left = table.report(A, LEAVE, HOST, 10.0)
    assert kinds(left) == [ChangeKind.LEAVING]
    assert left.queries == (LastMemberQuery(G),)
    assert left.groups == ()
    assert table.aggregate(G) == ANY_SOURCE
    assert table.next_deadline() <= 12.0
    assert table.expire(12.0).groups == (G,)


def test_who_answers_the_last_member_query_stays(table):
    table.report(A, JOIN, HOST, 0.0)
    table.report(A, LEAVE, HOST, 10.0)
    answered = table.report(A, JOIN, HOST, 11.0)
    assert kinds(answered) == [ChangeKind.REFRESHED]
    table.expire(12.0)
    assert table.entry(A, G).state(12.0).lifetime == GMI - 1


def test_a_leave_of_one_never_drops_another(table):
    table.report(A, JOIN, HOST, 0.0)
    table.report(B, JOIN, HOST, 0.0)
    left = table.report(A, LEAVE, HOST, 1.0)
    assert left.queries == ()
    assert table.expire(3.0).groups == ()
    assert [entry.subscriber for entry in table.entries(G)] == [B]


def test_the_last_of_two_who_leave_together_is_asked_about(table):
    table.report(A, JOIN, HOST, 0.0)
    table.report(B, JOIN, HOST, 0.0)
    assert table.report(A, LEAVE, HOST, 1.0).queries == ()
    assert table.report(B, LEAVE, HOST, 1.5).queries == (LastMemberQuery(G),)


def test_who_answered_keeps_the_group_for_the_next_who_leaves(table):
    table.report(A, JOIN, HOST, 0.0)
    table.report(B, JOIN, HOST, 0.0)
    table.report(A, LEAVE, HOST, 1.0)
    table.report(A, JOIN, HOST, 1.5)
    assert table.report(B, LEAVE, HOST, 2.0).queries == ()


def test_a_leave_of_nothing_is_nothing(table):
    assert table.report(A, LEAVE, HOST, 0.0) == table_module.Changes()
    assert table.report(A, report(BLOCK, G, S1), HOST, 0.0) == table_module.Changes()
    assert table.apply_leave(A, G, 0.0) == table_module.Changes()


def test_immediate_leave_asks_nobody():
    table = MembershipTable(IgmpConfig(immediate_leave=True))
    table.report(A, JOIN, HOST, 0.0)
    left = table.report(A, LEAVE, HOST, 1.0)
    assert kinds(left) == [ChangeKind.REMOVED]
    assert (left.groups, left.queries) == ((G,), ())
    table.report(A, report(ALLOW, G, S1, S2), HOST, 2.0)
    partly = table.report(A, report(BLOCK, G, S1), HOST, 3.0)
    assert kinds(partly) == [ChangeKind.UPDATED]
    assert table.aggregate(G) == Aggregate(FilterMode.INCLUDE, frozenset({S2}))


def test_source_specific_leave(table):
    table.report(A, report(ALLOW, G, S1, S2), HOST, 0.0)
    assert table.aggregate(G) == Aggregate(FilterMode.INCLUDE, frozenset({S1, S2}))
    partly = table.report(A, report(BLOCK, G, S1), HOST, 10.0)
    assert kinds(partly) == [ChangeKind.UPDATED]
    assert partly.queries == (LastMemberQuery(G, (S1,)),)
    rest = table.report(A, report(BLOCK, G, S2), HOST, 11.0)
    assert kinds(rest) == [ChangeKind.LEAVING]
    changed = table.expire(12.0)
    assert kinds(changed) == [ChangeKind.UPDATED]
    assert table.aggregate(G) == Aggregate(FilterMode.INCLUDE, frozenset({S2}))
    assert kinds(table.expire(13.0)) == [ChangeKind.EXPIRED]


def test_switching_to_some_sources_is_not_leaving(table):
    table.report(A, report(TO_EX), HOST, 0.0)
    changes = table.report(A, report(TO_IN, G, S1), HOST, 1.0)
    assert kinds(changes) == [ChangeKind.UPDATED]
    assert changes.queries == (LastMemberQuery(G),)
    assert kinds(table.expire(3.0)) == [ChangeKind.UPDATED]
    assert table.aggregate(G) == Aggregate(FilterMode.INCLUDE, frozenset({S1}))


def test_filter_modes_merge(table):
    table.report(A, report(ALLOW, G, S1), HOST, 0.0)
    table.report(B, report(TO_EX, G, S1, S2), HOST, 0.0)
    assert table.aggregate(G) == Aggregate(FilterMode.EXCLUDE, frozenset({S2}))
    table.report(C, report(TO_EX, G, S1), HOST, 0.0)
    assert table.aggregate(G) == ANY_SOURCE


def test_a_source_that_another_member_excludes_is_asked_for(table):
    table.report(A, report(ALLOW, G, S1), HOST, 0.0)
    table.report(B, report(TO_EX, G, S1), HOST, 0.0)
    assert table.report(A, report(BLOCK, G, S1), HOST, 1.0).queries == (LastMemberQuery(G, (S1,)),)


def test_a_v1_host_never_leaves_and_a_v2_host_has_no_sources(table):
    table.report(A, report(RecordType.MODE_IS_EXCLUDE, version=1), HOST, 0.0)
    assert table.report(A, LEAVE, HOST, 1.0) == table_module.Changes()
    assert table.report(A, report(BLOCK, G, S1), HOST, 1.0) == table_module.Changes()
    table.report(B, JOIN, HOST, 0.0)
    assert table.report(B, report(BLOCK, G, S1), HOST, 1.0) == table_module.Changes()
    table.report(B, report(TO_EX, G, S1), HOST, 1.0)
    assert table.entry(B, G).wants(1.0) == ANY_SOURCE


def test_a_version_above_the_configured_one_is_refused():
    table = MembershipTable(IgmpConfig(version=2))
    refused = table.report(A, report(TO_EX), HOST, 0.0)
    assert refused == table_module.Changes(refused=(DropReason.UNSUPPORTED_VERSION,))
    assert kinds(table.report(A, JOIN, HOST, 0.0)) == [ChangeKind.CREATED]


def test_limits_of_groups():
    table = MembershipTable(IgmpConfig(max_groups=1, max_groups_per_subscriber=1))
    assert table.report(A, JOIN, HOST, 0.0).refused == ()
    other = report(RecordType.MODE_IS_EXCLUDE, H, version=2)
    assert table.report(A, other, HOST, 0.0).refused == (DropReason.TOO_MANY_SUBSCRIBER_GROUPS,)
    assert table.report(B, other, HOST, 0.0).refused == (DropReason.TOO_MANY_GROUPS,)
    assert table.report(B, JOIN, HOST, 0.0).refused == ()
    assert table.apply_update(msgspec.structs.replace(copy_of(C), group=H), 0.0).refused == (
        DropReason.TOO_MANY_GROUPS,
    )
    assert table.report(A, JOIN, HOST, 1.0).refused == ()
    table.expire(GMI)
    table.expire(GMI + 1)
    assert table.report(B, other, HOST, GMI + 2).refused == ()


def test_limit_of_entries(table, monkeypatch):
    monkeypatch.setattr(admission, "MAX_ENTRIES", 1)
    table.report(A, JOIN, HOST, 0.0)
    assert table.report(B, JOIN, HOST, 0.0).refused == (DropReason.TOO_MANY_ENTRIES,)
    assert len(table) == 1


def test_limit_of_sources(table):
    sources = [IPv4Address(int(S1) + number) for number in range(MAX_SOURCES + 1)]
    assert table.report(A, report(ALLOW, G, *sources), HOST, 0.0).refused == (DropReason.TOO_MANY_SOURCES,)
    assert table.report(A, report(ALLOW, G, *sources[1:]), HOST, 0.0).refused == ()
    assert table.report(A, report(ALLOW, G, sources[0]), HOST, 0.0).refused == (DropReason.TOO_MANY_SOURCES,)
    assert len(table.entry(A, G).sources) == MAX_SOURCES


def test_limit_of_sources_of_a_group(table, monkeypatch):
    monkeypatch.setattr(room, "MAX_GROUP_SOURCES", 1)
    table.report(A, report(ALLOW, G, S1), HOST, 0.0)
    assert table.report(B, report(ALLOW, G, S2), HOST, 0.0).refused == (DropReason.TOO_MANY_SOURCES,)


def test_origins(table):
    table.apply_update(copy_of(A), 0.0)
    assert table.entry(A, G).origin is Origin.COPIED
    table.report(A, JOIN, HOST, 1.0)
    assert table.entry(A, G).origin is Origin.BOTH
    table.report(B, JOIN, HOST, 1.0)
    table.apply_update(copy_of(B), 2.0)
    assert table.entry(B, G).origin is Origin.BOTH
    table.report(C, JOIN, HOST, 1.0)
    assert table.entry(C, G).origin is Origin.LOCAL


def test_an_entry_that_the_peer_gives_back_is_our_own(table):
    table.apply_update(msgspec.structs.replace(copy_of(), origin=Origin.LOCAL), 0.0, batch=True)
    assert table.entry(A, G).origin is Origin.LOCAL
    table.report(A, JOIN, HOST, 1.0)
    assert table.entry(A, G).origin is Origin.LOCAL
    table.apply_update(copy_of(), 2.0)
    assert table.entry(A, G).origin is Origin.BOTH
    table.apply_update(msgspec.structs.replace(copy_of(), origin=Origin.BOTH), 3.0)
    assert table.entry(A, G).origin is Origin.BOTH


def test_a_copy_refreshes_like_the_message(table):
    table.apply_update(copy_of(), 0.0)
    refreshed = table.apply_update(copy_of(), 100.0)
    assert kinds(refreshed) == [ChangeKind.REFRESHED]
    assert table.entry(A, G).state(100.0).lifetime == GMI
    assert table.entry(A, G).last_reporter == PEER_HOST
    shorter = table.apply_update(copy_of(lifetime=50.0), 110.0)
    assert shorter.queries == ()
    assert kinds(table.expire(160.0)) == [ChangeKind.EXPIRED]


def test_a_copied_leave_is_asked_about_too(table):
    table.apply_update(copy_of(), 0.0)
    left = table.apply_leave(A, G, 1.0)
    assert kinds(left) == [ChangeKind.LEAVING]
    assert left.queries == (LastMemberQuery(G),)
    assert table.expire(3.0).groups == (G,)


def test_a_copied_leave_of_sources(table):
    include = FilterMode.INCLUDE
    table.apply_update(copy_of(A, GMI, include, (S1, GMI), (S2, GMI)), 0.0)
    partly = table.apply_update(copy_of(A, 250.0, include, (S1, 2.0), (S2, 250.0)), 10.0)
    assert partly.queries == (LastMemberQuery(G, (S1,)),)
    assert kinds(partly) == [ChangeKind.UPDATED]
    left = table.apply_leave(A, G, 11.0)
    assert left.queries == (LastMemberQuery(G, (S1, S2)),)
    table.expire(13.0)
    assert len(table) == 0


def test_a_copied_change_of_mode_asks_for_the_group(table):
    table.apply_update(copy_of(), 0.0)
    changed = table.apply_update(copy_of(A, 2.0, FilterMode.EXCLUDE, (S1, GMI)), 5.0)
    assert changed.queries == (LastMemberQuery(G),)


def test_a_copy_that_lowers_the_group_timer_asks(table):
    table.apply_update(copy_of(), 0.0)
    assert table.apply_update(copy_of(lifetime=2.0), 5.0).queries == (LastMemberQuery(G),)
    assert table.apply_update(copy_of(lifetime=1.0), 6.0).queries == ()


def test_nobody_is_asked_about_a_source_that_is_gone(table):
    exclude = FilterMode.EXCLUDE
    table.apply_update(copy_of(A, GMI, exclude, (S1, GMI)), 0.0)
    assert table.apply_update(copy_of(A, GMI, exclude, (S2, 0.0)), 5.0).queries == ()
    assert table.entry(A, G).sources.keys() == {S2}


def test_dead_copies_make_nothing(table):
    assert table.apply_update(copy_of(lifetime=0.0), 0.0) == table_module.Changes()
    assert table.apply_update(copy_of(A, 0.0, FilterMode.INCLUDE, (S1, 0.0)), 0.0) == table_module.Changes()
    assert len(table) == 0
    table.apply_update(copy_of(), 0.0)
    assert table.apply_update(copy_of(lifetime=0.0), 1.0) == table_module.Changes()
    assert len(table) == 1


def test_no_copy_lives_longer_than_the_protocol_allows(table):
    table.apply_update(copy_of(lifetime=1e12), 0.0)
    table.apply_update(copy_of(lifetime=1e12), 1.0)
    table.apply_update(copy_of(B, 1.0, FilterMode.INCLUDE, (S1, 1e12)), 0.0)
    table.expire(MAX_LIFETIME + 1.0)
    assert len(table) == 0


def test_a_batch_adds_and_never_refreshes(table):
    table.apply_update(copy_of(), 0.0)
    batch = table.apply_update(copy_of(), 100.0, batch=True)
    assert kinds(batch) == [ChangeKind.REFRESHED]
    assert table.entry(A, G).state(100.0).lifetime == GMI - 100
    assert kinds(table.apply_update(copy_of(B, 30.0), 100.0, batch=True)) == [ChangeKind.CREATED]
    assert table.entry(B, G).last_reporter == PEER_HOST
    assert table.entry(B, G).state(100.0).lifetime == 30.0


def test_a_batch_does_not_undo_a_leave(table):
    table.report(A, JOIN, HOST, 0.0)
    table.report(A, LEAVE, HOST, 1.0)
    table.apply_update(copy_of(), 2.0, batch=True)
    assert kinds(table.expire(3.0)) == [ChangeKind.EXPIRED]


def test_what_a_batch_says_of_the_time_after_a_running_timer_is_believed_then(table):
    table.apply_update(copy_of(), 0.0)
    before = table.entry(A, G)
    table.apply_update(copy_of(), GMI - 10, batch=True)
    assert before.state(GMI - 10).lifetime == 10
    for now in (GMI, GMI + 1):
        changes = table.expire(now)
        assert (changes.entries, changes.groups) == ((), ())
        assert table.entry(A, G) is before
        assert before.state(now).lifetime == 2 * GMI - 10 - now
    assert kinds(table.expire(2 * GMI - 10)) == [ChangeKind.EXPIRED]


@pytest.mark.parametrize(
    "say",
    [
        pytest.param(lambda table, now: table.report(A, LEAVE, HOST, now), id="a leave"),
        pytest.param(lambda table, now: table.apply_leave(A, G, now), id="a copied leave"),
        pytest.param(lambda table, now: table.apply_update(copy_of(A, 5.0), now), id="a copy"),
        pytest.param(lambda table, now: table.query_heard(LastMemberQuery(G), 2.0, now), id="a question"),
    ],
)
def test_a_batch_is_forgotten_when_something_newer_is_said(table, say):
    table.apply_update(copy_of(), 0.0)
    table.apply_update(copy_of(), GMI - 10, batch=True)
    say(table, GMI - 9)
    assert kinds(table.expire(GMI)) == [ChangeKind.EXPIRED]


def test_sources_that_a_batch_says_live_longer_do(table):
    table.apply_update(copy_of(A, 20.0, FilterMode.INCLUDE, (S1, 20.0), (S2, 20.0)), 0.0)
    table.apply_update(copy_of(A, 50.0, FilterMode.INCLUDE, (S1, 50.0)), 10.0, batch=True)
    table.expire(20.0)
    assert table.aggregate(G).sources == {S1}
    assert table.next_deadline() == 60.0
    assert kinds(table.expire(60.0)) == [ChangeKind.EXPIRED]


def test_a_message_after_an_unseen_expiry_makes_a_new_entry(table):
    table.report(A, JOIN, HOST, 0.0)
    changes = table.report(A, JOIN, HOST, GMI + 5)
    assert kinds(changes) == [ChangeKind.EXPIRED, ChangeKind.CREATED]
    assert table.entry(A, G).up_since == GMI + 5
    assert len(table) == 1


def test_clearing_one_entry(table):
    table.report(A, JOIN, HOST, 0.0)
    assert kinds(table.remove(A, G)) == [ChangeKind.REMOVED]
    assert table.remove(A, G) == table_module.Changes()
    assert list(table.groups()) == []


def test_other_timers_from_now_on(table):
    table.report(A, JOIN, HOST, 0.0)
    table.reconfigure(IgmpConfig(query_interval=10))
    assert table.entry(A, G).state(0.0).lifetime == GMI
    table.report(A, JOIN, HOST, 1.0)
    assert table.entry(A, G).state(1.0).lifetime == 30.0
    assert table.next_deadline() <= 31.0
    assert kinds(table.expire(31.0)) == [ChangeKind.EXPIRED]


def test_a_foreign_last_member_query_lowers_the_timers(table):
    for subscriber in (A, B):
        table.report(subscriber, JOIN, HOST, 0.0)
    table.report(C, report(ALLOW, G, S1), HOST, 0.0)
    table.query_heard(LastMemberQuery(G), 2.0, 10.0)
    table.query_heard(LastMemberQuery(H), 2.0, 10.0)
    table.report(B, JOIN, HOST, 11.0)
    assert table.next_deadline() <= 12.0
    assert [change.entry.subscriber for change in table.expire(12.0).entries] == [A]
    table.query_heard(LastMemberQuery(G, (S1,)), 2.0, 20.0)
    assert [change.entry.subscriber for change in table.expire(22.0).entries] == [C]


def test_many_ends_can_be_taken_in_parts(table):
    for subscriber in (A, B, C):
        table.report(subscriber, JOIN, HOST, 0.0)
    assert len(table.expire(GMI, most=2).entries) == 2
    assert table.next_deadline() == GMI
    assert len(table.expire(GMI, most=2).entries) == 1
    assert table.next_deadline() is None

"""Limits: what counts against them, what is never refused, and that the counts are right whatever happens."""

from collections import Counter
from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataplane.config import IgmpConfig
from dataplane.membership import room
from dataplane.membership.groups import EntryState, FilterMode, SourceState
from dataplane.membership.room import MAX_GROUP_SOURCES, MAX_SOURCES
from dataplane.membership.table import MembershipTable
from dataplane.packets.ethernet import Subscriber
from dataplane.packets.messages import GroupRecord, RecordType, Report
from dataplane.packets.wire import DropReason

A, B = (Subscriber(0, 0, 0, bytes((2, 0, 0, 0, 0, number))) for number in (1, 2))
G, H = IPv4Address("239.1.1.1"), IPv4Address("239.1.1.2")
HOST = IPv4Address("10.0.0.2")
TO_EX, TO_IN = RecordType.CHANGE_TO_EXCLUDE_MODE, RecordType.CHANGE_TO_INCLUDE_MODE
ALLOW, BLOCK = RecordType.ALLOW_NEW_SOURCES, RecordType.BLOCK_OLD_SOURCES
IS_EX = RecordType.MODE_IS_EXCLUDE


def sources(first, count):
    return tuple(IPv4Address(0x0B000000 + number) for number in range(first, first + count))


def say(table, kind, group=G, *listed, who=A, now=0.0):
    return table.report(who, Report(3, (GroupRecord(kind, group, listed),)), HOST, now).refused


def subscriber(number, vlan=0):
    return Subscriber(vlan, 0, 0, b"\x02\x01" + number.to_bytes(4, "big"))


@pytest.fixture
def one_each():
    """A table where each subscriber may have one group."""
    table = MembershipTable(IgmpConfig(max_groups_per_subscriber=1))
    assert say(table, TO_EX) == ()
    return table


@pytest.fixture
def table():
    return MembershipTable(IgmpConfig())


def test_who_changes_channels_at_the_limit_is_not_refused(one_each):
    assert say(one_each, TO_EX, H, now=1.0) == (DropReason.TOO_MANY_SUBSCRIBER_GROUPS,)
    assert say(one_each, TO_IN, now=2.0) == ()
    assert say(one_each, TO_EX, H, now=2.0) == ()
    one_each.expire(4.0)
    assert list(one_each.groups()) == [H]


def test_the_same_with_sources(one_each):
    assert say(one_each, TO_IN, now=1.0) == ()
    assert say(one_each, ALLOW, H, *sources(0, 2), now=1.0) == ()
    assert say(one_each, BLOCK, H, *sources(0, 2), now=1.5) == ()
    assert say(one_each, ALLOW, G, *sources(0, 1), now=1.6) == ()
    one_each.expire(4.0)
    assert list(one_each.groups()) == [G]


def test_leaving_and_coming_back_is_no_way_past_the_limit(one_each):
    say(one_each, TO_IN, now=1.0)
    say(one_each, TO_EX, H, now=1.0)
    for kind in (TO_EX, IS_EX, ALLOW):
        assert say(one_each, kind, G, *sources(0, 1), now=1.5) == (DropReason.TOO_MANY_SUBSCRIBER_GROUPS,)
    assert say(one_each, TO_IN, now=1.6) == ()
    one_each.expire(3.0)
    assert list(one_each.groups()) == [H]


def test_who_comes_back_while_there_is_room_counts_again(one_each):
    say(one_each, TO_IN, now=1.0)
    assert say(one_each, IS_EX, now=1.5) == ()
    assert say(one_each, TO_EX, H, now=1.6) == (DropReason.TOO_MANY_SUBSCRIBER_GROUPS,)


def test_copies_count_alike(one_each):
    copy = EntryState(A, H, FilterMode.EXCLUDE, 100.0)
    assert one_each.apply_update(copy, 1.0).refused == (DropReason.TOO_MANY_SUBSCRIBER_GROUPS,)
    one_each.apply_leave(A, G, 2.0)
    assert one_each.apply_update(copy, 2.0).refused == ()
    again = EntryState(A, G, FilterMode.EXCLUDE, 100.0)
    assert one_each.apply_update(again, 2.5).refused == (DropReason.TOO_MANY_SUBSCRIBER_GROUPS,)
    assert one_each.apply_update(again, 2.5, batch=True).refused == ()
    one_each.expire(4.0)
    assert list(one_each.groups()) == [H]


def test_a_list_that_takes_the_place_of_another_does_not_add_to_it(table):
    assert say(table, ALLOW, G, *sources(0, MAX_SOURCES)) == ()
    assert say(table, TO_EX, G, *sources(100, MAX_SOURCES)) == ()
    assert say(table, IS_EX, G, *sources(200, MAX_SOURCES)) == ()
    assert say(table, IS_EX, G, *sources(200, MAX_SOURCES + 1)) == (DropReason.TOO_MANY_SOURCES,)


def test_sources_that_are_blocked_need_no_room(table):
    """The router refused some of what a host wanted; what the host gives up goes all the same."""
    say(table, ALLOW, G, *sources(0, MAX_SOURCES))
    assert say(table, ALLOW, G, *sources(MAX_SOURCES, 10)) == (DropReason.TOO_MANY_SOURCES,)
    assert say(table, BLOCK, G, *sources(0, MAX_SOURCES + 10), now=1.0) == ()
    table.expire(3.0)
    assert len(table) == 0


@pytest.mark.parametrize("vlan", [0, 100])
@pytest.mark.parametrize(
    "kinds", [[ALLOW], [TO_EX, BLOCK], [TO_EX, IS_EX]], ids=["wanted", "blocked", "requested"]
)
def test_the_sources_of_a_group_are_bounded_however_they_are_named(table, vlan, kinds):
    for number in range(2 * MAX_GROUP_SOURCES // MAX_SOURCES):
        for kind in kinds:
            listed = () if kind is TO_EX else sources(MAX_SOURCES * number, MAX_SOURCES)
            say(table, kind, G, *listed, who=subscriber(number, vlan))
    table.expire(3.0)
    assert len({source for entry in table.entries(G) for source in entry.sources}) == MAX_GROUP_SOURCES


def test_a_source_counts_once_for_a_group_whoever_names_it(table):
    for number in range(MAX_GROUP_SOURCES // MAX_SOURCES):
        say(table, ALLOW, G, *sources(MAX_SOURCES * number, MAX_SOURCES), who=subscriber(number))
    assert say(table, ALLOW, G, *sources(30, MAX_SOURCES), who=B) == ()
    assert say(table, ALLOW, G, *sources(MAX_GROUP_SOURCES, 1), who=A) == (DropReason.TOO_MANY_SOURCES,)


def test_the_sources_of_a_table_are_bounded(table, monkeypatch):
    monkeypatch.setattr(room, "MAX_TABLE_SOURCES", 10)
    assert say(table, ALLOW, G, *sources(0, 6)) == ()
    assert say(table, ALLOW, H, *sources(0, 5)) == (DropReason.TOO_MANY_SOURCES,)
    assert say(table, ALLOW, H, *sources(0, 4)) == ()
    assert say(table, TO_EX, H, *sources(4, 4)) == ()
    table.remove(A, G)
    assert say(table, ALLOW, G, *sources(0, 6), who=B) == ()


def test_a_part_of_what_ends_is_measured_by_its_sources_too(table):
    """An end of 64 sources takes as long as those of 64 members: a hello waits for either."""
    for number in range(3):
        say(table, ALLOW, G, *sources(0, MAX_SOURCES), who=subscriber(number))
    ends = []
    while table.next_deadline() is not None:
        ends.append(len(table.expire(1000.0, most=10).entries))
    assert ends == [1, 1, 1]


KINDS = st.sampled_from(list(RecordType))
SUBSCRIBERS = st.sampled_from([A, B, subscriber(3, 100)])
LISTS = st.lists(st.sampled_from(sources(0, 5)), max_size=3, unique=True)
STEPS = st.tuples(
    st.sampled_from([0.0, 0.5, 2.0, 20.0, 22.0]), SUBSCRIBERS, st.sampled_from([G, H]), KINDS, LISTS
)


@given(st.lists(STEPS, max_size=30), st.booleans())
def test_the_counts_are_those_of_what_is_there(steps, immediate):
    config = IgmpConfig(
        query_interval=10, query_max_response_time=2, immediate_leave=immediate, max_groups_per_subscriber=1
    )
    table, now = MembershipTable(config), 0.0
    for pause, who, group, kind, listed in steps:
        now += pause
        say(table, kind, group, *listed, who=who, now=now)
        state = EntryState(
            who, H, FilterMode.EXCLUDE, 5.0, tuple(SourceState(source, 5.0) for source in listed)
        )
        table.apply_update(state, now, batch=pause > 2)
        entries = list(table.entries())
        assert len(table) == len(entries)
        assert table._room._sources == sum(len(entry.sources) for entry in entries)
        assert table._room._kept == Counter(entry.subscriber for entry in entries if entry.kept)
        for address in table.groups():
            members = [entry for entry in entries if entry.group == address]
            named = Counter(source for entry in members for source in entry.sources)
            assert (table._groups[address].named or {}) == named
    table.expire(now + 10_000)
    assert (len(table), table._room._sources, table._room._kept) == (0, 0, {})

"""Explicit tracking: who need not be asked for because another member keeps what is left."""

from ipaddress import IPv4Address

import pytest

from dataplane.config import IgmpConfig
from dataplane.membership.groups import EntryState, FilterMode, LastMemberQuery, SourceState
from dataplane.membership.table import MembershipTable
from dataplane.packets.ethernet import Subscriber
from dataplane.packets.messages import GroupRecord, RecordType, Report

G = IPv4Address("232.1.1.1")
S, T = IPv4Address("10.1.1.1"), IPv4Address("10.1.1.2")
HOST = IPv4Address("10.0.0.2")
TO_EX, TO_IN = RecordType.CHANGE_TO_EXCLUDE_MODE, RecordType.CHANGE_TO_INCLUDE_MODE
ALLOW, BLOCK = RecordType.ALLOW_NEW_SOURCES, RecordType.BLOCK_OLD_SOURCES
IS_IN = RecordType.MODE_IS_INCLUDE
GROUP, SOURCE = LastMemberQuery(G), LastMemberQuery(G, (S,))


def stb(number, vlan=0):
    return Subscriber(vlan, 0, 0, b"\x02\x01" + number.to_bytes(4, "big"))


@pytest.fixture
def table():
    return MembershipTable(IgmpConfig())


def say(table, who, kind, *listed, now=0.0):
    return table.report(stb(who), Report(3, (GroupRecord(kind, G, listed),)), HOST, now).queries


def test_of_many_who_watch_one_source_only_the_last_is_asked_about(table):
    """Each question would be answered by everyone who is left."""
    for number in range(100):
        say(table, number, ALLOW, S)
    asked = [say(table, number, BLOCK, S, now=1.0 + number / 100) for number in range(100)]
    assert asked == [()] * 99 + [(SOURCE,)]


def test_a_source_that_somebody_else_wants_is_left_out_of_the_question(table):
    say(table, 1, ALLOW, S, T)
    say(table, 2, ALLOW, T)
    assert say(table, 1, BLOCK, S, T, now=1.0) == (SOURCE,)


def test_who_excludes_other_sources_keeps_one(table):
    say(table, 1, ALLOW, S)
    say(table, 2, TO_EX, T)
    assert say(table, 1, BLOCK, S, now=1.0) == ()


def test_members_of_sources_do_not_keep_the_group(table):
    say(table, 1, TO_EX)
    say(table, 2, ALLOW, S)
    assert say(table, 1, TO_IN, now=1.0) == (GROUP,)


def test_one_who_excludes_a_source_does_not_have_the_others_asked_about(table):
    say(table, 1, TO_EX, S)
    for number in range(2, 12):
        say(table, number, TO_EX)
    assert [say(table, number, TO_IN, now=1.0) for number in range(2, 11)] == [()] * 9
    assert say(table, 11, TO_IN, now=1.0) == (GROUP,)


@pytest.mark.parametrize("again", [IS_IN, ALLOW])
def test_who_answered_keeps_the_source(table, again):
    say(table, 1, ALLOW, S)
    say(table, 2, ALLOW, S)
    say(table, 1, BLOCK, S, now=1.0)
    say(table, 1, again, S, now=1.5)
    assert say(table, 2, BLOCK, S, now=2.0) == ()


def test_who_has_left_a_source_does_not_keep_it(table):
    say(table, 1, TO_EX)
    say(table, 2, ALLOW, S)
    say(table, 1, BLOCK, S, now=1.0)
    assert say(table, 2, BLOCK, S, now=1.5) == (SOURCE,)


def test_a_foreign_querier_puts_everybody_in_doubt(table):
    for number in (1, 2):
        say(table, number, ALLOW, S)
    table.query_heard(SOURCE, 2.0, 1.0)
    assert say(table, 1, BLOCK, S, now=1.5) == (SOURCE,)


def test_who_is_behind_a_tag_neither_keeps_nor_is_kept(table):
    for who in (stb(1), stb(2, 100), stb(3, 100)):
        table.report(who, Report(3, (GroupRecord(ALLOW, G, (S,)),)), HOST, 0.0)
    assert say(table, 1, BLOCK, S, now=1.0) == (SOURCE,)
    tagged = table.report(stb(2, 100), Report(3, (GroupRecord(BLOCK, G, (S,)),)), HOST, 1.0)
    assert tagged.queries == (LastMemberQuery(G, (S,), stb(2, 100).circuit),)


@pytest.mark.parametrize("mode", list(FilterMode))
def test_a_copy_that_repeats_a_leave_does_not_keep_what_is_left(table, mode):
    """STBs say everything twice, so a leave in part is copied twice: the second time with less time left."""

    def copy(lifetime, now):
        sources = (SourceState(S, lifetime if mode is FilterMode.INCLUDE else 260.0), SourceState(T, 260.0))
        table.apply_update(EntryState(stb(1), G, mode, lifetime, sources), now)

    for lifetime, now in ((260.0, 0.0), (2.0, 1.0), (1.5, 1.5)):
        copy(lifetime, now)
    excluding = mode is FilterMode.EXCLUDE
    say(table, 2, TO_EX if excluding else ALLOW, *(() if excluding else (S,)), now=1.6)
    left = say(table, 2, TO_IN if excluding else BLOCK, *(() if excluding else (S,)), now=1.7)
    assert left == ((GROUP,) if excluding else (SOURCE,))
    copy(260.0, 1.8)
    say(table, 2, ALLOW, S, now=1.9)
    assert say(table, 2, BLOCK, S, now=2.0) == ()

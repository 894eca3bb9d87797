"""Reports toward the core about groups with many sources: in pieces that no hello waits for, and complete."""

import random
from ipaddress import IPv4Address

import pytest

from dataplane.forwarding.upstream import SOURCES_AT_ONCE, UpstreamProxy
from dataplane.membership.groups import Aggregate, FilterMode
from dataplane.packets.messages import Query

GROUPS = [IPv4Address("239.1.1.1") + number for number in range(7)]
SOURCES = frozenset(IPv4Address(0x0A000000 + number) for number in range(SOURCES_AT_ONCE // 2))
MANY = Aggregate(FilterMode.INCLUDE, SOURCES)
WANTED = dict.fromkeys(GROUPS, MANY)


@pytest.fixture
def proxy():
    made = UpstreamProxy(random.Random(1))
    for group, interest in WANTED.items():
        made.set_interest(group, interest, 0.0)
    return made


def pieces(proxy, now):
    """What is said until it is quiet, one call a piece; each tells what is wanted, whole and in order."""
    found = []
    while (deadline := proxy.next_deadline()) is not None:
        now = max(now, deadline)
        records = [record for report in proxy.expire(now) for record in report.records]
        assert all(list(record.sources) == sorted(SOURCES) for record in records)
        found.append([record.group for record in records])
    return found


def test_what_is_new_and_what_is_repeated(proxy):
    said = pieces(proxy, 0.0)
    assert max(map(len, said)) == 2
    assert sorted(group for piece in said for group in piece) == sorted([*GROUPS, *GROUPS])


def test_the_answer_to_a_general_query(proxy):
    pieces(proxy, 0.0)
    proxy.query(Query(3, None, (), 10.0, robustness=2, query_interval=125), 50.0)
    said = pieces(proxy, 50.0)
    assert [len(piece) for piece in said] == [2, 2, 2, 1]
    assert [group for piece in said for group in piece] == GROUPS


def test_another_upstream_is_told_everything(proxy):
    pieces(proxy, 0.0)
    proxy.restart(50.0)
    assert proxy.behind
    said = pieces(proxy, 50.0)
    assert max(map(len, said)) <= 4  # some are said for the first time while others are repeated
    assert {group for piece in said for group in piece} == set(GROUPS)
    assert not proxy.behind


def test_an_older_core_is_told_at_the_pace_that_it_asks_for(proxy):
    """It hears no sources, so they do not count; the answer takes the response time of the query."""
    pieces(proxy, 0.0)
    proxy.query(Query(2, None, (), 10.0), 50.0)
    begin = 50.0
    groups = []
    while (deadline := proxy.next_deadline()) is not None:
        assert deadline <= begin + 10.0
        groups += [record.group for report in proxy.expire(deadline) for record in report.records]
    assert groups == GROUPS


def test_who_leaves_goes_in_such_pieces_too(proxy):
    pieces(proxy, 0.0)
    for group in GROUPS:
        proxy.set_interest(group, None, 60.0)
    said = pieces(proxy, 60.0)
    assert max(map(len, said)) == 2
    assert sorted(group for piece in said for group in piece) == sorted([*GROUPS, *GROUPS])

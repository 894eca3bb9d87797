"""A foreign querier behind an access interface, and what it changes: RFC 3376 sections 6.6 and 8."""

from ipaddress import IPv4Address

import msgspec
import pytest

from dataplane.config import Role
from dataplane.packets.frames import query_frame
from dataplane.packets.messages import Address, Query
from tests.support.routers import GROUP, MLD_GROUP, TAIL, Pair, Router, access, mac, profile

FOREIGN = IPv4Address("10.1.0.0")  # the lowest address of the link
MASTER, BACKUP = profile(Role.MASTER), profile(Role.BACKUP)


def hear(
    router: Router,
    group: Address | None = None,
    *,
    response: float = 1.0,
    robustness: int = 2,
    interval: int = 10,
) -> None:
    query = Query(3, group, (), response, False, robustness, interval)
    router.hear(query_frame(query, mac(99), FOREIGN))


@pytest.fixture
def pair() -> Pair:
    both = Pair(ipv6=True)
    both.start(MASTER, BACKUP)
    return both


def test_nobody_answers_its_last_member_query_and_the_entry_goes_in_time(pair: Pair) -> None:
    pair.a.join()
    pair.run(1)
    hear(pair.a)
    hear(pair.a, GROUP)
    pair.run(1.9)
    assert pair.a.forwards()
    pair.run(0.2)  # its response time, as often as its robustness says
    assert not pair.a.has_entry()


@pytest.mark.parametrize("robustness", [1, 3])
def test_its_robustness_says_how_often_it_asks(pair: Pair, robustness: int) -> None:
    pair.a.join()
    hear(pair.a, GROUP, robustness=robustness)
    pair.run(robustness - 0.1)
    assert pair.a.has_entry()
    pair.run(0.2)
    assert not pair.a.has_entry()


def test_a_last_member_query_without_a_response_time_leaves_members_time_to_answer(pair: Pair) -> None:
    pair.a.join()
    hear(pair.a, GROUP, response=0.0)
    pair.run(1.9)
    assert pair.a.has_entry()
    pair.a.join()
    pair.run(3)
    assert pair.a.has_entry()


def test_a_commit_does_not_shorten_what_its_interval_asks_for(pair: Pair) -> None:
    hear(pair.a, interval=100)
    pair.a.configure(access(igmp=msgspec.structs.replace(TAIL, max_groups=100)))
    pair.a.join()
    pair.run(201)
    assert pair.a.forwards()
    pair.run(2)  # 2 x 100 s and our response time, RFC 3376 section 8.4
    assert not pair.a.has_entry()


def test_our_own_intervals_are_back_when_it_falls_silent(pair: Pair) -> None:
    hear(pair.a, interval=100)
    pair.run(202)
    pair.a.join()
    pair.run(21)
    assert pair.a.has_entry()
    pair.run(1.1)
    assert not pair.a.has_entry()


@pytest.mark.parametrize(("robustness", "interval", "lifetime"), [(0, 100, 202), (7, 0, 72), (0, 0, 22)])
def test_what_it_does_not_say_is_as_configured_here(
    pair: Pair, robustness: int, interval: int, lifetime: int
) -> None:
    hear(pair.a, robustness=robustness, interval=interval)
    pair.a.join()
    assert [group.expire for group in pair.a.groups().values()] == [lifetime]


def test_a_query_of_an_older_version_says_nothing_of_intervals(pair: Pair) -> None:
    hear(pair.a, interval=100)
    pair.a.hear(query_frame(Query(2, None, (), 1.0), mac(99), FOREIGN))
    pair.a.join()
    assert [group.expire for group in pair.a.groups().values()] == [22]


def test_rule_17_a_master_by_order_that_had_yielded_to_its_peer_asks_again(pair: Pair) -> None:
    """No hellos tell of the peer's role: the channel does. What the peer asks last may silence us."""
    pair.b.configure(MASTER)
    pair.run(0.5)
    pair.b.query("10.1.0.1", GROUP)
    pair.b.query("fe80::1:1", MLD_GROUP)
    pair.b.frames.clear()
    pair.a.configure(BACKUP)
    pair.run(0.1)
    assert None in [group for _, group in pair.b.asked(4)]
    assert None in [group for _, group in pair.b.asked(6)]
    pair.b.frames.clear()
    pair.run(30)
    assert len(pair.b.asked(4)) >= 3


def test_rule_17_a_really_foreign_querier_is_elected_again_after_the_peers_change(pair: Pair) -> None:
    pair.b.configure(MASTER)
    pair.run(0.5)
    hear(pair.b)
    pair.a.configure(BACKUP)
    pair.run(0.5)
    hear(pair.b)
    pair.b.frames.clear()
    pair.run(15)
    assert pair.b.asked(4) == []


def test_the_s_flag_is_for_those_who_hear_the_query(pair: Pair) -> None:
    """A member behind a tag keeps nothing for the untagged: another router hears no report of it."""
    pair.a.join(tags=(100, 0, 0), stb=2)
    pair.a.join()
    pair.a.leave()
    last = [query for query in pair.a.queries() if query.group == GROUP]
    assert [query.suppress for query in last] == [False]


ALONE = msgspec.structs.replace(TAIL, querier_election=False)


def forge(router: Router) -> None:
    """One query that says the next comes in 31,744 seconds, and may be lost six times."""
    hear(router, robustness=7, interval=31744)


def test_without_an_election_a_forged_query_ends_no_stream(pair: Pair) -> None:
    pair.a.configure(access(igmp=ALONE))
    pair.a.frames.clear()
    pair.a.join()
    forge(pair.a)
    hear(pair.a, GROUP)
    pair.run(15)
    assert [group.expire for group in pair.a.groups().values()] == [7]
    assert len(pair.a.asked(4)) >= 2
    assert pair.a.interface_state().dropped == {"foreign-query": 2}
    assert pair.a.interface_state().querier == "10.1.0.1"
    assert pair.a.statistics()[2] == {"query": 2}


def test_a_backup_that_hears_its_peer_counts_nothing(pair: Pair) -> None:
    pair.b.configure(access(igmp=ALONE))
    pair.b.query("10.1.0.1")
    assert pair.b.interface_state().dropped == {}


def test_a_commit_ends_the_rule_of_a_forger(pair: Pair) -> None:
    forge(pair.a)
    pair.a.frames.clear()
    pair.run(60)
    assert pair.a.asked(4) == []
    pair.a.configure(access(igmp=ALONE))
    pair.run(1)
    assert pair.a.asked(4) == [("", None)]
    pair.a.join()
    assert [group.expire for group in pair.a.groups().values()] == [22]


def test_each_protocol_has_its_own_election(pair: Pair) -> None:
    pair.a.configure(access(igmp=ALONE))
    pair.a.query("fe80::1:0")
    pair.a.frames.clear()
    pair.run(15)
    assert pair.a.asked(6) == []
    assert pair.a.asked(4) != []

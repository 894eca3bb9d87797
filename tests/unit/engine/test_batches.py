"""Batches in pieces: what happens to the entries and the settings while one is on its way (rules 3, 7, 8)."""

from ipaddress import IPv4Address

import pytest

from dataplane.config import Role
from dataplane.engine import messages
from dataplane.packets.messages import RecordType
from dataplane.replication.messages import Deframer, Records
from tests.support.routers import MEMBERSHIP_INTERVAL, SERVICE, Pair, Router, profile

MASTER = profile(Role.MASTER)
BACKUP = profile(Role.BACKUP)
MANY = 700


def group(number: int) -> IPv4Address:
    return IPv4Address("239.2.0.0") + number


@pytest.fixture
def pair() -> Pair:
    """Seven hundred entries on the master alone, for they came while the channel was cut."""
    pair = Pair()
    pair.start(MASTER, BACKUP)
    pair.cut_channel()
    for number in range(MANY):
        pair.a.join(group(number))
    pair.clock.now += 2.0
    return pair


def begin(pair: Pair) -> None:
    """Connect, and stop when the first part of the master's batch has arrived."""
    pair.mend_channel()
    while not pair.b.groups():
        pair._deliver()
        pair.a.give(messages.Tick())
    pair._deliver()


def batched(router: Router) -> list[IPv4Address]:
    """The groups that the router has sent records of a batch about, and not delivered yet."""
    deframer = Deframer()
    heard = [message for data in router.outbox for message in deframer.feed(data)]
    records = [each for message in heard if isinstance(message, Records) for each in message.records]
    return [each.group for each in records if each.batch]


def test_a_batch_takes_a_few_milliseconds_of_a_turn(pair: Pair) -> None:
    begin(pair)
    assert 0 < len(pair.b.groups()) < MANY
    pair.a.give(messages.Tick())
    assert 0 < len(batched(pair.a)) <= 256
    pair.run(1.0)
    assert len(pair.b.groups()) == MANY
    assert pair.service_state_of("a") == pair.service_state_of("b") == "in-sync"


def test_a_member_that_leaves_before_its_part_is_not_in_the_batch(pair: Pair) -> None:
    begin(pair)
    pair.a.leave(group(MANY - 1))
    pair.a.leave(group(0))
    pair.run(0.5)
    assert group(0) in held(pair.b)
    assert group(MANY - 1) not in held(pair.b)
    pair.run(1.6)
    assert held(pair.b) == {group(number) for number in range(1, MANY - 1)}


def held(router: Router) -> set[IPv4Address]:
    return {IPv4Address(state.group_address) for state in router.groups().values()}


def test_a_member_that_comes_and_goes_during_a_batch_does_not_come_back(pair: Pair) -> None:
    begin(pair)
    pair.a.join(group(MANY))
    pair.a.leave(group(MANY))
    pair.run(2.1)
    assert group(MANY) not in held(pair.b)


def test_a_change_of_an_entry_during_a_batch_is_the_last_word(pair: Pair) -> None:
    begin(pair)
    pair.a.report(RecordType.CHANGE_TO_EXCLUDE_MODE, group(MANY - 1), "10.9.9.9")
    pair.a.report(RecordType.CHANGE_TO_INCLUDE_MODE, group(MANY - 2), "10.9.9.9")
    pair.run(3.0)
    for number in (MANY - 1, MANY - 2):
        theirs, ours = (router.table().aggregate(group(number)) for router in (pair.a, pair.b))
        assert theirs == ours


def test_a_batch_lengthens_no_timer(pair: Pair) -> None:
    begin(pair)
    pair.run(1.0)
    pair.clock.now += 5.0
    pair.cut_channel()
    pair.a.join(group(5))
    begin_again = pair.b.table().next_deadline()
    pair.mend_channel()
    pair.run(1.0)
    assert pair.b.table().next_deadline() == begin_again


def test_a_batch_stops_when_copying_is_disabled_in_the_middle(pair: Pair) -> None:
    begin(pair)
    arrived = len(pair.b.groups())
    pair.a.configure(profile(Role.MASTER, igmp_copy=False))
    pair.run(1.0)
    assert len(pair.b.groups()) == arrived
    assert pair.service_state_of("a") == "in-sync"
    pair.a.configure(MASTER)
    pair.run(1.0)
    assert len(pair.b.groups()) == MANY


def test_a_port_that_is_unbound_in_the_middle_ends_its_batch(pair: Pair) -> None:
    begin(pair)
    arrived = len(pair.b.groups())
    pair.a.configure(removed_interfaces=("access0",))
    pair.run(1.0)
    assert len(pair.b.groups()) == arrived
    pair.run(MEMBERSHIP_INTERVAL)
    assert not pair.b.groups()


def test_a_connection_that_breaks_in_the_middle_begins_again(pair: Pair) -> None:
    begin(pair)
    pair.cut_channel()
    pair.a.leave(group(MANY - 1))
    pair.clock.now += 0.5
    pair.mend_channel()
    pair.run(1.0)
    assert len(pair.b.groups()) == MANY - 1


def test_a_leave_that_was_under_way_when_the_channel_broke_is_not_lost(pair: Pair) -> None:
    """The member is still in the table for the last member query time; the leave counts."""
    begin(pair)
    pair.run(1.0)
    pair.a.leave(group(3))
    pair.a.outbox.clear()
    pair.cut_channel()
    pair.clock.now += 0.5
    pair.mend_channel()
    pair.run(3.0)
    assert group(3) not in held(pair.b)
    assert SERVICE in pair.b.engine.world.services

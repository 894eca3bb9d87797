"""What an operator orders, on two engines with a channel between them."""

from ipaddress import IPv4Address
from typing import Any

import pytest
from msgspec.structs import replace

from dataplane.actions import (
    ActionRefused,
    BatchBackup,
    BatchStarted,
    ClearCopiedGroups,
    GroupsCleared,
    Outcome,
    ResetStatistics,
    RoleSwitched,
    StatisticsReset,
    Switchover,
)
from dataplane.config import ProfileConfig, Role, StaticArbitration
from dataplane.engine.actions import MAXIMUM_REQUESTED, SLICE, copied_groups
from dataplane.engine.effects import Answer
from dataplane.engine.messages import RemoveCopied
from dataplane.membership.groups import Origin
from dataplane.state import BatchCompleted
from tests.support.routers import PORT, PROFILE, SERVICE, Pair, Router

STATIC = StaticArbitration(Role.MASTER)


@pytest.fixture
def pair() -> Pair:
    made = Pair()
    config = ProfileConfig(PROFILE, SERVICE, 3, arbitration=STATIC)
    made.start(config, config)
    return made


def order(router: Router, message: Any) -> Outcome:
    """Give the engine one message and return its answer."""
    before = len(router.answers)
    router.give(message)
    (outcome,) = router.answers[before:]
    return outcome


def clear(router: Router, action: ClearCopiedGroups) -> int:
    cleared = 0
    for message in copied_groups(router.engine.world, action):
        outcome = order(router, message)
        assert isinstance(outcome, GroupsCleared)
        cleared += outcome.count
    return cleared


def group(number: int) -> IPv4Address:
    return IPv4Address("239.0.0.0") + number


def batches(router: Router) -> list[BatchCompleted]:
    return [event for event in router.events if isinstance(event, BatchCompleted)]


def test_a_requested_batch_is_told_of_once_under_its_id(pair: Pair) -> None:
    pair.a.join(group(1))
    pair.run(0.1)
    before = len(batches(pair.a))
    started = order(pair.a, BatchBackup(SERVICE))
    assert isinstance(started, BatchStarted)
    pair.run(1)
    (told,) = batches(pair.a)[before:]
    assert told == BatchCompleted(SERVICE, "", 1, started.batch_id)


def test_a_batch_is_refused_without_a_connection(pair: Pair) -> None:
    pair.cut_channel()
    outcome = order(pair.a, BatchBackup(SERVICE))
    assert isinstance(outcome, ActionRefused)
    assert outcome.reason == "channel-not-connected"


def test_a_batch_is_refused_while_sending_is_blocked(pair: Pair) -> None:
    pair.a.configure(replace(pair.a.service(), block_send=True))
    pair.run(1)
    outcome = order(pair.a, BatchBackup(SERVICE))
    assert isinstance(outcome, ActionRefused)
    assert outcome.reason == "sending-blocked"


def test_a_connection_that_breaks_does_not_lose_the_request(pair: Pair) -> None:
    pair.a.join(group(1))
    pair.run(0.1)
    started = order(pair.a, BatchBackup(SERVICE))
    pair.cut_channel()
    pair.mend_channel()
    pair.run(10)
    assert isinstance(started, BatchStarted)
    assert started.batch_id in {event.batch_id for event in batches(pair.a) if not event.profile}


def test_a_profile_that_the_peer_gave_up_is_not_waited_for(pair: Pair) -> None:
    pair.a.join(group(1))
    pair.run(0.1)
    started = order(pair.a, BatchBackup(SERVICE))
    pair.cut_channel()
    pair.b.configure(removed_profiles=(PROFILE,))
    pair.mend_channel()
    pair.run(10)
    assert isinstance(started, BatchStarted)
    assert [event.batch_id for event in batches(pair.a) if not event.profile] == [started.batch_id]


def test_requests_are_bounded(pair: Pair) -> None:
    outcomes = [order(pair.a, BatchBackup(SERVICE)) for _ in range(MAXIMUM_REQUESTED + 1)]
    assert isinstance(outcomes[-1], ActionRefused)
    assert outcomes[-1].reason == "too-many-batches"
    ids = {outcome.batch_id for outcome in outcomes if isinstance(outcome, BatchStarted)}
    assert len(ids) == MAXIMUM_REQUESTED
    pair.run(10)
    assert {event.batch_id for event in batches(pair.a) if not event.profile} == ids


def test_reset_starts_the_counters_and_their_time_from_now(pair: Pair) -> None:
    pair.a.join(group(1))
    pair.run(1)
    before = pair.a.service_state()
    assert before.sent["total"] > 0
    assert order(pair.a, ResetStatistics(SERVICE)) == StatisticsReset()
    after = pair.a.service_state()
    assert after.sent["total"] == after.received["total"] == 0
    assert after.discontinuity_time > before.discontinuity_time


def test_only_what_a_copy_alone_explains_is_cleared(pair: Pair) -> None:
    pair.a.join(group(1))
    pair.a.join(group(2))
    pair.b.join(group(2))
    pair.b.join(group(3))
    pair.run(1)
    assert clear(pair.b, ClearCopiedGroups(PROFILE)) == 1
    assert {item.group_address for item in pair.b.groups().values()} == {"239.0.0.2", "239.0.0.3"}
    assert not pair.b.has_entry(group(1))
    assert pair.a.has_entry(group(1))


def test_filters_of_clear_agree_in_everything(pair: Pair) -> None:
    for number in (1, 2, 3):
        pair.a.join(group(number))
    pair.run(1)
    assert clear(pair.b, ClearCopiedGroups(PROFILE, group="239.0.0.9")) == 0
    assert clear(pair.b, ClearCopiedGroups(PROFILE, group="239.0.0.1", interface="other")) == 0
    assert clear(pair.b, ClearCopiedGroups("other")) == 0
    assert clear(pair.b, ClearCopiedGroups(PROFILE, group="239.0.0.1", interface=PORT)) == 1
    assert clear(pair.b, ClearCopiedGroups(PROFILE, interface=PORT)) == 2
    with pytest.raises(ValueError, match=r"239\.1"):
        clear(pair.b, ClearCopiedGroups(PROFILE, group="239.1"))


def test_many_are_cleared_in_slices(pair: Pair) -> None:
    for number in range(SLICE + 10):
        pair.a.join(group(number))
    pair.run(5)
    slices = list(copied_groups(pair.b.engine.world, ClearCopiedGroups(PROFILE)))
    assert [len(each.members) for each in slices] == [SLICE, 10]


def test_a_port_that_goes_before_its_turn_is_passed_over(pair: Pair) -> None:
    pair.a.join(group(1))
    pair.run(1)
    slices = copied_groups(pair.b.engine.world, ClearCopiedGroups(PROFILE))
    pair.b.configure(removed_interfaces=(PORT,))
    assert list(slices) == []


def test_what_was_refreshed_here_meanwhile_stays(pair: Pair) -> None:
    pair.a.join(group(1))
    pair.run(1)
    (message,) = copied_groups(pair.b.engine.world, ClearCopiedGroups(PROFILE))
    pair.b.join(group(1))
    assert order(pair.b, message) == GroupsCleared(0)
    (entry,) = pair.b.groups().values()
    assert entry.origin == Origin.BOTH.value
    assert order(pair.b, RemoveCopied("gone", message.members)) == GroupsCleared(0)


def test_a_static_role_is_turned_around(pair: Pair) -> None:
    assert order(pair.a, Switchover(PROFILE)) == RoleSwitched()
    assert pair.a.profile_state().local_role == "backup"


def test_a_role_that_nothing_arbitrates_is_not_moved(pair: Pair) -> None:
    pair.a.configure(pair.a.service(), ProfileConfig(PROFILE, SERVICE, 3))
    outcome = order(pair.a, Switchover(PROFILE))
    assert isinstance(outcome, ActionRefused)
    assert outcome.reason == "switchover-refused"


@pytest.mark.parametrize("message", [BatchBackup("x"), ResetStatistics("x"), Switchover("x")])
def test_what_is_not_there_is_refused(pair: Pair, message: Any) -> None:
    outcome = order(pair.a, message)
    assert isinstance(outcome, ActionRefused)
    assert outcome.reason == "not-there"
    assert Answer(outcome).outcome is outcome


def test_the_id_of_a_batch_is_not_given_again_when_the_channel_is_made_anew(pair: Pair) -> None:
    pair.a.join(group(1))
    pair.run(0.1)
    first = order(pair.a, BatchBackup(SERVICE))
    pair.a.configure(pair.a.service(enabled=False))
    pair.a.configure(pair.a.service())
    pair.run(1)
    ids = [first, *(order(pair.a, BatchBackup(SERVICE)) for _ in range(3))]
    numbers = [each.batch_id for each in ids if isinstance(each, BatchStarted)]
    assert len(set(numbers)) == 4
    assert numbers == sorted(numbers)
    pair.run(10)
    told = [event.batch_id for event in batches(pair.a)]
    assert len(set(told)) == len(told)

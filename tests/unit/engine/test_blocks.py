"""Rule 15 and the daily batch, on two routers in memory."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from dataplane.config import Role
from dataplane.engine import daily
from dataplane.engine.messages import ClockTold
from dataplane.state import BatchCompleted
from tests.support.routers import GROUP, OTHER, SERVICE, THIRD, WALL, Pair, Router, profile

HOUR = 3600


@pytest.fixture
def pair() -> Pair:
    pair = Pair()
    pair.start(profile(Role.MASTER), profile(Role.BACKUP))
    assert pair.a.copy_state() == "active"
    return pair


def service(router: Router, **changes: object) -> None:
    router.configure(router.service(**changes))


def groups(router: Router) -> set[str]:
    return {name.rpartition(" ")[2] for name in router.groups()}


def batches(router: Router) -> int:
    return len([event for event in router.events if isinstance(event, BatchCompleted)])


def test_rule_15_a_block_of_sending_overrides_igmp_copy(pair: Pair) -> None:
    pair.a.join(GROUP)
    pair.run(0.1)
    service(pair.a, block_send=True)
    pair.run(0.1)
    assert pair.a.copy_state() == pair.a.copy_state("pppoe-stb") == "blocked"
    assert pair.a.service_state().channel_state == "connected"
    pair.a.join(OTHER)
    pair.run(0.1)
    assert groups(pair.b) == {str(GROUP)}
    assert pair.a.statistics()[2]["blocked"] == 1
    pair.b.join(THIRD, stb=2)
    pair.run(0.1)
    assert str(THIRD) in groups(pair.a), "the other direction works"


def test_rule_15_blocked_the_batch_of_a_connection_is_empty(pair: Pair) -> None:
    service(pair.a, block_send=True)
    pair.a.join(GROUP)
    pair.cut_channel()
    pair.run(1.0)
    pair.mend_channel()
    pair.run(1.0)
    assert pair.a.service_state().channel_state == "connected"
    assert groups(pair.b) == set()


def test_rule_15_the_end_of_a_block_is_made_up_for_by_one_batch(pair: Pair) -> None:
    service(pair.a, block_send=True)
    pair.a.join(GROUP)
    pair.run(0.1)
    before = batches(pair.a)
    service(pair.a)
    pair.run(0.1)
    assert groups(pair.b) == {str(GROUP)}
    assert batches(pair.a) == before + 1
    assert pair.a.copy_state() == "active"


def test_rule_15_what_arrives_while_receiving_is_blocked_is_discarded_and_counted(pair: Pair) -> None:
    service(pair.b, block_receive=True)
    pair.a.join(GROUP)
    pair.run(0.1)
    assert groups(pair.b) == set()
    received = pair.b.service_state().received
    assert (received["blocked"], received["fail"]) == (1, 1)
    assert pair.a.copy_state() == "active", "the sender is not disturbed"
    assert pair.a.service_state().sync_state == "in-sync"
    service(pair.b)
    pair.run(0.1)
    assert groups(pair.b) == {str(GROUP)}, "a batch was asked for"
    pair.a.join(OTHER)
    pair.run(0.1)
    assert str(OTHER) in groups(pair.b)


def test_a_change_of_what_crosses_keeps_the_channel(pair: Pair) -> None:
    before = pair.a.service_state().last_up_time
    service(pair.a, block_send=True, daily_batch=7)
    service(pair.a, block_receive=True)
    service(pair.a)
    assert pair.a.service_state().channel_state == "connected"
    assert pair.a.service_state().last_up_time == before


def at(pair: Pair, hour: int, minute: int = 0) -> int:
    """The time of day, in UTC, that is `hour` and `minute` from now."""
    wall = pair.clock.now + WALL
    return int(wall + hour * HOUR + minute * 60) % daily.DAY


def test_a_daily_batch_is_sent_at_its_time_and_once_a_day(pair: Pair) -> None:
    pair.a.join(GROUP)
    pair.run(0.1)
    service(pair.a, daily_batch=at(pair, 0, 1))
    before = batches(pair.a)
    pair.run(50)
    assert batches(pair.a) == before
    pair.run(20)
    assert batches(pair.a) == before + 1
    pair.cut_channel()
    pair.run(daily.DAY - 200)
    pair.mend_channel()
    pair.run(100)
    before = batches(pair.a)
    pair.run(120)
    assert batches(pair.a) == before + 1


def test_a_time_that_has_passed_today_waits_for_tomorrow(pair: Pair) -> None:
    service(pair.a, daily_batch=at(pair, 23, 59))
    before = batches(pair.a)
    pair.run(100)
    assert batches(pair.a) == before


def test_a_commit_moves_or_ends_it(pair: Pair) -> None:
    service(pair.a, daily_batch=at(pair, 0, 1))
    service(pair.a, daily_batch=at(pair, 0, 2))
    before = batches(pair.a)
    pair.run(90)
    assert batches(pair.a) == before
    service(pair.a)
    pair.run(90)
    assert batches(pair.a) == before


def test_it_follows_the_wall_clock_when_that_is_set(pair: Pair) -> None:
    service(pair.a, daily_batch=at(pair, 5))
    before = batches(pair.a)
    pair.a.give(ClockTold(WALL + 5 * HOUR - 60, 0))
    pair.run(50)
    assert batches(pair.a) == before
    pair.run(20)
    assert batches(pair.a) == before + 1
    pair.a.give(ClockTold(WALL + 400 * daily.DAY, 0))
    pair.run(60)
    assert batches(pair.a) == before + 1, "a clock that was wrong for a year makes no batch"
    when = datetime.fromtimestamp(pair.a.profile_state().last_batch_completed or 0, UTC)
    assert when.year == 2001


@pytest.mark.parametrize(
    ("zone", "day"),
    [
        ("Europe/Berlin", date(2026, 3, 29)),
        ("Europe/Berlin", date(2026, 10, 25)),
        ("America/Santiago", date(2026, 9, 6)),
        ("Australia/Lord_Howe", date(2026, 4, 5)),
    ],
)
@pytest.mark.parametrize("time_of_day", [0, 2 * HOUR + 1800, 3 * HOUR + 600, 23 * HOUR])
def test_every_local_day_has_one_batch_whatever_summer_time_does(
    zone: str, day: date, time_of_day: int
) -> None:
    """Four days around a change; there is no channel, so nothing else is due, and `daily_done` counts."""
    pair, place = Pair(channel_up=False), ZoneInfo(zone)
    begin = datetime.combine(day - timedelta(days=2), datetime.min.time(), place) + timedelta(hours=12)
    offset = begin.timestamp() - pair.clock.now

    def local() -> datetime:
        return datetime.fromtimestamp(pair.clock.now + offset, place)

    def seconds_ahead() -> int:
        return int((local().utcoffset() or timedelta()).total_seconds())

    told = seconds_ahead()
    pair.a.give(ClockTold(offset, told))
    service(pair.a, daily_batch=time_of_day)
    known = pair.a.engine.world.services[SERVICE]
    sent: list[datetime] = []
    for _ in range(4 * 24 * 12):
        before = known.daily_done
        pair.run(300)
        if seconds_ahead() != told:
            told = seconds_ahead()
            pair.a.give(ClockTold(offset, told))
            pair.run(0.5)
        sent += [local()] * (known.daily_done - before)
    assert len(sent) == 4
    for moment in sent:
        seconds = moment.hour * HOUR + moment.minute * 60
        assert 0 <= seconds - time_of_day <= 2 * HOUR

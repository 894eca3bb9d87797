"""The daily batch: one batch of every profile of a service, at a time of day. Pure.

The time of day is local. It is given as the offset of the wall clock from the monotonic one and the offset of
local time from UTC, both told anew when they change, so a day has its batch once whatever happens to the
clock: a time that summer time leaves out has come with the change, one that comes twice counts once.
"""

from typing import Final

from dataplane.engine.copying import send_batch
from dataplane.engine.messages import ClockTold
from dataplane.engine.world import Service, World

DAY: Final = 86_400


def due(time_of_day: int, done: int, utc_offset: int) -> float:
    """Return when, in seconds since the Unix epoch, the batch of the day after day `done` is due.

    Days are counted in local time since 1970-01-01.
    """
    return float((done + 1) * DAY + time_of_day - utc_offset)


def last_done(time_of_day: int, wall: float, utc_offset: int) -> int:
    """Return the last day whose time of day has passed at `wall`."""
    return int((wall + utc_offset - time_of_day) // DAY)


def arm(world: World, service: Service, now: float) -> None:
    """Begin to wait for the time of day that the service has now, or stop."""
    time_of_day = service.config.daily_batch
    if time_of_day is None or service.machine is None:
        world.deadlines.set(("daily", service.config.name), None)
        return
    service.daily_done = last_done(time_of_day, world.wall(now), world.utc_offset)
    _wait(world, service, time_of_day)


def _wait(world: World, service: Service, time_of_day: int) -> None:
    when = due(time_of_day, service.daily_done, world.utc_offset) - world.wall_offset
    world.deadlines.set(("daily", service.config.name), when)


def clock_told(world: World, told: ClockTold, now: float) -> None:
    """The wall clock was set, or local time changed: wait for the same times by the new clock."""
    world.wall_offset, world.utc_offset = told.wall_offset, told.utc_offset
    for service in world.services.values():
        time_of_day = service.config.daily_batch
        if time_of_day is None or service.machine is None:
            continue
        passed = last_done(time_of_day, world.wall(now), world.utc_offset)
        if not passed - 1 <= service.daily_done <= passed + 1:  # not summer time: the clock was wrong before
            service.daily_done = passed
        _wait(world, service, time_of_day)


def send(world: World, service: Service, now: float) -> None:
    """It is time: send a batch of every profile that both routers have, and wait for tomorrow."""
    time_of_day = service.config.daily_batch
    if time_of_day is None:
        return
    for name in sorted(world.by_service.get(service.config.name, ())):
        send_batch(world, world.profiles[name], now)
    passed = last_done(time_of_day, world.wall(now), world.utc_offset)
    service.daily_done = max(service.daily_done + 1, passed)
    _wait(world, service, time_of_day)

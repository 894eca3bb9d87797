"""Events are told in order and all of them, after what is under way, and never more than may wait."""

import asyncio

import pytest

from dataplane import news
from dataplane.news import AT_ONCE, News
from dataplane.state import CopyStateChanged, Event


def event(number: int) -> Event:
    return CopyStateChanged(f"rbp{number}", "dhcp-stb", "active", "inactive")


async def put_and_wait(count: int) -> list[list[Event]]:
    """Return what had been told at once, after one turn of the loop, and in the end."""
    told: list[Event] = []
    queue = News(told.append)
    for number in range(count):
        queue.put(event(number))
    moments = [list(told)]
    await asyncio.sleep(0)
    moments.append(list(told))
    for _ in range(count):
        await asyncio.sleep(0)
    return [*moments, told]


def test_events_are_told_in_order_a_few_each_turn() -> None:
    at_once, after_a_turn, finally_ = asyncio.run(put_and_wait(3 * AT_ONCE + 1))
    assert at_once == []
    assert len(after_a_turn) == AT_ONCE
    assert finally_ == [event(number) for number in range(3 * AT_ONCE + 1)]


def test_what_waits_is_told_at_the_end() -> None:
    async def body() -> list[Event]:
        told: list[Event] = []
        queue = News(told.append)
        queue.put(event(1))
        queue.flush()
        return told

    assert asyncio.run(body()) == [event(1)]


def test_events_beyond_the_limit_are_dropped_and_counted(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(news, "MAXIMUM_WAITING", 5)
    *_, told = asyncio.run(put_and_wait(8))
    assert told == [event(number) for number in range(5)]
    dropped = [record for record in caplog.records if record.getMessage() == "events-dropped"]
    assert [vars(record)["count"] for record in dropped] == [3]


def test_a_later_event_is_told_too() -> None:
    async def body() -> list[Event]:
        told: list[Event] = []
        queue = News(told.append)
        for number in range(2):
            queue.put(event(number))
            await asyncio.sleep(0)
        return told

    assert asyncio.run(body()) == [event(0), event(1)]

"""What a channel tells the engine and the log, and what is told of the clock."""

import asyncio

import pytest

from dataplane.channel_messages import ChannelMessages
from dataplane.clock import Clock, differ
from dataplane.engine.messages import ChannelConnected, ChannelDisconnected, ChannelRefused, ClockTold


def test_a_reason_is_logged_once_until_a_connection_came(caplog: pytest.LogCaptureFixture) -> None:
    given: list[object] = []
    channel = ChannelMessages("rbs1", lambda service, _, message: given.append((service, message)))
    for _ in range(3):
        channel.channel_disconnected("connection-refused")
    channel.channel_refused()
    channel.channel_connected()
    channel.channel_disconnected("connection-refused")
    channel.channel_disconnected("key-missing")
    assert [line.reason for line in caplog.records] == [  # type: ignore[attr-defined]
        "connection-refused",
        "connection-refused",
        "key-missing",
    ]
    assert len(given) == 7
    assert given[0] == ("rbs1", ChannelDisconnected("rbs1", "connection-refused"))
    assert given[3:5] == [("rbs1", ChannelRefused("rbs1")), ("rbs1", ChannelConnected("rbs1"))]


def test_the_clock_is_told_at_the_start_and_when_it_differs() -> None:
    told: list[ClockTold] = []

    async def main() -> None:
        clock = Clock(told.append)
        clock.look()
        clock.look()
        clock.stop()

    asyncio.run(main())
    assert len(told) == 1
    seen = told[0]
    assert not differ(seen, ClockTold(seen.wall_offset + 0.1, seen.utc_offset))
    assert differ(seen, ClockTold(seen.wall_offset + 1, seen.utc_offset))
    assert differ(seen, ClockTold(seen.wall_offset, seen.utc_offset + 3600))

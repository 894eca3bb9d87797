"""The TCP shell over real sockets on loopback, in clear and protected."""

import asyncio
import socket

import pytest

from dataplane.replication.channel import Channel, Protection, connects
from dataplane.replication.outputs import ChannelState, Limits, Send
from dataplane.replication.sockets import md5_supported
from tests.support.eventually import eventually
from tests.support.nodes import HIGH, LOW, peer, run
from tests.support.pairs import key_of, record


@pytest.fixture(params=["none", "tls", "tcp-md5"])
def kind(request):
    if request.param == "tcp-md5" and not md5_supported():
        pytest.skip("no TCP MD5 signatures in this kernel")
    return request.param


def test_the_lower_address_connects():
    assert connects(peer(LOW, HIGH, 1))
    assert not connects(peer(HIGH, LOW, 1))
    assert connects(peer("9.0.0.1", "10.0.0.1", 1))


@pytest.mark.parametrize("first", ["low", "high"])
def test_two_routers_meet_whoever_starts_first(first, kind):
    async def scenario(low, high):
        one, other = (low, high) if first == "low" else (high, low)
        await one.start()
        await eventually(lambda: one.told, "the first has begun")
        await other.start()
        await eventually(lambda: low.connected and high.connected, "connected")
        low.join(record(1))
        await eventually(lambda: key_of(record(1)) in high.router.copies, "the record arrives")
        peername = low.channel._current._transport.get_extra_info("peername")
        sockname = low.channel._current._transport.get_extra_info("sockname")
        assert (sockname[0], peername[0]) == (LOW, HIGH)

    run(scenario, kind)


def test_a_connection_killed_in_the_middle_of_a_batch_is_made_good(kind):
    async def scenario(low, high):
        await low.start()
        await high.start()
        await eventually(lambda: low.connected and high.connected, "connected")
        entries = [record(group) for group in range(20_000)]
        low.router.local = {key_of(each): each for each in entries}
        low.perform(low.machine.start_batch(1, low.router.snapshot(1), low.now()))
        await eventually(lambda: len(high.router.copies) > 500, "part of the batch")
        high.channel._current.abort()
        assert len(high.router.copies) < 20_000
        await eventually(lambda: not low.connected, "the loss is seen")
        low.router.local.pop(key_of(entries[0]))
        low.join(record(30_000))
        await eventually(lambda: low.connected and high.connected, "connected again")
        assert high.router.copies.keys() >= low.router.local.keys()
        assert low.told.count("connected") == 2

    run(scenario, kind, limits=Limits(batch_window=512))


def test_any_end_may_hang_up_and_both_come_back(kind):
    async def scenario(low, high):
        await low.start()
        await high.start()
        for node in (low, high, low):
            await eventually(lambda: low.connected and high.connected, "connected")
            node.perform([*node.machine.stop(node.now(), "test")])
            await eventually(lambda: not (low.connected or high.connected), "both down")
        await eventually(lambda: low.connected and high.connected, "connected at the end")
        assert "peer-test" in {low.machine.down_reason, high.machine.down_reason}

    run(scenario, kind)


def test_a_stranger_is_refused_and_counted():
    async def scenario(low, high):
        await high.start()
        await eventually(lambda: high.told, "listening")
        port = high.channel._peer.port

        async def stranger():
            _, writer = await asyncio.open_connection(HIGH, port, local_addr=("127.0.0.9", 0))
            writer.close()

        for _ in range(3):
            await stranger()
        await eventually(lambda: high.channel.refused == 3, "refused")
        assert high.told == ["connecting"]
        await low.start()
        await eventually(lambda: low.connected and high.connected, "the peer still gets in")

    run(scenario)


def test_a_new_connection_replaces_a_half_open_one():
    async def scenario(low, high):
        await high.start()
        await eventually(lambda: high.told, "listening")
        _, silent = await asyncio.open_connection(HIGH, high.channel._peer.port, local_addr=(LOW, 0))
        await eventually(lambda: high.machine.state is ChannelState.HANDSHAKE, "the half-open one")
        await low.start()
        await eventually(lambda: low.connected and high.connected, "the new one")
        assert high.told.count("connected") == 2
        silent.close()

    run(scenario)


def test_a_source_address_that_is_missing_is_told_and_tried_again():
    async def scenario(low, high):
        low.channel = Channel(peer("192.0.2.77", "203.0.113.1", 2000), low, Protection())
        high.channel = Channel(peer("192.0.2.77", "192.0.2.76", 2000), high, Protection())
        await low.start()
        await high.start()
        await eventually(lambda: low.told.count("source-address-missing") >= 2, "the connecting side says so")
        await eventually(lambda: high.told.count("source-address-missing") >= 2, "the listening side says so")
        assert low.machine.state is ChannelState.CONNECTING
        assert low.machine.down_reason == "source-address-missing"

    run(scenario)


def test_a_refused_connection_is_tried_again():
    async def scenario(low, high):
        await low.start()
        await eventually(lambda: low.told.count("connection-refused") >= 2, "two attempts")
        assert low.told[0] == "connecting"

    run(scenario)


def test_a_peer_that_reads_nothing_means_overflow_once():
    async def scenario(low, high):
        with socket.create_server((HIGH, 0)) as deaf:
            low.channel = Channel(
                peer(LOW, HIGH, deaf.getsockname()[1]), low, Protection(), write_limit=100_000
            )
            await low.start()
            await eventually(lambda: "connected" in low.told, "connected")
            for _ in range(200):
                low.channel.send(bytes(60_000))
            assert "overflow" not in low.told
            await eventually(lambda: "overflow" in low.told, "overflow")
            assert low.told.count("overflow") == 1
            assert low.channel.dropped > 0
            assert low.machine.down_reason == "queue-overflow"

    run(scenario)


def test_nothing_follows_a_stop(kind):
    async def scenario(low, high):
        await low.start()
        await high.start()
        await eventually(lambda: low.connected and high.connected, "connected")
        await low.stop()
        told = list(low.told)
        await eventually(lambda: not high.connected, "the other sees it")
        low.channel.send(b"late")
        assert low.channel.dropped == 1
        assert low.told == told
        low.ticking = None

    run(scenario, kind)


def test_send_is_one_of_the_outputs_that_reach_the_wire(kind):
    async def scenario(low, high):
        await low.start()
        await high.start()
        await eventually(lambda: low.connected and high.connected, "connected")
        before = len([event for event in low.router.events if isinstance(event, Send)])
        for group in range(300):
            low.join(record(group))
        await eventually(lambda: len(high.router.copies) == 300, "all arrive")
        sent = len([event for event in low.router.events if isinstance(event, Send)]) - before
        assert sent < 100

    run(scenario, kind)


def test_much_at_once_is_taken_in_parts(kind):
    async def scenario(low, high):
        sizes = []
        receive = high.channel_received
        high.channel_received = lambda data: (sizes.append(len(data)), receive(data))
        await low.start()
        await high.start()
        await eventually(lambda: low.connected and high.connected, "connected")
        for group in range(3000):
            low.join(record(group))
        await eventually(lambda: len(high.router.copies) == 3000, "all arrive")
        assert sum(sizes) > 50_000
        assert max(sizes) <= 16 << 10

    run(scenario, kind, limits=Limits(unacknowledged=5000))

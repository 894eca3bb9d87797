"""The UDP shell over real sockets on loopback."""

import asyncio
import socket
from ipaddress import IPv4Address

from dataplane.config import PeerConfig
from dataplane.replication.hello import HelloSocket
from tests.support.eventually import eventually

LOW, HIGH = "127.0.0.1", "127.0.0.2"


def free_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((LOW, 0))
        return sock.getsockname()[1]


def run(scenario):
    async def main():
        port = free_port()
        heard = {LOW: [], HIGH: []}
        low = HelloSocket(PeerConfig(IPv4Address(HIGH), IPv4Address(LOW), port), heard[LOW].extend)
        high = HelloSocket(PeerConfig(IPv4Address(LOW), IPv4Address(HIGH), port), heard[HIGH].extend)
        await low.start()
        await high.start()
        try:
            await scenario(low, high, heard, port)
        finally:
            await low.stop()
            await high.stop()

    asyncio.run(main())


def test_datagrams_cross_both_ways():
    async def scenario(low, high, heard, port):
        low.send(b"one")
        high.send(b"two")
        await eventually(lambda: heard[LOW] and heard[HIGH], "both heard")
        assert heard == {LOW: [b"two"], HIGH: [b"one"]}

    run(scenario)


def test_strangers_and_long_datagrams_are_refused_and_counted():
    async def scenario(low, high, heard, port):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            stranger.bind(("127.0.0.9", port))
            stranger.sendto(b"no", (LOW, port))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as wrong_port:
            wrong_port.bind((HIGH, 0))
            wrong_port.sendto(b"no", (LOW, port))
        high.send(bytes(600))
        await eventually(lambda: low.refused == 3, "all refused")
        high.send(b"yes")
        await eventually(lambda: heard[LOW], "heard")
        assert heard[LOW] == [b"yes"]

    run(scenario)


def test_what_the_kernel_drops_is_counted():
    async def scenario(low, high, heard, port):
        low._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        for _ in range(200):
            high.send(b"x" * 500)
        await eventually(lambda: heard[LOW], "heard")
        high.send(b"last")
        await eventually(lambda: b"last" in heard[LOW], "the last one heard")
        assert low.kernel_dropped == 201 - len(heard[LOW])

    run(scenario)


def test_a_missing_source_address_is_waited_for():
    async def scenario(low, high, heard, port):
        away = HelloSocket(PeerConfig(IPv4Address(HIGH), IPv4Address("192.0.2.77"), port), heard[LOW].extend)
        await away.start()
        assert not away.bound
        away.send(b"x")
        assert away.unsent == 1
        await away.stop()

    run(scenario)


def test_a_port_that_somebody_else_has_is_told_once(caplog):
    async def scenario(low, high, heard, port):
        second = HelloSocket(PeerConfig(IPv4Address(HIGH), IPv4Address(LOW), port), heard[LOW].extend)
        await second.start()
        assert not second.bound
        second._bind(60.0)  # as after the pause
        await low.stop()
        second._bind(60.0)
        assert second.bound
        await second.stop()

    run(scenario)
    told = [each for each in caplog.records if each.message == "hello-socket-failed"]
    assert [each.reason for each in told] == ["address-in-use"]


def test_stop_while_datagrams_are_taken_ends_the_reading():
    async def scenario(low, high, heard, port):
        stopping = []
        low._on_datagrams = lambda _: stopping.append(asyncio.ensure_future(low.stop()))
        high.send(b"1")
        high.send(b"2")
        await eventually(lambda: stopping, "heard")
        await asyncio.gather(*stopping)
        assert not low.bound

    run(scenario)

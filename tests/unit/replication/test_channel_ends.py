"""How attempts to connect may end, at moments that are hard to hit: the search for the peer goes on."""

import asyncio
import socket
from contextlib import suppress
from struct import pack

import pytest

from dataplane.replication.sockets import listening_socket, tcp_socket
from tests.support.eventually import eventually
from tests.support.nodes import HIGH, LOW, free_port, peer, run


def reset(node):
    """Have a node's connection end as that of a process that dies: with a reset."""
    sock = node.channel._current._transport.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, pack("ii", 1, 0))
    node.channel._current.abort()


def test_a_peer_that_resets_before_the_connection_is_looked_at_is_searched_again(caplog):
    """The loop is busy between the end of the TCP handshake and the first look; the peer's process dies."""

    async def scenario(low, high):
        loop = asyncio.get_running_loop()
        connect, attempts = loop.sock_connect, []

        async def connect_late(sock, address):
            await connect(sock, address)
            attempts.append(address)
            if len(attempts) == 1:
                await eventually(lambda: high.channel._current, "accepted")
                reset(high)
                await eventually(lambda: sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1) == b"\7", "")

        loop.sock_connect = connect_late
        await high.start()
        await low.start()
        await eventually(lambda: low.connected and high.connected, "connected by another attempt")
        assert "connection-reset" in low.told

    run(scenario)
    assert "asyncio" not in [line.name for line in caplog.records]


def test_whoever_fills_the_room_for_handshakes_does_not_keep_the_peer_out():
    """Any user of the peer's host can connect from its address; he opens another as soon as one is closed."""

    async def hold(port):
        while True:
            reader, writer = await asyncio.open_connection(HIGH, port, local_addr=(LOW, 0))
            with suppress(OSError):
                await reader.read()
            writer.close()

    async def scenario(low, high):
        await high.start()
        await eventually(lambda: high.told, "listening")
        holding = [asyncio.create_task(hold(high.channel._peer.port)) for _ in range(6)]
        await eventually(lambda: len(high.channel._unknown) == 4, "the room is full")
        await low.start()
        await eventually(lambda: low.connected and high.connected, "the peer gets in")
        assert high.channel.refused > 0
        for each in holding:
            each.cancel()
        await asyncio.gather(*holding, return_exceptions=True)

    run(scenario, "tls")


@pytest.mark.parametrize(
    ("here", "there", "level", "option"),
    [
        (LOW, HIGH, socket.IPPROTO_IP, socket.IP_TOS),
        ("::1", "::2", socket.IPPROTO_IPV6, socket.IPV6_TCLASS),
    ],
)
def test_segments_are_marked_from_the_first_on(here, there, level, option):
    """The SYN and its answer too: a link full of packets for subscribers keeps no router from its peer."""
    for made in (tcp_socket(peer(here, there, 2000), 0), listening_socket(peer(here, there, free_port()))):
        with made:
            assert made.getsockopt(level, option) == 0xC0

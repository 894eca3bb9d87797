"""How attempts to connect may end, at moments that are hard to hit: the search for the peer goes on."""

import asyncio
import socket
from struct import pack

from tests.support.eventually import eventually
from tests.support.nodes import run


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

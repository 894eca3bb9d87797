"""The channel over IPv6, protected in every way, and TCP MD5 signatures as the kernel sees them."""

import asyncio
import socket
from ipaddress import ip_address

import pytest

from cli.lab.namespaces import Namespace
from dataplane.config import PeerConfig, Secret
from dataplane.replication.channel import Protection
from dataplane.replication.hello import HelloSocket
from dataplane.replication.sockets import md5_supported
from tests.support.eventually import eventually
from tests.support.nodes import Node, run
from tests.support.pairs import key_of, record

MAPPED = ("::ffff:127.0.0.1", "::ffff:127.0.0.2")
LOW, HIGH, THIRD = "2001:db8::1", "2001:db8::2", "2001:db8::3"


def with_addresses() -> None:
    with Namespace("here", new=False) as here:
        for address in (LOW, HIGH, THIRD):
            here.address("lo", f"{address}/128")


async def replicate(low: Node, high: Node) -> None:
    await low.start()
    await high.start()
    await eventually(lambda: low.connected and high.connected, "connected")
    low.join(record(1))
    await eventually(lambda: key_of(record(1)) in high.router.copies, "the record arrives")


@pytest.mark.parametrize("kind", ["none", "tls", "tcp-md5"])
def test_the_channel_works_over_ipv6(kind: str) -> None:
    if kind == "tcp-md5" and not md5_supported():
        pytest.skip("no TCP MD5 signatures in this kernel")
    with_addresses()

    async def scenario(low: Node, high: Node) -> None:
        await replicate(low, high)
        high.channel._current.abort()  # type: ignore[union-attr]
        await eventually(lambda: not low.connected, "the loss is seen")
        await eventually(lambda: low.connected and high.connected, "connected again")

    run(scenario, kind, addresses=(LOW, HIGH))


@pytest.mark.parametrize("ends", [(LOW, HIGH), MAPPED], ids=["ipv6", "ipv4-mapped"])
def test_hellos_cross_over_ipv6(ends: tuple[str, str]) -> None:
    with_addresses()
    here, there = (ip_address(each) for each in ends)

    async def scenario() -> None:
        heard: tuple[list[bytes], list[bytes]] = ([], [])
        low = HelloSocket(PeerConfig(there, here, 2000), heard[0].extend)
        high = HelloSocket(PeerConfig(here, there, 2000), heard[1].extend)
        try:
            await low.start()
            await high.start()
            low.send(b"one")
            high.send(b"two")
            await eventually(lambda: heard == ([b"two"], [b"one"]), "both heard")
        finally:
            await low.stop()
            await high.stop()

    asyncio.run(scenario())


def test_who_does_not_sign_his_segments_gets_no_answer() -> None:
    """Not even a refusal: the kernel drops a SYN without a valid signature."""
    if not md5_supported():
        pytest.skip("no TCP MD5 signatures in this kernel")
    with_addresses()
    key = Protection(md5_key=Secret("shared"))

    async def scenario(low: Node, high: Node) -> None:
        await replicate(low, high)
        peer = high.channel._peer
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as stranger:
            stranger.setblocking(False)
            stranger.bind((LOW, 0))
            attempt = asyncio.get_running_loop().sock_connect(stranger, (HIGH, peer.port))
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(attempt, 0.5)
        assert high.connected
        assert high.told.count("connected") == 1

    run(scenario, guards=(key, key), addresses=(LOW, HIGH))

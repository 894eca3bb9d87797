"""Two routers in memory over real channels on loopback: 127.0.0.1 connects, 127.0.0.2 listens."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from ipaddress import ip_address

from dataplane.config import PeerConfig, Secret
from dataplane.replication.channel import Channel, Protection
from dataplane.replication.outputs import ChannelState, Disconnect, Limits, Outputs
from dataplane.replication.peer import PeerMachine
from dataplane.replication.records import Record
from tests.support.keys import couple
from tests.support.pairs import Router

LOW, HIGH = "127.0.0.1", "127.0.0.2"


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind((HIGH, 0))
        return int(sock.getsockname()[1])


def peer(here: str, there: str, port: int) -> PeerConfig:
    return PeerConfig(ip_address(there), ip_address(here), port)


def protections(kind: str) -> tuple[Protection, Protection]:
    """What protects the two ends."""
    if kind == "tls":
        one, two = couple()
        return Protection(credentials=lambda: one), Protection(credentials=lambda: two)
    both = Protection(md5_key=Secret("shared")) if kind == "tcp-md5" else Protection()
    return both, both


class Node:
    """A router in memory over a real channel: what the engine does, in little."""

    def __init__(
        self,
        here: str,
        there: str,
        port: int,
        epoch: int,
        protection: Protection,
        limits: Limits | None = None,
    ) -> None:
        self.router = Router(epoch, limits=limits)
        self.protection = protection
        self.channel = Channel(peer(here, there, port), self, protection)
        self.told: list[str] = []
        self.ticking: asyncio.Task[None] | None = None

    async def start(self) -> None:
        await self.channel.start()
        self.ticking = asyncio.create_task(self._tick())

    async def stop(self) -> None:
        if self.ticking is not None:
            self.ticking.cancel()
        await self.channel.stop()

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(0.002)
            self.perform(self.machine.tick(self.now()))

    @property
    def machine(self) -> PeerMachine:
        return self.router.machine

    @property
    def connected(self) -> bool:
        return self.machine.state is ChannelState.CONNECTED

    def now(self) -> float:
        self.router.now = asyncio.get_running_loop().time()
        return self.router.now

    def perform(self, outputs: Outputs) -> None:
        self.router.perform(outputs)
        self.pass_on()
        for output in outputs:
            if isinstance(output, Disconnect):
                self.channel.disconnect(output.reason)

    def pass_on(self) -> None:
        for frame in self.router.outbox:
            self.channel.send(frame)
        self.router.outbox.clear()

    def join(self, each: Record) -> None:
        self.now()
        self.router.join(each)
        self.pass_on()

    def channel_connecting(self) -> None:
        self.told.append("connecting")
        self.perform(self.machine.connecting(self.now()))

    def channel_connected(self) -> None:
        self.told.append("connected")
        self.perform(self.machine.connected(self.now()))

    def channel_received(self, data: bytes) -> None:
        self.perform(self.machine.receive(data, self.now()))

    def channel_disconnected(self, reason: str) -> None:
        self.told.append(reason)
        self.perform(self.machine.disconnected(self.now(), reason))

    def channel_refused(self) -> None:
        self.machine.refused()

    def channel_overflow(self) -> None:
        self.told.append("overflow")
        self.perform(self.machine.overflow(self.now()))


def run(
    scenario: Callable[[Node, Node], Awaitable[None]],
    kind: str = "none",
    limits: Limits | None = None,
    guards: tuple[Protection, Protection] | None = None,
    addresses: tuple[str, str] = (LOW, HIGH),
) -> None:
    """Play a scenario with two nodes, protected as `kind` says or by `guards`."""

    async def main() -> None:
        port = free_port()
        one, two = guards or protections(kind)
        here, there = addresses
        low, high = Node(here, there, port, 1, one, limits), Node(there, here, port, 2, two, limits)
        try:
            await scenario(low, high)
        finally:
            for node in (low, high):
                if node.ticking is not None:
                    await node.stop()

    asyncio.run(main())

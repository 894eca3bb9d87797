"""Hellos that waited are taken together, and before a silence is judged."""

import asyncio
import random
import socket
from ipaddress import IPv4Address
from pathlib import Path

from dataplane.config import ETrunkArbitration, PeerConfig, Security, ServiceConfig
from dataplane.engine import Engine
from dataplane.engine.messages import BurstEnded, HelloReceived, Message, Reconfigure, Tick
from dataplane.forwarding.memory import MemoryPlane
from dataplane.links import Link, LinkEvent
from dataplane.replication.keys import KeyStore
from dataplane.shell import Shell
from tests.support.eventually import eventually
from tests.support.routers import SERVICE, WALL, profile

HERE, THERE = "127.0.0.1", "127.0.0.2"
COUNT = 260
"""More than the reader of the loop takes in one turn, and less than waits without a privilege."""


class NoInterfaces:
    """A router without links."""

    def __init__(self) -> None:
        self._ends = socket.socketpair()

    def fileno(self) -> int:
        return self._ends[0].fileno()

    def read(self) -> list[LinkEvent]:
        return []

    def all(self) -> dict[str, Link]:
        return {}

    def open(self, name: str, index: int, *, upstream: bool) -> None:  # type: ignore[override]
        raise AssertionError

    def close(self) -> None:
        for end in self._ends:
            end.close()


def test_hellos_that_wait_are_read_before_what_is_due(tmp_path: Path) -> None:
    given: list[tuple[Message, float]] = []

    async def play() -> None:
        engine = Engine(random.Random(1), WALL)
        plane, keys = MemoryPlane(), KeyStore(tmp_path)
        shell = Shell(engine, plane, NoInterfaces(), lambda _: None, keys, lambda *each: given.append(each))
        shell.start()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
            peer.bind((THERE, 0))
            port = peer.getsockname()[1]
            there = PeerConfig(IPv4Address(THERE), IPv4Address(HERE), port)
            service = ServiceConfig(SERVICE, peer=there, security=Security.NONE)
            shell.reconfigure(Reconfigure((service,), (profile(arbitration=ETrunkArbitration(1)),)))
            await eventually(lambda: shell._hellos[SERVICE].bound, "the socket is bound")
            given.clear()
            for _ in range(COUNT):
                peer.sendto(b"TCEH", (HERE, port))
            shell._tick()  # as after a pause of the process: the timer is late, and the loop has not read
        await shell.stop()

    asyncio.run(play())
    kinds = [type(each) for each, _ in given]
    assert kinds[: COUNT + 2] == [*[HelloReceived] * COUNT, Tick, BurstEnded]  # settings are told once
    assert len({now for _, now in given[: COUNT + 1]}) == 1

"""Frames that a capture lost are told to the engine once, whenever the state is asked for and at its end."""

import asyncio
import random
import socket
from pathlib import Path

from dataplane.capture import CaptureStatistics
from dataplane.capture.ring import Captured
from dataplane.engine import Engine
from dataplane.engine.effects import CloseCapture
from dataplane.engine.messages import Reconfigure
from dataplane.forwarding.memory import MemoryPlane
from dataplane.links import Link, LinkEvent
from dataplane.replication.keys import KeyStore
from dataplane.shell import Shell
from dataplane.state import StateSelection
from tests.support.routers import PORT, WALL, access


class Source:
    """A capture that lost as many frames as the test says."""

    mode = "ring"
    alive = True

    def __init__(self) -> None:
        self.lost = 0
        self._ends = socket.socketpair()

    def fileno(self) -> int:
        return self._ends[0].fileno()

    def read(self, limit: int = 256) -> list[Captured]:
        return []

    def send(self, frame: bytes) -> bool:
        return True

    def statistics(self) -> CaptureStatistics:
        return CaptureStatistics(0, self.lost, 0)

    def close(self) -> None:
        for end in self._ends:
            end.close()


class OneInterface:
    """The access interface alone; `sources` are its captures, one for each time it was opened."""

    waits = False

    def __init__(self) -> None:
        self.sources: list[Source] = []
        self._ends = socket.socketpair()

    def fileno(self) -> int:
        return self._ends[0].fileno()

    def read(self) -> list[LinkEvent]:
        return []

    def all(self) -> dict[str, Link]:
        return {PORT: Link(1, PORT, True, b"\x02\0\0\0\0\1", 1500, (), ())}

    def open(self, name: str, index: int, *, upstream: bool) -> Source:
        self.sources.append(Source())
        return self.sources[-1]

    def close(self) -> None:
        for end in self._ends:
            end.close()


def dropped(shell: Shell) -> dict[str, int]:
    (state,) = (each for piece in shell.state(StateSelection((), (), None, ())) for each in piece.interfaces)
    return state.dropped


def test_lost_frames_are_told_once(tmp_path: Path) -> None:
    async def play() -> None:
        interfaces = OneInterface()
        engine = Engine(random.Random(1), WALL)
        shell = Shell(engine, MemoryPlane(), interfaces, lambda _: None, KeyStore(tmp_path))
        shell.start()
        shell.reconfigure(Reconfigure(interfaces=(access(profile=""),)))
        (source,) = interfaces.sources
        assert dropped(shell) == {}
        source.lost = 3
        assert dropped(shell) == dropped(shell) == {"ring-full": 3}
        source.lost = 5
        shell.reconfigure(Reconfigure(interfaces=(access(profile=""),)))
        shell._captures.close(CloseCapture(PORT))  # as when the interface goes
        assert dropped(shell) == {"ring-full": 5}
        await shell.stop()

    asyncio.run(play())

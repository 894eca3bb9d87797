"""Real dataplane processes for tests, reached over their real control sockets."""

import os
import socket
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from pathlib import Path

from cli.lab.namespaces import Namespace
from dataplane.config import DataplaneConfig, PeerConfig, Security, ServiceConfig
from dataplane.control.client import ControlClient, StatePiece, StateSelection, Unavailable, whole
from dataplane.forwarding.table import RoutingSocket
from tests.support.wait import wait_for

_PROGRAM = """
import sys
from cli import logs
from dataplane.app import DataplaneOptions, run
logs.configure("info")
control, ready, *routing = map(int, sys.argv[2:])
tables = tuple(zip(routing[::3], routing[1::3], routing[2::3], strict=True))
plane = "kernel" if tables else "memory"
sys.exit(run(DataplaneOptions(control, plane, tables, ready, keys=sys.argv[1])))
"""


def service(name: str, here: str, there: str, port: int) -> ServiceConfig:
    """A service over loopback without protection."""
    return ServiceConfig(
        name, peer=PeerConfig(IPv4Address(there), IPv4Address(here), port), security=Security.NONE
    )


@dataclass(eq=False)
class DataplaneProcess:
    """A dataplane; its control listener, and what `routing` is, outlive it, as under the supervisor.

    It has the kernel plane with multicast routing sockets, else the memory plane, and lives in `namespace`
    if there is one.
    """

    folder: Path
    routing: tuple[RoutingSocket, ...] = ()
    namespace: Namespace | None = None
    listener: socket.socket = field(init=False)
    process: "subprocess.Popen[bytes] | None" = None

    def __post_init__(self) -> None:
        self.folder.mkdir(exist_ok=True)
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(str(self.path))
        self.listener.listen(16)
        self.client = ControlClient(self.path)
        self.client.start()

    @property
    def path(self) -> Path:
        return self.folder / "control.sock"

    @property
    def keys(self) -> Path:
        return self.folder / "keys"

    def start(self) -> None:
        """Start a process and wait until it serves."""
        reader, writer = os.pipe()
        kept = [self.listener.fileno(), writer, *(each.socket.fileno() for each in self.routing)]
        tables = [(each.version, each.table, each.socket.fileno()) for each in self.routing]
        numbers = [*map(str, (kept[0], kept[1], *(number for table in tables for number in table)))]
        popen = subprocess.Popen if self.namespace is None else self.namespace.popen
        with (self.folder / "log").open("ab") as log:
            program = [sys.executable, "-c", _PROGRAM, str(self.keys), *numbers]
            self.process = popen(program, pass_fds=tuple(kept), stderr=log)
        os.close(writer)
        with os.fdopen(reader) as ready:
            assert ready.readline() == "ready\n", (self.folder / "log").read_text()
        assert self.client.wait_connected(timeout=10.0)

    def kill(self) -> None:
        """End the process as a crash does."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(10)
        wait_for(lambda: not self.client.epoch, what="the client notices")

    def terminate(self) -> int:
        """End the process in order and return its exit status."""
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(10)

    def restore(self, config: DataplaneConfig) -> None:
        self.client.restore(whole(config))

    def state(self, selection: StateSelection | None = None) -> StatePiece:
        """The whole state in one piece."""
        found = StatePiece()
        with suppress(Unavailable):
            for piece in self.client.state(selection or StateSelection()):
                found = StatePiece(
                    found.services + piece.services,
                    found.profiles + piece.profiles,
                    found.interfaces + piece.interfaces,
                    found.groups + piece.groups,
                )
        return found

    def close(self) -> None:
        self.client.close()
        self.listener.close()
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)

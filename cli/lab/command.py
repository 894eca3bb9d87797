"""`twincast lab`: two processes, one in the user's own network and one in the laboratory's.

The outer one opens the listening sockets that both routers serve, so that they are reached from the
user's shell, and dials them for the inner one, which has no way out of its namespaces. The inner one
builds the laboratory and plays.
"""

import json
import os
import signal
import socket
import sys
import tempfile
from argparse import Namespace as Options
from pathlib import Path
from types import FrameType

from cli import privileges
from cli.lab import report
from cli.lab.cases import CaseResult
from cli.lab.hosts import USER, Host, LabError, Router
from cli.lab.namespaces import NamespaceError, enter_user_namespace, user_namespaces_problem
from cli.lab.play import Player
from cli.lab.topology import SOURCE_ADDRESS, Topology


def lab(options: Options) -> int:
    """Play the laboratory; returns 0, or 1 when a case missed its expectation or nothing could be played."""
    problem = user_namespaces_problem()
    if problem is not None:
        from cli.lab.memory import play_in_memory

        return play_in_memory(options, problem)
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    outer, inner = socket.socketpair()
    parent = os.getpid()
    child = os.fork()
    if child == 0:
        outer.close()
        os._exit(_inside(options, listeners, inner, parent))
    inner.close()
    return _outside(outer, child)


def _outside(dialer: socket.socket, child: int) -> int:
    """Connect to a loopback port whenever the inner process asks, until it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the inner process gets it too, and cleans up
    signal.signal(signal.SIGTERM, lambda *_: os.kill(child, signal.SIGTERM))
    while request := dialer.recv(8):
        with socket.create_connection(("127.0.0.1", int(request))) as connection:
            socket.send_fds(dialer, [b"."], [connection.fileno()])
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


def _inside(options: Options, listeners: list[socket.socket], dialer: socket.socket, parent: int) -> int:
    """Enter the namespaces and play; never raises, because it must not return into the outer process."""
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        enter_user_namespace()
        privileges.die_with(parent)
        return _play(options, listeners, dialer)
    except KeyboardInterrupt:
        return 130
    except (LabError, NamespaceError, OSError) as error:
        print(f"twincast lab: {error}", file=sys.stderr)
        return 1
    finally:
        sys.stdout.flush()


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _play(options: Options, listeners: list[socket.socket], dialer: socket.socket) -> int:
    with tempfile.TemporaryDirectory(prefix="twincast-lab-") as name:
        folder = Path(name)
        key = _make_key(folder)
        laboratory = _Laboratory(folder, key, listeners, dialer)
        try:
            results = laboratory.play(options.groups)
            if options.json:
                Path(options.json).write_text(
                    json.dumps(report.as_json("kernel", options.groups, results), indent=2)
                )
            if not options.once and sys.stdout.isatty():
                laboratory.stay()
        finally:
            laboratory.close()
    return 1 if any(result.misses() for result in results) else 0


def _make_key(folder: Path) -> Path:
    """Make a key pair for the routers' user; the public half has the suffix .pub."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    private = Ed25519PrivateKey.generate()
    path = folder / "key"
    text = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    )
    path.touch(mode=0o600)
    path.write_bytes(text)
    public = private.public_key().public_bytes(
        serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    )
    path.with_suffix(".pub").write_bytes(public + b"\n")
    return path


class _Laboratory:
    """Everything that stands, and how it is taken down."""

    def __init__(
        self, folder: Path, key: Path, listeners: list[socket.socket], dialer: socket.socket
    ) -> None:
        self._key, self._dialer = key, dialer
        self._closing: list[Topology | Router | Host] = []
        try:
            self._build(folder, listeners)
        except BaseException:
            self.close()
            raise

    def _build(self, folder: Path, listeners: list[socket.socket]) -> None:
        self._topology = topology = Topology()
        self._closing.append(topology)
        self._routers: list[Router] = []
        for site, listener in zip((topology.a, topology.b), listeners, strict=True):
            self._routers.append(
                Router(site, folder / f"router-{site.name}", listener, self._key, self._dial)
            )
            self._closing.append(self._routers[-1])
        self._source = Host("source", topology.source.popen, SOURCE_ADDRESS)
        self._stbs = [
            Host("stb", stb.popen, topology.stb_address(number)) for number, stb in enumerate(topology.stbs)
        ]
        self._closing += [self._source, *self._stbs]

    def _dial(self, port: int) -> socket.socket:
        self._dialer.sendall(str(port).encode())
        _, descriptors, _, _ = socket.recv_fds(self._dialer, 1, 1)
        if not descriptors:
            raise LabError("the outer process is gone")
        return socket.socket(fileno=descriptors[0])

    def play(self, groups: int) -> list[CaseResult]:
        """Play all cases, printing each as it ends."""
        for router in self._routers:
            router.connect()
        player = Player(self._topology, self._routers, self._source, self._stbs, groups)
        return report.print_as_they_come("kernel", groups, player.play())

    def stay(self) -> None:
        """Leave the laboratory up until Ctrl-C, and say how to reach it."""
        report.print_how_to_connect(USER, self._key, [router.port for router in self._routers])
        signal.pause()

    def close(self) -> None:
        """Take everything down, last built first."""
        while self._closing:
            self._closing.pop().close()

"""The laboratory as a whole: two processes, one in the user's own network and one in the laboratory's.

The outer one opens the listening sockets that both routers serve, so that they are reached from the
user's shell, and dials them for the inner one, which has no way out of its namespaces. The inner one
builds the topology, starts what runs in it, and does the work.
"""

import os
import signal
import socket
import sys
import tempfile
import traceback
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import NoReturn

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cli import privileges
from cli.lab.configuration import SERVICE
from cli.lab.hosts import Host, KernelRouter, LabError
from cli.lab.namespaces import NamespaceError, enter_user_namespace
from cli.lab.topology import SOURCE_ADDRESS, Topology
from cli.state_folder import KEYS_FOLDER
from dataplane.replication import making
from dataplane.replication.keys import OWN_NAME, PEER_SUFFIX, FileKind, KeyStore


class Laboratory:
    """Everything that stands, and how it is taken down."""

    def __init__(
        self, folder: Path, listeners: list[socket.socket], dial: Callable[[int], socket.socket]
    ) -> None:
        self.key = make_key(folder)
        self._closing: list[Topology | KernelRouter | Host] = []
        try:
            self._build(folder, listeners, dial)
        except BaseException:
            self.close()
            raise

    def _build(
        self, folder: Path, listeners: list[socket.socket], dial: Callable[[int], socket.socket]
    ) -> None:
        self.topology = topology = Topology()
        self._closing.append(topology)
        self.routers: list[KernelRouter] = []
        for site, listener in zip((topology.a, topology.b), listeners, strict=True):
            self.routers.append(KernelRouter(site, folder / f"router-{site.name}", listener, self.key, dial))
            self._closing.append(self.routers[-1])
        self.source = Host("source", topology.source.popen, SOURCE_ADDRESS)
        self.stbs = [
            Host("stb", stb.popen, topology.stb_address(number)) for number, stb in enumerate(topology.stbs)
        ]
        self._closing += [self.source, *self.stbs]
        exchange_keys([router.folder for router in self.routers])
        for router in self.routers:
            router.connect()

    def close(self) -> None:
        """Take everything down, last built first."""
        while self._closing:
            self._closing.pop().close()


def in_laboratory(work: Callable[[Laboratory], int]) -> int:
    """Build a laboratory, do `work` in it, take it down; returns what `work` returned, 1 after a failure.

    The process must have one thread only. `work` runs in a child process.
    """
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    outer, inner = socket.socketpair()
    parent = os.getpid()
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        outer.close()
        _inside(work, listeners, inner, parent)
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


def _inside(
    work: Callable[[Laboratory], int], listeners: list[socket.socket], dialer: socket.socket, parent: int
) -> NoReturn:
    """Enter the namespaces and work; must not return into the code of the outer process."""
    signal.signal(signal.SIGTERM, _interrupt)
    status = 1
    try:
        enter_user_namespace()
        privileges.die_with(parent)
        status = _work(work, listeners, dialer)
    except KeyboardInterrupt:
        status = 130
    except (LabError, NamespaceError, OSError) as error:
        print(f"twincast lab: {error}", file=sys.stderr)
    except Exception:  # noqa: BLE001 - os._exit below would hide it
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _work(work: Callable[[Laboratory], int], listeners: list[socket.socket], dialer: socket.socket) -> int:
    with tempfile.TemporaryDirectory(prefix="twincast-lab-") as name:
        laboratory = Laboratory(Path(name), listeners, lambda port: _dial(dialer, port))
        try:
            return work(laboratory)
        finally:
            laboratory.close()


def _dial(dialer: socket.socket, port: int) -> socket.socket:
    """Ask the outer process for a connection to a loopback port of its network."""
    dialer.sendall(str(port).encode())
    _, descriptors, _, _ = socket.recv_fds(dialer, 1, 1)
    if not descriptors:
        raise LabError("the outer process is gone")
    return socket.socket(fileno=descriptors[0])


def exchange_keys(folders: Sequence[Path]) -> None:
    """Make the channel keys of two routers and give each the other's certificate: what two operators do."""
    certificates = []
    for folder in folders:
        key = making.make_key(making.Algorithm.ED25519)
        now = datetime.now(UTC)
        certificate = making.make_certificate(key, folder.name, (), now, making.DEFAULT_DAYS)
        certificates.append(making.certificate_pem(certificate))
        store = KeyStore(folder / KEYS_FOLDER)
        store.put(OWN_NAME, FileKind.KEY, making.private_pem(key))
        store.put(OWN_NAME, FileKind.CERTIFICATE, certificates[-1])
    for folder, peer in zip(folders, reversed(certificates), strict=True):
        KeyStore(folder / KEYS_FOLDER).put(f"{SERVICE}{PEER_SUFFIX}", FileKind.CERTIFICATE, peer)


def make_key(folder: Path) -> Path:
    """Make a key pair for the routers' user; the public half has the suffix .pub."""
    private = Ed25519PrivateKey.generate()
    path = folder / "key"
    path.touch(mode=0o600)
    path.write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
        )
    )
    public = private.public_key().public_bytes(
        serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    )
    path.with_suffix(".pub").write_bytes(public + b"\n")
    return path

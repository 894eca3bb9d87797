"""A peer that is not ours: the other end of a channel made of Python's own ssl, saying what a test wants.

`python -m tests.support.strange_peer KEYS ADDRESS PORT HEX` listens as the router with the higher address
does, shows the key of the store KEYS, and says the octets to everybody who connects.
"""

import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from struct import pack

from cli.lab.namespaces import Namespace
from dataplane.replication.keys import OWN_NAME, FileKind, KeyStore

OPEN, PATIENCE = 1, 2.0


def other_version() -> bytes:
    """OPEN of major version 2, as long as ever."""
    body = pack("!HHQQI", 2, 0, 77, 0, 1000) + bytes(40)
    return pack("!IBBH", len(body), OPEN, 0, 0) + body


def garbage() -> bytes:
    """Octets of which no message can be made."""
    return bytes(range(255, 0, -1)) * 20


@contextmanager
def play_peer(space: Namespace, keys: KeyStore, address: str, port: int, says: bytes) -> Iterator[None]:
    """Be the peer for a while."""
    command = [sys.executable, "-m", "tests.support.strange_peer", str(keys.folder), address, str(port)]
    process = space.popen([*command, says.hex()], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        yield
    finally:
        process.kill()
        process.wait()


def _context(keys: KeyStore) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.set_alpn_protocols(["twincast"])
    own, key = (keys.path(OWN_NAME, kind) for kind in (FileKind.CERTIFICATE, FileKind.KEY))
    context.load_cert_chain(own, key)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(keys.path("other", FileKind.CERTIFICATE))
    return context


def main(folder: str, address: str, port: str, says: str) -> None:
    from pathlib import Path

    context = _context(KeyStore(Path(folder)))
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.create_server((address, int(port)), family=family) as listener:
        print("ready", flush=True)
        while True:
            connection, _ = listener.accept()
            with suppress(OSError), context.wrap_socket(connection, server_side=True) as peer:
                peer.settimeout(PATIENCE)
                peer.sendall(bytes.fromhex(says))
                deadline = time.monotonic() + PATIENCE
                while peer.recv(4096) and time.monotonic() < deadline:
                    continue


if __name__ == "__main__":
    main(*sys.argv[1:])

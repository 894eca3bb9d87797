"""A NETCONF client that is not the bottleneck: libssh2 through ssh2-python, no XML parsing."""

import re
import socket
import time
from dataclasses import dataclass, field
from typing import Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from ssh2.session import Session

HELLO = (
    '<hello xmlns="urn:ietf:params:xml:ns:netconf:base:1.0"><capabilities>'
    "<capability>urn:ietf:params:netconf:base:1.1</capability></capabilities></hello>]]>]]>"
)
RPC = '<rpc xmlns="urn:ietf:params:xml:ns:netconf:base:1.0" message-id="{}">{}</rpc>'
END_OF_CHUNKS = b"\n##\n"
_CHUNK = re.compile(rb"\n#(\d+)\n")


@dataclass(frozen=True, slots=True)
class Key:
    """An ed25519 key: `private` in OpenSSH's format, `public` as a line of an authorized_keys file."""

    private: bytes = field(repr=False)
    public: str

    @classmethod
    def generate(cls) -> Self:
        """Return a new key."""
        key = Ed25519PrivateKey.generate()
        private = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
        return cls(private, key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode())


class Client:
    """One session; `rpc` sends one request and returns the reply."""

    def __init__(self, port: int, user: str, credential: str | Key) -> None:
        """Log in with a password, or with a key: a password costs the server its hash each time."""
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._session = Session()
        self._session.handshake(self._socket)
        if isinstance(credential, Key):
            self._session.userauth_publickey_frommemory(
                user, credential.private, "", credential.public.encode()
            )
        else:
            self._session.userauth_password(user, credential)
        self._channel = self._session.open_session()
        self._channel.subsystem("netconf")
        self._number = 0
        greeting = re.search(rb"<session-id>(\d+)<", self._read_until(b"]]>]]>"))
        self.session_id = greeting[1].decode() if greeting else ""
        self.write(HELLO.encode())

    def rpc(self, operation: str) -> bytes:
        """Return the reply of one operation without its framing; raises RuntimeError for an rpc-error."""
        self._number += 1
        request = RPC.format(self._number, operation).encode()
        self.write(b"\n#%d\n%s\n##\n" % (len(request), request))
        reply = b"".join(_unchunk(self._read_until(END_OF_CHUNKS)))
        if b"<rpc-error" in reply[:400]:
            raise RuntimeError(reply[:2000].decode())
        return reply

    def write(self, data: bytes) -> None:
        """Send bytes as they are."""
        sent = 0
        while sent < len(data):
            status, written = self._channel.write(data[sent : sent + 1_048_576])
            if status < 0:
                raise ConnectionError(f"libssh2 {status}")
            sent += written

    def _read_until(self, end: bytes) -> bytes:
        pieces, tail = [], b""
        while not tail.endswith(end):
            size, data = self._channel.read(262_144)
            if size <= 0:
                raise ConnectionError("the session ended")
            pieces.append(data)
            tail = (tail + data)[-len(end) :]
        return b"".join(pieces)

    def close(self) -> None:
        """End the session."""
        self._socket.close()


def _unchunk(data: bytes) -> list[bytes]:
    pieces, place = [], 0
    while header := _CHUNK.match(data, place):
        size = int(header[1])
        pieces.append(data[header.end() : header.end() + size])
        place = header.end() + size
    return pieces


def timed(client: Client, operation: str) -> float:
    """Carry out one operation and return its seconds."""
    begin = time.perf_counter()
    client.rpc(operation)
    return time.perf_counter() - begin

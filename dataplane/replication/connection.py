"""One TCP connection of a channel, in clear or inside TLS: octets from the peer to the channel and back.

The channel hears of a connection when it is established: with TLS that is when both ends have shown who they
are. An end that connects knows that it was accepted by the first octet it is told.
"""

import asyncio
import socket
from collections.abc import Callable
from ipaddress import ip_address
from typing import Protocol

from dataplane.config import Address
from dataplane.replication.sockets import USER_TIMEOUT_MS, prefer, word_for
from dataplane.replication.tls import TlsClosed, TlsError, TlsSession

HANDSHAKE_TIMEOUT = 3.0
"""Seconds from the connection to its end when nobody has shown who it is."""
_GOODBYE = 1.0
_READ_OCTETS = 4 << 10
"""Of one reading: about 80 records, so that a link that fails is not kept waiting behind a batch."""


class Owner(Protocol):
    """Who has connections: the channel."""

    def admits(self, connection: "Connection") -> bool:
        """Whether a connection from its address may go on."""
        ...

    def made(self, connection: "Connection") -> None:
        """A connection is established."""

    def received(self, connection: "Connection", data: bytes) -> None:
        """Octets on an established connection."""

    def lost(self, connection: "Connection", reason: str) -> None:
        """A connection is gone, established or not."""


class Connection(asyncio.BufferedProtocol):
    """One TCP connection; `secure` makes its TLS, or None for one in clear, and may raise TlsError.

    The buffer bounds what is taken at once: asyncio's own 256 KiB hold thousands of records, at which the
    dataplane worked for 0.25 s and heard no hello. TLS hands over whole records of up to 16 KiB; the rest of
    one waits for the next turn of the loop.
    """

    def __init__(self, owner: Owner, secure: Callable[[], TlsSession | None], *, client: bool) -> None:
        self.address: Address | None = None
        self.established = False
        self._owner = owner
        self._secure = secure
        self._tls: TlsSession | None = None
        self._client = client
        self._reason = ""
        self._buffer = bytearray(_READ_OCTETS)
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Set the socket up and begin, when the owner admits it (asyncio)."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 (asyncio hands TCP protocols nothing else)
        self._transport = transport
        sock: socket.socket = transport.get_extra_info("socket")
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, USER_TIMEOUT_MS)
        prefer(sock)
        self.address = _peer_of(transport)
        if self.address is None:
            self._reason = "connection-reset"
        if self.address is not None and self._owner.admits(self):
            self._begin()
        else:
            transport.abort()

    def _begin(self) -> None:
        try:
            self._tls = self._secure()
        except TlsError as error:
            self.fail(error.reason)
            return
        if self._tls is None:
            self._establish()
        else:
            later = asyncio.get_running_loop().call_later
            self._timer = later(HANDSHAKE_TIMEOUT, self.fail, "handshake-timeout")
            self._work(b"")

    def get_buffer(self, sizehint: int) -> bytearray:  # noqa: ARG002 (asyncio's own guess)
        """Where the next octets go (asyncio)."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Octets arrived (asyncio)."""
        data = bytes(memoryview(self._buffer)[:nbytes])
        if self._tls is None:
            self._owner.received(self, data)
        else:
            self._work(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone (asyncio)."""
        self._stop_timer()
        self._owner.lost(self, self._reason or word_for(exc))

    def _establish(self) -> None:
        self._stop_timer()
        self.established = True
        self._owner.made(self)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _work(self, data: bytes) -> None:
        """Take octets of TLS, hand over what they say, send what they ask for."""
        try:
            self._converse(data)
        except TlsError as error:
            self.fail(error.reason)
        else:
            self._send_output()

    def _converse(self, data: bytes) -> None:
        tls, transport = self._tls, self._transport
        if tls is None or transport is None or self._reason:
            return
        tls.feed(data)
        if not tls.established:
            return
        said, last = _read_some(tls)
        if not self.established and (said or not self._client):
            self._establish()
        if said:
            self._owner.received(self, said)
        if last:
            self._leave()
        elif not transport.is_closing():
            self._go_on(transport, more=len(said) >= _READ_OCTETS)

    def _go_on(self, transport: asyncio.Transport, *, more: bool) -> None:
        """Take what else there may be in the next turn; nothing new is read before."""
        if more:
            transport.pause_reading()
            asyncio.get_running_loop().call_soon(self._work, b"")
        elif not transport.is_reading():
            transport.resume_reading()

    def _send_output(self) -> None:
        output = self._tls.output() if self._tls is not None else b""
        if output and self._transport is not None:
            self._transport.write(output)

    def write(self, data: bytes) -> None:
        """Send octets on an established connection."""
        if self._transport is None:
            return
        if self._tls is None:
            self._transport.write(data)
            return
        try:
            self._tls.write(data)
        except TlsError as error:
            self.fail(error.reason)
        else:
            self._send_output()

    def waiting(self) -> int:
        """Octets that the kernel has not taken yet."""
        return self._transport.get_write_buffer_size() if self._transport is not None else 0

    def fail(self, reason: str) -> None:
        """End the connection for a reason, which the owner hears; an alert that says why goes out first."""
        self._reason = self._reason or reason
        self._send_output()
        self._leave()

    def abort(self) -> None:
        """End it at once."""
        if self._transport is not None:
            self._transport.abort()

    def leave(self) -> None:
        """Close once what was written has gone out, and in any case soon."""
        if self._tls is not None and self.established:
            self._tls.close()
            self._send_output()
        self._leave()

    def _leave(self) -> None:
        if self._transport is not None:
            self._transport.close()
            asyncio.get_running_loop().call_later(_GOODBYE, self._transport.abort)


def _peer_of(transport: asyncio.Transport) -> Address | None:
    """Return the address of the other end; None when it has reset the connection already."""
    name = transport.get_extra_info("peername")
    return None if name is None else ip_address(str(name[0]).partition("%")[0])


def _read_some(tls: TlsSession) -> tuple[bytes, bool]:
    """Return what the peer says, about as much as one reading in clear takes, and whether it said the last.

    Raises TlsError.
    """
    parts: list[bytes] = []
    octets = 0
    try:
        while octets < _READ_OCTETS and (part := tls.read(_READ_OCTETS)):
            parts.append(part)
            octets += len(part)
    except TlsClosed:
        return b"".join(parts), True
    return b"".join(parts), False

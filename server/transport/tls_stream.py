"""A TLS connection as the `Stream` of a session (RFC 7589).

OpenSSL takes one call at a time for a connection, and a session reads on one thread while another writes. So
TLS works on memory here, under a lock that nobody holds while he waits for the network.
"""

import select
import socket
import ssl
import struct
import threading
import time
from collections.abc import Iterable
from typing import Any, Final

from server.transport.connection import blocks

_READ_SIZE: Final = 64 * 1024
_BLOCK_SIZE: Final = 32 * 1024
_DER: Final = 2
"""The format of a certificate, as the library numbers them."""
_LINGER: Final = 2.0
"""Seconds that the client may take to end its side once the session is over."""


class TlsStream:
    """The server's end; `handshake` comes first."""

    def __init__(self, sock: socket.socket, context: ssl.SSLContext, write_stall: float) -> None:
        self._sock = sock
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._lock = threading.Lock()
        self._sending = threading.Lock()
        seconds = int(write_stall)
        stall = struct.pack("ll", seconds, int((write_stall - seconds) * 1_000_000))
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, stall)

    def handshake(self) -> tuple[bytes, ...]:
        """Come to terms; return the client's verified chain, its own certificate first, each as DER.

        Raises OSError (ssl.SSLError is one).
        """
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                self._flush()
                self._receive()
            except ssl.SSLError:
                self._flush()  # the alert that tells the client why
                raise
            else:
                self._flush()
                return _chain(self._tls)

    def read(self, timeout: float | None) -> bytes:
        """See `Stream.read`."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            try:
                with self._lock:
                    return self._tls.read(_READ_SIZE)
            except ssl.SSLWantReadError:
                self._flush(wait=False)
            except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                return b""
            self._wait(deadline)
            self._receive()

    def write(self, pieces: Iterable[bytes]) -> None:
        """See `Stream.write`."""
        for block in blocks(pieces, _BLOCK_SIZE):
            with self._lock:
                self._tls.write(block)
            self._flush()

    def close(self) -> None:
        """See `Stream.close`. What the client still sends is read, so that what it was sent arrives."""
        try:
            with self._lock:
                self._tls.unwrap()
        except ssl.SSLError:
            pass  # it waits for the client's own close_notify
        try:
            self._flush()
            self._sock.shutdown(socket.SHUT_WR)
            deadline = time.monotonic() + _LINGER
            while self._readable(deadline) and self._sock.recv(_READ_SIZE):
                pass
        finally:
            self._sock.close()

    def abort(self) -> None:
        """See `Stream.abort`."""
        try:
            self._sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # it has ended already

    def _wait(self, deadline: float | None) -> None:
        if not self._readable(deadline):
            raise TimeoutError("the client says nothing")

    def _readable(self, deadline: float | None) -> bool:
        poll = select.poll()
        poll.register(self._sock, select.POLLIN)
        left = None if deadline is None else max(0.0, deadline - time.monotonic()) * 1000
        return bool(poll.poll(left))

    def _receive(self) -> None:
        data = self._sock.recv(_READ_SIZE)
        with self._lock:
            if data:
                self._incoming.write(data)
            else:
                self._incoming.write_eof()

    def _flush(self, *, wait: bool = True) -> None:
        """Send what TLS has to say, in order. Without `wait` whoever sends already does it."""
        while self._outgoing.pending:
            if not self._sending.acquire(blocking=wait):
                return
            try:
                with self._lock:
                    data = self._outgoing.read()
                if data:
                    self._sock.sendall(data)
            finally:
                self._sending.release()


def _chain(tls: ssl.SSLObject) -> tuple[bytes, ...]:
    """The library has had this method since 3.10, and a public name for it since 3.13."""
    inner: Any = getattr(tls, "_sslobj", tls)
    return tuple(certificate.public_bytes(_DER) for certificate in inner.get_verified_chain())

"""The UDP socket under e-trunk hellos: an asyncio shell without domain logic.

One socket a service, from its source address and port to the peer's address and the same port. It carries
the datagrams of `dataplane.roles.hello`; those from any other address are refused and counted.
"""

import asyncio
import logging
import socket
from collections.abc import Callable, Iterator
from struct import Struct

from dataplane import receive_queue
from dataplane.config import PeerConfig
from dataplane.replication.sockets import SEARCH_FIRST, family_of, next_pause, prefer, word_for

_log = logging.getLogger("twincast.dataplane.hello")

_SO_RXQ_OVFL = 40
"""asm-generic/socket.h; the socket module has no name for it."""

_DROPS = Struct("=I")
_OCTETS = 512
_AT_ONCE = 256
"""Datagrams that are taken together before other work gets its turn."""
_ALL = 8192
"""More than the receive buffer holds, so that a flood does not keep the reader for long."""
_ROOM = 2 << 20
"""Octets that may wait, which the kernel doubles: three hellos of each of a thousand profiles."""


class HelloSocket:
    """One service's hello socket; `on_datagrams` gets the accepted ones that waited, on the event loop."""

    def __init__(self, peer: PeerConfig, on_datagrams: Callable[[list[bytes]], None]) -> None:
        self.refused = 0
        """Datagrams that did not come from the peer's address and port, or were too long."""
        self.unsent = 0
        """Hellos that the kernel did not take."""
        self.kernel_dropped = 0
        """Datagrams that found the receive buffer full."""
        self._peer = peer
        # as senders are told, which str() does not say of every address
        self._there = (socket.inet_ntop(family_of(peer.address), peer.address.packed), peer.port)
        self._on_datagrams = on_datagrams
        self._socket: socket.socket | None = None
        self._retry: asyncio.TimerHandle | None = None
        self._failure = ""

    @property
    def bound(self) -> bool:
        """False while the source address is not on this host."""
        return self._socket is not None

    async def start(self) -> None:
        """Bind; while the source address is not on this host, try again."""
        self._bind(SEARCH_FIRST)

    def send(self, datagram: bytes) -> None:
        """Send to the peer at once; what the kernel does not take is dropped and counted."""
        try:
            if self._socket is None:
                self.unsent += 1
            else:
                self._socket.sendto(datagram, self._there)
        except OSError:
            self.unsent += 1

    def waiting(self) -> list[bytes]:
        """Take all that waits, before the peer's silence is judged."""
        return [] if self._socket is None else self._accepted(self._socket, _ALL)

    async def stop(self) -> None:
        """Close the socket."""
        if self._retry is not None:
            self._retry.cancel()
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
        self._socket = self._retry = None

    def _bind(self, pause: float) -> None:
        sock = socket.socket(family_of(self._peer.address), socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        loop = asyncio.get_running_loop()
        try:
            sock.setsockopt(socket.SOL_SOCKET, _SO_RXQ_OVFL, 1)
            prefer(sock)
            receive_queue.enlarge(sock, _ROOM)
            sock.bind((str(self._peer.source_address), self._peer.port))
        except OSError as error:
            sock.close()
            self._failed(word_for(error))
            self._retry = loop.call_later(pause, self._bind, next_pause(pause))
            return
        self._socket, self._failure = sock, ""
        loop.add_reader(sock, self._read, sock, _AT_ONCE)

    def _failed(self, reason: str) -> None:
        """Without its hellos a router may be master beside its peer, so it is said, once for each reason."""
        if reason != self._failure:
            self._failure = reason
            where = f"{self._peer.source_address} port {self._peer.port}"
            _log.warning("hello-socket-failed", extra={"address": where, "reason": reason})

    def _read(self, sock: socket.socket, most: int) -> None:
        datagrams = self._accepted(sock, most)
        if datagrams:
            self._on_datagrams(datagrams)

    def _accepted(self, sock: socket.socket, most: int) -> list[bytes]:
        return [data for data in self._received(sock, most) if data]

    def _received(self, sock: socket.socket, most: int) -> Iterator[bytes]:
        """Yield what waits; an empty one stands for what is refused."""
        for _ in range(most):
            try:
                data, notes, flags, sender = sock.recvmsg(_OCTETS, socket.CMSG_SPACE(_DROPS.size))
            except BlockingIOError:
                return
            except OSError:
                continue
            self._note_drops(notes)
            stranger = sender[:2] != self._there or flags & socket.MSG_TRUNC
            self.refused += bool(stranger)
            yield b"" if stranger else data

    def _note_drops(self, notes: list[tuple[int, int, bytes]]) -> None:
        for level, kind, value in notes:
            if level == socket.SOL_SOCKET and kind == _SO_RXQ_OVFL:
                self.kernel_dropped = _DROPS.unpack(value)[0]

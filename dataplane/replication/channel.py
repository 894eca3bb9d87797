"""The TCP connection under a replication channel: an asyncio shell without domain logic.

The router with the numerically lower address connects from its source address; the other listens on
(source address, port) and accepts the configured peer address alone. A new connection of the peer replaces
the one that is there, which may be half open.
"""

import asyncio
import socket
from ipaddress import ip_address
from typing import Protocol

from dataplane.config import Address, PeerConfig
from dataplane.replication.sockets import SEARCH_FIRST, next_pause, prefer, word_for

WRITE_LIMIT = 16 * 1024 * 1024
"""Octets that may wait for the socket: about three times what the peer machine leaves unacknowledged."""

_CONNECT_TIMEOUT = 3.0
_USER_TIMEOUT_MS = 4_000
_GOODBYE = 1.0
_STABLE = 1.0
"""Seconds after which a connection counts as good: the next search begins with the shortest pause."""
_READ_OCTETS = 4 << 10
"""Of one reading: about 80 records, so that a link that fails is not kept waiting behind a batch."""


class ChannelEvents(Protocol):
    """What the owner of a channel is told; called on the event loop, never from within `send`."""

    def channel_connecting(self) -> None:
        """The channel looks for its peer (connects or listens)."""

    def channel_connected(self) -> None:
        """A connection with the peer exists; it replaces the one before, if any."""

    def channel_received(self, data: bytes) -> None:
        """Octets arrived."""

    def channel_disconnected(self, reason: str) -> None:
        """The connection ended or an attempt failed; the channel goes on trying by itself."""

    def channel_overflow(self) -> None:
        """The write buffer is full: octets given to `send` were dropped."""


def connects(peer: PeerConfig) -> bool:
    """True when this router is the one that connects: its address is the lower one."""
    return int(peer.source_address) < int(peer.address)


class Channel:
    """One service's TCP connection; `start` on the running loop, `stop` ends it for good."""

    def __init__(self, peer: PeerConfig, events: ChannelEvents, write_limit: int = WRITE_LIMIT) -> None:
        self.refused = 0
        """Connections from an address that is not the peer's."""
        self.dropped = 0
        """Writes that found no connection, or no room."""
        self._peer = peer
        self._events = events
        self._write_limit = write_limit
        self._current: _Connection | None = None
        self._overflowed = False
        self._gone = asyncio.Event()
        self._since = 0.0
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to connect or to listen; returns at once, a failure is retried."""
        search = self._search if connects(self._peer) else self._listen
        self._task = asyncio.get_running_loop().create_task(search())

    def send(self, data: bytes) -> None:
        """Write whole messages to the current connection; without one they are dropped and counted."""
        connection = self._current
        if connection is None or self._overflowed:
            self.dropped += 1
        elif connection.waiting() + len(data) > self._write_limit:
            self.dropped += 1
            self._overflowed = True
            asyncio.get_running_loop().call_soon(self._tell_overflow, connection)
        else:
            connection.write(data)

    def disconnect(self, reason: str) -> None:  # noqa: ARG002
        """Close the current connection after what was written, at most a second later; then try again."""
        connection = self._current
        if connection is not None:
            self._forget()
            connection.leave()
            asyncio.get_running_loop().call_soon(self._look_again)

    async def stop(self) -> None:
        """Close everything; no event follows."""
        connection, task = self._current, self._task
        self._current = self._task = None
        if connection is not None:
            connection.leave()
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def made(self, connection: "_Connection", address: Address) -> bool:
        """A connection came into being; False when it is none of ours."""
        if self._task is None or address != self._peer.address:
            self.refused += 1
            return False
        replaced, self._current = self._current, connection
        if replaced is not None:
            replaced.abort()
        self._overflowed = False
        self._gone.clear()
        self._since = asyncio.get_running_loop().time()
        self._events.channel_connected()
        return True

    def received(self, connection: "_Connection", data: bytes) -> None:
        """Octets on a connection; those on a connection that was replaced mean nothing."""
        if connection is self._current:
            self._events.channel_received(data)

    def lost(self, connection: "_Connection", error: Exception | None) -> None:
        """A connection is gone."""
        if connection is self._current:
            self._forget()
            self._events.channel_disconnected(word_for(error))
            self._look_again()

    def _forget(self) -> None:
        self._current = None
        self._overflowed = False

    def _look_again(self) -> None:
        """Tell the owner that the search goes on, unless a connection came in the meantime."""
        self._gone.set()
        if self._current is None and self._task is not None:
            self._events.channel_connecting()

    def _tell_overflow(self, connection: "_Connection") -> None:
        if connection is self._current:
            self._events.channel_overflow()

    async def _search(self) -> None:
        """Connect, wait for the end of the connection, and again."""
        loop = asyncio.get_running_loop()
        pause = SEARCH_FIRST
        self._events.channel_connecting()
        while True:
            if await self._connect():
                await self._gone.wait()
                pause = SEARCH_FIRST if loop.time() - self._since >= _STABLE else pause
            await asyncio.sleep(pause)
            pause = next_pause(pause)

    async def _connect(self) -> bool:
        here, there = str(self._peer.source_address), str(self._peer.address)
        try:
            async with asyncio.timeout(_CONNECT_TIMEOUT):
                await asyncio.get_running_loop().create_connection(
                    lambda: _Connection(self), there, self._peer.port, local_addr=(here, 0)
                )
        except OSError as error:
            self._events.channel_disconnected(word_for(error))
            return False
        return True

    async def _listen(self) -> None:
        """Bind, as often as it takes, and accept for ever."""
        self._events.channel_connecting()
        server = await self._bind()
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            server.close()

    async def _bind(self) -> asyncio.Server:
        pause = SEARCH_FIRST
        while True:
            try:
                return await asyncio.get_running_loop().create_server(
                    lambda: _Connection(self), str(self._peer.source_address), self._peer.port, backlog=4
                )
            except OSError as error:
                self._events.channel_disconnected(word_for(error))
            await asyncio.sleep(pause)
            pause = next_pause(pause)


class _Connection(asyncio.BufferedProtocol):
    """One TCP connection; it tells its channel what happens to it.

    The buffer bounds what is taken at once: asyncio's own 256 KiB hold thousands of records, at which the
    dataplane worked for 0.25 s and heard no hello.
    """

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._buffer = bytearray(_READ_OCTETS)
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 (asyncio hands TCP protocols nothing else)
        self._transport = transport
        sock: socket.socket = transport.get_extra_info("socket")
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _USER_TIMEOUT_MS)
        prefer(sock)
        address = ip_address(str(transport.get_extra_info("peername")[0]).partition("%")[0])
        if not self._channel.made(self, address):
            transport.abort()

    def get_buffer(self, sizehint: int) -> bytearray:  # noqa: ARG002 (asyncio's own guess)
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        self._channel.received(self, bytes(memoryview(self._buffer)[:nbytes]))

    def connection_lost(self, exc: Exception | None) -> None:
        self._channel.lost(self, exc)

    def write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)

    def waiting(self) -> int:
        """Octets that the kernel has not taken yet."""
        return self._transport.get_write_buffer_size() if self._transport is not None else 0

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def leave(self) -> None:
        """Close once what was written has gone out, and in any case soon."""
        if self._transport is not None:
            self._transport.close()
            asyncio.get_running_loop().call_later(_GOODBYE, self._transport.abort)

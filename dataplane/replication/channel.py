"""The TCP connection under a replication channel: an asyncio shell without domain logic.

The router with the numerically lower address connects from its source address and is the TLS client; the
other listens on (source address, port) and accepts the configured peer address alone. A new connection of
the peer replaces the one that is there, which may be half open; with TLS only once it has shown who it is.
"""

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from secrets import choice
from typing import Final, Protocol

from dataplane.config import PeerConfig, Secret
from dataplane.replication.connection import Connection
from dataplane.replication.sockets import (
    BACKLOG,
    SEARCH_FIRST,
    listening_socket,
    next_pause,
    tcp_socket,
    word_for,
)
from dataplane.replication.tls import TlsError, TlsSession
from dataplane.replication.trust import Credentials

WRITE_LIMIT = 16 * 1024 * 1024
"""Octets that may wait for the socket: about three times what the peer machine leaves unacknowledged."""

_CONNECT_TIMEOUT = 3.0
_STABLE = 1.0
"""Seconds after which a connection counts as good: the next search begins with the shortest pause."""
_KEY_CHECK: Final = 86_400.0
_MAXIMUM_UNKNOWN: Final = 4
"""Connections that may be on their way to show who they are; the peer needs one. One more ends another."""


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

    def channel_refused(self) -> None:
        """A connection was refused: it was not the peer's, or did not show that it is."""

    def channel_overflow(self) -> None:
        """The write buffer is full: octets given to `send` were dropped."""


@dataclass(frozen=True, slots=True)
class Protection:
    """How a channel is protected: by TLS when there are `credentials`, else by `md5_key` if there is one.

    `credentials` is called for every connection and raises TlsError while they cannot be used.
    """

    credentials: Callable[[], Credentials] | None = None
    md5_key: Secret | None = None


def connects(peer: PeerConfig) -> bool:
    """True when this router is the one that connects: its address is the lower one."""
    return int(peer.source_address) < int(peer.address)


class Channel:
    """One service's TCP connection; `start` on the running loop, `stop` ends it for good."""

    def __init__(
        self,
        peer: PeerConfig,
        events: ChannelEvents,
        protection: Protection,
        write_limit: int = WRITE_LIMIT,
    ) -> None:
        self.refused = 0
        """Connections from an address that is not the peer's, or that did not show that they are the peer."""
        self.dropped = 0
        """Writes that found no connection, or no room."""
        self._peer = peer
        self._events = events
        self._protection = protection
        self._write_limit = write_limit
        self._client = connects(peer)
        self._current: Connection | None = None
        self._unknown: set[Connection] = set()
        self._overflowed = False
        self._gone = asyncio.Event()
        self._since = 0.0
        self._task: asyncio.Task[None] | None = None
        self._key_check: asyncio.TimerHandle | None = None

    async def start(self) -> None:
        """Begin to connect or to listen; returns at once, a failure is retried."""
        self._check_keys()
        search = self._search if self._client else self._listen
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
        if self._key_check is not None:
            self._key_check.cancel()
        for unknown in list(self._unknown):
            unknown.abort()
        if connection is not None:
            connection.leave()
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    # what connections say

    def admits(self, connection: Connection) -> bool:
        """Whether a connection may go on: only the peer's, and few that have not shown who they are."""
        stranger = connection.address != self._peer.address
        if self._task is None or stranger:
            self._refuse()
            return False
        if len(self._unknown) >= _MAXIMUM_UNKNOWN:
            self._displace()
        self._unknown.add(connection)
        return True

    def _displace(self) -> None:
        """End one of those that have not shown who they are.

        Chance says which: any user of the peer's host can fill the room, and nobody can keep it filled.
        """
        displaced = choice(tuple(self._unknown))
        self._unknown.discard(displaced)
        displaced.abort()
        self._refuse()

    def made(self, connection: Connection) -> None:
        """A connection is established."""
        self._unknown.discard(connection)
        if self._task is None:
            connection.abort()
            return
        replaced, self._current = self._current, connection
        if replaced is not None:
            replaced.abort()
        self._overflowed = False
        self._gone.clear()
        self._since = asyncio.get_running_loop().time()
        self._events.channel_connected()

    def received(self, connection: Connection, data: bytes) -> None:
        """Octets on a connection; those on a connection that was replaced mean nothing."""
        if connection is self._current:
            self._events.channel_received(data)

    def lost(self, connection: Connection, reason: str) -> None:
        """A connection is gone."""
        if connection is self._current:
            self._forget()
            self._events.channel_disconnected(reason)
            self._look_again()
        elif connection in self._unknown or (self._client and not connection.established):
            self._unknown.discard(connection)
            if not self._client:
                self._refuse()
            self._failed(reason)
            self._gone.set()

    def _refuse(self) -> None:
        self.refused += 1
        if self._task is not None:
            self._events.channel_refused()

    def _forget(self) -> None:
        self._current = None
        self._overflowed = False

    def _look_again(self) -> None:
        """Tell the owner that the search goes on, unless a connection came in the meantime."""
        self._gone.set()
        if self._current is None and self._task is not None:
            self._events.channel_connecting()

    def _failed(self, reason: str) -> None:
        """An attempt failed, which means nothing while there is a connection."""
        if self._current is None and self._task is not None:
            self._events.channel_disconnected(reason)

    def _tell_overflow(self, connection: Connection) -> None:
        if connection is self._current:
            self._events.channel_overflow()

    # looking for the peer

    def _secure(self) -> TlsSession | None:
        credentials = self._protection.credentials
        if credentials is None:
            return None
        return TlsSession(credentials(), self._peer.address, client=self._client)

    def _check_keys(self) -> None:
        """Load the keys once a day however long a connection lasts: their end is warned of then."""
        if self._protection.credentials is None:
            return
        self._key_check = asyncio.get_running_loop().call_later(_KEY_CHECK, self._check_keys)
        with suppress(TlsError):
            self._protection.credentials()

    def _connection(self) -> Connection:
        return Connection(self, self._secure, client=self._client)

    async def _until_protected(self) -> None:
        """Wait until there are keys: before that nothing is connected, and the channel is down."""
        pause = SEARCH_FIRST
        while self._protection.credentials is not None:
            try:
                self._protection.credentials()
            except TlsError as error:
                self._failed(error.reason)
            else:
                return
            await asyncio.sleep(pause)
            pause = next_pause(pause)

    async def _search(self) -> None:
        """Connect, wait for the end of the connection, and again."""
        await self._until_protected()
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
        """Return whether there is a connection, which may not have shown yet who it is."""
        self._gone.clear()
        self._since = asyncio.get_running_loop().time()
        try:
            sock = tcp_socket(self._peer, 0, self._protection.md5_key)
        except OSError as error:
            self._failed(word_for(error))
            return False
        try:
            await self._connect_from(sock)
        except OSError as error:
            sock.close()
            self._failed(word_for(error))
            return False
        except BaseException:
            sock.close()
            raise
        return True

    async def _connect_from(self, sock: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(_CONNECT_TIMEOUT):
            await loop.sock_connect(sock, (str(self._peer.address), self._peer.port))
        await loop.create_connection(self._connection, sock=sock)

    async def _listen(self) -> None:
        """Bind, as often as it takes, and accept for ever."""
        await self._until_protected()
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
                sock = listening_socket(self._peer, self._protection.md5_key)
                loop = asyncio.get_running_loop()
                return await loop.create_server(self._connection, sock=sock, backlog=BACKLOG)
            except OSError as error:
                self._failed(word_for(error))
            await asyncio.sleep(pause)
            pause = next_pause(pause)

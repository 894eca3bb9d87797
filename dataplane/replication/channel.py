"""The TCP connection under a replication channel: an asyncio shell without domain logic.

The router with the numerically lower address connects from its source address; the other listens on
(source address, port) and accepts the configured peer address alone.
"""

from typing import Protocol

from dataplane.config import PeerConfig


class ChannelEvents(Protocol):
    """What the owner of a channel is told; called on the event loop, never re-entrantly from `send`."""

    def channel_connecting(self) -> None:
        """The channel looks for its peer (connects or listens)."""

    def channel_connected(self) -> None:
        """A connection with the peer exists; it replaces the one before, if any."""

    def channel_received(self, data: bytes) -> None:
        """Octets arrived."""

    def channel_disconnected(self, reason: str) -> None:
        """The connection ended or an attempt failed; the channel goes on trying by itself."""

    def channel_overflow(self) -> None:
        """The write buffer is full; octets given to `send` were dropped."""


class Channel:
    """One service's TCP connection; `start` on the running loop, `stop` ends it for good."""

    def __init__(self, peer: PeerConfig, events: ChannelEvents) -> None: ...

    async def start(self) -> None:
        """Begin to connect or to listen; returns at once, a failure is retried."""

    def send(self, data: bytes) -> None:
        """Write octets to the current connection; without one they are dropped."""

    def disconnect(self, reason: str) -> None:
        """Close the current connection after what was written; then try again."""

    async def stop(self) -> None:
        """Close everything; no event follows."""

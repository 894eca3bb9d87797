"""What happens on one channel as messages for the engine, and in the log what keeps it from connecting."""

import logging
from collections.abc import Callable

from dataplane.engine import messages
from dataplane.engine.messages import Message
from dataplane.replication.channel import Channel

_log = logging.getLogger("twincast.dataplane.channel")


class ChannelMessages:
    """Implements `ChannelEvents`; `channel` is who tells, `give` takes service, channel and message."""

    def __init__(self, service: str, give: Callable[[str, Channel | None, Message], None]) -> None:
        self.channel: Channel | None = None
        self._service = service
        self._to_engine = give
        self._logged = ""

    def channel_connecting(self) -> None:
        """The channel looks for its peer."""
        self._give(messages.ChannelConnecting(self._service))

    def channel_connected(self) -> None:
        """A connection with the peer exists."""
        self._logged = ""
        self._give(messages.ChannelConnected(self._service))

    def channel_received(self, data: bytes) -> None:
        """Octets arrived."""
        self._give(messages.ChannelReceived(self._service, data))

    def channel_disconnected(self, reason: str) -> None:
        """The connection ended or an attempt failed; the same reason again is not logged again."""
        if reason != self._logged:
            self._logged = reason
            _log.warning("channel-disconnected", extra={"service": self._service, "reason": reason})
        self._give(messages.ChannelDisconnected(self._service, reason))

    def channel_refused(self) -> None:
        """A connection was refused."""
        self._give(messages.ChannelRefused(self._service))

    def channel_overflow(self) -> None:
        """Octets were dropped."""
        self._give(messages.ChannelOverflow(self._service))

    def _give(self, message: Message) -> None:
        self._to_engine(self._service, self.channel, message)

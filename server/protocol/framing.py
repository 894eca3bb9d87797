"""Bytes to messages and back: the two framings of NETCONF over SSH (RFC 6242 section 4).

Pure: no sockets, no time. Bytes may arrive in any split; the messages are always the same.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Framing(StrEnum):
    """How messages are told apart on the wire."""

    END_OF_MESSAGE = "end-of-message"
    CHUNKED = "chunked"


@dataclass(frozen=True, slots=True)
class FramingLimits:
    """What a peer may make us hold, in bytes."""

    message: int = 64 * 1024 * 1024
    chunk: int = 64 * 1024 * 1024


class Framer:
    """The receiving side of one session."""

    def __init__(self, limits: FramingLimits = FramingLimits()) -> None:
        raise NotImplementedError

    def receive(self, data: bytes) -> list[bytes]:
        """Take bytes as they came; return the messages they complete. Raises ProtocolError."""
        raise NotImplementedError


def encode(framing: Framing, pieces: Iterable[bytes]) -> list[bytes]:
    """Frame one message given in pieces; the pieces are passed on, never joined."""
    raise NotImplementedError

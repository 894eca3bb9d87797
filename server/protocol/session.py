"""One NETCONF session as a pure machine: hello, negotiation of the base version, closing (RFC 6241 section 8.1).

`Operations` is what a session asks of the server; `server.operations` implements it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, TypeVar

from server.protocol.messages import Reply, Rpc


class TerminationReason(StrEnum):
    """Why a session ended, in the words of RFC 6470 section 2.2."""

    CLOSED = "closed"
    KILLED = "killed"
    DROPPED = "dropped"
    TIMEOUT = "timeout"
    BAD_HELLO = "bad-hello"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Peer:
    """Who is at the other end. `terminate` ends the session from any thread, returns at once, and may
    be called more than once; the first reason stands.
    """

    username: str
    source_host: str
    source_port: int
    transport: str
    terminate: Callable[[TerminationReason], None]


class SessionContext(Protocol):
    """What the server keeps for one session."""

    @property
    def session_id(self) -> int:
        """The session-id of the server's hello, 1..4294967295."""

    @property
    def capabilities(self) -> Sequence[str]:
        """The capability URIs of the server's hello, base:1.0 and base:1.1 included."""


Context = TypeVar("Context", bound=SessionContext)


class Operations(Protocol[Context]):
    """What a session asks of the server. All but `terminate` is called on the session's reader thread."""

    def opened(self, peer: Peer) -> Context:
        """A transport is up and authenticated; the server's hello goes out next.

        Raises RpcError resource-denied to refuse the session (too many); it is closed without a hello.
        """

    def handle(self, context: Context, rpc: Rpc) -> Reply:
        """Carry out one request. May raise RpcError or RpcErrors instead of returning `Errors`."""

    def closed(self, context: Context, reason: TerminationReason) -> None:
        """The session has ended. Called exactly once for each `opened` that returned."""

    def malformed(self, context: Context, *, hello: bool) -> None:
        """A message was not acceptable: in-bad-hellos if `hello`, else in-bad-rpcs (RFC 6022 section 2.1.4)."""

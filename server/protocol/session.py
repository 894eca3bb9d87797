"""One NETCONF session as a pure machine: hello, base version, closing (RFC 6241 section 8.1).

Bytes in, events out; replies in, bytes out. `Operations` is what a session asks of the server;
`server.operations` implements it.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Protocol, TypeVar

from server.protocol import messages
from server.protocol.errors import ProtocolError, RpcError, TooLargeError, malformed_message, too_big
from server.protocol.framing import Framer, Framing, FramingLimits, encode, encode_lazily
from server.protocol.messages import (
    BASE_1_0,
    BASE_1_1,
    BadRpcError,
    Errors,
    Hello,
    NotNetconfError,
    Ok,
    Reply,
    Rpc,
    RpcEnvelope,
)
from server.protocol.xml import TooDeepError, XmlError, XmlReader


class TerminationReason(StrEnum):
    """Why a session ended, in the words of RFC 6470 section 2.2."""

    CLOSED = "closed"
    KILLED = "killed"
    DROPPED = "dropped"
    TIMEOUT = "timeout"
    BAD_HELLO = "bad-hello"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Origin:
    """The way that a session came: what has to stay for the user to come again.

    `endpoint` is the listener or the client to call in the server's configuration, such as `ssh:NAME`, empty
    for one that is not configured there. `credential` stands for what he logged in with (see
    `server.access.users`), empty where that is not the server's to say. `chain` has the certificates that a
    TLS client was known by, its own first, each as DER.
    """

    endpoint: str = ""
    credential: str = ""
    chain: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Peer:
    """Who is at the other end. `groups` are those that the transport knows the user to be in.

    `administrator`: nothing is denied to this session (RFC 8341 section 3.3.1).

    `terminate` ends the session from any thread and returns at once; of several calls the first reason
    stands. `closed` of `Operations` follows on the session's own thread, after the request that it is
    carrying out, if any. `notify` and `deliver` take a notification without its framing, from any thread
    but that one: `notify` never blocks and returns False when the client does not keep up; `deliver` waits
    until the transport has it and raises OSError when the session is over. `insist` is `notify` for the few
    short messages that tell a client what it did not keep up with: there is room kept for them.
    """

    username: str
    source_host: str
    source_port: int
    transport: str
    terminate: Callable[[TerminationReason], None]
    notify: Callable[[Sequence[bytes]], bool] = lambda _pieces: False
    deliver: Callable[[Sequence[bytes]], None] = lambda _pieces: None
    groups: frozenset[str] = frozenset()
    administrator: bool = False
    origin: Origin = field(default_factory=Origin)
    insist: Callable[[Sequence[bytes]], bool] = lambda _pieces: False


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
    """What a session asks of the server. All is called on the session's reader thread."""

    def opened(self, peer: Peer) -> Context:
        """A transport is up and authenticated; the server's hello goes out next.

        Raises RpcError resource-denied to refuse the session (too many); it is closed without a hello.
        """

    def greeted(self, context: Context, capabilities: Collection[str]) -> None:
        """The client's hello is there, with these capability URIs; requests may follow."""

    def handle(self, context: Context, rpc: Rpc) -> Reply:
        """Carry out one request. May raise RpcError or RpcErrors instead of returning `Errors`."""

    def answered(self, context: Context, rpc: Rpc, reply: Reply, seconds: float) -> None:
        """The reply has left, or could not; `seconds` is what it took to carry the request out."""

    def closed(self, context: Context, reason: TerminationReason) -> None:
        """The session has ended. Called exactly once for each `opened` that returned."""

    def malformed(self, context: Context, *, hello: bool) -> None:
        """A message was not acceptable: counts in in-bad-hellos or in-bad-rpcs (RFC 6022 section 2.1.5)."""


class SessionState(StrEnum):
    """Where a session is."""

    AWAITING_HELLO = "awaiting-hello"
    OPEN = "open"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Opened:
    """Both hellos are there; requests may come."""

    base: str
    capabilities: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Requested:
    """A request to carry out and to answer with `Session.reply`."""

    rpc: Rpc


class Limit(StrEnum):
    """What a message was too much for."""

    HELLO_SIZE = "hello-size"
    MESSAGE_SIZE = "message-size"
    NESTING_DEPTH = "nesting-depth"


@dataclass(frozen=True, slots=True)
class Rejected:
    """A message that is no request; `answer` is to be sent and the session goes on."""

    answer: Iterable[bytes]
    limit: Limit | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    """The peer broke the rules; the session is over. `message` is for the log, `answer` goes out first."""

    reason: TerminationReason
    message: str
    limit: Limit | None = None
    answer: Iterable[bytes] = ()


Event = Opened | Requested | Rejected | Failed


class Session:
    """The server's end of one session. `send` side: `hello`, `reply`, `message`; all return framed pieces."""

    def __init__(
        self,
        session_id: int,
        capabilities: Sequence[str],
        limits: FramingLimits | None = None,
        reader: XmlReader | None = None,
    ) -> None:
        self.state = SessionState.AWAITING_HELLO
        self._session_id = session_id
        self._capabilities = tuple(capabilities)
        self._framing = Framing.END_OF_MESSAGE
        self._framer = Framer(limits)
        self._reader = reader or XmlReader()

    def hello(self) -> list[bytes]:
        """The server's hello, sent first and without waiting for the client's."""
        return encode(Framing.END_OF_MESSAGE, messages.encode_hello(self._capabilities, self._session_id))

    def reply(self, envelope: RpcEnvelope | None, reply: Reply) -> Iterable[bytes]:
        """Answer one request; after `Ok(close=True)` the session takes nothing more."""
        pieces = messages.encode_reply(envelope, reply)
        if not isinstance(pieces, Sequence):
            return encode_lazily(self._framing, pieces)
        framed = self.message(pieces)
        if isinstance(reply, Ok) and reply.close:
            self.state = SessionState.CLOSED
        return framed

    def message(self, pieces: Sequence[bytes]) -> list[bytes]:
        """Frame a message that is complete but for its framing (a notification)."""
        return encode(self._framing, pieces)

    def receive(self, data: bytes) -> list[Event]:
        """Take bytes from the transport and return what they say, in order; never raises.

        After `Failed`, or once the session was closed, nothing comes any more.
        """
        if self.state is not SessionState.CLOSED:
            self._framer.feed(data)
        return list(iter(self._next_event, None))

    def _next_event(self) -> Event | None:
        if self.state is SessionState.CLOSED:
            return None
        try:
            document = self._framer.next_message()
        except TooLargeError as error:
            return self._too_large(error)
        except ProtocolError as error:
            return self._fail(str(error))
        if document is None:
            return None
        if self.state is SessionState.AWAITING_HELLO:
            return self._take_hello(document)
        return self._take_request(document)

    def _take_hello(self, document: bytes) -> Event:
        try:
            message = messages.parse_message(self._reader.parse(document))
        except (XmlError, NotNetconfError, BadRpcError) as error:
            return self._fail(f"expected a hello: {error}", self._limit(error))
        if not isinstance(message, Hello):
            return self._fail("expected a hello, got a request")
        if message.session_id is not None:
            return self._fail("a client's hello carries a session-id")
        base = next((uri for uri in (BASE_1_1, BASE_1_0) if uri in self._common(message)), None)
        if base is None:
            return self._fail("no base version in common")
        self._framing = Framing.CHUNKED if base == BASE_1_1 else Framing.END_OF_MESSAGE
        self._framer.switch(self._framing)
        self.state = SessionState.OPEN
        return Opened(base, message.capabilities)

    def _common(self, hello: Hello) -> set[str]:
        return set(self._capabilities) & set(hello.capabilities)

    def _take_request(self, document: bytes) -> Event:
        try:
            message = messages.parse_message(self._reader.parse(document))
        except BadRpcError as error:
            return Rejected(self.reply(error.envelope, Errors((error.error,))))
        except (XmlError, NotNetconfError) as error:
            return self._reject(str(error), self._limit(error))
        if isinstance(message, Hello):
            return self._reject("a second <hello>")
        return Requested(message)

    def _limit(self, error: Exception) -> Limit | None:
        if isinstance(error, TooDeepError):
            return Limit.NESTING_DEPTH
        if not isinstance(error, TooLargeError):
            return None
        return Limit.HELLO_SIZE if self.state is SessionState.AWAITING_HELLO else Limit.MESSAGE_SIZE

    def _reject(self, why: str, limit: Limit | None = None) -> Event:
        """malformed-message is for base:1.1 only; a session of base:1.0 ends (RFC 6241 appendix A)."""
        if self._framing is Framing.END_OF_MESSAGE:
            return self._fail(why, limit)
        error: RpcError = malformed_message(why)
        return Rejected(self.reply(None, Errors((error,))), limit)

    def _too_large(self, error: TooLargeError) -> Failed:
        """What follows cannot be told from the rest of the message, so the session ends; it is told why."""
        answer: Iterable[bytes] = ()
        if self.state is SessionState.OPEN:
            answer = self.reply(None, Errors((too_big(str(error)),)))
        return replace(self._fail(str(error), self._limit(error)), answer=answer)

    def _fail(self, why: str, limit: Limit | None = None) -> Failed:
        in_hello = self.state is SessionState.AWAITING_HELLO
        self.state = SessionState.CLOSED
        return Failed(TerminationReason.BAD_HELLO if in_hello else TerminationReason.OTHER, why, limit)

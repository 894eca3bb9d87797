"""One NETCONF session over any transport: the thread that reads, carries out and answers.

Knows neither SSH nor TLS (a `Stream` hides them) nor what an operation does (`Operations` does).
"""

import logging
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

from server.protocol.errors import RpcError, RpcErrors, operation_failed
from server.protocol.framing import FramingLimits
from server.protocol.messages import Errors, Ok, Reply, Rpc
from server.protocol.session import (
    Event,
    Failed,
    Limit,
    Opened,
    Operations,
    Origin,
    Peer,
    Rejected,
    Requested,
    Session,
    SessionContext,
    SessionState,
    TerminationReason,
)
from server.protocol.xml import XmlReader
from server.transport.outbox import Outbox, OutboxClosedError, OutboxLimits
from server.transport.refusals import Refusal, Refusals

logger = logging.getLogger("twincast.transport.connection")


class Stream(Protocol):
    """A byte stream to one authenticated client. All but `abort` may block; OSError means it is gone."""

    def read(self, timeout: float | None) -> bytes:
        """Return what has come, b"" at the end. Raises TimeoutError after `timeout` seconds of nothing."""

    def write(self, pieces: Iterable[bytes]) -> None:
        """Hand all pieces to the transport, in order."""

    def close(self) -> None:
        """End the stream after what was written; called once, by the thread that reads."""

    def abort(self) -> None:
        """End the stream at once, from any thread, without blocking; `read` and `write` return or raise."""


@dataclass(frozen=True, slots=True)
class Login:
    """Who came in, and how (RFC 6022 section 2.1.3 for `transport`); for the rest see `Peer`."""

    username: str
    source_host: str
    source_port: int
    transport: str
    groups: frozenset[str] = frozenset()
    administrator: bool = False
    origin: Origin = field(default_factory=Origin)


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """`hello_timeout` in seconds: how long a client may take until its hello is complete.

    `nesting_depth`: elements within each other in a message.
    """

    hello_timeout: float = 60.0
    framing: FramingLimits = field(default_factory=FramingLimits)
    outbox: OutboxLimits = field(default_factory=OutboxLimits)
    nesting_depth: int = 128


class Connection:
    """Runs one session from its first byte to its end. `run` is the body of the session's own thread."""

    def __init__(
        self,
        stream: Stream,
        login: Login,
        operations: Operations[Any],
        limits: ConnectionLimits | None = None,
        refusals: Refusals | None = None,
    ) -> None:
        self._stream = stream
        self._login = login
        self._operations = operations
        self._limits = limits or ConnectionLimits()
        self._refusals = refusals or Refusals()
        self._lock = threading.Lock()
        self._reason: TerminationReason | None = None
        self._finished = False
        self._outbox = Outbox(stream.write, self._client_is_gone, self._limits.outbox)
        self._session: Session | None = None

    def run(self) -> None:
        """Serve the session until it ends; never raises."""
        context = self._open()
        if context is not None:
            reason = self._serve(context)
            self._finish(context, reason)
        self._outbox.close()
        self._close_stream()

    def terminate(self, reason: TerminationReason) -> None:
        """End the session from any thread (kill-session, shutdown) at once; the first reason stands."""
        with self._lock:
            if self._reason is not None:
                return
            self._reason = reason
        self._stream.abort()

    def notify(self, pieces: Sequence[bytes]) -> bool:
        """Queue a notification (unframed pieces) from any thread; False when it was dropped."""
        session = self._session
        if session is None:
            return False
        taken = self._outbox.offer(session.message(pieces))
        if not taken:
            self._refusals.add(Refusal.NOTIFICATION_BACKLOG)
        return taken

    def insist(self, pieces: Sequence[bytes]) -> bool:
        """Queue a short notification that tells of dropped ones; False when there is no room even for it."""
        session = self._session
        return session is not None and self._outbox.offer(session.message(pieces), spare=True)

    def deliver(self, pieces: Sequence[bytes]) -> None:
        """Send a notification (unframed pieces) from any thread but the session's; raises OSError."""
        session = self._session
        if session is None:
            raise OutboxClosedError("the session has not begun")
        self._outbox.send(session.message(pieces))

    def _open(self) -> SessionContext | None:
        login = self._login
        peer = Peer(
            login.username,
            login.source_host,
            login.source_port,
            login.transport,
            self.terminate,
            self.notify,
            self.deliver,
            login.groups,
            login.administrator,
            login.origin,
            self.insist,
        )
        try:
            context: SessionContext = self._operations.opened(peer)
        except RpcError as error:
            logger.warning("session-refused", extra={**self._fields(), "cause": str(error)})
        except Exception:
            logger.exception("session-refused", extra=self._fields())
        else:
            logger.info("session-started", extra=self._fields(context))
            return context
        return None

    def _serve(self, context: SessionContext) -> TerminationReason:
        """Read and answer until there is a reason to stop."""
        try:
            return self._converse(context)
        except OSError:
            return TerminationReason.DROPPED
        except Exception:
            logger.exception("session-failed", extra=self._fields(context))
            return TerminationReason.OTHER

    def _converse(self, context: SessionContext) -> TerminationReason:
        reader = XmlReader(self._limits.nesting_depth)
        session = Session(context.session_id, context.capabilities, self._limits.framing, reader)
        deadline = time.monotonic() + self._limits.hello_timeout
        self._outbox.send(session.hello())
        while True:
            try:
                data = self._stream.read(_time_left(session, deadline))
            except TimeoutError:
                self._refusals.add(Refusal.HELLO_TIMEOUT)
                return TerminationReason.TIMEOUT
            if not data:
                return TerminationReason.DROPPED
            for event in session.receive(data):
                reason = self._reason or self._act(context, session, event)
                if reason is not None:
                    return reason

    def _act(self, context: SessionContext, session: Session, event: Event) -> TerminationReason | None:
        """Do what one event asks for; return why the session ends, if it does."""
        match event:
            case Opened(_, capabilities):
                self._operations.greeted(context, capabilities)
                self._session = session
            case Requested(rpc):
                return self._answer(context, session, rpc)
            case Rejected(answer, limit):
                self._count(limit)
                self._operations.malformed(context, hello=False)
                self._outbox.send(answer)
            case Failed(reason, message, limit, answer):
                self._count(limit)
                if answer:
                    with suppress(OSError):
                        self._outbox.send(answer)
                bad_hello = reason is TerminationReason.BAD_HELLO
                self._operations.malformed(context, hello=bad_hello)
                logger.warning("session-broken", extra={**self._fields(context), "cause": message})
                return reason
        return None

    def _count(self, limit: Limit | None) -> None:
        if limit is not None:
            self._refusals.add(Refusal(limit))

    def _answer(self, context: SessionContext, session: Session, rpc: Rpc) -> TerminationReason | None:
        began = time.monotonic()
        reply = self._carry_out(context, rpc)
        seconds = time.monotonic() - began
        reason = TerminationReason.CLOSED if isinstance(reply, Ok) and reply.close else None
        if reason is not None:
            # Locks are free before the client learns that its session is over.
            self._finish(context, reason)
        try:
            self._outbox.send(session.reply(rpc.envelope, reply))
        finally:
            self._operations.answered(context, rpc, reply, seconds)
        return reason

    def _carry_out(self, context: SessionContext, rpc: Rpc) -> Reply:
        try:
            return self._operations.handle(context, rpc)
        except RpcErrors as error:
            return Errors(error.errors)
        except RpcError as error:
            return Errors((error,))
        except Exception:
            logger.exception(
                "request-failed", extra={**self._fields(context), "operation": rpc.operation.tag}
            )
            return Errors((operation_failed("an internal error; the server's log has it"),))

    def _finish(self, context: SessionContext, reason: TerminationReason) -> None:
        """Tell the operations once; whoever terminated the session first has named the reason."""
        if self._finished:
            return
        self._finished = True
        with self._lock:
            self._reason = self._reason or reason
        try:
            self._operations.closed(context, self._reason)
        except Exception:
            logger.exception("session-end-failed", extra=self._fields(context))
        extra = {**self._fields(context), "reason": self._reason.value, "dropped": self._outbox.dropped}
        logger.info("session-ended", extra=extra)

    def _close_stream(self) -> None:
        try:
            self._stream.close()
        except OSError:
            logger.debug("stream-already-gone", extra=self._fields())

    def _client_is_gone(self) -> None:
        self.terminate(TerminationReason.DROPPED)

    def _fields(self, context: SessionContext | None = None) -> dict[str, object]:
        login = self._login
        source = f"{login.source_host} port {login.source_port}"
        session = {} if context is None else {"session": context.session_id}
        return {**session, "user": login.username, "source": source}


def _time_left(session: Session, deadline: float) -> float | None:
    """Seconds until the hello is overdue; None once it is there."""
    if session.state is not SessionState.AWAITING_HELLO:
        return None
    return max(0.0, deadline - time.monotonic())


def blocks(pieces: Iterable[bytes], size: int) -> Iterator[bytes]:
    """Regroup pieces into blocks of `size` bytes; the last may be shorter. Copies a byte at most twice."""
    block = bytearray()
    for piece in pieces:
        position = 0
        if block:
            position = size - len(block)
            block += piece[:position]
            if len(block) < size:
                continue
            yield bytes(block)
            block.clear()
        whole = position + (len(piece) - position) // size * size
        for start in range(position, whole, size):
            yield piece[start : start + size]
        block += piece[max(whole, position) :]
    if block:
        yield bytes(block)

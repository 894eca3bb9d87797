"""From a request to its handler and back; what a session asks of the server (`Operations`).

Owns the life of a session on this side, its counters, one log line an operation, and the last line of
defence: an exception that is no RpcError is logged once and answered without its text.
"""

import logging
from collections.abc import Collection, Iterable, Sequence
from typing import Final, Protocol

from lxml import etree

from server.datastores.candidates import PRIVATE_CANDIDATE
from server.datastores.store import Store
from server.operations.handler import Handler, Handlers
from server.operations.parameters import at_operation
from server.protocol import errors
from server.protocol.errors import ErrorTag, ErrorType, RpcError, RpcErrors
from server.protocol.messages import Errors, Reply, Rpc
from server.protocol.session import Peer, TerminationReason
from server.telemetry import audit
from server.telemetry.sessions import Session, Sessions

logger = logging.getLogger("twincast.operations.dispatch")
audit_log = logging.getLogger("twincast.audit")
"""One line an operation (see `server.telemetry.audit`)."""

_OF_REQUEST: Final = frozenset({ErrorTag.UNKNOWN_NAMESPACE, ErrorTag.UNKNOWN_ELEMENT, ErrorTag.BAD_ELEMENT})
"""Tags of what stands in a request and can have no place in the data."""


class Gatekeeper(Protocol):
    """What the dispatcher asks of access control."""

    def check_operation(self, peer: Peer, tag: str, /) -> None:
        """Raise RpcError access-denied when the user may not invoke the operation with this Clark name."""

    def censored(self, peer: Peer, errors: Iterable[RpcError], /) -> tuple[RpcError, ...]:
        """Return errors as the user may see them."""


class Observer(Protocol):
    """Is told of the life of sessions, on their own threads."""

    def opened(self, session: Session) -> None:
        """A session was registered."""

    def answered(self, session: Session) -> None:
        """A reply has left."""

    def closed(self, session: Session, reason: TerminationReason) -> None:
        """A session has ended."""


class Dispatcher:
    """Implements `server.protocol.session.Operations`; safe to call from any number of reader threads."""

    def __init__(
        self,
        sessions: Sessions,
        store: Store,
        gatekeeper: Gatekeeper,
        operations: Sequence[Handlers],
        observers: Sequence[Observer] = (),
    ) -> None:
        self._sessions = sessions
        self._gatekeeper = gatekeeper
        self._store = store
        self._observers = observers
        self._handlers: dict[str, Handler] = {}
        for handlers in operations:
            self._handlers.update(handlers)

    def opened(self, peer: Peer) -> Session:
        """Register a session; raises RpcError resource-denied when there are too many."""
        session = self._sessions.open(peer)
        for observer in self._observers:
            observer.opened(session)
        return session

    def greeted(self, context: Session, capabilities: Collection[str]) -> None:
        """Take note of what the client's hello asks for by announcing it."""
        if any(uri.partition("?")[0] == PRIVATE_CANDIDATE for uri in capabilities):
            self._store.begin_private(context.session_id)

    def closed(self, context: Session, reason: TerminationReason) -> None:
        """Forget a session; its locks are given back, and a locked candidate's changes with them."""
        for observer in self._observers:
            observer.closed(context, reason)
        self._store.session_ended(context.session_id)
        self._sessions.close(context, reason)

    def malformed(self, context: Session, *, hello: bool) -> None:
        """Count a message that was not acceptable."""
        self._sessions.count_malformed(context, hello=hello)

    def handle(self, context: Session, rpc: Rpc) -> Reply:
        """Carry out one request; every failure becomes an `Errors` reply."""
        self._sessions.count_rpc(context)
        context.trail.begin()
        reply = self._reply(context, rpc)
        if isinstance(reply, Errors):
            self._sessions.count_error_reply(context)
        return reply

    def answered(self, context: Session, rpc: Rpc, reply: Reply, seconds: float) -> None:
        """Log one line an operation: who did what to what, with which result; never what values it held."""
        errors = reply.errors if isinstance(reply, Errors) else ()
        store = audit.datastore(rpc.operation)
        fields: dict[str, object] = {
            "operation": _name(rpc),
            "message_id": audit.cut(rpc.message_id),
            **({"datastore": store} if store else {}),
            **context.trail.fields(),
            "result": audit.result(errors),
            **({"errors": len(errors)} if len(errors) > 1 else {}),
            "duration_ms": round(seconds * 1000, 3),
        }
        context.trail.begin()  # an idle session keeps nothing
        audit_log.info("operation", extra={**_who(context), **fields})
        for observer in self._observers:
            observer.answered(context)

    def _reply(self, session: Session, rpc: Rpc) -> Reply:
        try:
            handler = self._handler(rpc.operation)
            self._gatekeeper.check_operation(session.peer, str(rpc.operation.tag))
            return handler(session, rpc.operation)
        except RpcError as error:
            return self._refused(session, rpc, (error,))
        except RpcErrors as failed:
            return self._refused(session, rpc, failed.errors)
        except Exception:
            logger.exception("fault", extra={**_who(session), "operation": _name(rpc)})
            return Errors((errors.operation_failed("the server could not carry out the request"),))

    def _refused(self, session: Session, rpc: Rpc, found: Sequence[RpcError]) -> Errors:
        """What the user may see; what is wrong with a request is blamed on its operation at least."""
        shown = self._gatekeeper.censored(session.peer, found)
        return Errors(tuple(_blamed(error, rpc) for error in shown))

    def _handler(self, operation: etree._Element) -> Handler:
        handler = self._handlers.get(str(operation.tag))
        if handler is None:
            name = etree.QName(operation)
            message = (
                f"the operation <{name.localname}> of {name.namespace or 'no namespace'} is not supported"
            )
            raise errors.operation_not_supported(message)
        return handler


def _name(rpc: Rpc) -> str:
    return audit.cut(etree.QName(rpc.operation).localname)


def _blamed(error: RpcError, rpc: Rpc) -> RpcError:
    of_terms = ":" in error.app_tag  # an identity of the modules of subscriptions, for what was asked for
    of_request = error.type is ErrorType.PROTOCOL or error.tag in _OF_REQUEST or of_terms
    return at_operation(error, rpc.operation) if of_request and not error.path else error


def _who(session: Session) -> dict[str, object]:
    peer = session.peer
    return {"session": session.session_id, "user": peer.username, "source": peer.source_host}

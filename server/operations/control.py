"""lock, unlock, close-session and kill-session (RFC 6241 sections 7.5, 7.6, 7.8 and 7.9)."""

from lxml import etree

from server.datastores.locks import Datastore
from server.datastores.store import Store
from server.operations.handler import Handlers, base
from server.operations.parameters import Parameters
from server.operations.sources import Offer, take_source
from server.protocol import errors
from server.protocol.errors import ErrorType
from server.protocol.messages import Ok, Reply
from server.telemetry.sessions import Session, Sessions

HIGHEST_SESSION_ID = 2**32 - 1


class Control:
    """The operations on locks and sessions."""

    def __init__(self, store: Store, sessions: Sessions, offer: Offer) -> None:
        self._store = store
        self._offer = offer
        self._sessions = sessions

    def handlers(self) -> Handlers:
        """Return the operations of this file."""
        return {
            base("lock"): self.lock,
            base("unlock"): self.unlock,
            base("close-session"): self.close_session,
            base("kill-session"): self.kill_session,
        }

    def lock(self, session: Session, operation: etree._Element) -> Reply:
        """Lock a datastore; raises RpcError lock-denied."""
        self._store.lock(_take_target(operation, self._offer), session.session_id)
        return Ok()

    def unlock(self, session: Session, operation: etree._Element) -> Reply:
        """Unlock a datastore; with the candidate's lock its changes go."""
        self._store.unlock(_take_target(operation, self._offer), session.session_id)
        return Ok()

    def close_session(self, _session: Session, operation: etree._Element) -> Reply:
        """End the session that asks, after the reply."""
        Parameters(operation).finish()
        return Ok(close=True)

    def kill_session(self, session: Session, operation: etree._Element) -> Reply:
        """End another session; its locks are free when the reply goes out.

        Raises RpcError invalid-value for the caller's own id and for one that no session has.
        """
        parameters = Parameters(operation)
        session_id = parameters.integer("session-id", 1, HIGHEST_SESSION_ID)
        parameters.finish()
        session.trail.killed = session_id
        victim = self._sessions.get(session_id)
        if session_id == session.session_id:
            own = "<session-id> is this session's own; use <close-session>"
            raise parameters.at(errors.invalid_value(own, type=ErrorType.PROTOCOL), "session-id")
        if victim is None:
            unknown = f"there is no session {session_id}"
            raise parameters.at(errors.invalid_value(unknown, type=ErrorType.PROTOCOL), "session-id")
        self._sessions.kill(victim, session)
        self._store.revoke(session_id)
        return Ok()


def _take_target(operation: etree._Element, offer: Offer) -> Datastore:
    parameters = Parameters(operation)
    target = take_source(parameters, "target", offer, identity=True).datastore
    parameters.finish()
    return target or Datastore.RUNNING

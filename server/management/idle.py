"""Sessions without a request for too long (idle-timeout), whatever transport they came by."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from server.protocol.session import TerminationReason
from server.telemetry.sessions import Session, Sessions
from server.transport.refusals import Refusal, Refusals

logger = logging.getLogger("twincast.management.idle")


@dataclass(frozen=True, slots=True)
class _Answered:
    """When the last request of a session was answered (monotonic), and how many there were until then."""

    at: float
    requests: int


class IdleWatch:
    """An observer of the dispatcher. `timeout` in seconds, 0 for none; `exempt` tells sessions that may be
    idle for ever: they have subscriptions.
    """

    def __init__(self, sessions: Sessions, exempt: Callable[[Session], bool], refusals: Refusals) -> None:
        self.timeout = 0.0
        self._sessions = sessions
        self._exempt = exempt
        self._refusals = refusals
        self._lock = threading.Lock()
        self._answered: dict[int, _Answered] = {}

    def opened(self, session: Session) -> None:
        """A session begins to be idle."""
        self.answered(session)

    def answered(self, session: Session) -> None:
        """A session begins to be idle again."""
        with self._lock:
            self._answered[session.session_id] = _Answered(time.monotonic(), session.counters.in_rpcs)

    def closed(self, session: Session, _reason: TerminationReason) -> None:
        """A session has ended."""
        with self._lock:
            self._answered.pop(session.session_id, None)

    def end_idle(self) -> None:
        """End the sessions that are idle for too long."""
        if not self.timeout:
            return
        before = time.monotonic() - self.timeout
        with self._lock:
            quiet = {number: last for number, last in self._answered.items() if last.at <= before}
        for number, last in quiet.items():
            session = self._sessions.get(number)
            # with a request more than were answered it is not idle but waits
            if session is None or session.counters.in_rpcs != last.requests or self._exempt(session):
                continue
            with self._lock:
                idle = self._answered.get(number) is last
                if idle:
                    del self._answered[number]
            if idle:
                self._end(session)

    def _end(self, session: Session) -> None:
        self._refusals.add(Refusal.IDLE_TIMEOUT)
        extra = {"session": session.session_id, "user": session.peer.username}
        logger.info("session-idle", extra=extra)
        session.peer.terminate(TerminationReason.TIMEOUT)

"""Sessions without a request for too long (idle-timeout), whatever transport they came by."""

import logging
import math
import threading
import time
from collections.abc import Callable, Mapping
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
    """An observer of the dispatcher.

    `timeout` in seconds, 0 for none; `timeouts` for sessions by the endpoint of their `Origin`, where the
    shorter of the two counts. `exempt` tells sessions that may be idle for ever: they have subscriptions.
    """

    def __init__(self, sessions: Sessions, exempt: Callable[[Session], bool], refusals: Refusals) -> None:
        self.timeout = 0.0
        self.timeouts: Mapping[str, float] = {}
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
        shortest = min((*self.timeouts.values(), *([self.timeout] if self.timeout else [])), default=0.0)
        if not shortest:
            return
        now = time.monotonic()
        with self._lock:
            quiet = {number: last for number, last in self._answered.items() if last.at + shortest <= now}
        for number, last in quiet.items():
            session = self._sessions.get(number)
            if session is None or now < last.at + self._timeout_of(session):
                continue
            # with a request more than were answered it is not idle but waits
            if session.counters.in_rpcs != last.requests or self._exempt(session):
                continue
            with self._lock:
                idle = self._answered.get(number) is last
                if idle:
                    del self._answered[number]
            if idle:
                self._end(session)

    def _timeout_of(self, session: Session) -> float:
        own = self.timeouts.get(session.peer.origin.endpoint)
        return min(each for each in (own, self.timeout or None, math.inf) if each is not None)

    def _end(self, session: Session) -> None:
        self._refusals.add(Refusal.IDLE_TIMEOUT)
        extra = {"session": session.session_id, "user": session.peer.username}
        logger.info("session-idle", extra=extra)
        session.peer.terminate(TerminationReason.TIMEOUT)

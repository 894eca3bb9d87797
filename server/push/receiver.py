"""The one receiver of a dynamic subscription: what is sent to it, and what it is told of its subscription.

A client that does not take what it is sent has its subscription suspended; when it does not recover in time
the subscription is terminated. Its session goes on, and nobody waits for it.
"""

import logging
import threading
from collections.abc import Callable
from enum import StrEnum
from typing import Final

from server.push.errors import Problem
from server.push.limits import Limits
from server.push.machine import Event, Machine, State
from server.push.notices import Notices
from server.push.terms import Terms
from server.telemetry.sessions import Session, Sessions
from server.telemetry.subscription import envelope

_log = logging.getLogger("twincast.push.receiver")


class Outcome(StrEnum):
    """What became of a try to resume."""

    RESUMED = "resumed"
    STILL = "still"
    EXPIRED = "expired"


class Receiver:
    """Safe for many threads. `number` is the subscription's id."""

    def __init__(
        self,
        number: int,
        session: Session,
        sessions: Sessions,
        notices: Notices,
        limits: Limits,
        permitted: Callable[[str], bool] = lambda _name: True,
    ) -> None:
        """`permitted` tells whether the user may be sent a notification of ietf-yang-push by its name."""
        self.number: Final = number
        self.session: Final = session
        self.limits: Final = limits
        self.permitted: Final = permitted
        self._sessions = sessions
        self._notices = notices
        self._machine = Machine()
        self._mutex = threading.Lock()
        self._since = self._resumed_at = 0
        self._in_vain = False

    @property
    def state(self) -> State:
        """Where the subscription is."""
        return self._machine.state

    def on(self, event: Event) -> bool:
        """Let an event happen; False when it changes nothing."""
        with self._mutex:
            return self._machine.on(event)

    def send(self, now: int, *pieces: bytes) -> bool:
        """Send an event record or an update without blocking; False when the client does not keep up."""
        taken = self._count(self.session.peer.notify(envelope(now, *pieces)))
        if taken:
            self._in_vain = False
        return taken

    def suspend(self, now: int, reason: Problem) -> bool:
        """Suspend and say why; False when it was already."""
        if not self.on(Event.SUSPEND):
            return False
        if not self._in_vain or now - self._resumed_at >= self.limits.suspension:
            self._since = now  # else it was resumed in vain, and has been suspended all the time
        self._tell(now, self._notices.suspended(self.number, reason))
        self._log("subscription-suspended", reason)
        return True

    def try_resume(self, now: int) -> Outcome:
        """Go on if the client takes messages again; the one that says so is the probe."""
        if self.state is not State.SUSPENDED:
            return Outcome.RESUMED
        if self.expired(now):
            return Outcome.EXPIRED
        if not self._count(self.session.peer.notify(envelope(now, self._notices.resumed(self.number)))):
            return Outcome.STILL
        self.on(Event.RESUME)
        self._resumed_at, self._in_vain = now, True
        return Outcome.RESUMED

    def expired(self, now: int) -> bool:
        """Whether it has been suspended for too long."""
        return self.state is State.SUSPENDED and now - self._since >= self.limits.suspension

    def terminate(self, now: int, reason: Problem) -> bool:
        """End and say why; False when it had ended."""
        if not self.on(Event.TERMINATE):
            return False
        self._tell(now, self._notices.terminated(self.number, reason))
        self._log("subscription-terminated", reason)
        return True

    def modified(self, now: int, terms: Terms) -> None:
        """Say that other terms hold from here on."""
        if self.on(Event.MODIFY):
            self._in_vain = False
            self._tell(now, self._notices.modified(self.number, terms))

    def replay_completed(self) -> bytes:
        """Return what says that the past has been told."""
        return self._notices.replay_completed(self.number)

    def data(self, sent: int, excluded: int) -> dict[str, object]:
        """Return `receivers` as RFC 7951-like data."""
        state = "suspended" if self.state is State.SUSPENDED else "active"
        entry = {
            "name": f"session-{self.session.session_id}",
            "sent-event-records": sent,
            "excluded-event-records": excluded,
            "state": state,
        }
        return {"receiver": [entry]}

    def _tell(self, now: int, xml: bytes) -> None:
        self._count(self.session.peer.insist(envelope(now, xml)))

    def _count(self, taken: bool) -> bool:
        if taken:
            self._sessions.count_notification(self.session)
        return taken

    def _log(self, event: str, reason: Problem) -> None:
        peer = self.session.peer
        fields = {"subscription": self.number, "session": self.session.session_id, "user": peer.username}
        _log.warning(event, extra={**fields, "reason": str(reason)})

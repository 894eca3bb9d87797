"""What both kinds of subscriptions to datastores have in common (RFC 8641): a task of the scheduler.

An update is made on a thread of the scheduler and queued for the session without waiting. What a user may
read is judged anew for each one. A client that does not keep up loses no state: what it gets after a
suspension is told from what it was told last.
"""

import threading
from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Final

from server.push.errors import Problem, Unacceptable
from server.push.lens import Lens
from server.push.machine import Event, State
from server.push.receiver import Outcome, Receiver
from server.push.registry import Registry
from server.push.terms import DatastoreTerms
from server.telemetry.sessions import Session

_WAIT_SECONDS: Final = 1.0
"""For an update that is being made, which may wait for the dataplane."""


class DatastoreSubscription(ABC):
    """See `server.push.registry.Subscription` and `server.push.scheduler.Task`. Times are microseconds."""

    def __init__(self, registry: Registry, receiver: Receiver, terms: DatastoreTerms, lens: Lens) -> None:
        self.terms = terms
        self._registry: Final = registry
        self._receiver: Final = receiver
        self._lens = lens
        self._scheduler: Final = registry.waiting if lens.waits else registry.scheduler
        self._working = threading.Lock()
        """Held while an update is made and sent, so that a change of terms falls between two updates."""
        self._sent = 0
        self._reason: Problem | None = None

    # what differs

    @abstractmethod
    def _begin(self, now: int) -> int | None:
        """Return when the first update is due, from the reply or a change of terms on."""

    @abstractmethod
    def _update(self, now: int) -> int | None:
        """Send what is due, if it is; return when something is next, None for when it is woken."""

    # what is the same

    @property
    def number(self) -> int:
        """Its id."""
        return self._receiver.number

    @property
    def session(self) -> Session:
        """Whose it is."""
        return self._receiver.session

    def begin(self) -> None:
        """The reply has left: updates may follow."""
        if self._receiver.on(Event.REPLIED):
            with self._working:
                self._schedule()

    def modify(self, terms: DatastoreTerms, lens: Lens, *, wait: bool = True) -> bool:
        """Let other terms hold from the next update on, and say so.

        False when it did not `wait` for an update that is being made.
        """
        if not self._working.acquire(blocking=wait):
            return False
        try:
            if self._receiver.state is State.TERMINATED:
                return True
            self.terms, self._lens = terms, lens
            self._reason = None
            self._receiver.modified(self._registry.now(), terms)
            self._schedule()
        finally:
            self._working.release()
        return True

    def terminate(self, reason: Problem) -> None:
        """Send nothing more, and say why."""
        waited = self._working.acquire(timeout=_WAIT_SECONDS)
        try:
            self._terminate(reason)
        finally:
            if waited:
                self._working.release()

    def end(self) -> None:
        """Send nothing more."""
        self._receiver.on(Event.TERMINATE)
        self._scheduler.forget(self)

    def receivers(self) -> dict[str, object]:
        """Return `receivers` as RFC 7951-like data."""
        return self._receiver.data(self._sent, 0)

    def run(self, now: int) -> int | None:
        """Do what is due."""
        with self._working:
            if self._receiver.state in (State.ESTABLISHED, State.TERMINATED):
                return None
            stop = self.terms.stop
            if stop is not None and stop <= now:
                self._registry.remove(self)
                self.end()
                return None
            return _earlier(self._one(now), stop)

    def _one(self, now: int) -> int | None:
        if self._receiver.expired(now):
            self._registry.counters.timed_out += 1
            self._terminate(Problem.SUSPENSION_TIMEOUT)
            return None
        if self._reason is Problem.UNSUPPORTABLE_VOLUME and not self._resumed(now):
            return self._retry(now)
        try:
            return self._update(now)
        except Unacceptable:  # the filter takes too long by now
            self._suspend(now, Problem.INSUFFICIENT_RESOURCES)
            return self._retry(now)

    def _schedule(self) -> None:
        moment = _earlier(self._begin(self._registry.now()), self.terms.stop)
        if moment is not None:
            self._scheduler.wake(self, moment)

    def _contents(self) -> Iterable[bytes]:
        return self._lens.pieces(self._lens.look(self.session.peer))

    def _send(self, now: int, name: str, pieces: list[bytes]) -> bool:
        """Send an update; one that the client has no room for suspends the subscription.

        What a rule about the notification denies to the user counts as sent (RFC 8341 section 3.4.6).
        """
        if not self._receiver.permitted(name):
            return True
        if self._receiver.send(now, *pieces):
            self._sent += 1
            return True
        self._suspend(now, Problem.UNSUPPORTABLE_VOLUME)
        return False

    def _suspend(self, now: int, reason: Problem) -> None:
        if self._receiver.suspend(now, reason):
            self._registry.counters.suspended += 1
        self._reason = reason

    def _resumed(self, now: int) -> bool:
        """Whether an update may be sent, once more perhaps."""
        if self._receiver.try_resume(now) is not Outcome.RESUMED:
            return False
        self._reason = None
        return True

    def _terminate(self, reason: Problem) -> None:
        if self._receiver.terminate(self._registry.now(), reason):
            self._registry.remove(self)
            self._scheduler.forget(self)

    def _retry(self, now: int) -> int:
        return now + self._receiver.limits.retry


def _earlier(one: int | None, other: int | None) -> int | None:
    return min((moment for moment in (one, other) if moment is not None), default=None)

"""A dynamic subscription to an event stream (RFC 8639)."""

import threading
from typing import Final

from server.push.errors import Problem, Unacceptable
from server.push.machine import Event, State
from server.push.receiver import Outcome, Receiver
from server.push.registry import Registry
from server.push.terms import StreamTerms
from server.telemetry.subscription import Condition, Phase, Source, Subscription, Wanted
from server.telemetry.subscriptions import MAXIMUM_REPLAYS, Replays

_WAIT_SECONDS: Final = 1.0
"""For a record that is being sent; a client that takes no replay would hold up who kills its subscription."""


class StreamSubscription(Subscription):
    """See `server.push.registry.Subscription`; also a task of the scheduler while it is suspended."""

    def __init__(
        self,
        registry: Registry,
        replays: Replays,
        source: Source,
        receiver: Receiver,
        terms: StreamTerms,
        condition: Condition | None,
    ) -> None:
        """Raises Unacceptable when it begins with a replay and there are too many."""
        super().__init__(source, receiver.session, Wanted(condition, terms.start, terms.stop))
        if terms.start is not None and not replays.take():
            message = f"{MAXIMUM_REPLAYS} replays are going on; try again later"
            raise Unacceptable(Problem.INSUFFICIENT_RESOURCES, message)
        self.terms = terms
        self._registry = registry
        self._replays = replays
        self._has_replay = terms.start is not None
        self._giving_back = threading.Lock()
        self._receiver = receiver

    @property
    def number(self) -> int:
        """Its id."""
        return self._receiver.number

    def begin(self) -> None:
        """The reply has left: event records may follow."""
        if self._receiver.on(Event.REPLIED):
            super().begin()

    def modify(self, terms: StreamTerms, condition: Condition | None, *, wait: bool = True) -> bool:
        """Let other terms hold from the next event record on, and say so.

        False when it did not `wait` for a client that takes no replay.
        """
        if not self._sending.acquire(blocking=wait):
            return False
        try:
            if self._receiver.state is State.TERMINATED:
                return True
            self.terms = terms
            self._wanted = Wanted(condition, self._wanted.start, terms.stop)
            self._receiver.modified(self._stream.now(), terms)
        finally:
            self._sending.release()
        self._stream.wake()
        return True

    def terminate(self, reason: Problem) -> None:
        """Send nothing more, and say why."""
        waited = self._sending.acquire(timeout=_WAIT_SECONDS)
        try:
            self._terminate(reason)
        finally:
            if waited:
                self._sending.release()

    def end(self) -> None:
        """Send nothing more."""
        if self.phase is Phase.CREATED:
            self._replay_over()
        super().end()
        self._receiver.on(Event.TERMINATE)
        self._registry.scheduler.forget(self)

    def receivers(self) -> dict[str, object]:
        """Return `receivers` as RFC 7951-like data."""
        return self._receiver.data(self.sent, self.excluded)

    def run(self, now: int) -> int | None:
        """Try to go on after a suspension."""
        with self._sending:
            match self._receiver.try_resume(now):
                case Outcome.RESUMED:
                    return None
                case Outcome.STILL:
                    return now + self._receiver.limits.retry
                case Outcome.EXPIRED:
                    self._registry.counters.timed_out += 1
                    self._terminate(Problem.SUSPENSION_TIMEOUT)
                    return None

    def _terminate(self, reason: Problem) -> None:
        told = self._receiver.terminate(self._stream.now(), reason)
        if told:
            self._registry.remove(self)
            self.end()

    def _pausing(self) -> bool:
        return self._receiver.state is not State.ACTIVE

    def _notify(self, when: int, xml: bytes) -> bool:
        return self._receiver.send(when, xml)

    def _overflow(self) -> None:
        now = self._stream.now()
        if self._receiver.suspend(now, Problem.UNSUPPORTABLE_VOLUME):
            self._registry.counters.suspended += 1
            self._registry.scheduler.wake(self, now + self._receiver.limits.retry)

    def _replay_complete(self) -> bytes:
        return self._receiver.replay_completed()

    def _completed(self) -> bytes:
        return b""  # subscription-completed is for configured subscriptions only

    def _replay_over(self) -> None:
        with self._giving_back:
            given, self._has_replay = self._has_replay, False
        if given:
            self._replays.give_back()

    def _over(self) -> None:
        self._registry.remove(self)
        self.end()

"""The dynamic subscriptions there are: their ids, whose they are, how many there may be, their monitoring.

What a request starts begins when its reply has left, so that no notification overtakes it.
"""

import threading
from collections.abc import Callable, Iterator
from typing import Final, Protocol

from server.protocol.session import TerminationReason
from server.push.errors import Problem, Unacceptable
from server.push.limits import Counters, Limits
from server.push.scheduler import Scheduler
from server.push.terms import Terms, date_and_time
from server.telemetry.sessions import Session
from server.telemetry.streams import NETCONF, Stream
from server.tree.filter import Selection

_STREAMS: Final = "ietf-subscribed-notifications:streams"
_SUBSCRIPTIONS: Final = "ietf-subscribed-notifications:subscriptions"
_LAST_ID: Final = (1 << 32) - 1


class Subscription(Protocol):
    """A dynamic subscription of either kind, as the registry knows it; for any thread."""

    @property
    def number(self) -> int:
        """Its id."""

    @property
    def session(self) -> Session:
        """Whose it is."""

    @property
    def terms(self) -> Terms:
        """What holds for it now."""

    def begin(self) -> None:
        """The reply has left."""

    def end(self) -> None:
        """Send nothing more, without a word."""

    def terminate(self, reason: Problem) -> None:
        """Send nothing more, and say why."""

    def receivers(self) -> dict[str, object]:
        """Return `receivers` as RFC 7951-like data."""


class Registry:
    """Safe for many threads; an observer of the dispatcher."""

    def __init__(
        self,
        stream: Stream,
        scheduler: Scheduler,
        limits: Limits | None = None,
        waiting: Scheduler | None = None,
    ) -> None:
        """`waiting` runs what may wait for the dataplane, so that nothing else waits with it."""
        self.scheduler: Final = scheduler
        self.waiting: Final = waiting or scheduler
        self.limits = limits or Limits()
        """May be replaced; subscriptions that are there keep theirs."""
        self.counters: Final = Counters()
        self._stream = stream
        self._mutex = threading.Lock()
        self._last_id = 0
        self._being_made = 0
        self._all: dict[int, Subscription] = {}
        self._after_reply: dict[int, list[Callable[[], object]]] = {}

    def now(self) -> int:
        """Microseconds since the Unix epoch."""
        return self._stream.now()

    def establish(self, session: Session, make: Callable[[int], Subscription]) -> Subscription:
        """Register what `make(id)` returns; raises Unacceptable when there are too many."""
        number = self._reserved(session)
        subscription: Subscription | None = None
        try:
            subscription = make(number)  # without the lock: it may look at all subscriptions
        finally:
            with self._mutex:
                self._being_made -= 1
                if subscription is not None:
                    self._all[number] = subscription
        self.after_reply(session, subscription.begin)
        return subscription

    def _reserved(self, session: Session) -> int:
        """Take a place and return its id."""
        with self._mutex:
            self._check_room(session)
            self._being_made += 1
            self._last_id = self._last_id % _LAST_ID + 1
            return self._last_id

    def _check_room(self, session: Session) -> None:
        own = sum(1 for each in self._all.values() if each.session is session)
        for count, most, whose in (
            (own, self.limits.per_session, "this session has"),
            (len(self._all) + self._being_made, self.limits.total, "there are"),
        ):
            if count >= most:
                self.counters.refused += 1
                raise Unacceptable(Problem.INSUFFICIENT_RESOURCES, f"{whose} {most} subscriptions already")

    def after_reply(self, session: Session, action: Callable[[], object]) -> None:
        """Do something once the reply that a session waits for has left."""
        with self._mutex:
            self._after_reply.setdefault(session.session_id, []).append(action)

    def of(self, session: Session, number: int) -> Subscription:
        """Return a subscription of a session; raises Unacceptable for what is not its own."""
        found = self._all.get(number)
        if found is None or found.session is not session:
            raise _no_such(number)
        return found

    def any(self, number: int) -> Subscription:
        """Return a subscription; raises Unacceptable no-such-subscription."""
        found = self._all.get(number)
        if found is None:
            raise _no_such(number)
        return found

    def remove(self, subscription: Subscription) -> None:
        """Forget a subscription that has ended."""
        with self._mutex:
            self._all.pop(subscription.number, None)

    def __len__(self) -> int:
        return len(self._all)

    def subscribed(self, session: Session) -> bool:
        """Whether a session has a subscription."""
        return any(each.session is session for each in self)

    def __iter__(self) -> Iterator[Subscription]:
        with self._mutex:
            return iter(tuple(self._all.values()))

    def opened(self, session: Session) -> None:
        """A session that begins has no subscription."""

    def answered(self, session: Session) -> None:
        """A reply to a session has left."""
        with self._mutex:
            actions = self._after_reply.pop(session.session_id, ())
        for action in actions:
            action()

    def closed(self, session: Session, _reason: TerminationReason) -> None:
        """A session is over, and its subscriptions with it."""
        with self._mutex:
            self._after_reply.pop(session.session_id, None)
        for subscription in self:
            if subscription.session is session:
                self.remove(subscription)
                subscription.end()

    def state(self, selection: Selection) -> dict[str, object]:
        """Return `/streams` and `/subscriptions` as RFC 7951-like data."""
        data: dict[str, object] = {}
        if selection.wants(f"/{_STREAMS}"):
            data[_STREAMS] = {"stream": [self._stream_data()]}
        if selection.wants(f"/{_SUBSCRIPTIONS}"):
            data[_SUBSCRIPTIONS] = {"subscription": [_entry(each) for each in self]}
        return data

    def _stream_data(self) -> dict[str, object]:
        aged = self._stream.log.aged
        return {
            "name": NETCONF,
            "description": "All notifications of the server.",
            "replay-support": None,
            "replay-log-creation-time": date_and_time(self._stream.log.created),
            "replay-log-aged-time": None if aged is None else date_and_time(aged),
        }


def _entry(subscription: Subscription) -> dict[str, object]:
    return {"id": subscription.number, **subscription.terms.data(), "receivers": subscription.receivers()}


def _no_such(number: int) -> Unacceptable:
    return Unacceptable(Problem.NO_SUCH_SUBSCRIPTION, f"you have no subscription {number}")

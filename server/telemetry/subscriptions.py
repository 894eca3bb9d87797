"""Subscriptions of sessions to the stream as RFC 5277 has them: one a session, and nothing said of its end.

A client that does not take what it is offered is cut off: its session ends, because RFC 5277 has no message
that would tell it what it missed.
"""

import logging
import threading
from collections.abc import Mapping
from typing import Final

from server.access.guard import Guard
from server.protocol.errors import RpcError, in_use, resource_denied
from server.protocol.session import TerminationReason
from server.telemetry.sessions import Session, Sessions
from server.telemetry.streams import Stream
from server.telemetry.subscription import Phase, Source, Subscription, Wanted
from server.tree.filter import Selection

_log = logging.getLogger("twincast.telemetry.subscriptions")

MAXIMUM_SUBSCRIPTIONS: Final = 512
MAXIMUM_REPLAYS: Final = 32
"""Replays at a time: each has a thread, and reads the log."""

_STREAMS_PATH: Final = "/nc-notifications:netconf"
_STREAM_NAMESPACE: Final = "urn:ietf:params:xml:ns:netmod:notification"


class CreatedSubscription(Subscription):
    """What create-subscription makes."""

    def __init__(self, owner: "Subscriptions", session: Session, wanted: Wanted) -> None:
        super().__init__(owner.source, session, wanted)
        self._owner = owner

    def _replay_complete(self) -> bytes:
        return _event("replayComplete")

    def _completed(self) -> bytes:
        return _event("notificationComplete")

    def _overflow(self) -> None:
        session = self.session
        _log.warning(
            "subscription-cut-off", extra={"session": session.session_id, "user": session.peer.username}
        )
        self._owner.cut_off()
        self.end()
        session.peer.terminate(TerminationReason.OTHER)

    def _replay_over(self) -> None:
        self._owner.replays.give_back()

    def _over(self) -> None:
        self._owner.ended(self)


class Replays:
    """How many replays are going on, of whatever kind of subscription; safe for many threads."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._count = 0

    def take(self) -> bool:
        """Begin one; False when there are too many."""
        with self._mutex:
            if self._count >= MAXIMUM_REPLAYS:
                return False
            self._count += 1
            return True

    def give_back(self) -> None:
        """One has sent all that it had to, or cannot."""
        with self._mutex:
            self._count -= 1


class Subscriptions:
    """All subscriptions that create-subscription made; safe for many threads."""

    def __init__(
        self, stream: Stream, sessions: Sessions, guard: Guard, private: Mapping[str, str] | None = None
    ) -> None:
        """`private`: which child of which notifications is for users without restrictions only."""
        self.source: Final = Source(stream, sessions, guard, private or {})
        self.stream: Final = stream
        self.sessions: Final = sessions
        self.replays: Final = Replays()
        self._mutex = threading.Lock()
        self._by_session: dict[int, CreatedSubscription] = {}
        self.cut_off_count = 0

    def create(self, session: Session, wanted: Wanted) -> Subscription:
        """Make the subscription of a session; it begins with `answered`.

        Raises RpcError in-use when the session has one, resource-denied when there are too many.
        """
        with self._mutex:
            self._check_room(session, wanted)
            subscription = CreatedSubscription(self, session, wanted)
            self._by_session[session.session_id] = subscription
        return subscription

    def _check_room(self, session: Session, wanted: Wanted) -> None:
        error: RpcError | None = None
        if session.session_id in self._by_session:
            error = in_use("this session has a subscription already")
        elif len(self._by_session) >= MAXIMUM_SUBSCRIPTIONS:
            error = resource_denied(f"there are {MAXIMUM_SUBSCRIPTIONS} subscriptions already")
        elif wanted.start is not None and not self.replays.take():
            error = resource_denied(f"{MAXIMUM_REPLAYS} replays are going on; try again later")
        if error is not None:
            raise error

    def opened(self, session: Session) -> None:
        """A session that begins has no subscription."""

    def answered(self, session: Session) -> None:
        """A reply to a session has left."""
        subscription = self._by_session.get(session.session_id)
        if subscription is not None:
            subscription.begin()

    def closed(self, session: Session, _reason: TerminationReason) -> None:
        """A session is over."""
        with self._mutex:
            subscription = self._by_session.pop(session.session_id, None)
        if subscription is None:
            return
        if subscription.phase is Phase.CREATED and subscription.replays:
            self.replays.give_back()
        subscription.end()

    def subscribed(self, session: Session) -> bool:
        """Whether a session has a subscription."""
        return session.session_id in self._by_session

    def ended(self, subscription: Subscription) -> None:
        """A subscription has reached its stop time; its session may make another."""
        with self._mutex:
            self._by_session.pop(subscription.session.session_id, None)
        subscription.end()

    def cut_off(self) -> None:
        """Count a subscription that did not keep up."""
        with self._mutex:
            self.cut_off_count += 1

    def state(self, selection: Selection) -> dict[str, object]:
        """Return `/netconf/streams` as RFC 7951-like data."""
        if not selection.wants(_STREAMS_PATH):
            return {}
        return {"nc-notifications:netconf": {"streams": {"stream": [self.stream.data()]}}}


def _event(name: str) -> bytes:
    return f'<{name} xmlns="{_STREAM_NAMESPACE}"/>'.encode()

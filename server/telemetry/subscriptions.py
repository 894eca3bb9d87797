"""Subscriptions of sessions to the stream (RFC 5277 section 2): replay, filter, access, stop time.

A replay reads the log on a thread of its own, at the pace of its client, until it has caught up with the
stream; from then on the stream's thread offers. A client that does not take what it is offered is cut off:
its session ends, because RFC 5277 has no message that would tell it what it missed.
"""

import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from server.access.guard import Guard
from server.protocol.errors import RpcError, in_use, resource_denied
from server.protocol.session import TerminationReason
from server.telemetry.content import Content, matches
from server.telemetry.replay import MICROSECONDS, Record
from server.telemetry.sessions import Session, Sessions
from server.telemetry.streams import Notification, Stream
from server.tree.filter import Selection, Siblings

_log = logging.getLogger("twincast.telemetry.subscriptions")

MAXIMUM_SUBSCRIPTIONS: Final = 512
MAXIMUM_REPLAYS: Final = 32
"""Replays at a time: each has a thread, and reads the log."""

_STREAMS_PATH: Final = "/nc-notifications:netconf"
_ENVELOPE: Final = (
    '<?xml version="1.0" encoding="UTF-8"?>'
    '<notification xmlns="urn:ietf:params:xml:ns:netconf:notification:1.0"><eventTime>{}</eventTime>'
)
_END: Final = b"</notification>"
_STREAM_NAMESPACE: Final = "urn:ietf:params:xml:ns:netmod:notification"


class Phase(StrEnum):
    """What a subscription is doing."""

    CREATED = "created"
    """The reply to create-subscription has not left yet."""
    REPLAYING = "replaying"
    LIVE = "live"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a subscription asks for; times are microseconds since the Unix epoch."""

    filter: Siblings | None = None
    start: int | None = None
    stop: int | None = None


class Subscription:
    """One subscription of one session; a `server.telemetry.streams.Subscriber`."""

    def __init__(self, owner: "Subscriptions", session: Session, wanted: Wanted) -> None:
        self._owner = owner
        self.session: Final = session
        self._wanted = wanted
        self._position = owner.stream.log.last_id
        self._known_until = self._position
        self.phase = Phase.CREATED

    @property
    def replays(self) -> bool:
        """Whether it begins with a replay."""
        return self._wanted.start is not None

    def begin(self) -> None:
        """The reply has left: notifications may follow. Called once."""
        if self.phase is not Phase.CREATED:
            return
        self.phase = Phase.REPLAYING
        if self.replays:
            self._position = 0
            threading.Thread(target=self._replay, name="replay", daemon=True).start()
        elif not self._owner.stream.add(self, self._position):
            threading.Thread(target=self._catch_up, name="replay", daemon=True).start()
        else:
            self._go_live()

    def offer(self, notification: Notification) -> None:
        """Send a notification without blocking, or cut the client off."""
        if self.phase is Phase.ENDED:
            return
        content = self._permitted(notification.content)
        if self._passes(notification.time, content) and not self._send(notification.time, content.xml):
            self._cut_off()

    def stop_time(self) -> int | None:
        """When it ends by itself."""
        return self._wanted.stop

    def stop_reached(self) -> None:
        """Say that it is over."""
        if self.phase is not Phase.ENDED and not self._send(
            self._owner.stream.now(), _event("notificationComplete")
        ):
            self._cut_off()
        self._owner.ended(self)

    def end(self) -> None:
        """The session is over, or the subscription is."""
        self.phase = Phase.ENDED
        self._owner.stream.remove(self)

    def _permitted(self, content: Content) -> Content:
        """The notification as the user may see it, if he may see it at all."""
        private = self._owner.private.get(content.operation.path)
        if private is None or self._owner.guard.grants(self.session.peer).unrestricted:
            return content
        return self._owner.stream.contents.without(content, private)

    def _passes(self, when: int, content: Content) -> bool:
        if self._wanted.stop is not None and when > self._wanted.stop:
            return False
        if not matches(content, self._wanted.filter):
            return False
        return self._owner.guard.may_receive(self.session.peer, content.operation, content.location)

    def _send(self, when: int, xml: bytes) -> bool:
        self._owner.sessions.count_notification(self.session)
        return self.session.peer.notify(_message(when, xml))

    def _deliver(self, when: int, xml: bytes) -> None:
        self.session.peer.deliver(_message(when, xml))
        self._owner.sessions.count_notification(self.session)

    def _go_live(self) -> None:
        if self.phase is Phase.REPLAYING:
            self.phase = Phase.LIVE

    def _cut_off(self) -> None:
        session = self.session
        _log.warning(
            "subscription-cut-off", extra={"session": session.session_id, "user": session.peer.username}
        )
        self._owner.cut_off()
        self.end()
        session.peer.terminate(TerminationReason.OTHER)

    def _replay(self) -> None:
        try:
            self._send_past(self._known_until)
            self._deliver(self._owner.stream.now(), _event("replayComplete"))
        except OSError:
            return
        finally:
            self._owner.replay_over()
        if self._wanted.stop is not None and self._wanted.stop <= self._owner.stream.now():
            self.stop_reached()
        else:
            self._catch_up()

    def _catch_up(self) -> None:
        """Send what came meanwhile, until the stream can go on."""
        try:
            while self.phase is Phase.REPLAYING:
                self._send_past(self._owner.stream.log.last_id)
                if self._owner.stream.add(self, self._position):
                    self._go_live()
        except OSError:
            return
        if self.phase is Phase.ENDED:
            self._owner.stream.remove(self)

    def _send_past(self, until: int) -> None:
        """Send what the log has up to the id `until`; raises OSError when the session is over."""
        while self._position < until and self.phase is Phase.REPLAYING:
            found = self._owner.stream.log.after(self._position, self._wanted.start or 0)
            for number, record in found:
                if number > until:
                    break
                self._position = number
                self._send_record(record)
            else:
                if not found:
                    self._position = until

    def _send_record(self, record: Record) -> None:
        content = self._owner.stream.contents.parse(record.path, record.keys, record.xml)
        if content is None:
            return
        content = self._permitted(content)
        if self._passes(record.time, content):
            self._deliver(record.time, content.xml)


class Subscriptions:
    """All subscriptions; safe for many threads."""

    def __init__(
        self, stream: Stream, sessions: Sessions, guard: Guard, private: Mapping[str, str] | None = None
    ) -> None:
        """`private`: which child of which notifications is for users without restrictions only."""
        self.private: Final = private or {}
        self.stream: Final = stream
        self.sessions: Final = sessions
        self.guard: Final = guard
        self._mutex = threading.Lock()
        self._by_session: dict[int, Subscription] = {}
        self._replays = 0
        self.cut_off_count = 0

    def create(self, session: Session, wanted: Wanted) -> Subscription:
        """Make the subscription of a session; it begins with `answered`.

        Raises RpcError in-use when the session has one, resource-denied when there are too many.
        """
        with self._mutex:
            self._check_room(session, wanted)
            subscription = Subscription(self, session, wanted)
            self._by_session[session.session_id] = subscription
            self._replays += subscription.replays
        return subscription

    def _check_room(self, session: Session, wanted: Wanted) -> None:
        error: RpcError | None = None
        if session.session_id in self._by_session:
            error = in_use("this session has a subscription already")
        elif len(self._by_session) >= MAXIMUM_SUBSCRIPTIONS:
            error = resource_denied(f"there are {MAXIMUM_SUBSCRIPTIONS} subscriptions already")
        elif wanted.start is not None and self._replays >= MAXIMUM_REPLAYS:
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
            if subscription is not None and subscription.phase is Phase.CREATED:
                self._replays -= subscription.replays
        if subscription is not None:
            subscription.end()

    def subscribed(self, session: Session) -> bool:
        """Whether a session has a subscription."""
        return session.session_id in self._by_session

    def ended(self, subscription: Subscription) -> None:
        """A subscription has reached its stop time; its session may make another."""
        with self._mutex:
            self._by_session.pop(subscription.session.session_id, None)
        subscription.end()

    def replay_over(self) -> None:
        """A replay has sent all that it had to, or cannot."""
        with self._mutex:
            self._replays -= 1

    def cut_off(self) -> None:
        """Count a subscription that did not keep up."""
        with self._mutex:
            self.cut_off_count += 1

    def state(self, selection: Selection) -> dict[str, object]:
        """Return `/netconf/streams` as RFC 7951-like data."""
        if not selection.wants(_STREAMS_PATH):
            return {}
        return {"nc-notifications:netconf": {"streams": {"stream": [self.stream.data()]}}}


def event_time(microseconds: int) -> str:
    """Print a time as yang:date-and-time, so exactly that a replay can begin with it."""
    seconds, rest = divmod(microseconds, MICROSECONDS)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:06}Z"


def _message(when: int, xml: bytes) -> list[bytes]:
    return [_ENVELOPE.format(event_time(when)).encode(), xml, _END]


def _event(name: str) -> bytes:
    return f'<{name} xmlns="{_STREAM_NAMESPACE}"/>'.encode()

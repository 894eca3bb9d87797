"""One subscription to the event stream: replay, filter, access, stop time. What it says of itself is open.

A replay reads the log on a thread of its own, at the pace of its client, until it has caught up with the
stream; from then on the stream's thread offers.
"""

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from server.access.guard import Guard
from server.telemetry.content import Content
from server.telemetry.replay import MICROSECONDS, Record
from server.telemetry.sessions import Session, Sessions
from server.telemetry.streams import Notification, Stream

Condition = Callable[[Content], bool]
"""Whether a filter lets an event record pass."""

_ENVELOPE: Final = (
    '<?xml version="1.0" encoding="UTF-8"?>'
    '<notification xmlns="urn:ietf:params:xml:ns:netconf:notification:1.0"><eventTime>{}</eventTime>'
)
_END: Final = b"</notification>"


class Phase(StrEnum):
    """What a subscription is doing."""

    CREATED = "created"
    """The reply to the request has not left yet."""
    REPLAYING = "replaying"
    LIVE = "live"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a subscription asks for; times are microseconds since the Unix epoch."""

    filter: Condition | None = None
    start: int | None = None
    stop: int | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """What subscriptions draw from. `private`: which child of which notifications is for users without
    restrictions only.
    """

    stream: Stream
    sessions: Sessions
    guard: Guard
    private: Mapping[str, str] = field(default_factory=dict)


class Subscription(ABC):
    """One subscription of one session; a `server.telemetry.streams.Subscriber`.

    `sent` and `excluded` count event records: those that left, and those that the filter held back of what
    the user may receive.
    """

    def __init__(self, source: Source, session: Session, wanted: Wanted) -> None:
        self.session: Final = session
        self.sent = 0
        self.excluded = 0
        self.phase = Phase.CREATED
        self._source: Final = source
        self._stream: Final = source.stream
        self._wanted = wanted
        self._begins_with_replay = wanted.start is not None
        self._position = self._known_until = source.stream.log.last_id
        self._sending = threading.Lock()
        """Held while a record is judged and sent, so that a change of terms falls between two records."""

    # what differs

    @abstractmethod
    def _replay_complete(self) -> bytes:
        """Return what says that the past has been told."""

    @abstractmethod
    def _completed(self) -> bytes:
        """Return what says that the stop time was reached; empty for nothing."""

    @abstractmethod
    def _overflow(self) -> None:
        """The client does not take what it is offered."""

    @abstractmethod
    def _replay_over(self) -> None:
        """A replay has sent all that it had to, or cannot."""

    @abstractmethod
    def _over(self) -> None:
        """The stop time was reached."""

    def _pausing(self) -> bool:
        """Whether nothing is to be sent for now."""
        return False

    # what is the same

    @property
    def replays(self) -> bool:
        """Whether it begins with a replay."""
        return self._begins_with_replay

    def begin(self) -> None:
        """The reply has left: notifications may follow. Called once."""
        if self.phase is not Phase.CREATED:
            return
        self.phase = Phase.REPLAYING
        if self.replays:
            self._position = 0
            threading.Thread(target=self._replay, name="replay", daemon=True).start()
        elif not self._stream.add(self, self._position):
            threading.Thread(target=self._catch_up, name="replay", daemon=True).start()
        else:
            self._go_live()
            if self.phase is Phase.ENDED:  # by another thread, when it was not there to be removed yet
                self._stream.remove(self)

    def offer(self, notification: Notification) -> None:
        """Send a notification without blocking, or have the client cut off."""
        with self._sending:
            if self.phase is Phase.ENDED or self._pausing():
                return
            content = self._passing(notification.time, notification.content)
            if content is not None and not self._send(notification.time, content.xml):
                self._overflow()

    def stop_time(self) -> int | None:
        """When it ends by itself."""
        return self._wanted.stop

    def stop_reached(self) -> None:
        """Say that it is over."""
        said = self._completed()
        if self.phase is not Phase.ENDED and said and not self._notify(self._stream.now(), said):
            self._overflow()
        self._over()

    def end(self) -> None:
        """The session is over, or the subscription is."""
        self.phase = Phase.ENDED
        self._stream.remove(self)

    def _passing(self, when: int, content: Content) -> Content | None:
        """The notification as the user is to see it, None when he is not to."""
        if self._wanted.stop is not None and when > self._wanted.stop:
            return None
        content = self._permitted(content)
        if not self._source.guard.may_receive(self.session.peer, content.operation, content.location):
            return None
        if self._wanted.filter is not None and not self._wanted.filter(content):
            self.excluded += 1
            return None
        return content

    def _permitted(self, content: Content) -> Content:
        """The notification without what only others may see in it."""
        private = self._source.private.get(content.operation.path)
        if private is None or self._source.guard.grants(self.session.peer).unrestricted:
            return content
        return self._stream.contents.without(content, private)

    def _send(self, when: int, xml: bytes) -> bool:
        taken = self._notify(when, xml)
        self.sent += taken
        return taken

    def _notify(self, when: int, xml: bytes) -> bool:
        taken = self.session.peer.notify(envelope(when, xml))
        if taken:
            self._source.sessions.count_notification(self.session)
        return taken

    def _deliver(self, when: int, xml: bytes) -> None:
        self.session.peer.deliver(envelope(when, xml))
        self._source.sessions.count_notification(self.session)

    def _go_live(self) -> None:
        if self.phase is Phase.REPLAYING:
            self.phase = Phase.LIVE

    def _replay(self) -> None:
        try:
            self._send_past(self._known_until)
            if self.phase is Phase.REPLAYING:
                self._deliver(self._stream.now(), self._replay_complete())
        except OSError:
            return
        finally:
            self._replay_over()
        if self._wanted.stop is not None and self._wanted.stop <= self._stream.now():
            self.stop_reached()
        else:
            self._catch_up()

    def _catch_up(self) -> None:
        """Send what came meanwhile, until the stream can go on."""
        try:
            while self.phase is Phase.REPLAYING:
                self._send_past(self._stream.log.last_id)
                if self._stream.add(self, self._position):
                    self._go_live()
        except OSError:
            return
        if self.phase is Phase.ENDED:
            self._stream.remove(self)

    def _send_past(self, until: int) -> None:
        """Send what the log has up to the id `until`; raises OSError when the session is over."""
        while self._position < until and self.phase is Phase.REPLAYING:
            found = self._stream.log.after(self._position, self._wanted.start or 0)
            for number, record in found:
                if number > until:
                    break
                self._position = number
                self._send_record(record)
            else:
                if not found:
                    self._position = until

    def _send_record(self, record: Record) -> None:
        content = self._stream.contents.parse(record.path, record.keys, record.xml)
        if content is None:
            return
        with self._sending:
            if self.phase is not Phase.REPLAYING:
                return
            passing = self._passing(record.time, content)
            if passing is not None:
                self._deliver(record.time, passing.xml)
                self.sent += 1


def event_time(microseconds: int) -> str:
    """Print a time as yang:date-and-time, so exactly that a replay can begin with it."""
    seconds, rest = divmod(microseconds, MICROSECONDS)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:06}Z"


def envelope(when: int, *pieces: bytes) -> list[bytes]:
    """Return a `<notification>` (unframed) around content; `when` is microseconds since the Unix epoch."""
    return [_ENVELOPE.format(event_time(when)).encode(), *pieces, _END]

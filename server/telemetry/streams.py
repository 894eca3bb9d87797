"""The event stream NETCONF (RFC 5277 section 3.2): what happened, in order, to the log and the subscribers.

One thread takes what other threads put in, limits its rate, writes it to the replay log and offers it to
the subscriptions. Nobody who puts something in ever waits: the queue is bounded, and what does not fit is
counted as suppressed.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from server.provider import Notice
from server.telemetry.content import Content, Contents
from server.telemetry.limiter import Limiter, Rate
from server.telemetry.monitoring import date_and_time
from server.telemetry.replay import MICROSECONDS, Record, ReplayLog

_log = logging.getLogger("twincast.telemetry.streams")

NETCONF: Final = "NETCONF"
MAXIMUM_QUEUE: Final = 10_000
"""Notifications that may wait for the thread."""
AT_ONCE: Final = 256
"""Notifications that are written to the log together: one write for a burst."""
STOP_SECONDS: Final = 2.0
LONGEST_WAIT: Final = 3600.0
"""Seconds; a stop time that a client chooses may be further away than a thread can wait."""


@dataclass(frozen=True, slots=True, eq=False)
class Notification:
    """A notification on its way to subscribers."""

    time: int
    content: Content


class Subscriber(Protocol):
    """Whoever is offered the notifications of a stream, on its thread."""

    def offer(self, notification: Notification) -> None:
        """Take it without blocking."""

    def stop_time(self) -> int | None:
        """When `stop_reached` is to be called, in microseconds since 1970."""

    def stop_reached(self) -> None:
        """The time has come; called once."""


class Stream:
    """One stream with its log; `put` may be called from any thread."""

    def __init__(self, contents: Contents, log: ReplayLog, rate: Rate | None = None) -> None:
        self.log: Final = log
        self.contents: Final = contents
        self._limiter: Limiter[Notice] = Limiter(rate)
        self._changed = threading.Condition()
        self._queue: deque[Notice] = deque()
        self._dropped: dict[str, int] = {}
        self.dropped = 0
        """Notices that found the queue full, since the start."""
        self._order = threading.Lock()
        self._subscribers: list[Subscriber] = []
        self._last_time = 0
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="event-stream", daemon=True)

    def start(self) -> None:
        """Begin to deliver."""
        self._thread.start()

    def close(self) -> None:
        """Deliver what waits, then stop and close the log."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        if self._thread.ident is not None:
            self._thread.join(STOP_SECONDS)
        self.log.close()

    def put(self, notice: Notice) -> None:
        """Tell that something happened."""
        with self._changed:
            if len(self._queue) >= MAXIMUM_QUEUE or self._closing:
                self.dropped += 1
                self._dropped[notice.path] = self._dropped.get(notice.path, 0) + notice.suppressed + 1
                return
            self._queue.append(notice)
            self._changed.notify()

    def add(self, subscriber: Subscriber, position: int) -> bool:
        """Begin to offer to a subscriber that has seen all up to the log's id `position`.

        False when there is more by now: read that first.
        """
        with self._order:
            if position < self.log.last_id:
                return False
            self._subscribers.append(subscriber)
        self.wake()
        return True

    def remove(self, subscriber: Subscriber) -> None:
        """Offer nothing more to a subscriber; one that is not there is no error."""
        with self._order:
            if subscriber in self._subscribers:
                self._subscribers.remove(subscriber)

    def wake(self) -> None:
        """Look at the stop times again."""
        with self._changed:
            self._changed.notify()

    def now(self) -> int:
        """Microseconds since the Unix epoch."""
        return time.time_ns() // 1000

    def _run(self) -> None:
        while True:
            notices, ending = self._wait()
            try:
                self._deliver(notices)
                self._stop_due()
            except Exception:  # noqa: BLE001 - a fault of ours costs some notifications, not all that follow
                _log.exception("event-stream-fault")
            if ending:
                return

    def _wait(self) -> tuple[list[Notice], bool]:
        """Return what came in, up to AT_ONCE, when something did or is due."""
        with self._changed:
            if not self._queue and not self._closing:
                self._changed.wait(self._seconds_to_wait())
            notices = [self._queue.popleft() for _ in range(min(len(self._queue), AT_ONCE))]
            dropped, self._dropped = self._dropped, {}
            ending = self._closing and not self._queue
        return [self._with_dropped(notice, dropped) for notice in notices], ending

    def _with_dropped(self, notice: Notice, dropped: dict[str, int]) -> Notice:
        more = dropped.pop(notice.path, 0)
        if not more:
            return notice
        return Notice(notice.path, notice.keys, notice.data, notice.time, notice.suppressed + more)

    def _seconds_to_wait(self) -> float | None:
        moments = []
        due = self._limiter.next_due()
        if due is not None:
            moments.append(due - time.monotonic())
        with self._order:
            stops = [stop for each in self._subscribers if (stop := each.stop_time()) is not None]
        moments += [(stop - self.now()) / MICROSECONDS for stop in stops]
        return min(max(0.0, min(moments)), LONGEST_WAIT) if moments else None

    def _deliver(self, notices: Sequence[Notice]) -> None:
        now = time.monotonic()
        ready = list(self._limiter.due(now))
        for notice in notices:
            ready += self._limiter.offer(notice.path, notice, now, notice.suppressed)
        built = [item for notice, suppressed in ready if (item := self._build(notice, suppressed))]
        if not built:
            return
        records = [
            Record(each.time, each.content.operation.path, each.content.keys, each.content.xml)
            for each in built
        ]
        with self._order:
            self.log.append(records, self.now())
            subscribers = tuple(self._subscribers)
        for notification in built:
            for subscriber in subscribers:
                subscriber.offer(notification)

    def _build(self, notice: Notice, suppressed: int) -> Notification | None:
        """Make the notification; its time is never before that of the one before it."""
        data = dict(notice.data)
        try:
            if self.contents.has_leaf(notice.path, "suppressed"):
                data["suppressed"] = suppressed
            content = self.contents.build(notice.path, notice.keys, data)
        except (KeyError, ValueError):
            _log.exception("notification-does-not-fit", extra={"path": notice.path})
            return None
        self._last_time = max(self._last_time, notice.time or self.now())
        return Notification(self._last_time, content)

    def _stop_due(self) -> None:
        now = self.now()
        with self._order:
            due = [each for each in self._subscribers if (each.stop_time() or now + 1) <= now]
            self._subscribers = [each for each in self._subscribers if each not in due]
        for subscriber in due:
            subscriber.stop_reached()

    def data(self) -> dict[str, object]:
        """Return the entry of `/netconf/streams/stream` as RFC 7951-like data."""
        aged = self.log.aged
        return {
            "name": NETCONF,
            "description": "All notifications of the server.",
            "replaySupport": True,
            "replayLogCreationTime": date_and_time(self.log.created / MICROSECONDS),
            "replayLogAgedTime": None if aged is None else date_and_time(aged / MICROSECONDS),
        }

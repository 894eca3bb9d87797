"""Who may connect: the number of connections of all transports, and of failed logins by source."""

import logging
import threading
import time
from collections import Counter
from typing import Protocol

from server.access.failures import FailureWindow, source_of
from server.protocol.session import TerminationReason
from server.transport.limits import TransportLimits
from server.transport.refusals import Refusal, Refusals

logger = logging.getLogger("twincast.transport.admission")


class Guest(Protocol):
    """A connection that was let in."""

    @property
    def address(self) -> tuple[str, int]:
        """Where it comes from."""

    def overdue(self, now: float) -> Refusal | None:
        """Why it has used up its time, if it has; `now` is monotonic seconds."""

    def terminate(self, reason: TerminationReason) -> list[threading.Thread]:
        """End it at once; return the threads that are to end."""


class Admission:
    """Thread-safe. `limits` may be replaced; new connections go by the new ones."""

    def __init__(self, limits: TransportLimits | None = None) -> None:
        self.limits = limits or TransportLimits()
        self.refusals = Refusals()
        self._lock = threading.Lock()
        self._failures = FailureWindow()
        self._guests: set[Guest] = set()
        self._strangers: dict[Guest, str] = {}
        self._strangers_by_source: Counter[str] = Counter()
        self._cut: set[Guest] = set()

    def counts(self) -> tuple[int, int]:
        """Return how many connections there are, and on how many nobody has logged in."""
        with self._lock:
            return len(self._guests), len(self._strangers)

    def refused(self, source: str) -> bool:
        """Whether a connection from `source` may not come in now; counted and logged."""
        refusal = self._refusal(source)
        if refusal is None:
            return False
        self.refusals.add(refusal)
        logger.warning("connection-refused", extra={"source": source, "cause": refusal.value})
        return True

    def _refusal(self, source: str) -> Refusal | None:
        limits = self.limits
        with self._lock:
            if self._blocked(source):
                return Refusal.SOURCE
            if len(self._guests) >= limits.connections:
                return Refusal.CONNECTIONS
            if self._strangers_by_source[source_of(source)] >= limits.unauthenticated_per_source:
                return Refusal.UNAUTHENTICATED_PER_SOURCE
            if len(self._strangers) >= limits.unauthenticated:
                return Refusal.UNAUTHENTICATED
        return None

    def blocked(self, source: str) -> bool:
        """Whether too many logins from `source` have failed."""
        with self._lock:
            return self._blocked(source)

    def _blocked(self, source: str) -> bool:
        limits = self.limits
        now = time.monotonic()
        limit, window = limits.failures_per_source, limits.failure_window
        return self._failures.blocked(source_of(source), now, limit, window)

    def failed(self, source: str) -> None:
        """A login from `source` failed."""
        limits = self.limits
        now = time.monotonic()
        with self._lock:
            self._failures.add(source_of(source), now, limits.failures_per_source, limits.failure_window)

    def enter(self, guest: Guest) -> None:
        """A connection was let in; nobody has logged in on it yet."""
        source = source_of(guest.address[0])
        with self._lock:
            self._guests.add(guest)
            self._strangers[guest] = source
            self._strangers_by_source[source] += 1

    def logged_in(self, guest: Guest) -> None:
        """Somebody has logged in on it."""
        with self._lock:
            self._known(guest)

    def _known(self, guest: Guest) -> None:
        source = self._strangers.pop(guest, None)
        if source is not None:
            self._strangers_by_source[source] -= 1
            if not self._strangers_by_source[source]:
                del self._strangers_by_source[source]

    def left(self, guest: Guest) -> None:
        """It has ended."""
        with self._lock:
            self._known(guest)
            self._guests.discard(guest)
            self._cut.discard(guest)

    def end_overdue(self) -> None:
        """End what has used up its time."""
        now = time.monotonic()
        with self._lock:
            left = self._guests - self._cut
            overdue = [(each, why) for each in left if (why := each.overdue(now)) is not None]
            self._cut.update(guest for guest, _ in overdue)
        for guest, why in overdue:
            self.refusals.add(why)
            host, port = guest.address
            logger.info("connection-overdue", extra={"source": f"{host} port {port}", "cause": why.value})
            guest.terminate(TerminationReason.TIMEOUT)

    def end_all(self, deadline: float) -> None:
        """End everything (reason other); wait for its threads until `deadline` (monotonic) at most."""
        with self._lock:
            guests = list(self._guests)
        threads = [thread for guest in guests for thread in guest.terminate(TerminationReason.OTHER)]
        for thread in threads:
            if thread.is_alive():
                thread.join(max(0.0, deadline - time.monotonic()))

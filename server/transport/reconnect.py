"""When the server calls a client, and at which of its endpoints (RFC 8071 section 4). Pure.

Times are monotonic seconds. One `Reconnector` is for one client: it is asked what to try, and told what
became of it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

STEADY: Final = 30.0
"""A connection that lasted so long is made again at once; after a shorter one there is a pause, because a
client that accepts and hangs up would be called without end."""


class StartWith(StrEnum):
    """Which endpoint is tried first after a connection ended."""

    FIRST_LISTED = "first-listed"
    LAST_CONNECTED = "last-connected"
    RANDOM_SELECTION = "random-selection"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An address of a client."""

    name: str
    address: str
    port: int


@dataclass(frozen=True, slots=True)
class Strategy:
    """How a connection is made; times in seconds. `max_attempts` is for one endpoint in turn."""

    start_with: StartWith = StartWith.FIRST_LISTED
    max_wait: float = 5.0
    max_attempts: int = 3
    min_backoff: float = 1.0
    max_backoff: float = 60.0


@dataclass(frozen=True, slots=True)
class Client:
    """A client to call. `period` in seconds, 0 for a connection that is always there."""

    name: str
    tls: bool
    endpoints: tuple[Endpoint, ...]
    strategy: Strategy = field(default_factory=Strategy)
    period: float = 0.0
    idle_timeout: float = 0.0


class Reconnector:
    """Decides for one client. `choose` returns a number below its argument, at random."""

    def __init__(self, client: Client, choose: Callable[[int], int], now: float) -> None:
        self._choose = choose
        self.client = client
        self.due = now
        """When the next attempt is."""
        self._begun = now
        self._last = 0
        self._failures = self._failed_here = 0
        self._at = self._first()

    def update(self, client: Client, now: float) -> None:
        """Go by a changed configuration: the next attempt is now, unless there is a connection."""
        self.client = client
        self._last = 0
        self._start(now)

    @property
    def endpoint(self) -> Endpoint:
        """What to try next, or what was tried last."""
        return self.client.endpoints[self._at]

    def connected(self, now: float) -> None:
        """The attempt has led to a connection."""
        self._begun = now
        self._last = self._at

    def failed(self, now: float) -> None:
        """The attempt has failed."""
        self._failed_here += 1
        if self._failed_here >= self.client.strategy.max_attempts:
            self._failed_here = 0
            self._at = (self._at + 1) % len(self.client.endpoints)
        self.due = now + self._pause()

    def ended(self, now: float) -> None:
        """The connection has ended."""
        if self.client.period:
            self._start(max(now, self._begun + self.client.period))
        elif now - self._begun >= STEADY:
            self._start(now)
        else:
            self._failed_here, self._at = 0, self._first()
            self.due = now + self._pause()

    def _start(self, due: float) -> None:
        self._failures = self._failed_here = 0
        self._at = self._first()
        self.due = due

    def _pause(self) -> float:
        strategy = self.client.strategy
        pause = min(strategy.max_backoff, strategy.min_backoff * 2.0 ** min(self._failures, 32))
        self._failures += 1
        return pause

    def _first(self) -> int:
        match self.client.strategy.start_with:
            case StartWith.LAST_CONNECTED:
                return min(self._last, len(self.client.endpoints) - 1)
            case StartWith.RANDOM_SELECTION:
                return self._choose(len(self.client.endpoints))
            case _:
                return 0

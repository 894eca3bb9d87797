"""The sessions there are, and what was counted of them (RFC 6022 sections 2.1.4 and 2.1.5)."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from server.protocol.errors import ErrorType, resource_denied
from server.protocol.session import Peer, TerminationReason
from server.telemetry.audit import Trail

MAX_SESSIONS = 2_000  # about 90 KB each with the SSH transport


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """How many sessions there may be at a time, of all users and of one."""

    total: int = MAX_SESSIONS
    per_user: int = MAX_SESSIONS


_COUNTER32 = 1 << 32


@dataclass(slots=True)
class Counters:
    """The common counters of RFC 6022; they wrap as zero-based-counter32 does."""

    in_rpcs: int = 0
    in_bad_rpcs: int = 0
    out_rpc_errors: int = 0
    out_notifications: int = 0

    def data(self) -> dict[str, object]:
        """Return the counters under their YANG names."""
        return {
            "in-rpcs": self.in_rpcs % _COUNTER32,
            "in-bad-rpcs": self.in_bad_rpcs % _COUNTER32,
            "out-rpc-errors": self.out_rpc_errors % _COUNTER32,
            "out-notifications": self.out_notifications % _COUNTER32,
        }


@dataclass(slots=True)
class Statistics:
    """What is counted of the server as a whole, beside the sum of all sessions' counters."""

    started_at: float
    in_bad_hellos: int = 0
    in_sessions: int = 0
    dropped_sessions: int = 0
    refused_sessions: int = 0
    refused_of_user: int = 0
    total: Counters = field(default_factory=Counters)

    def data(self) -> dict[str, object]:
        """Return the counters under their YANG names."""
        return {
            "in-bad-hellos": self.in_bad_hellos % _COUNTER32,
            "in-sessions": self.in_sessions % _COUNTER32,
            "dropped-sessions": self.dropped_sessions % _COUNTER32,
            **self.total.data(),
        }


@dataclass(frozen=True, slots=True, eq=False)
class Session:
    """One NETCONF session, as long as it lasts. `login_at` is seconds since the epoch.

    `trail` is what the request that is carried out has touched.
    """

    session_id: int
    peer: Peer
    capabilities: tuple[str, ...]
    login_at: float
    counters: Counters
    trail: Trail = field(default_factory=Trail)


class Sessions:
    """All sessions; safe to use from any thread. Session-ids are never used twice by one server process."""

    def __init__(
        self,
        capabilities: tuple[str, ...],
        limits: SessionLimits | None = None,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self.capabilities = capabilities
        self.statistics = Statistics(wall_clock())
        self.limits = limits or SessionLimits()
        """May be replaced; sessions that are there stay."""
        self._by_user: Counter[str] = Counter()
        self._wall_clock = wall_clock
        self._mutex = threading.Lock()
        self._active: dict[int, Session] = {}
        self._killers: dict[int, int] = {}
        self._last_id = 0

    def open(self, peer: Peer) -> Session:
        """Register a session; raises RpcError resource-denied when there are too many."""
        with self._mutex:
            self._check_room(peer.username)
            self._last_id += 1
            self.statistics.in_sessions += 1
            session = Session(self._last_id, peer, self.capabilities, self._wall_clock(), Counters())
            self._active[session.session_id] = session
            self._by_user[peer.username] += 1
            return session

    def _check_room(self, user: str) -> None:
        limits = self.limits
        if len(self._active) >= limits.total:
            self.statistics.refused_sessions += 1
            message = f"the server has its {limits.total} sessions already"
            raise resource_denied(message, ErrorType.TRANSPORT)
        if self._by_user[user] >= limits.per_user:
            self.statistics.refused_of_user += 1
            message = f"the user has his {limits.per_user} sessions already"
            raise resource_denied(message, ErrorType.TRANSPORT)

    def close(self, session: Session, reason: TerminationReason) -> None:
        """Forget a session; it counts as dropped unless it was closed, killed or never began."""
        with self._mutex:
            if self._active.pop(session.session_id, None) is not None:
                self._forget_one_of(session.peer.username)
            self._killers.pop(session.session_id, None)
            if reason in (TerminationReason.DROPPED, TerminationReason.TIMEOUT, TerminationReason.OTHER):
                self.statistics.dropped_sessions += 1

    def _forget_one_of(self, user: str) -> None:
        self._by_user[user] -= 1
        if not self._by_user[user]:
            del self._by_user[user]

    def kill(self, victim: Session, by: Session) -> None:
        """End a session from another one."""
        with self._mutex:
            if victim.session_id in self._active:
                self._killers.setdefault(victim.session_id, by.session_id)
        victim.peer.terminate(TerminationReason.KILLED)

    def killer_of(self, session: Session) -> int | None:
        """The session-id of who killed a session, None when that was no session."""
        with self._mutex:
            return self._killers.get(session.session_id)

    def get(self, session_id: int) -> Session | None:
        """Return an active session."""
        with self._mutex:
            return self._active.get(session_id)

    def __iter__(self) -> Iterator[Session]:
        with self._mutex:
            return iter(tuple(self._active.values()))

    def count_rpc(self, session: Session) -> None:
        """A correct `<rpc>` was received."""
        with self._mutex:
            session.counters.in_rpcs += 1
            self.statistics.total.in_rpcs += 1

    def count_error_reply(self, session: Session) -> None:
        """An `<rpc-reply>` with `<rpc-error>` goes out."""
        with self._mutex:
            session.counters.out_rpc_errors += 1
            self.statistics.total.out_rpc_errors += 1

    def count_notification(self, session: Session) -> None:
        """A `<notification>` goes out."""
        with self._mutex:
            session.counters.out_notifications += 1
            self.statistics.total.out_notifications += 1

    def count_malformed(self, session: Session, *, hello: bool) -> None:
        """A message was no correct `<hello>`, or no correct `<rpc>`."""
        with self._mutex:
            if hello:
                self.statistics.in_bad_hellos += 1
                return
            for counters in (session.counters, self.statistics.total):
                counters.in_bad_rpcs += 1

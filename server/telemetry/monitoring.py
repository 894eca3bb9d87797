"""State about the server itself: ietf-netconf-monitoring (RFC 6022) and ietf-yang-library (RFC 8525)."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final, Protocol

from server.schema import library
from server.schema.model import Schema
from server.telemetry.sessions import Session, Sessions
from server.tree.filter import Selection
from server.tree.location import Location

RUNNING: Final = "running"
STATE = "ietf-netconf-monitoring:netconf-state"
_STATE_PATH = f"/{STATE}"
_LIBRARY_PATHS = {
    name: f"/{name}" for name in ("ietf-yang-library:yang-library", "ietf-yang-library:modules-state")
}


class HeldLock(Protocol):
    """A global lock: who holds it, and since when in seconds since the epoch."""

    @property
    def session_id(self) -> int:
        """The session-id of the holder; 0 for one that is not a NETCONF session."""

    @property
    def locked_at(self) -> float:
        """Seconds since the epoch."""


class HeldPart(Protocol):
    """A partial lock (RFC 5717)."""

    @property
    def lock_id(self) -> int:
        """The number that the holder was given."""

    @property
    def session_id(self) -> int:
        """The session-id of the holder."""

    @property
    def locked_at(self) -> float:
        """Seconds since the epoch."""

    @property
    def expressions(self) -> Sequence[str]:
        """What was asked for."""

    @property
    def nodes(self) -> Sequence[Location]:
        """What is locked."""


Parts = Callable[[], Iterable[HeldPart]]
"""The partial locks on running."""

Locks = Callable[[], Mapping[str, HeldLock | None]]
"""The datastores there are, each with the lock on it."""


def date_and_time(seconds: float) -> str:
    """Print seconds since the epoch as yang:date-and-time, in UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Monitoring:
    """Builds what a selection asks for; everything is read at the moment of the request."""

    def __init__(self, schema: Schema, sessions: Sessions, locks: Locks, parts: Parts) -> None:
        self._sessions = sessions
        self._locks = locks
        self._parts = parts
        self._schemas = library.schema_list(schema)
        served = library.yang_library(schema)
        self._library = {name: data for name, data in served.items() if name in _LIBRARY_PATHS}

    def state(self, selection: Selection) -> dict[str, object]:
        """Return `netconf-state`, `yang-library` and `modules-state` as RFC 7951-like data."""
        data = {name: self._library[name] for name in self._library if selection.wants(_LIBRARY_PATHS[name])}
        if selection.wants(_STATE_PATH):
            data[STATE] = self._netconf_state(selection)
        return data

    def _netconf_state(self, selection: Selection) -> dict[str, object]:
        parts: dict[str, Callable[[], object]] = {
            "capabilities": lambda: {"capability": list(self._sessions.capabilities)},
            "datastores": lambda: {"datastore": self._datastores()},
            "schemas": lambda: {"schema": self._schemas},
            "sessions": lambda: {"session": [_session_data(session) for session in self._sessions]},
            "statistics": self._statistics,
        }
        return {name: build() for name, build in parts.items() if selection.wants(f"{_STATE_PATH}/{name}")}

    def _datastores(self) -> list[dict[str, object]]:
        parts = [_part_data(part) for part in self._parts()]
        return [
            _datastore_data(name, lock, parts if name == RUNNING else ())
            for name, lock in self._locks().items()
        ]

    def _statistics(self) -> dict[str, object]:
        statistics = self._sessions.statistics
        return {"netconf-start-time": date_and_time(statistics.started_at), **statistics.data()}


def _datastore_data(
    name: str, lock: HeldLock | None, parts: Sequence[dict[str, object]]
) -> dict[str, object]:
    if lock is None:
        return {"name": name, "locks": {"partial-lock": parts}} if parts else {"name": name}
    held = {"locked-by-session": lock.session_id, "locked-time": date_and_time(lock.locked_at)}
    return {"name": name, "locks": {"global-lock": held}}


def _part_data(part: HeldPart) -> dict[str, object]:
    return {
        "lock-id": part.lock_id,
        "locked-by-session": part.session_id,
        "locked-time": date_and_time(part.locked_at),
        "select": list(part.expressions),
        "locked-node": [at.identifier for at in part.nodes],
    }


def _session_data(session: Session) -> dict[str, object]:
    return {
        "session-id": session.session_id,
        "transport": session.peer.transport,
        "username": session.peer.username,
        "source-host": session.peer.source_host or None,
        "login-time": date_and_time(session.login_at),
        **session.counters.data(),
    }

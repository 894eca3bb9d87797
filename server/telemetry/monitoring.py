"""State about the server itself: ietf-netconf-monitoring (RFC 6022) and ietf-yang-library (RFC 8525)."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from server.datastores.locks import Datastore, Lock
from server.schema import library
from server.schema.model import Schema
from server.telemetry.sessions import Session, Sessions
from server.tree.filter import Selection

STATE = "ietf-netconf-monitoring:netconf-state"
_STATE_PATH = f"/{STATE}"
_LIBRARY_PATHS = {
    name: f"/{name}" for name in ("ietf-yang-library:yang-library", "ietf-yang-library:modules-state")
}


def date_and_time(seconds: float) -> str:
    """Print seconds since the epoch as yang:date-and-time, in UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Monitoring:
    """Builds what a selection asks for; everything is read at the moment of the request."""

    def __init__(
        self, schema: Schema, sessions: Sessions, locks: Callable[[], Mapping[Datastore, Lock]]
    ) -> None:
        self._sessions = sessions
        self._locks = locks
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
        held = self._locks()
        return [_datastore_data(name, held.get(name)) for name in Datastore]

    def _statistics(self) -> dict[str, object]:
        statistics = self._sessions.statistics
        return {"netconf-start-time": date_and_time(statistics.started_at), **statistics.data()}


def _datastore_data(name: Datastore, lock: Lock | None) -> dict[str, object]:
    if lock is None:
        return {"name": str(name)}
    held = {"locked-by-session": lock.session_id, "locked-time": date_and_time(lock.locked_at)}
    return {"name": str(name), "locks": {"global-lock": held}}


def _session_data(session: Session) -> dict[str, object]:
    return {
        "session-id": session.session_id,
        "transport": session.peer.transport,
        "username": session.peer.username,
        "source-host": session.peer.source_host or None,
        "login-time": date_and_time(session.login_at),
        **session.counters.data(),
    }

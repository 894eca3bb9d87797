"""What the server tells of itself: the state nodes of twincast-server."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from server.management.config import Listen, ServerConfig, Transport
from server.management.names import SERVER
from server.telemetry.sessions import Sessions
from server.transport.admission import Admission
from server.transport.call_home import CallState

Data = dict[str, object]
_COUNTER32: Final = 1 << 32


@dataclass(frozen=True, slots=True)
class Counted:
    """What statistics are made of; `refused` are counters beside those of the transports and sessions."""

    admission: Admission
    sessions: Sessions
    subscriptions: int
    refused: Mapping[str, int]


def state(
    config: ServerConfig,
    counted: Counted,
    listening: Callable[[Listen], bool],
    calls: Mapping[str, CallState],
) -> Data:
    """Return the state below `/server` as RFC 7951-like data."""
    listen = {
        str(transport): _listens((each for each in config.listens if each.transport is transport), listening)
        for transport in Transport
    }
    data = {
        "listen": listen,
        "call-home": {"client": [_call(name, call) for name, call in calls.items()]},
        "statistics": _statistics(counted),
    }
    return {SERVER.removeprefix("/"): data}


def _call(name: str, call: CallState) -> Data:
    state = {
        "status": str(call.status),
        "connected-endpoint": call.endpoint or None,
        "attempts": call.attempts % _COUNTER32,
        "connections": call.connections % _COUNTER32,
        "last-error": call.last_error or None,
    }
    return {"name": name, "state": state}


def _listens(listens: Iterable[Listen], listening: Callable[[Listen], bool]) -> list[Data]:
    return [{"name": each.name, "listening": listening(each)} for each in listens]


def _statistics(counted: Counted) -> Data:
    connections, strangers = counted.admission.counts()
    sessions = counted.sessions
    refused = {str(cause): count for cause, count in counted.admission.refusals.snapshot().items()}
    refused.update(counted.refused)
    refused["sessions"] = sessions.statistics.refused_sessions
    refused["sessions-per-user"] = sessions.statistics.refused_of_user
    return {
        "connections": connections,
        "unauthenticated-connections": strangers,
        "sessions": sum(1 for _ in sessions),
        "subscriptions": counted.subscriptions,
        "refused": [
            {"cause": cause, "count": count % _COUNTER32} for cause, count in sorted(refused.items())
        ],
    }

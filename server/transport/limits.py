"""What clients of the transports may use. Values only; `refusals` counts who wanted more."""

from dataclasses import dataclass, field

from server.transport.connection import ConnectionLimits


@dataclass(frozen=True, slots=True)
class TransportLimits:
    """What clients may use. Times in seconds.

    `unauthenticated`: connections at a time on which nobody has logged in, of which one source may have
    `unauthenticated_per_source`, so that it cannot keep the others out.

    `login_grace`: from connecting to having logged in. `session_grace`: how long a connection may stay
    without a session. `write_stall`: how long a client may take nothing of what it was sent. A source with
    `failures_per_source` failed logins is refused; as many are forgotten in `failure_window`.
    """

    connections: int = 4096
    unauthenticated: int = 100
    unauthenticated_per_source: int = 50
    login_grace: float = 30.0
    auth_attempts: int = 6
    failures_per_source: int = 50
    failure_window: float = 300.0
    sessions_per_connection: int = 8
    session_grace: float = 30.0
    write_stall: float = 120.0
    session: ConnectionLimits = field(default_factory=ConnectionLimits)

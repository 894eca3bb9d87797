"""The embedded SSH server: the `netconf` subsystem over paramiko (RFC 6242). No protocol logic."""

import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from server.access.users import UserStore
from server.protocol.session import Operations


@dataclass(frozen=True, slots=True)
class SshLimits:
    """What clients may use. Times in seconds."""

    unauthenticated: int = 100
    login_grace: float = 30.0
    auth_attempts: int = 6
    sessions_per_connection: int = 8
    hello_timeout: float = 60.0


class SshServer:
    """Accepts SSH connections on a bound, listening socket and runs a NETCONF session per subsystem channel."""

    def __init__(
        self,
        listener: socket.socket,
        host_key_path: Path,
        users: UserStore,
        operations: Operations[Any],
        limits: SshLimits = SshLimits(),
    ) -> None:
        raise NotImplementedError

    def start(self) -> None:
        """Load or make the host key and begin to accept."""
        raise NotImplementedError

    def stop(self) -> None:
        """Stop accepting, end every session (reason other), wait up to 3 s for their threads."""
        raise NotImplementedError

"""What was refused to clients, and what was ended, each with a counter."""

import threading
from collections import Counter
from enum import StrEnum


class Refusal(StrEnum):
    """What was refused or cut off, each with a counter."""

    CONNECTIONS = "connections"
    UNAUTHENTICATED = "unauthenticated"
    UNAUTHENTICATED_PER_SOURCE = "unauthenticated-per-source"
    SOURCE = "source"
    LOGIN_GRACE = "login-grace"
    SESSION_GRACE = "session-grace"
    HANDSHAKE = "handshake"
    PASSWORD = "password"  # noqa: S105
    KEY = "key"
    CERTIFICATE = "certificate"
    AUTH_ATTEMPTS = "auth-attempts"
    CHANNEL = "channel"
    REQUEST = "request"
    HELLO_TIMEOUT = "hello-timeout"
    IDLE_TIMEOUT = "idle-timeout"
    HELLO_SIZE = "hello-size"
    MESSAGE_SIZE = "message-size"
    NESTING_DEPTH = "nesting-depth"
    NOTIFICATION_BACKLOG = "notification-backlog"


class Refusals:
    """Thread-safe counters."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[Refusal] = Counter()

    def add(self, refusal: Refusal) -> None:
        """Count one."""
        with self._lock:
            self._counts[refusal] += 1

    def snapshot(self) -> dict[Refusal, int]:
        """Every counter as it is now."""
        with self._lock:
            return {refusal: self._counts[refusal] for refusal in Refusal}

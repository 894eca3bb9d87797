"""The embedded SSH server (RFC 6242): accepts connections, keeps their number and their time in limits."""

import logging
import selectors
import socket
import threading
import time
from pathlib import Path
from typing import Any

from server.access.users import UserStore
from server.protocol.session import Operations, TerminationReason
from server.transport.ssh_connection import Refusal, Refusals, SshConnection, SshLimits, SshServices
from server.transport.ssh_wire import load_host_key

logger = logging.getLogger("twincast.transport.ssh")

_SWEEP = 1.0
"""Seconds between looks for connections that have used up their time."""

_PAUSE = 0.5
"""Seconds without accepting after the system had no descriptor left."""


class SshServer:
    """Accepts SSH connections on a listening socket that somebody else bound and may hand to a successor.

    The socket is never shut down here, only closed.
    """

    def __init__(
        self,
        listener: socket.socket,
        host_key_path: Path,
        users: UserStore,
        operations: Operations[Any],
        limits: SshLimits | None = None,
    ) -> None:
        self._listener = listener
        self._host_key_path = host_key_path
        self._users = users
        self._operations = operations
        self._limits = limits or SshLimits()
        self.refusals = Refusals()
        self._lock = threading.Lock()
        self._connections: set[SshConnection] = set()
        self._unauthenticated: set[SshConnection] = set()
        self._wake, self._waker = socket.socketpair()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Load or make the host key and begin to accept. Raises HostKeyError."""
        services = SshServices(
            users=self._users,
            operations=self._operations,
            limits=self._limits,
            refusals=self.refusals,
            host_key=load_host_key(self._host_key_path),
            logged_in=self._logged_in,
            ended=self._ended,
        )
        self._listener.setblocking(False)
        self._thread = threading.Thread(target=self._run, args=(services,), name="ssh-accept", daemon=True)
        self._thread.start()

    def stop(self, timeout: float = 3.0) -> None:
        """Stop accepting, end every session (reason other), wait `timeout` seconds at most for threads."""
        deadline = time.monotonic() + timeout
        self._stopping.set()
        self._waker.send(b"x")
        if self._thread is not None:
            self._thread.join(timeout)
        with self._lock:
            connections = list(self._connections)
        threads = [t for connection in connections for t in connection.terminate(TerminationReason.OTHER)]
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        for closing in (self._listener, self._wake, self._waker):
            closing.close()

    def _logged_in(self, connection: SshConnection) -> None:
        with self._lock:
            self._unauthenticated.discard(connection)

    def _ended(self, connection: SshConnection) -> None:
        with self._lock:
            self._unauthenticated.discard(connection)
            self._connections.discard(connection)

    def _run(self, services: SshServices) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._listener, selectors.EVENT_READ)
            selector.register(self._wake, selectors.EVENT_READ)
            while not self._stopping.is_set():
                ready = [key.fileobj for key, _ in selector.select(timeout=_SWEEP)]
                if self._listener in ready:
                    self._accept(services)
                self._end_overdue()

    def _accept(self, services: SshServices) -> None:
        try:
            sock, address = self._listener.accept()
        except BlockingIOError:
            return
        except OSError as error:
            # Without descriptors the listener stays readable: pause, or this would spin.
            logger.warning("accept-failed", extra={"cause": str(error)})
            self._stopping.wait(_PAUSE)
            return
        refusal = self._refuse()
        if refusal is None:
            self._begin(services, sock, (str(address[0]), int(address[1])))
            return
        self.refusals.add(refusal)
        logger.warning("connection-refused", extra={"source": address[0], "cause": refusal.value})
        sock.close()

    def _refuse(self) -> Refusal | None:
        with self._lock:
            if len(self._connections) >= self._limits.connections:
                return Refusal.CONNECTIONS
            if len(self._unauthenticated) >= self._limits.unauthenticated:
                return Refusal.UNAUTHENTICATED
        return None

    def _begin(self, services: SshServices, sock: socket.socket, address: tuple[str, int]) -> None:
        _tune(sock, self._limits.write_stall)
        connection = SshConnection(services, sock, address)
        with self._lock:
            self._connections.add(connection)
            self._unauthenticated.add(connection)
        try:
            connection.start()
        except RuntimeError as error:
            # The system has no thread left.
            logger.warning("connection-refused", extra={"source": address[0], "cause": str(error)})
            self._ended(connection)
            sock.close()

    def _end_overdue(self) -> None:
        now = time.monotonic()
        with self._lock:
            overdue = [(each, why) for each in self._connections if (why := each.overdue(now)) is not None]
        for connection, why in overdue:
            self.refusals.add(why)
            logger.info("connection-overdue", extra={**connection.fields(), "cause": why.value})
            connection.terminate(TerminationReason.TIMEOUT)


def _tune(sock: socket.socket, write_stall: float) -> None:
    """No delay for small replies; a peer that vanished or takes nothing any more is noticed by the kernel."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 60)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 15)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 4)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(write_stall * 1000))

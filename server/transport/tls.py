"""NETCONF over TLS 1.3 (RFC 7589): both sides show certificates, and the client's says who he is."""

import logging
import socket
import ssl
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from server.access.certificates import CertToName, name_of
from server.access.users import ADMIN_GROUP, UserStore
from server.protocol.session import Operations, Origin, TerminationReason
from server.transport.acceptor import tune
from server.transport.admission import Admission
from server.transport.arrival import Arrival
from server.transport.connection import Connection, Login
from server.transport.refusals import Refusal
from server.transport.serving import TransportServer
from server.transport.tls_stream import TlsStream

logger = logging.getLogger("twincast.transport.tls")


@dataclass(frozen=True, slots=True)
class TlsIdentity:
    """Who the server is and whom it believes (`context`), and who they are."""

    context: ssl.SSLContext
    names: Sequence[CertToName]


@dataclass(frozen=True, slots=True)
class _Services:
    users: UserStore
    operations: Operations[Any]
    admission: Admission


class TlsConnection:
    """One TCP connection, with a thread of its own for handshake and session."""

    def __init__(
        self, services: _Services, identity: TlsIdentity, sock: socket.socket, arrival: Arrival
    ) -> None:
        self._services = services
        self._identity = identity
        self._arrival = arrival
        self._limits = services.admission.limits
        self._sock = sock
        self._stream = TlsStream(sock, identity.context, self._limits.write_stall)
        self._session: Connection | None = None
        self._thread = threading.Thread(target=self._run, name="tls", daemon=True)

    @property
    def address(self) -> tuple[str, int]:
        """Where it comes from."""
        return self._arrival.address

    def start(self) -> None:
        """Begin the handshake. Raises RuntimeError when the system has no thread left."""
        self._thread.start()

    def overdue(self, now: float) -> Refusal | None:
        """Why this connection has used up its time, if it has."""
        late = self._session is None and now >= self._arrival.began + self._limits.login_grace
        return Refusal.LOGIN_GRACE if late else None

    def terminate(self, reason: TerminationReason) -> list[threading.Thread]:
        """End the session, if there is one, and the connection at once."""
        if self._session is not None:
            self._session.terminate(reason)
        self._stream.abort()
        return [self._thread]

    def _run(self) -> None:
        try:
            self._session = self._log_in()
            if self._session is not None:
                self._services.admission.logged_in(self)
                self._session.run()
        finally:
            self._sock.close()
            self._services.admission.left(self)
            self._arrival.ended()

    def _log_in(self) -> Connection | None:
        admission = self._services.admission
        extra: dict[str, object] = {"source": f"{self.address[0]} port {self.address[1]}"}
        try:
            chain = self._stream.handshake()
        except OSError as error:
            admission.refusals.add(Refusal.HANDSHAKE)
            logger.info("handshake-failed", extra={**extra, "cause": _cause(error)})
            return None
        user = name_of(chain, self._identity.names)
        if not user:
            admission.refusals.add(Refusal.CERTIFICATE)
            admission.failed(self.address[0])
            logger.info("login-refused", extra={**extra, "method": "certificate"})
            return None
        logger.info("login-accepted", extra={**extra, "user": user})
        groups = self._services.users.groups(user)
        origin = Origin(self._arrival.endpoint, chain=chain)
        login = Login(user, *self.address, "netconf-tls", groups, ADMIN_GROUP in groups, origin)
        operations, limits = self._services.operations, self._limits.session
        return Connection(self._stream, login, operations, limits, admission.refusals)


def _cause(error: OSError) -> str:
    reason = getattr(error, "reason", None) or getattr(error, "verify_message", None)
    return str(reason or error)[:200]


class TlsServer(TransportServer):
    """Serves TLS on listening sockets that come and go with the configuration, and on connections that the
    server made itself. `identity` is None as long as TLS is not configured.
    """

    def __init__(self, users: UserStore, operations: Operations[Any], admission: Admission) -> None:
        super().__init__(admission, sweep=lambda: None)  # the SSH server's looks after all guests
        self._services = _Services(users, operations, admission)
        self.identity: TlsIdentity | None = None

    def start(self) -> None:
        """Begin to accept."""
        self.acceptor.start()

    def serve(self, sock: socket.socket, arrival: Arrival) -> TlsConnection | None:
        """Be the server on a connection; None when that cannot be."""
        identity = self.identity
        if identity is None:
            sock.close()
            return None
        tune(sock, self.admission.limits.write_stall)
        return self.begin(sock, TlsConnection(self._services, identity, sock, arrival))

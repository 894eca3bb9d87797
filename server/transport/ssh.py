"""The embedded SSH server (RFC 6242): connections that were accepted or that it made itself (RFC 8071)."""

import socket
from pathlib import Path
from typing import Any

from server.access.users import UserStore
from server.protocol.session import Operations
from server.transport.acceptor import tune
from server.transport.admission import Admission
from server.transport.arrival import Arrival
from server.transport.refusals import Refusals
from server.transport.serving import TransportServer
from server.transport.ssh_connection import SshConnection, SshServices
from server.transport.ssh_wire import GREETING, load_host_key


class SshServer(TransportServer):
    """Serves SSH on listening sockets that somebody else bound: `listener`, which he may hand to a successor,
    and those that come and go with the configuration.
    """

    greeting = GREETING

    def __init__(
        self,
        listener: socket.socket,
        host_key_path: Path,
        users: UserStore,
        operations: Operations[Any],
        admission: Admission | None = None,
    ) -> None:
        admission = admission or Admission()
        super().__init__(admission, admission.end_overdue)
        self._listener = listener
        self._host_key_path = host_key_path
        self._users = users
        self._operations = operations
        self._services: SshServices | None = None

    @property
    def refusals(self) -> Refusals:
        """What was refused."""
        return self.admission.refusals

    def start(self) -> None:
        """Load or make the host key and begin to accept. Raises HostKeyError."""
        host_key = load_host_key(self._host_key_path)
        self._services = SshServices(self._users, self._operations, self.admission, host_key)
        self.acceptor.add(self._listener, self.accepted)
        self.acceptor.start()

    def serve(self, sock: socket.socket, arrival: Arrival) -> SshConnection | None:
        """Be the server on a connection; None when the system has no thread left for it."""
        if self._services is None:
            raise RuntimeError("the server was not started")
        tune(sock, self.admission.limits.write_stall)
        return self.begin(sock, SshConnection(self._services, sock, arrival))

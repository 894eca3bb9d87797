"""The embedded SSH server (RFC 6242): connections that were accepted or that it made itself (RFC 8071)."""

import logging
import socket
import time
from functools import partial
from pathlib import Path
from typing import Any

from server.access.users import UserStore
from server.protocol.session import Operations
from server.transport.acceptor import Acceptor, Address, tune
from server.transport.admission import Admission
from server.transport.arrival import Arrival
from server.transport.refusals import Refusals
from server.transport.ssh_connection import SshConnection, SshServices
from server.transport.ssh_wire import load_host_key

logger = logging.getLogger("twincast.transport.ssh")


class SshServer:
    """Serves SSH on listening sockets that somebody else bound: `listener`, which he may hand to a successor,
    and those that come and go with the configuration.
    """

    def __init__(
        self,
        listener: socket.socket,
        host_key_path: Path,
        users: UserStore,
        operations: Operations[Any],
        admission: Admission | None = None,
    ) -> None:
        self._listener = listener
        self._host_key_path = host_key_path
        self._users = users
        self._operations = operations
        self._services: SshServices | None = None
        self.admission = admission or Admission()
        self.acceptor = Acceptor(self.admission.end_overdue)

    @property
    def refusals(self) -> Refusals:
        """What was refused."""
        return self.admission.refusals

    def start(self) -> None:
        """Load or make the host key and begin to accept. Raises HostKeyError."""
        host_key = load_host_key(self._host_key_path)
        self._services = SshServices(self._users, self._operations, self.admission, host_key)
        self.acceptor.add(self._listener, self._accepted)
        self.acceptor.start()

    def stop(self, timeout: float = 3.0) -> None:
        """Stop accepting, end every session (reason other), wait `timeout` seconds at most for threads."""
        deadline = time.monotonic() + timeout
        self.acceptor.stop(timeout)
        self.admission.end_all(deadline)

    def listen(self, listener: socket.socket, endpoint: str) -> None:
        """Accept on a further socket, which `acceptor.remove` ends; `endpoint` is as in `Origin`."""
        self.acceptor.add(listener, partial(self._accepted, endpoint=endpoint))

    def _accepted(self, sock: socket.socket, address: Address, endpoint: str = "") -> None:
        if self.admission.refused(address[0]):
            sock.close()
            return
        self.serve(sock, Arrival(address, endpoint))

    def serve(self, sock: socket.socket, arrival: Arrival) -> SshConnection | None:
        """Be the server on a connection; None when the system has no thread left for it."""
        if self._services is None:
            raise RuntimeError("the server was not started")
        tune(sock, self.admission.limits.write_stall)
        connection = SshConnection(self._services, sock, arrival)
        self.admission.enter(connection)
        try:
            connection.start()
        except RuntimeError as error:
            logger.warning("connection-refused", extra={"source": arrival.address[0], "cause": str(error)})
            self.admission.left(connection)
            sock.close()
            return None
        return connection

"""What the servers of TCP transports have in common: sockets that listen, and connections that are let in."""

import logging
import socket
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import partial
from typing import Protocol, TypeVar

from server.transport.acceptor import Acceptor, Address
from server.transport.admission import Admission, Guest
from server.transport.arrival import Arrival
from server.transport.lobby import Lobby

logger = logging.getLogger("twincast.transport.serving")


class Startable(Guest, Protocol):
    """A connection that has a thread to begin."""

    def start(self) -> None:
        """Begin. Raises RuntimeError when the system has no thread left."""


_C = TypeVar("_C", bound=Startable)


class TransportServer(ABC):
    """Serves one transport on sockets that come and go, and on connections that were made elsewhere.

    `greeting` is what the server says before the client says anything.
    """

    greeting = b""

    def __init__(self, admission: Admission, sweep: Callable[[], None]) -> None:
        """`sweep` is called now and then on the thread that accepts."""
        self.admission = admission
        self.acceptor = Acceptor(sweep)
        self._lobby = Lobby(self.acceptor, admission, logger)

    @abstractmethod
    def serve(self, sock: socket.socket, arrival: Arrival) -> Guest | None:
        """Be the server on a connection; None when that cannot be, and then it is closed."""

    def stop(self, timeout: float = 3.0) -> None:
        """Stop accepting, end every session (reason other), wait `timeout` seconds at most for threads."""
        deadline = time.monotonic() + timeout
        self.acceptor.stop(timeout)
        self.admission.end_all(deadline)

    def listen(self, listener: socket.socket, endpoint: str) -> None:
        """Accept on a further socket, which `acceptor.remove` ends; `endpoint` is as in `Origin`."""
        self.acceptor.add(listener, partial(self.accepted, endpoint=endpoint))

    def accepted(self, sock: socket.socket, address: Address, endpoint: str = "") -> None:
        """Serve a connection once its client speaks, unless there are too many, or too many logins from there
        have failed.
        """
        arrival = Arrival(address, endpoint, greeted=bool(self.greeting))
        self._lobby.receive(sock, arrival, self.greeting, self.serve)

    def begin(self, sock: socket.socket, connection: _C) -> _C | None:
        """Let a connection in and start it; None when the system has no thread left for it."""
        self.admission.enter(connection)
        try:
            connection.start()
        except RuntimeError as error:
            source = connection.address[0]
            logger.warning("connection-refused", extra={"source": source, "cause": str(error)})
            self.admission.left(connection)
            sock.close()
            return None
        return connection

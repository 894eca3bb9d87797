"""Connections on which the client has not said anything yet.

They count as connections and have to log in in time as all do, but have no thread and nothing of a session.
"""

import logging
import socket
import threading
from collections.abc import Callable
from typing import Final, TypeAlias

from server.protocol.session import TerminationReason
from server.transport.acceptor import Acceptor, tune
from server.transport.admission import Admission
from server.transport.arrival import Arrival
from server.transport.limits import TransportLimits
from server.transport.refusals import Refusal

Serve: TypeAlias = Callable[[socket.socket, Arrival], object]
"""Is the server on a connection, on threads of its own."""


class Silent:
    """One such connection; see `server.transport.admission.Guest`."""

    def __init__(self, sock: socket.socket, arrival: Arrival, limits: TransportLimits) -> None:
        self._sock: Final = sock
        self._arrival: Final = arrival
        self._limits: Final = limits
        self.ended = False

    @property
    def address(self) -> tuple[str, int]:
        """Where it comes from."""
        return self._arrival.address

    def overdue(self, now: float) -> Refusal | None:
        """Why it has used up its time, if it has."""
        return Refusal.LOGIN_GRACE if now >= self._arrival.began + self._limits.login_grace else None

    def terminate(self, _reason: TerminationReason) -> list[threading.Thread]:
        """End it; the acceptor sees that and closes it."""
        self.ended = True
        try:
            self._sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            return []  # the client was faster
        return []


class Lobby:
    """Takes connections from an acceptor and hands them on once the client speaks."""

    def __init__(self, acceptor: Acceptor, admission: Admission, logger: logging.Logger) -> None:
        self._acceptor = acceptor
        self._admission = admission
        self._logger = logger

    def receive(self, sock: socket.socket, arrival: Arrival, greeting: bytes, serve: Serve) -> None:
        """Let a connection in, if it may, and say `greeting`; on the acceptor's thread."""
        if self._admission.refused(arrival.address[0]):
            sock.close()
            return
        try:
            tune(sock, self._admission.limits.write_stall)
            sock.send(greeting)  # it cannot block: nothing was sent yet
        except OSError:
            self._lost(sock, arrival)
            return
        guest = Silent(sock, arrival, self._admission.limits)
        self._admission.enter(guest)
        self._acceptor.wait(sock, lambda: self._spoken(sock, arrival, guest, serve))

    def _spoken(self, sock: socket.socket, arrival: Arrival, guest: Silent, serve: Serve) -> None:
        self._admission.left(guest)
        if guest.ended:
            sock.close()
        elif _is_over(sock):
            self._lost(sock, arrival)
        else:
            serve(sock, arrival)

    def _lost(self, sock: socket.socket, arrival: Arrival) -> None:
        """The client went before it said anything."""
        sock.close()
        self._admission.refusals.add(Refusal.HANDSHAKE)
        host, port = arrival.address
        extra = {"source": f"{host} port {port}", "cause": "the client said nothing"}
        self._logger.info("handshake-failed", extra=extra)


def _is_over(sock: socket.socket) -> bool:
    try:
        return not sock.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except OSError:
        return True

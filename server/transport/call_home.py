"""Call home (RFC 8071): the server opens the TCP connection and is the SSH or TLS server on it."""

import logging
import secrets
import socket
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from server.transport.arrival import Arrival
from server.transport.reconnect import Client, Endpoint, Reconnector
from server.transport.ssh import SshServer
from server.transport.tls import TlsServer

logger = logging.getLogger("twincast.transport.call_home")

PREFIX = "call-home:"
"""Before the name of a client in the endpoint of `Origin`."""


class Status(StrEnum):
    """Where a client is."""

    WAITING = "waiting"
    CONNECTING = "connecting"
    CONNECTED = "connected"


@dataclass(slots=True)
class CallState:
    """What became of a client."""

    status: Status = Status.WAITING
    endpoint: str = ""
    attempts: int = 0
    connections: int = 0
    last_error: str = ""


class _Call:
    """One client: a thread that connects, and waits while there is a connection."""

    def __init__(self, client: Client, ssh: SshServer, tls: TlsServer) -> None:
        self.state = CallState()
        self._ssh, self._tls = ssh, tls
        self._reconnector = Reconnector(client, secrets.randbelow, time.monotonic())
        self._changed = threading.Condition()
        self._connected = self._stopping = False
        self._thread = threading.Thread(target=self._run, name="call-home", daemon=True)

    def start(self) -> None:
        self._thread.start()

    @property
    def client(self) -> Client:
        return self._reconnector.client

    def update(self, client: Client) -> None:
        """Go by a changed configuration; a connection that there is stays."""
        with self._changed:
            self._reconnector.update(client, time.monotonic())
            self._changed.notify_all()

    def stop(self) -> None:
        """Make no connection any more; one that there is stays."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()

    def _run(self) -> None:
        while (attempt := self._wait()) is not None:
            client, endpoint = attempt
            try:
                self._attempt(client, endpoint)
            except Exception:
                logger.exception("call-home-failed", extra={"client": client.name})
                self._failed("an internal error; the server's log has it")

    def _wait(self) -> tuple[Client, Endpoint] | None:
        """Wait until an attempt is due; None when there is to be none any more."""
        with self._changed:
            while not self._stopping:
                left = self._reconnector.due - time.monotonic()
                if not self._connected and left <= 0:
                    self.state.status = Status.CONNECTING
                    self.state.attempts += 1
                    return self._reconnector.client, self._reconnector.endpoint
                self._changed.wait(None if self._connected else left)
        return None

    def _attempt(self, client: Client, endpoint: Endpoint) -> None:
        address = endpoint.address, endpoint.port
        try:
            sock = socket.create_connection(address, timeout=client.strategy.max_wait)
        except OSError as error:
            self._failed(f"{endpoint.address} port {endpoint.port}: {error.strerror or error}")
            return
        with self._changed:
            if self._stopping:
                sock.close()
                return
            self._connected = True
            self.state.status, self.state.endpoint = Status.CONNECTED, endpoint.name
            self.state.connections += 1
            self._reconnector.connected(time.monotonic())
        logger.info("called-home", extra={"client": client.name, "endpoint": endpoint.name})
        arrival = Arrival(address, f"{PREFIX}{client.name}", self._ended)
        served = self._tls.serve(sock, arrival) if client.tls else self._ssh.serve(sock, arrival)
        if served is None:
            self._ended()

    def _failed(self, reason: str) -> None:
        with self._changed:
            self.state.status, self.state.last_error = Status.WAITING, reason
            self._reconnector.failed(time.monotonic())

    def _ended(self) -> None:
        with self._changed:
            if not self._connected:
                return
            self._connected = False
            self.state.status, self.state.endpoint = Status.WAITING, ""
            self._reconnector.ended(time.monotonic())
            self._changed.notify_all()


class Caller:
    """Calls the configured clients. Its methods are called by one thread at a time."""

    def __init__(self, ssh: SshServer, tls: TlsServer) -> None:
        self._ssh, self._tls = ssh, tls
        self._calls: dict[str, _Call] = {}

    def follow(self, clients: Iterable[Client]) -> None:
        """Call these clients and no others; connections that there are stay."""
        wanted = {client.name: client for client in clients}
        for name in [name for name in self._calls if name not in wanted]:
            self._calls.pop(name).stop()
        for name, client in wanted.items():
            call = self._calls.get(name)
            if call is None:
                self._calls[name] = _Call(client, self._ssh, self._tls)
                self._calls[name].start()
            elif call.client != client:
                call.update(client)

    def states(self) -> dict[str, CallState]:
        """Return what became of each client."""
        return {name: call.state for name, call in list(self._calls.items())}

    def close(self) -> None:
        """Make no connection any more."""
        self.follow(())

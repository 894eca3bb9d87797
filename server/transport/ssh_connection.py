"""One SSH connection: login, and a session for each `netconf` channel on it (RFC 4252, 4254, 6242)."""

import logging
import socket
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import paramiko
from paramiko.common import (
    AUTH_FAILED,
    AUTH_SUCCESSFUL,
    OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED,
    OPEN_FAILED_RESOURCE_SHORTAGE,
    OPEN_SUCCEEDED,
)

from server.access.users import ADMIN_GROUP, UserStore
from server.protocol.session import Operations, Origin, TerminationReason
from server.transport.admission import Admission
from server.transport.arrival import Arrival
from server.transport.connection import Connection, Login, blocks
from server.transport.refusals import Refusal
from server.transport.ssh_wire import ServerTransport, is_ours

logger = logging.getLogger("twincast.transport.ssh_connection")

SUBSYSTEM = "netconf"

_READ_SIZE = 64 * 1024
_BLOCK_SIZE = 32 * 1024


class ChannelStream:
    """An SSH channel as the `Stream` of a session."""

    def __init__(self, channel: paramiko.Channel, abort: Callable[[], None], write_stall: float) -> None:
        self._channel = channel
        self._abort = abort
        self._write_stall = write_stall
        channel.settimeout(write_stall)

    def read(self, timeout: float | None) -> bytes:
        """See `Stream.read`. The channel has one timeout for both directions; reading starts over on it."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            if deadline is not None:
                self._channel.settimeout(min(self._write_stall, max(0.0, deadline - time.monotonic())))
            try:
                return self._channel.recv(_READ_SIZE)
            except TimeoutError:
                if deadline is not None and time.monotonic() >= deadline:
                    raise
            finally:
                self._channel.settimeout(self._write_stall)

    def write(self, pieces: Iterable[bytes]) -> None:
        """See `Stream.write`. In blocks of 32 KiB: the library copies what is left after each packet."""
        try:
            for block in blocks(pieces, _BLOCK_SIZE):
                self._channel.sendall(block)
        except (EOFError, paramiko.SSHException) as error:
            raise ConnectionResetError("the SSH connection is gone") from error

    def close(self) -> None:
        """See `Stream.close`."""
        try:
            self._channel.send_exit_status(0)
            self._channel.close()
        except (EOFError, paramiko.SSHException) as error:
            raise ConnectionResetError("the SSH connection is gone") from error

    def abort(self) -> None:
        """See `Stream.abort`."""
        self._abort()


@dataclass(frozen=True, slots=True)
class SshServices:
    """What a connection needs of the server."""

    users: UserStore
    operations: Operations[Any]
    admission: Admission
    host_key: paramiko.PKey


class SshConnection(paramiko.ServerInterface):
    """One TCP connection: who logged in on it and the sessions it carries.

    The interface's methods are called by the library on the connection's own thread.
    """

    def __init__(self, services: SshServices, sock: socket.socket, arrival: Arrival) -> None:
        self._services = services
        self._limits = services.admission.limits
        self._refusals = services.admission.refusals
        self._arrival = arrival
        self._credential = ""
        self._lock = threading.Lock()
        self._sessions: dict[int, tuple[Connection, threading.Thread]] = {}
        self._failures = 0
        self._quiet_since = arrival.began
        self.authenticated = False
        self.transport = ServerTransport(
            sock, services.host_key, self._logged_in, self._ended, greeted=arrival.greeted
        )

    # What the server asks.

    @property
    def address(self) -> tuple[str, int]:
        """Where it comes from."""
        return self._arrival.address

    def start(self) -> None:
        """Begin the handshake on a thread of the connection's own."""
        self.transport.serve(self)

    def overdue(self, now: float) -> Refusal | None:
        """Why this connection has used up its time, if it has."""
        if not self.authenticated:
            return Refusal.LOGIN_GRACE if now >= self._quiet_since + self._limits.login_grace else None
        with self._lock:
            idle = not self._sessions and now >= self._quiet_since + self._limits.session_grace
        return Refusal.SESSION_GRACE if idle else None

    def terminate(self, reason: TerminationReason) -> list[threading.Thread]:
        """End all sessions and the connection at once; return the threads that are to end."""
        with self._lock:
            sessions = list(self._sessions.values())
        for connection, _ in sessions:
            connection.terminate(reason)
        self.transport.cut()
        return [self.transport, *(thread for _, thread in sessions)]

    def fields(self) -> dict[str, object]:
        """Fields of a log line about this connection."""
        return {"source": f"{self.address[0]} port {self.address[1]}"}

    # Logging in (RFC 4252).

    def get_allowed_auths(self, _username: str) -> str:
        """The same for every user, known or not."""
        return "publickey,password"

    def check_auth_password(self, username: str, password: str) -> int:
        """Ask the user store; scrypt runs on this connection's thread and without the interpreter's lock."""
        admission, source = self._services.admission, self.address[0]
        if admission.blocked(source):
            return self._auth_result("", Refusal.SOURCE, username)
        known = isinstance(password, str) and self._services.users.by_password(username, password)
        if not known:
            admission.failed(source)
        return self._auth_result(known or "", Refusal.PASSWORD, username)

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        """Whether the key may be used; the library then checks the signature."""
        known = self._services.users.by_key(username, key.asbytes())
        return self._auth_result(known, Refusal.KEY, username)

    def _auth_result(self, credential: str, refusal: Refusal, username: str) -> int:
        if credential:
            self._credential = credential
            return AUTH_SUCCESSFUL
        self._failures += 1
        self._refusals.add(refusal)
        extra = {**self.fields(), "user": username[:64], "method": refusal.value}
        logger.info("login-refused", extra=extra)
        if self._failures >= self._limits.auth_attempts:
            self._refusals.add(Refusal.AUTH_ATTEMPTS)
            self.transport.cut()
        return AUTH_FAILED

    def _logged_in(self) -> None:
        self.authenticated = True
        self._quiet_since = time.monotonic()
        self._services.admission.logged_in(self)
        logger.info("login-accepted", extra={**self.fields(), "user": self.transport.get_username()})

    # Channels (RFC 4254). What is not mentioned here the library refuses.

    def check_channel_request(self, kind: str, _chanid: int) -> int:
        """Sessions only, and not too many of them."""
        if kind != "session":
            self._refusals.add(Refusal.CHANNEL)
            return OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED
        if self.transport.open_channels >= self._limits.sessions_per_connection:
            self._refusals.add(Refusal.CHANNEL)
            return OPEN_FAILED_RESOURCE_SHORTAGE
        return OPEN_SUCCEEDED

    def check_channel_subsystem_request(self, channel: paramiko.Channel, name: str) -> bool:
        """Begin a NETCONF session on a channel that has none."""
        self.transport.accept(0)  # the library keeps every channel for an accept() that nobody else calls
        with self._lock:
            if name != SUBSYSTEM or channel.chanid in self._sessions:
                self._refusals.add(Refusal.REQUEST)
                return False
            connection = self._new_session(channel)
            arguments = (channel.chanid, connection)
            thread = threading.Thread(target=self._run_session, args=arguments, name="session", daemon=True)
            self._sessions[channel.chanid] = (connection, thread)
            thread.start()
        return True

    def check_channel_exec_request(self, _channel: paramiko.Channel, _command: bytes) -> bool:
        """Refused and counted: no programs."""
        return self._refuse_request()

    def check_channel_shell_request(self, _channel: paramiko.Channel) -> bool:
        """Refused and counted: no shell."""
        return self._refuse_request()

    def check_channel_pty_request(
        self, _channel: paramiko.Channel, _term: bytes, *_size: int | bytes
    ) -> bool:
        """Granted, and nothing comes of it: a client that asks with force (`ssh -tt`) gives up without."""
        return True

    def check_channel_direct_tcpip_request(
        self, _chanid: int, _origin: tuple[str, int], _destination: tuple[str, int]
    ) -> int:
        """Refused and counted: no forwarding."""
        self._refusals.add(Refusal.CHANNEL)
        return OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED

    def _refuse_request(self) -> bool:
        self._refusals.add(Refusal.REQUEST)
        return False

    # Sessions.

    def _new_session(self, channel: paramiko.Channel) -> Connection:
        stream = ChannelStream(channel, lambda: self._abort(channel), self._limits.write_stall)
        user = self.transport.get_username() or ""
        groups = self._services.users.groups(user)
        origin = Origin(self._arrival.endpoint, self._credential)
        login = Login(user, *self.address, "netconf-ssh", groups, ADMIN_GROUP in groups, origin)
        return Connection(stream, login, self._services.operations, self._limits.session, self._refusals)

    def _run_session(self, chanid: int, connection: Connection) -> None:
        try:
            connection.run()
        finally:
            with self._lock:
                del self._sessions[chanid]
                self._quiet_since = time.monotonic()

    def _abort(self, channel: paramiko.Channel) -> None:
        """End one session without waiting. A channel's close may block behind a full socket, so where it is
        the only session the connection goes, and else a thread of its own closes it.
        """
        with self._lock:
            alone = len(self._sessions) <= 1
        if alone:
            self.transport.cut()
        else:
            threading.Thread(target=self._close_or_cut, args=(channel,), name="abort", daemon=True).start()

    def _close_or_cut(self, channel: paramiko.Channel) -> None:
        closer = threading.Thread(target=channel.close, name="close", daemon=True)
        closer.start()
        closer.join(timeout=5.0)
        if closer.is_alive():
            self.transport.cut()

    def _ended(self, error: BaseException | None) -> None:
        self._services.admission.left(self)
        self._arrival.ended()
        extra = {**self.fields(), "cause": f"{type(error).__name__}: {error}"[:200]}
        if error is not None and not isinstance(error, EOFError | OSError | paramiko.SSHException):
            logger.warning("connection-failed", extra=extra, exc_info=error if is_ours(error) else None)
        elif not self.authenticated:
            self._refusals.add(Refusal.HANDSHAKE)
            logger.info("handshake-failed", extra=extra)

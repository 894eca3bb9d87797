"""NETCONF for programs on this machine: sshd's subsystem (RFC 6242 section 3) and the shell.

Whoever connects to the Unix socket is who the kernel says (SO_PEERCRED); what he says of himself is a hint
for the log. The owner of the state folder, and root, are administrators; others are in the groups that the
system's user database puts them into.
"""

import grp
import logging
import os
import pwd
import selectors
import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from server.protocol.session import Operations, TerminationReason
from server.transport.admission import Admission
from server.transport.connection import Connection, Login
from server.transport.descriptors import DescriptorStream
from server.transport.handover import HandOverError, take_over

logger = logging.getLogger("twincast.transport.local")

TRANSPORT: Final = "netconf-ssh"
"""What RFC 6022 has nearest: the clients that come this way come through sshd."""
_CREDENTIALS: Final = struct.Struct("3i")
_PAUSE: Final = 0.5


@dataclass(frozen=True, slots=True)
class LocalLimits:
    """What clients may use; times in seconds. `hand_over`: from connecting to the descriptors."""

    connections: int = 2048
    hand_over: float = 5.0


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who is at the other end of a Unix socket."""

    uid: int
    gid: int


def credentials_of(connection: socket.socket) -> Credentials:
    """Return who connected, as the kernel noted it then."""
    _, uid, gid = _CREDENTIALS.unpack(
        connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    )
    return Credentials(uid, gid)


def login_of(credentials: Credentials, owner: int, source: tuple[str, int]) -> Login:
    """Return the login of a local user; one that the user database does not know is named by his number."""
    try:
        entry = pwd.getpwuid(credentials.uid)
        name, numbers = entry.pw_name, os.getgrouplist(entry.pw_name, credentials.gid)
    except KeyError:
        name, numbers = str(credentials.uid), [credentials.gid]
    groups = frozenset(_group_name(number) for number in numbers)
    return Login(name, *source, TRANSPORT, groups, credentials.uid in (0, owner))


def _group_name(number: int) -> str:
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)


def source_of(note: str) -> tuple[str, int]:
    """Return address and port of the client from the value of SSH_CONNECTION, ("", 0) without one."""
    words = note.split()
    if len(words) == 4 and words[1].isascii() and words[1].isdigit() and len(words[0]) <= 64:
        return words[0], int(words[1])
    return "", 0


class LocalServer:
    """Accepts on a listening Unix socket that somebody else bound; `owner` is the uid of the state folder."""

    def __init__(
        self,
        listener: socket.socket,
        owner: int,
        operations: Operations[Any],
        limits: LocalLimits | None = None,
        admission: Admission | None = None,
    ) -> None:
        self.refused = 0
        """Connections that were too many, or that handed nothing over."""
        self._listener = listener
        self._owner = owner
        self._operations = operations
        self._limits = limits or LocalLimits()
        self._admission = admission or Admission()
        self._lock = threading.Lock()
        self._sessions: dict[threading.Thread, Callable[[], None]] = {}
        self._wake, self._waker = socket.socketpair()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="local-accept", daemon=True)

    def start(self) -> None:
        """Begin to accept."""
        self._listener.setblocking(False)
        self._thread.start()

    def stop(self, timeout: float = 3.0) -> None:
        """Stop accepting, end every session, wait `timeout` seconds at most for their threads."""
        deadline = time.monotonic() + timeout
        self._stopping.set()
        self._waker.send(b"x")
        self._thread.join(timeout)
        with self._lock:
            sessions = dict(self._sessions)
        for end in sessions.values():
            end()
        for thread in sessions:
            thread.join(max(0.0, deadline - time.monotonic()))
        for closing in (self._listener, self._wake, self._waker):
            closing.close()

    def _run(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._listener, selectors.EVENT_READ)
            selector.register(self._wake, selectors.EVENT_READ)
            while not self._stopping.is_set():
                if any(key.fileobj is self._listener for key, _ in selector.select()):
                    self._accept()

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except BlockingIOError:
            return
        except OSError as error:
            logger.warning("accept-failed", extra={"cause": str(error)})
            self._stopping.wait(_PAUSE)  # without descriptors the listener stays readable
            return
        thread = threading.Thread(target=self._serve, args=(connection,), name="session", daemon=True)
        with self._lock:
            full = len(self._sessions) >= self._limits.connections
            if not full:
                self._sessions[thread] = lambda: _shut(connection)
        if full:
            self._refuse(connection, "too many connections")
            return
        thread.start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            with connection:
                self._converse(connection)
        finally:
            with self._lock:
                self._sessions.pop(threading.current_thread(), None)

    def _converse(self, connection: socket.socket) -> None:
        try:
            connection.settimeout(self._limits.hand_over)
            credentials = credentials_of(connection)
            handed = take_over(connection)
        except (HandOverError, OSError) as error:
            self._refuse(connection, str(error))
            return
        login = login_of(credentials, self._owner, source_of(handed.note.source))
        limits = self._admission.limits
        stream = DescriptorStream(handed, limits.write_stall)
        session = Connection(stream, login, self._operations, limits.session, self._admission.refusals)
        with self._lock:
            self._sessions[threading.current_thread()] = lambda: session.terminate(TerminationReason.OTHER)
        if self._stopping.is_set():
            session.terminate(TerminationReason.OTHER)
        session.run()

    def _refuse(self, connection: socket.socket, cause: str) -> None:
        self.refused += 1
        logger.warning("connection-refused", extra={"source": "local", "cause": cause})
        connection.close()


def _shut(connection: socket.socket) -> None:
    """Wake whoever reads the socket, from another thread."""
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        logger.debug("connection-already-gone")

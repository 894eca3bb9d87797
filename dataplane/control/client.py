"""The server's end of the control socket: blocking calls for many threads over one connection.

Owns the connection: one background thread connects, reconnects, reads answers and hands events on. A
caller waits for its own answer only, up to a time; what fails because the dataplane is away or went
away is `Unavailable`, and the caller decides. Re-exports the state types, so that the server needs
this module and `dataplane.config` only.
"""

import logging
import os
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Final

from dataplane.control.messages import (
    LENGTH_SIZE,
    PROTOCOL_VERSION,
    Abort,
    Accepted,
    Announced,
    Answer,
    Apply,
    ConfigDelta,
    ControlError,
    Done,
    Failed,
    Generation,
    NotInStep,
    Piece,
    Ping,
    Prepare,
    Refused,
    Request,
    Restore,
    Revert,
    ServiceOnWire,
    State,
    Welcome,
    decode_answer,
    encode,
    length_of,
    whole,
)
from dataplane.state import (
    CopyStatus,
    Event,
    GroupKey,
    GroupState,
    InterfaceState,
    ProfileState,
    ServiceState,
    StatePiece,
    StateSelection,
)

__all__ = [
    "Accepted",
    "ConfigDelta",
    "ControlClient",
    "CopyStatus",
    "Event",
    "Generation",
    "GroupKey",
    "GroupState",
    "InterfaceState",
    "NotInStep",
    "ProfileState",
    "Refused",
    "RequestFailed",
    "ServiceOnWire",
    "ServiceState",
    "StatePiece",
    "StateSelection",
    "Unavailable",
    "Welcome",
    "whole",
]

RETRY: Final = 0.02
"""Seconds between attempts to connect: a restarted dataplane must not wait for us."""
ANSWER_TIMEOUT: Final = 10.0

_log = logging.getLogger("twincast.dataplane.control.client")


class Unavailable(Exception):
    """The dataplane is away, or went away before it answered: whether it acted is not known."""


class RequestFailed(Exception):
    """The dataplane answered that it could not do it."""


@dataclass(eq=False)
class _Connection:
    """One connection and the requests that wait on it."""

    socket: socket.socket
    epoch: int
    welcome: Welcome
    waiting: dict[int, "SimpleQueue[Answer | None]"] = field(default_factory=dict)
    sending: threading.Lock = field(default_factory=threading.Lock)
    ended: bool = False


class ControlClient:
    """A reconnecting client; every public method may be called from any thread."""

    def __init__(self, path: Path, on_event: Callable[[Event, int], None] | None = None) -> None:
        """`on_event(event, suppressed)` runs on the reader thread and must not call this client."""
        self._path = path
        self._on_event = on_event
        self._changed = threading.Condition()
        self._connection: _Connection | None = None
        self._epoch = 0
        self._last_id = 0
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="control-client", daemon=True)

    def start(self) -> None:
        """Begin to connect."""
        self._thread.start()

    def close(self) -> None:
        """Disconnect for good; requests that wait end with Unavailable."""
        self._closing.set()
        with self._changed:
            if self._connection is not None:
                _shut(self._connection.socket)
            self._changed.notify_all()
        if self._thread.ident is not None:
            self._thread.join(timeout=5.0)

    @property
    def epoch(self) -> int:
        """Number of the present connection, 0 when there is none."""
        connection = self._connection
        return 0 if connection is None else connection.epoch

    def wait_connected(self, after: int = 0, timeout: float | None = None) -> tuple[int, Welcome] | None:
        """Wait for a connection with an epoch above `after`; None after `timeout` or close."""

        def found() -> bool:
            return self._closing.is_set() or (self._connection is not None and self._connection.epoch > after)

        with self._changed:
            self._changed.wait_for(found, timeout)
            connection = self._connection
            if self._closing.is_set() or connection is None or connection.epoch <= after:
                return None
            return connection.epoch, connection.welcome

    def prepare(self, base: Generation | None, delta: ConfigDelta) -> Accepted | Refused | NotInStep:
        """Ask whether `delta` on top of `base` can be had; raises Unavailable, RequestFailed."""
        answer = self._ask(lambda number: Prepare(number, base, delta))
        if isinstance(answer, Accepted | Refused | NotInStep):
            return answer
        raise _unexpected(answer)

    def apply(self, token: int) -> Generation:
        """Switch to what was prepared; raises Unavailable, RequestFailed."""
        return self._done(lambda number: Apply(number, token))

    def abort(self, token: int) -> Generation:
        """Forget what was prepared; raises Unavailable, RequestFailed."""
        return self._done(lambda number: Abort(number, token))

    def revert(self, token: int) -> Generation:
        """Undo the last apply; raises Unavailable, RequestFailed."""
        return self._done(lambda number: Revert(number, token))

    def restore(self, config: ConfigDelta) -> Generation:
        """Make a whole configuration the one that is acted on; raises Unavailable, RequestFailed."""
        return self._done(lambda number: Restore(number, config))

    def ping(self, timeout: float = ANSWER_TIMEOUT) -> Generation:
        """Return the generation the dataplane acts on; raises Unavailable, RequestFailed."""
        return self._done(Ping, timeout)

    def state(self, selection: StateSelection, timeout: float = ANSWER_TIMEOUT) -> Iterator[StatePiece]:
        """Yield the pieces of the state as they arrive; raises Unavailable, RequestFailed.

        `timeout` is for each piece.
        """
        connection, number, answers = self._send(lambda number: State(number, selection))
        try:
            while True:
                answer = _receive(answers, timeout)
                if not isinstance(answer, Piece):
                    raise _unexpected(answer)
                yield answer.state
                if answer.last:
                    return
        finally:
            connection.waiting.pop(number, None)

    def _done(self, make: Callable[[int], Request], timeout: float = ANSWER_TIMEOUT) -> Generation:
        answer = self._ask(make, timeout)
        if isinstance(answer, Done):
            return answer.generation
        raise _unexpected(answer)

    def _ask(self, make: Callable[[int], Request], timeout: float = ANSWER_TIMEOUT) -> Answer:
        connection, number, answers = self._send(make)
        try:
            return _receive(answers, timeout)
        finally:
            connection.waiting.pop(number, None)

    def _send(self, make: Callable[[int], Request]) -> "tuple[_Connection, int, SimpleQueue[Answer | None]]":
        answers: SimpleQueue[Answer | None] = SimpleQueue()
        with self._changed:
            connection = self._connection
            if connection is None:
                raise Unavailable("the dataplane is away")
            self._last_id += 1
            number = self._last_id
            connection.waiting[number] = answers
        try:
            data = encode(make(number))
            with connection.sending:
                connection.socket.sendall(data)
        except ControlError as error:
            connection.waiting.pop(number, None)
            raise RequestFailed(str(error)) from error
        except OSError as error:
            connection.waiting.pop(number, None)
            _shut(connection.socket)
            raise Unavailable("the dataplane went away") from error
        if connection.ended:
            answers.put(None)
        return connection, number, answers

    def _run(self) -> None:
        while not self._closing.is_set():
            connection = self._connect()
            if connection is None:
                self._closing.wait(RETRY)
                continue
            self._publish(connection)
            try:
                self._read(connection)
            except (OSError, ControlError) as error:
                if not self._closing.is_set():
                    _log.warning("dataplane-connection-failed", extra={"reason": str(error)})
            finally:
                self._drop(connection)

    def _connect(self) -> _Connection | None:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            sock.settimeout(5.0)
            _connect_path(sock, self._path)
            welcome = _welcome(decode_answer(_read_message(sock)))
            sock.settimeout(None)
        except (OSError, ControlError) as error:
            sock.close()
            if isinstance(error, ControlError):
                _log.error("dataplane-refused", extra={"reason": str(error)})
            return None
        return _Connection(sock, self._epoch + 1, welcome)

    def _publish(self, connection: _Connection) -> None:
        with self._changed:
            self._epoch = connection.epoch
            self._connection = connection
            self._changed.notify_all()
        _log.info("dataplane-connected", extra={"instance": connection.welcome.generation.instance})

    def _read(self, connection: _Connection) -> None:
        while not self._closing.is_set():
            answer = decode_answer(_read_message(connection.socket))
            if isinstance(answer, Announced):
                self._announce(answer)
                continue
            if isinstance(answer, Welcome):
                raise ControlError("a second welcome")
            waiting = connection.waiting.get(answer.id)
            if waiting is not None:
                waiting.put(answer)

    def _announce(self, announced: Announced) -> None:
        if self._on_event is None:
            return
        try:
            self._on_event(announced.event, announced.suppressed)
        except Exception:  # noqa: BLE001 - a fault of a subscriber must not end the connection
            _log.exception("event-handler-failed")

    def _drop(self, connection: _Connection) -> None:
        with self._changed:
            connection.ended = True
            self._connection = None
            for answers in list(connection.waiting.values()):
                answers.put(None)
            self._changed.notify_all()
        connection.socket.close()


def _receive(answers: "SimpleQueue[Answer | None]", timeout: float) -> Answer:
    try:
        answer = answers.get(timeout=timeout)
    except Empty as error:
        raise Unavailable("the dataplane does not answer") from error
    if answer is None:
        raise Unavailable("the dataplane went away")
    if isinstance(answer, Failed):
        raise RequestFailed(answer.message)
    return answer


def _unexpected(answer: Answer) -> RequestFailed:
    return RequestFailed(f"the dataplane gave an unexpected answer ({type(answer).__name__})")


def _welcome(answer: Answer) -> Welcome:
    if not isinstance(answer, Welcome) or answer.version != PROTOCOL_VERSION:
        raise ControlError("the dataplane speaks another version of the control protocol")
    return answer


def _connect_path(sock: socket.socket, path: Path) -> None:
    """Connect; the name may be longer than the 107 bytes an AF_UNIX address holds."""
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        sock.connect(f"/proc/self/fd/{folder}/{path.name}")
    finally:
        os.close(folder)


def _read_message(sock: socket.socket) -> bytearray:
    return _read_exactly(sock, length_of(_read_exactly(sock, LENGTH_SIZE)))


def _read_exactly(sock: socket.socket, size: int) -> bytearray:
    data = bytearray(size)
    view = memoryview(data)
    while size:
        count = sock.recv_into(view[-size:], size)
        if count == 0:
            raise OSError("the dataplane closed the connection")
        size -= count
    return data


def _shut(sock: socket.socket) -> None:
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        return

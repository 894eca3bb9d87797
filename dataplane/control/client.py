"""The server's end of the control socket: blocking calls for many threads over one connection.

Owns the connection: one background thread connects, reconnects and reads what nobody waits for. A caller
waits for its own answer only, up to a time; what fails because the dataplane is away or went away is
`Unavailable`, and the caller decides. Re-exports the state types, so that the server needs
this module and `dataplane.config` only.
"""

import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Generator
from contextlib import closing
from pathlib import Path
from typing import Final

from dataplane.actions import (
    Action,
    ActionRefused,
    BatchBackup,
    BatchStarted,
    ClearCopiedGroups,
    ClearSubscribers,
    GroupsCleared,
    LoadSubscribers,
    Outcome,
    ResetStatistics,
    RoleSwitched,
    StatisticsReset,
    SubscribersCleared,
    SubscribersLoaded,
    Switchover,
)
from dataplane.control.link import Link, Unavailable
from dataplane.control.messages import (
    PROTOCOL_VERSION,
    WINDOW,
    Abort,
    Accepted,
    Act,
    Acted,
    Announced,
    Answer,
    Apply,
    ConfigDelta,
    ControlError,
    Done,
    Failed,
    Generation,
    Listen,
    More,
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
    whole,
)
from dataplane.state import (
    BatchCompleted,
    ChannelStateChanged,
    CopyStateChanged,
    CopyStatus,
    DualMaster,
    Event,
    GroupKey,
    GroupState,
    HelloStatistics,
    InterfaceState,
    OutOfSync,
    ProfileState,
    RoleChanged,
    ServiceState,
    StatePiece,
    StateSelection,
)

__all__ = [
    "Accepted",
    "Action",
    "ActionRefused",
    "BatchBackup",
    "BatchCompleted",
    "BatchStarted",
    "ChannelStateChanged",
    "ClearCopiedGroups",
    "ClearSubscribers",
    "ConfigDelta",
    "ControlClient",
    "CopyStateChanged",
    "CopyStatus",
    "DualMaster",
    "Event",
    "Generation",
    "GroupKey",
    "GroupState",
    "GroupsCleared",
    "HelloStatistics",
    "InterfaceState",
    "LoadSubscribers",
    "NotInStep",
    "OutOfSync",
    "Outcome",
    "ProfileState",
    "Refused",
    "RequestFailed",
    "ResetStatistics",
    "RoleChanged",
    "RoleSwitched",
    "ServiceOnWire",
    "ServiceState",
    "StatePiece",
    "StateSelection",
    "StatisticsReset",
    "SubscribersCleared",
    "SubscribersLoaded",
    "Switchover",
    "Unavailable",
    "Welcome",
    "whole",
]

RETRY: Final = 0.02
"""Seconds between attempts to connect: a restarted dataplane must not wait for us."""
ANSWER_TIMEOUT: Final = 10.0
ACTION_TIMEOUT: Final = 60.0
"""Seconds for an action: clearing 100,000 memberships, beside the traffic, takes several."""
GREETING_TIMEOUT: Final = 5.0

_log = logging.getLogger("twincast.dataplane.control.client")


class RequestFailed(Exception):
    """The dataplane answered that it could not do it."""


class ControlClient:
    """A reconnecting client; every public method may be called from any thread."""

    def __init__(self, path: Path, on_event: Callable[[Event, int], None] | None = None) -> None:
        """`on_event(event, suppressed)` runs on the thread that reads and must not call this client."""
        self._path = path
        self._on_event = on_event
        self._changed = threading.Condition()
        self._link: Link | None = None
        self._welcome: Welcome | None = None
        self._socket: socket.socket | None = None
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
            if self._socket is not None:
                _shut(self._socket)
            self._changed.notify_all()
        if self._thread.ident is not None:
            self._thread.join(timeout=5.0)

    @property
    def epoch(self) -> int:
        """Number of the present connection, 0 when there is none."""
        link = self._link
        return 0 if link is None else link.epoch

    def wait_connected(self, after: int = 0, timeout: float | None = None) -> tuple[int, Welcome] | None:
        """Wait for a connection with an epoch above `after`; None after `timeout` or close."""
        with self._changed:
            self._changed.wait_for(lambda: self._closing.is_set() or self.epoch > after, timeout)
            if self._closing.is_set() or self.epoch <= after or self._welcome is None:
                return None
            return self.epoch, self._welcome

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

    def state(
        self, selection: StateSelection, timeout: float = ANSWER_TIMEOUT
    ) -> Generator[StatePiece, None, None]:
        """Yield the pieces of the state as they arrive; raises Unavailable, RequestFailed.

        `timeout` is for each piece. Pieces are built as fast as they are taken; close what is not taken to
        its end.
        """
        link, number = self._next()
        taken, last = 0, False
        with closing(link.ask_for_many(State(number, selection), timeout)) as answers:
            try:
                for answer in answers:
                    if not isinstance(answer, Piece):
                        last = True
                        raise _unexpected(answer)
                    last = answer.last
                    yield answer.state
                    if last:
                        return
                    taken += 1
                    if taken % (WINDOW // 2) == 0:
                        link.tell(More(number, WINDOW // 2))
            finally:
                if not last:
                    link.lose_interest(More(number, 0))

    def act(self, action: Action, timeout: float = ACTION_TIMEOUT) -> Outcome:
        """Have an action carried out; raises Unavailable, RequestFailed."""
        answer = self._ask(lambda number: Act(number, action), timeout)
        if isinstance(answer, Acted):
            return answer.outcome
        raise _unexpected(answer)

    def _done(self, make: Callable[[int], Request], timeout: float = ANSWER_TIMEOUT) -> Generation:
        answer = self._ask(make, timeout)
        if isinstance(answer, Done):
            return answer.generation
        raise _unexpected(answer)

    def _ask(self, make: Callable[[int], Request], timeout: float = ANSWER_TIMEOUT) -> Answer:
        link, number = self._next()
        try:
            answer = link.ask(make(number), timeout)
        except ControlError as error:
            raise RequestFailed(str(error)) from error
        if isinstance(answer, Failed):
            raise RequestFailed(answer.message)
        return answer

    def _next(self) -> tuple[Link, int]:
        """Return the connection and the number of a request on it."""
        with self._changed:
            if self._link is None:
                raise Unavailable("the dataplane is away")
            self._last_id += 1
            return self._link, self._last_id

    def _run(self) -> None:
        while not self._closing.is_set():
            link = self._connect()
            if link is None:
                self._closing.wait(RETRY)
                continue
            try:
                link.watch()
            except (OSError, ControlError) as error:
                if not self._closing.is_set():
                    _log.warning("dataplane-connection-failed", extra={"reason": str(error)})
            finally:
                self._drop(link)

    def _connect(self) -> Link | None:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        with self._changed:
            self._socket = sock  # close() ends it in whatever it is waiting for
        try:
            sock.settimeout(GREETING_TIMEOUT)
            _connect_path(sock, self._path)
            sock.settimeout(None)
        except OSError:
            sock.close()
            return None
        link = Link(sock, self._epoch + 1, self._announce)
        if self._greeted(link):
            return link
        link.close()
        return None

    def _greeted(self, link: Link) -> bool:
        """Wait for the welcome and let everybody use the connection; False when it is not to be used."""
        if self._closing.is_set():  # close() cannot end a socket that is not connected yet
            return False
        try:
            welcome = _welcome(link.welcome(time.monotonic() + GREETING_TIMEOUT))
            if self._on_event is not None:
                link.ask(Listen(0), GREETING_TIMEOUT)
        except (OSError, Unavailable):
            return False
        except ControlError as error:
            _log.error("dataplane-refused", extra={"reason": str(error)})
            return False
        with self._changed:
            self._epoch = link.epoch
            self._link, self._welcome = link, welcome
            self._changed.notify_all()
        _log.info("dataplane-connected", extra={"instance": welcome.generation.instance})
        return True

    def _drop(self, link: Link) -> None:
        with self._changed:
            self._link = self._welcome = self._socket = None
            self._changed.notify_all()
        link.close()

    def _announce(self, announced: Announced) -> None:
        if self._on_event is None:
            return
        try:
            self._on_event(announced.event, announced.suppressed)
        except Exception:  # noqa: BLE001 - a fault of a subscriber must not end the connection
            _log.exception("event-handler-failed")


def _unexpected(answer: Answer) -> RequestFailed:
    if isinstance(answer, Failed):
        return RequestFailed(answer.message)
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


def _shut(sock: socket.socket) -> None:
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        return

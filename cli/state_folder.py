"""The state folder: who uses it, the sockets in it, and the pid files.

Owns the names in the folder that belong to the supervisor.
"""

import fcntl
import os
import socket
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path

NETCONF_SOCKET = "netconf.sock"
"""Where programs on this machine reach the server, unless they are told another place."""
CONTROL_SOCKET = "control.sock"
"""Where the dataplane is told what to do."""
SUBSCRIBERS_FOLDER = "subscribers"
"""Where in the state folder the lists of subscribers are."""
KEYS_FOLDER = "keys"
"""Where in the state folder the keys of the channels are."""


SYSTEM_FOLDER = Path("/var/lib/twincast")
SYSTEM_SOCKET = Path("/run/twincast/netconf.sock")
"""Where the services of the system are, as their units in packaging/systemd have it."""


class StateFolderError(Exception):
    """The folder cannot be used; the text says why."""


def state_dir(asked_for: str | None) -> Path:
    """Return the folder that was asked for, or the one of the XDG base directory specification."""
    if asked_for:
        return Path(asked_for).absolute()
    base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(base) / "twincast"


def router_of(folder: str | None, socket_path: str | None) -> tuple[Path, Path]:
    """Return state folder and NETCONF socket of the router that a command is about.

    It is the one that was asked for, else the user's own if there is one, else that of the system: its
    services, or a router that was started by hand in their folder.
    """
    own = state_dir(folder)
    if socket_path:
        return own, Path(socket_path)
    places = [(own, own / NETCONF_SOCKET)]
    if folder is None or own == SYSTEM_FOLDER:
        places += [(SYSTEM_FOLDER, SYSTEM_SOCKET), (SYSTEM_FOLDER, SYSTEM_FOLDER / NETCONF_SOCKET)]
    return next((place for place in places if _answers(place[1])), places[0])


def _answers(path: Path) -> bool:
    """Whether somebody listens; a socket may be left from a server that was killed."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as trying:
        try:
            trying.connect(str(path))
        except OSError:
            return False
    return True


class Part(StrEnum):
    """What a supervisor looks after: the server with its validator, the dataplane, or both."""

    SERVER = "server"
    DATAPLANE = "dataplane"


_LOCKS = {Part.SERVER: "supervisor.lock", Part.DATAPLANE: "supervisor-dataplane.lock"}


class StateFolder:
    """The folder at `path`, made with mode 0700 when it is missing.

    Each part of it is held by one supervisor at a time.
    """

    def __init__(self, path: Path, parts: Iterable[Part] = Part) -> None:
        self.path = path
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._locks = [self._lock(_LOCKS[part]) for part in parts]
        except BlockingIOError as error:
            raise StateFolderError(f"state folder {path} is in use by another twincast run") from error
        except OSError as error:
            raise StateFolderError(f"state folder {path}: {error.strerror}") from error

    def _lock(self, name: str) -> int:
        descriptor = os.open(self.path / name, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return descriptor

    def listen(self, name: str) -> socket.socket:
        """Return a listening stream socket at `name` in the folder, for its owner only."""
        return listen_unix(self.path / name, 0o600)

    def write_pid(self, name: str, pid: int) -> None:
        """Write `name`.pid in one step, so that a reader never sees half a number."""
        temporary = self.path / f".{name}.pid"
        temporary.write_text(f"{pid}\n")
        temporary.replace(self.path / f"{name}.pid")

    def forget(self, *names: str) -> None:
        """Remove files that mean nothing once the supervisor has ended."""
        for name in names:
            (self.path / name).unlink(missing_ok=True)


def listen_unix(path: Path, mode: int) -> socket.socket:
    """Return a stream socket that listens at `path`, in place of what was left there. Raises OSError.

    Bound by way of the folder's descriptor, because sun_path holds 108 bytes.
    """
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if path.is_socket():
            path.unlink()
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(f"/proc/self/fd/{folder}/{path.name}")
        path.chmod(mode)
        listener.listen(128)
    finally:
        os.close(folder)
    return listener

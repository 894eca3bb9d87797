"""A real server for tests: server and validator as processes of their own, NETCONF over SSH on a free port.

What stands behind the configuration is `StoredOnly`, which acts on nothing: the tests of the datastores and
operations need no dataplane. `tests.support.twincast` has the whole product instead.
Run as a module it is such a child: `python -m tests.support.server ROLE JSON`.
"""

import json
import logging
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ncclient import manager
from ncclient.transport import TransportError

from server.access.users import ADMIN_GROUP, UserStore
from server.app import ServerOptions, run
from server.protocol.errors import RpcError, RpcErrors, operation_failed
from server.provider import ActionHandler, Notice
from server.schema.model import Schema
from server.schema.sources import ModuleSources, default_sources
from server.schema.validator_child import run_child
from server.tree.diff import Change
from server.tree.filter import Selection
from server.tree.node import Container
from tests.support.netconf import make_empty

ROOT = Path(__file__).resolve().parents[2]
USER = "admin"
PASSWORD = "correct horse"
START_TIMEOUT = 60.0

REFUSED_VALUE = "refuse-me"
"""A leaf that gets this value is refused by `StoredOnly` in prepare."""
BROKEN_VALUE = "break-me"
"""One that gets this value makes it fail when the change is to be applied."""
LOST_VALUE = "lose-me"
"""One that gets this value makes it fail then, and when it is to be taken back."""


class StoredOnly:
    """A provider with nothing behind it: what modules without a dataplane have."""

    def check(self, root: Container) -> Sequence[RpcError]:
        """Find nothing wrong."""
        return ()

    def prepare(self, old: Container, new: Container, changes: Sequence[Change]) -> "StoredOnly":
        """Accept, except for leaves with the value that tests use for a refusal."""
        refused = [change for change in changes if getattr(change.new, "value", "") == REFUSED_VALUE]
        if refused:
            raise RpcErrors([_refusal(change) for change in refused])
        values = {getattr(change.new, "value", "") for change in changes}
        if values & {BROKEN_VALUE, LOST_VALUE}:
            return _Failing(lost=LOST_VALUE in values)
        return self

    def apply(self) -> None:
        """Do nothing."""

    def abort(self) -> None:
        """Do nothing."""

    def revert(self) -> None:
        """Do nothing."""

    def restore(self, running: Container) -> None:
        """Do nothing."""

    def state(self, selection: Selection) -> dict[str, object]:
        """Know no state."""
        return {}

    def actions(self) -> Mapping[str, ActionHandler]:
        """Carry out nothing."""
        return {}

    def listen(self, tell: Callable[[Notice], None]) -> None:
        """Tell nothing."""

    def close(self) -> None:
        """Do nothing."""


class _Failing(StoredOnly):
    """What cannot be applied and, when it is `lost`, not be taken back either."""

    def __init__(self, *, lost: bool) -> None:
        self._lost = lost

    def apply(self) -> None:
        """Fail."""
        raise RuntimeError("secret words of the provider")

    def revert(self) -> None:
        """Fail when it is lost."""
        if self._lost:
            raise RuntimeError("secret words of the provider")


def _refusal(change: Change) -> RpcError:
    return change.location.blame(operation_failed("refused for the test", app_tag="test-refusal"))


@dataclass
class ServerUnderTest:
    """The processes of one server and the sockets that outlive them; `port` is on 127.0.0.1."""

    state_dir: Path
    modules: Sequence[str] = ()
    netconf: Sequence[str] = ()
    options: dict[str, Any] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    users: Mapping[str, str] = field(default_factory=dict)
    processes: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)
    sources: str = ""
    log: Path = Path()
    _cleaner: Any = None
    _listener: socket.socket = field(default_factory=socket.socket)
    _validator: socket.socket = field(default_factory=lambda: socket.socket(socket.AF_UNIX))

    @property
    def port(self) -> int:
        """The port that NETCONF is served on."""
        return int(self._listener.getsockname()[1])

    def start(self) -> "ServerUnderTest":
        """Make the sockets and the user, start both processes and wait until the server is ready."""
        self.sources = default_sources(tuple(self.modules), (), tuple(self.netconf)).to_json()
        self.log = self.state_dir / "log"
        users = UserStore(self.state_dir / "users.json")
        users.add_password(USER, PASSWORD)
        users.add_group(USER, ADMIN_GROUP)
        for name, password in self.users.items():
            users.add_password(name, password)
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(64)
        _bind_unix(self._validator, self.state_dir / "validator.sock")
        self.start_validator()
        outcome = self.start_server(again=False)
        if outcome != "ready":
            raise AssertionError(f"{outcome}\n{self.log.read_text()[-4000:]}")
        return self

    def start_validator(self) -> None:
        """Start a validator on the socket that is there already."""
        self._spawn("validator", self._validator.fileno(), sources=self.sources)

    def start_server(self, *, again: bool = True) -> str:
        """Start a server and return the line it says when it is up or gives up."""
        reader, writer = os.pipe()
        self._spawn(
            "server",
            self._listener.fileno(),
            writer,
            sources=self.sources,
            state_dir=str(self.state_dir),
            again=again,
            **self.options,
        )
        os.close(writer)
        with os.fdopen(reader) as ready:
            return ready.readline().strip()

    def kill(self, name: str) -> None:
        """SIGKILL one of the processes and wait for its end."""
        process = self.processes.pop(name)
        process.kill()
        process.wait()

    def terminate(self, name: str) -> int:
        """SIGTERM one of the processes; return its exit status."""
        process = self.processes.pop(name)
        process.terminate()
        return process.wait(20)

    def stop(self) -> None:
        """End whatever runs."""
        if self._cleaner is not None:
            self._cleaner._session.close()
        for name in reversed(tuple(self.processes)):
            process = self.processes.pop(name)
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._listener.close()
        self._validator.close()
        (self.state_dir / "validator.sock").unlink(missing_ok=True)

    def empty(self) -> None:
        """Take everything out of candidate and running, over a session that is kept for this."""
        if self._cleaner is None or not self._cleaner.connected:
            self._cleaner = self._connected()
        make_empty(self._cleaner)

    def _connected(self, **options: Any) -> Any:
        return manager.connect(
            host="127.0.0.1",
            port=self.port,
            username=USER,
            password=PASSWORD,
            hostkey_verify=False,
            allow_agent=False,
            look_for_keys=False,
            timeout=60,
            **options,
        )

    @contextmanager
    def connect(self, **options: Any) -> Iterator[Any]:
        """Open a session with ncclient; at the end it is closed orderly if there is still a server."""
        session = self._connected(**options)
        try:
            yield session
        except BaseException:
            session._session.close()  # a close-session to a server that is gone is waited for in vain
            raise
        with suppress(TransportError, OSError):
            session.close_session()

    def _spawn(self, role: str, *descriptors: int, **options: object) -> None:
        arguments = json.dumps({"descriptors": descriptors, **options})
        with self.log.open("ab") as log:
            self.processes[role] = subprocess.Popen(
                [sys.executable, "-m", "tests.support.server", role, arguments],
                cwd=ROOT,
                pass_fds=descriptors,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **self.environment},
            )


@contextmanager
def running_server(state_dir: Path, modules: Sequence[str] = (), **options: Any) -> Iterator[ServerUnderTest]:
    """A server in `state_dir` for as long as the block lasts; `options` are those of `ServerUnderTest`."""
    server = ServerUnderTest(state_dir, modules, **options)
    try:
        yield server.start()
    finally:
        server.stop()


def _bind_unix(listener: socket.socket, path: Path) -> None:
    """Bind by way of a descriptor of the folder: a test's path may be longer than sun_path."""
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        listener.bind(f"/proc/self/fd/{folder}/{path.name}")
    finally:
        os.close(folder)
    listener.listen(16)


def _stored_only(_schema: Schema, _state_dir: Path) -> StoredOnly:
    return StoredOnly()


def _child(role: str, arguments: str) -> int:
    logging.basicConfig(level=logging.INFO, format="%(process)d %(name)s %(message)s")
    options = json.loads(arguments)
    descriptors = options["descriptors"]
    sources = ModuleSources.from_json(options["sources"])
    if role == "validator":
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        run_child(socket.socket(fileno=descriptors[0]), sources)
    state_dir = Path(options["state_dir"])
    server = ServerOptions(
        state_dir,
        descriptors[0],
        descriptors[1],
        sources,
        url_folder=Path(options["url_folder"]) if "url_folder" in options else None,
        url_https=options.get("url_https", False),
        again=options["again"],
    )
    return run(server, _stored_only)


if __name__ == "__main__":
    sys.exit(_child(sys.argv[1], sys.argv[2]))

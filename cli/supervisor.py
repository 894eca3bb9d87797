"""The supervisor: starts the children, restarts one that dies or hangs, ends them in order.

Owns processes and the descriptors that must outlive them: the NETCONF listener, the control and
validator listeners and the multicast routing sockets. As long as one process holds those sockets the
kernel keeps forwarding, so neither a crash nor an upgrade of the dataplane stops a stream.
"""

import contextlib
import logging
import os
import selectors
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from cli import children
from cli.children import (
    Arguments,
    ChildRole,
    DataplaneArguments,
    RoutingTable,
    ServerArguments,
    ValidatorArguments,
)
from cli.state_folder import (
    CONTROL_SOCKET,
    KEYS_FOLDER,
    NETCONF_SOCKET,
    SUBSCRIBERS_FOLDER,
    Part,
    StateFolder,
)
from cli.systemd import Manager
from dataplane.forwarding.table import RoutingSocket

LOGGER = logging.getLogger("twincast.cli.supervisor")

STOP_ORDER = (ChildRole.SERVER, ChildRole.DATAPLANE, ChildRole.VALIDATOR)
STOP_SECONDS = 1.4
"""How long one child may take to end; three of them stay under five seconds."""
EARLY_SECONDS = 1.0
RESTART_DELAY = 0.5
"""A child that died within EARLY_SECONDS of its start is started again after this, others at once."""
START_SECONDS = 60.0
BLAME_SECONDS = 5.0
BEATS = 4
"""Signs of life that a child gives within the time after which it counts as hanging."""
VALIDATOR_SOCKET = "validator.sock"
START_ORDER = (ChildRole.VALIDATOR, ChildRole.DATAPLANE, ChildRole.SERVER)
ROLES = {
    Part.SERVER: (ChildRole.VALIDATOR, ChildRole.SERVER),
    Part.DATAPLANE: (ChildRole.DATAPLANE,),
}
"""The children of each part."""
SOCKETS = {
    ChildRole.SERVER: NETCONF_SOCKET,
    ChildRole.DATAPLANE: CONTROL_SOCKET,
    ChildRole.VALIDATOR: VALIDATOR_SOCKET,
}
"""The name in the state folder where each child is reached."""


class StartError(Exception):
    """A child could not start; the text says why."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What the supervisor is to run.

    `listener` is for NETCONF over SSH, `local` for programs on this machine.
    `multicast_routing` is empty with the memory plane.

    `wires` is a folder of interfaces that need no privilege, empty for those of the kernel. `record` is a
    file for what the dataplane is told, empty for none. `url_folder` is where file URLs lead, empty for
    nowhere; `url_https` allows https URLs. `metrics` is a listener for scrapes, `web` one for the status
    page, None for none.

    `roles` are the children to start; without a server `listener` and `local` are None. `manager` is told how
    it goes; with a watchdog, a child that gives no sign of life for that long is killed and started again.
    """

    folder: StateFolder
    listener: socket.socket | None
    local: socket.socket | None
    sources: str
    multicast_routing: tuple[RoutingSocket, ...]
    log_level: str
    wires: str = ""
    record: str = ""
    url_folder: str = ""
    url_https: bool = False
    metrics: socket.socket | None = None
    web: socket.socket | None = None
    roles: tuple[ChildRole, ...] = START_ORDER
    manager: Manager = field(default_factory=Manager)

    @property
    def foremost(self) -> ChildRole:
        """The child that says when clients can be served."""
        return ChildRole.SERVER if ChildRole.SERVER in self.roles else ChildRole.DATAPLANE


@dataclass(slots=True)
class _Child:
    """A process; `heard` is the moment of its last sign of life, None before it was ready."""

    process: subprocess.Popen[bytes]
    started: float
    ready: int | None
    pid_descriptor: int
    told: bytes = b""
    heard: float | None = None


@dataclass(slots=True)
class Supervisor:
    """Runs until SIGTERM or SIGINT; `on_ready` is called once, when clients can be served."""

    plan: Plan
    on_ready: Callable[[], None]
    _children: dict[ChildRole, _Child] = field(default_factory=dict)
    _due: dict[ChildRole, float] = field(default_factory=dict)
    _selector: selectors.BaseSelector = field(default_factory=selectors.DefaultSelector)
    _listeners: dict[ChildRole, socket.socket] = field(default_factory=dict)
    _ping_due: float = 0.0
    _serving: bool = False
    _deadline: float = 0.0
    _failure: StartError | None = None
    _stopping: bool = False

    def run(self) -> None:
        """Start, watch and stop. Raises StartError when a child does not come up at first."""
        for role in set(self.plan.roles) - {ChildRole.SERVER}:
            self._listeners[role] = self.plan.folder.listen(SOCKETS[role])
        with _signals_as_bytes() as wakeup:
            self._selector.register(wakeup, selectors.EVENT_READ, self._signalled)
            try:
                for role in START_ORDER:
                    if role in self.plan.roles:
                        self._start(role)
                self._watch()
            finally:
                self.plan.manager.tell("STOPPING=1", "STATUS=Stopping")
                self._stop()

    def _watch(self) -> None:
        self._deadline = time.monotonic() + START_SECONDS
        while not self._stopping:
            for key, _ in self._selector.select(self._timeout()):
                key.data()
            now = time.monotonic()
            if not self._serving and now >= self._deadline:
                raise self._failure or StartError(f"not ready within {START_SECONDS:.0f} s")
            for role in [role for role, due in self._due.items() if due <= now]:
                del self._due[role]
                self._start(role)
            self._look_for_life(now)

    def _timeout(self) -> float | None:
        moments = list(self._due.values()) + ([] if self._serving else [self._deadline])
        if self.plan.manager.watchdog:
            moments.append(self._ping_due)
        return max(0.0, min(moments) - time.monotonic()) if moments else None

    def _look_for_life(self, now: float) -> None:
        """Tell the manager that we live, and kill a child that does not; its death is found as any other."""
        watchdog = self.plan.manager.watchdog
        if not watchdog or now < self._ping_due:
            return
        self._ping_due = now + watchdog / BEATS
        self.plan.manager.tell("WATCHDOG=1")
        for role, child in self._children.items():
            if child.heard is not None and now - child.heard > watchdog:
                LOGGER.error("child-hangs", extra={"child": role, "pid": child.process.pid})
                child.heard = None
                child.process.kill()

    def _signalled(self) -> None:
        self._stopping = True

    def _start(self, role: ChildRole) -> None:
        reader, writer = os.pipe()
        arguments, descriptors = self._arguments(role, writer)
        invocation = children.Invocation(os.getpid(), self.plan.log_level, arguments)
        process = subprocess.Popen(
            children.command(invocation), stdin=subprocess.DEVNULL, stdout=2, pass_fds=descriptors
        )
        os.close(writer)
        descriptor = os.pidfd_open(process.pid)
        self._children[role] = _Child(process, time.monotonic(), reader, descriptor)
        self._selector.register(reader, selectors.EVENT_READ, lambda: self._told(role))
        self._selector.register(descriptor, selectors.EVENT_READ, lambda: self._died(role))
        self.plan.folder.write_pid(role, process.pid)
        LOGGER.info("child-started", extra={"child": role, "pid": process.pid})
        self._tell_status()

    def _arguments(self, role: ChildRole, ready: int) -> tuple[Arguments, tuple[int, ...]]:
        """Return the options of a child and the descriptors that it inherits."""
        if role is ChildRole.SERVER:
            return self._server_arguments(ready)
        listener = self._listeners[role].fileno()
        if role is ChildRole.VALIDATOR:
            return ValidatorArguments(listener, self.plan.sources), (listener,)
        return self._dataplane_arguments(listener, ready)

    def _server_arguments(self, ready: int) -> tuple[ServerArguments, tuple[int, ...]]:
        plan = self.plan
        if plan.listener is None or plan.local is None:
            raise ValueError("a server needs its listeners")
        listener, local = plan.listener.fileno(), plan.local.fileno()
        metrics = None if plan.metrics is None else plan.metrics.fileno()
        web = None if plan.web is None else plan.web.fileno()
        arguments = ServerArguments(
            str(plan.folder.path),
            listener,
            local,
            ready,
            plan.sources,
            plan.url_folder,
            plan.url_https,
            again=self._serving,
            metrics_fd=metrics,
            web_fd=web,
            heartbeat=plan.manager.watchdog / BEATS,
        )
        more = tuple(each for each in (metrics, web) if each is not None)
        return arguments, (listener, local, ready, *more)

    def _dataplane_arguments(self, control: int, ready: int) -> tuple[DataplaneArguments, tuple[int, ...]]:
        plan, routing = self.plan, self.plan.multicast_routing
        tables = tuple(RoutingTable(each.version, each.table, each.socket.fileno()) for each in routing)
        arguments = DataplaneArguments(
            control,
            "kernel" if routing else "memory",
            tables,
            ready,
            "" if routing else plan.wires,
            str(plan.folder.path / KEYS_FOLDER),
            plan.record,
            str(plan.folder.path / SUBSCRIBERS_FOLDER),
            plan.manager.watchdog / BEATS,
        )
        return arguments, (control, *(each.descriptor for each in tables), ready)

    def _told(self, role: ChildRole) -> None:
        """Read what a child says about its start, `ready` or `failed: why`, and then its signs of life."""
        child = self._children[role]
        if child.ready is None:
            return
        chunk = os.read(child.ready, 4096)
        if child.heard is not None and chunk:
            child.heard = time.monotonic()
            return
        child.told = (child.told + chunk)[:4096]
        if chunk and b"\n" not in child.told:
            return
        if not (chunk and self.plan.manager.watchdog):
            self._selector.unregister(child.ready)
            os.close(child.ready)
            child.ready = None
        if child.told.startswith(b"failed: ") and not self._serving:
            raise StartError(child.told.decode(errors="replace").removeprefix("failed: ").strip())
        if chunk and child.told.startswith(b"ready"):
            self._became_ready(role, child)

    def _became_ready(self, role: ChildRole, child: _Child) -> None:
        child.heard = time.monotonic()
        if role is self.plan.foremost and not self._serving:
            self._serving = True
            self.plan.manager.tell("READY=1")
            self.on_ready()
        self._tell_status()

    def _tell_status(self) -> None:
        """Tell the manager which children there are; the validator never says that it is ready."""
        told = [
            f"{role} {'starting' if child.heard is None and role is not ChildRole.VALIDATOR else 'running'}"
            for role, child in self._children.items()
        ]
        away = [f"{role} ended, restarting" for role in self._due]
        self.plan.manager.tell(f"STATUS={', '.join(told + away)}")

    def _died(self, role: ChildRole) -> None:
        child = self._children[role]
        self._told_in_time(role)
        self._release(self._children.pop(role))
        status = child.process.wait()
        LOGGER.warning("child-died", extra={"child": role, "pid": child.process.pid, "status": status})
        if not self._serving and status != -signal.SIGKILL:
            self._blame(
                StartError(f"the {role} process ended with status {status} before it was ready"), role
            )
            return
        now = time.monotonic()
        self._due[role] = now if now - child.started >= EARLY_SECONDS else now + RESTART_DELAY
        self._tell_status()

    def _blame(self, failure: StartError, role: ChildRole) -> None:
        """Both engines read the YANG modules, and the server tells best what is wrong: let it speak first."""
        if role is self.plan.foremost or self._failure is not None:
            raise failure
        self._failure = failure
        self._deadline = time.monotonic() + BLAME_SECONDS

    def _told_in_time(self, role: ChildRole) -> None:
        """A child that failed wrote its reason before it died: read that first."""
        child = self._children[role]
        while child.ready is not None:  # the end of what it wrote closes it
            self._told(role)

    def _release(self, child: _Child) -> None:
        for descriptor in (child.ready, child.pid_descriptor):
            if descriptor is not None:
                self._selector.unregister(descriptor)
                os.close(descriptor)

    def _stop(self) -> None:
        """End the children in order: first the one that takes requests, last the one it asks."""
        for role in STOP_ORDER:
            child = self._children.pop(role, None)
            if child is None:
                continue
            child.process.terminate()
            try:
                status = child.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                child.process.kill()
                status = child.process.wait()
            self._release(child)
            LOGGER.info("child-stopped", extra={"child": role, "pid": child.process.pid, "status": status})
        for role in self.plan.roles:
            self.plan.folder.forget(SOCKETS[role], f"{role}.pid")


@contextlib.contextmanager
def _signals_as_bytes() -> Iterator[socket.socket]:
    """Turn SIGTERM and SIGINT into bytes on a socket, so that one place waits for everything."""
    reader, writer = socket.socketpair()
    writer.setblocking(False)
    before = signal.set_wakeup_fd(writer.fileno())
    handlers = {number: signal.signal(number, lambda *_: None) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield reader
    finally:
        signal.set_wakeup_fd(before)
        for number, handler in handlers.items():
            signal.signal(number, handler)
        reader.close()
        writer.close()

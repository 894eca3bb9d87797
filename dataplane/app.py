"""The dataplane process: builds the objects, serves until SIGTERM, stops them in order.

Owns the wiring only. What must outlive a crash of this process (the control listener, the multicast
routing socket) belongs to the supervisor and comes in as descriptors.
"""

import asyncio
import gc
import logging
import os
import random
import secrets
import signal
import socket
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from dataplane.actions import ActionRefused
from dataplane.control.service import ControlService
from dataplane.control.transactions import Transactions
from dataplane.engine import Engine
from dataplane.forwarding.memory import MemoryPlane
from dataplane.forwarding.plane import Plane, PlaneError
from dataplane.interfaces import Interfaces, KernelInterfaces
from dataplane.protection import refusals
from dataplane.recording.journal import Begin
from dataplane.recording.recorder import Recorder
from dataplane.replication.keys import KeyStore
from dataplane.shell import Shell
from dataplane.state import Event
from dataplane.subscriber_files import SubscriberFiles, parts

_log = logging.getLogger("twincast.dataplane.app")

RECORDING_LIMIT: Final = 256 << 20
"""Octets of a recording: an hour at 300 messages a second."""

STOP_TIMEOUT: Final = 1.0
"""Seconds for the goodbyes to the peers."""

COLLECTION: Final = (10_000, 5, 1_000_000)
"""Thresholds of Python's cyclic collector. A full collection visits every entry: 166 ms with 30,000 groups,
long enough for a peer to count the hellos as missing. Entries are not part of cycles and are freed without
it, so only the young generations are collected, which costs a few milliseconds at most."""


@dataclass(frozen=True, slots=True)
class DataplaneOptions:
    """What the supervisor tells the dataplane.

    `control_fd`: a listening AF_UNIX stream socket. `routing`: the multicast routing tables, each as IP
    version, number and the descriptor of a socket that the supervisor holds too; none with plane `memory`.
    `ready_fd`: where `ready` or
    `failed: reason` is written, one line, then closed; None for none. `wires`: a folder of interfaces that
    need no privilege (`dataplane.wires`), in place of those of the kernel. `keys`: the folder of the keys and
    certificates of the channels, which need not be there. `record`: a file for everything that the engine is
    told, "" for none. `subscribers`: the folder of the lists of subscribers, which need not be there.
    `heartbeat`: seconds between signs of life on `ready_fd`, which then stays open; 0 for none.
    """

    control_fd: int
    plane: Literal["kernel", "memory"]
    routing: tuple[tuple[int, int, int], ...] = ()
    ready_fd: int | None = None
    wires: str = ""
    keys: str = "keys"
    record: str = ""
    subscribers: str = ""
    heartbeat: float = 0.0


def run(options: DataplaneOptions) -> int:
    """Serve until SIGTERM; return the exit status: 0 after SIGTERM, 1 when it could not start."""
    try:
        plane, interfaces = _plane(options), _interfaces(options)
    except (PlaneError, OSError, ValueError) as error:
        _log.error("start-failed", extra={"reason": str(error)})
        _say(options, f"failed: {error}")
        return 1
    gc.freeze()
    gc.set_threshold(*COLLECTION)
    asyncio.run(_serve(options, plane, interfaces))
    return 0


async def _serve(options: DataplaneOptions, plane: Plane, interfaces: Interfaces) -> None:
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    begin = Begin(f"{secrets.randbits(128):x}", time.time() - time.monotonic())
    recorder = _recorder(options, begin)
    engine = Engine(random.Random(int(begin.seed, 16)), begin.wall_offset)  # noqa: S311 - makes no keys
    announcer = _Announcer()
    keys = KeyStore(Path(options.keys))
    shell = Shell(engine, plane, interfaces, announcer.announce, keys, recorder.put if recorder else None)
    transactions = Transactions(secrets.token_hex(8), plane.tables, lambda service: refusals(keys, service))
    service = announcer.service = ControlService(transactions, shell)
    shell.start()
    _load_subscribers(options, shell)
    await service.start(socket.socket(fileno=options.control_fd))
    _log.info("dataplane-ready", extra={"plane": shell.plane})
    beating = _say_ready(options)
    await stopping.wait()
    if beating is not None:
        beating.cancel()
    _log.info("dataplane-stopping")
    await service.stop()
    try:
        await asyncio.wait_for(shell.stop(), STOP_TIMEOUT)
    except TimeoutError:
        _log.warning("stop-timed-out")
    if recorder is not None:
        recorder.close()


def _load_subscribers(options: DataplaneOptions, shell: Shell) -> None:
    """Read the lists that were loaded before this start; one that cannot be read is as if there were none."""
    files = SubscriberFiles(Path(options.subscribers))
    for profile in files.profiles() if options.subscribers else ():
        try:
            patterns = files.read(profile)
        except (OSError, ValueError) as error:
            _log.error("subscriber-list-unreadable", extra={"profile": profile, "reason": str(error)})
            continue
        for outcome in (outcome for part in parts(profile, 0, patterns) for outcome in shell.act(part)):
            if isinstance(outcome, ActionRefused):
                _log.error("subscriber-list-refused", extra={"profile": profile, "reason": outcome.message})
                break
        else:
            _log.info("subscriber-list-loaded", extra={"profile": profile, "entries": len(patterns)})


def _recorder(options: DataplaneOptions, begin: Begin) -> Recorder | None:
    """A recording that cannot be made is no reason not to forward."""
    if not options.record:
        return None
    try:
        return Recorder(Path(options.record), begin, time.monotonic(), RECORDING_LIMIT)
    except OSError as error:
        _log.error("recording-failed", extra={"file": options.record, "reason": str(error)})
        return None


class _Announcer:
    """Lets the shell announce events through the service, which is made after it."""

    def __init__(self) -> None:
        self.service: ControlService | None = None

    def announce(self, event: Event) -> None:
        if self.service is not None:
            self.service.announce(event)


def _plane(options: DataplaneOptions) -> Plane:
    if options.plane == "memory":
        return MemoryPlane()
    from dataplane.forwarding.kernel import KernelPlane
    from dataplane.forwarding.table import RoutingSocket

    if not options.routing:
        raise ValueError("the kernel plane needs the multicast routing sockets")
    return KernelPlane(
        RoutingSocket(version, table, socket.socket(fileno=descriptor))
        for version, table, descriptor in options.routing
    )


def _interfaces(options: DataplaneOptions) -> Interfaces:
    if not options.wires:
        return KernelInterfaces()
    from dataplane.wires import WireInterfaces

    return WireInterfaces(Path(options.wires))


def _say_ready(options: DataplaneOptions) -> asyncio.Task[None] | None:
    if not options.heartbeat or options.ready_fd is None:
        _say(options, "ready")
        return None
    os.write(options.ready_fd, b"ready\n")
    return asyncio.create_task(_beat(options.ready_fd, options.heartbeat))


async def _beat(descriptor: int, period: float) -> None:
    """Give signs of life for as long as this loop turns."""
    while True:
        await asyncio.sleep(period)
        os.write(descriptor, b".")


def _say(options: DataplaneOptions, line: str) -> None:
    if options.ready_fd is not None:
        with open(options.ready_fd, "w", encoding="utf-8") as ready:  # noqa: PTH123 - a descriptor
            ready.write(f"{line}\n")

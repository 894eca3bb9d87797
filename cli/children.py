"""The entry of the three child processes: `python -m cli.children ROLE OPTIONS`.

Owns the form in which the supervisor's options cross to a child (JSON), and what a child gives up
before it begins.
"""

import logging
import resource
import socket
import sys
from enum import StrEnum
from pathlib import Path
from typing import Literal

import msgspec

from cli import logs, privileges

MAX_DESCRIPTORS = 65_536


class ChildRole(StrEnum):
    """The three children of the supervisor."""

    SERVER = "server"
    VALIDATOR = "validator"
    DATAPLANE = "dataplane"


class ServerArguments(msgspec.Struct, frozen=True, tag="server"):
    """Options of the server; `sources` is the JSON form of ModuleSources, `url_folder` empty for none.

    `again`: it replaces one that ended. `metrics_fd`: where metrics are scraped, `web_fd`: where the status
    page is asked for, None for nowhere.
    """

    state_dir: str
    listener_fd: int
    local_fd: int
    ready_fd: int
    sources: str
    url_folder: str = ""
    url_https: bool = False
    again: bool = False
    metrics_fd: int | None = None
    web_fd: int | None = None
    heartbeat: float = 0.0


class ValidatorArguments(msgspec.Struct, frozen=True, tag="validator"):
    """Options of the validator."""

    listener_fd: int
    sources: str


class RoutingTable(msgspec.Struct, frozen=True):
    """One multicast routing table of the kernel: the descriptor holds it."""

    version: int
    table: int
    descriptor: int


class DataplaneArguments(msgspec.Struct, frozen=True, tag="dataplane"):
    """Options of the dataplane."""

    control_fd: int
    plane: Literal["kernel", "memory"]
    routing: tuple[RoutingTable, ...]
    ready_fd: int
    wires: str
    keys: str
    record: str = ""
    subscribers: str = ""
    heartbeat: float = 0.0


Arguments = ServerArguments | ValidatorArguments | DataplaneArguments


class Invocation(msgspec.Struct, frozen=True):
    """What a child is told: who started it, how much to log, and its own options."""

    parent: int
    log_level: str
    arguments: Arguments


def command(invocation: Invocation) -> list[str]:
    """Return the command line that starts a child; `-P` keeps the working folder off its import path."""
    return [sys.executable, "-P", "-m", "cli.children", msgspec.json.encode(invocation).decode()]


def main(text: str) -> int:
    """Run one child to its end and return its exit status."""
    invocation = msgspec.json.decode(text, type=Invocation)
    privileges.die_with(invocation.parent)
    logs.configure(invocation.log_level)
    try:
        return _run(invocation.arguments)
    except Exception:
        logging.getLogger("twincast.cli.children").exception("child-failed")
        return 1


def _run(arguments: Arguments) -> int:
    if isinstance(arguments, DataplaneArguments):
        return _dataplane(arguments)
    privileges.keep_only()
    if isinstance(arguments, ServerArguments):
        return _server(arguments)
    return _validator(arguments)


def _server(arguments: ServerArguments) -> int:
    from server.app import ServerOptions, run
    from server.schema.sources import ModuleSources

    _allow_many_descriptors()
    sources = ModuleSources.from_json(arguments.sources)
    return run(
        ServerOptions(
            Path(arguments.state_dir),
            arguments.listener_fd,
            arguments.ready_fd,
            sources,
            arguments.local_fd,
            Path(arguments.url_folder) if arguments.url_folder else None,
            arguments.url_https,
            arguments.again,
            arguments.metrics_fd,
            arguments.web_fd,
            arguments.heartbeat,
        )
    )


def _allow_many_descriptors() -> None:
    """A session is a descriptor; the usual soft limit of 1,024 would end with the thousandth."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, MAX_DESCRIPTORS), hard))


def _validator(arguments: ValidatorArguments) -> int:
    from server.schema.sources import ModuleSources
    from server.schema.validator_child import run_child

    listener = socket.socket(fileno=arguments.listener_fd)
    run_child(listener, ModuleSources.from_json(arguments.sources))


def _dataplane(arguments: DataplaneArguments) -> int:
    from dataplane.app import DataplaneOptions, run

    privileges.keep_only(privileges.Capability.NET_ADMIN, privileges.Capability.NET_RAW)
    routing = tuple((each.version, each.table, each.descriptor) for each in arguments.routing)
    return run(
        DataplaneOptions(
            arguments.control_fd,
            arguments.plane,
            routing,
            arguments.ready_fd,
            arguments.wires,
            arguments.keys,
            arguments.record,
            arguments.subscribers,
            arguments.heartbeat,
        )
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))

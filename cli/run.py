"""`twincast run`: reads the options, opens what outlives the children, and supervises them.

Standard output carries one line only, `NETCONF ready on ADDR:PORT`; everything else is an event on standard
error. With `--only` it is one of two services: the server, or the dataplane.
"""

import logging
import os
import secrets
import socket
import sys
from argparse import Namespace
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from pathlib import Path
from typing import Final, TypeAlias

from cli import logs
from cli.state_folder import NETCONF_SOCKET, Part, StateFolder, StateFolderError, listen_unix, state_dir
from cli.supervisor import ROLES, Plan, StartError, Supervisor
from cli.systemd import UNNAMED, Manager, inherited
from dataplane.forwarding.table import RoutingSocket

LOGGER = logging.getLogger("twincast.cli.run")

DEFAULT_USER = "admin"
MAX_CREDENTIALS = 1024 * 1024
"""Bytes of a password or authorized_keys file."""
HELD_SECONDS: Final = 3.0
"""How long a multicast routing table may be held by a dataplane whose supervisor was killed."""
NETCONF: Final = "netconf"
"""The name under which the listener is handed over."""
ROUTING: Final = "mroute"
"""The first word of the name of a routing socket that was kept: `mroute-VERSION-TABLE`."""

HandedOver: TypeAlias = Mapping[str, tuple[int, ...]]
"""Descriptors by name, as `cli.systemd.inherited` returns them."""


class UsageError(Exception):
    """An option cannot be used as given; exit status 2."""


def run(options: Namespace) -> int:
    """Serve until SIGTERM. Returns 0 then, 1 when it could not start, 2 for options that cannot be used."""
    logs.configure(options.log_level)
    try:
        _serve(options)
    except UsageError as error:
        print(f"twincast run: {error}", file=sys.stderr)
        return 2
    except (StartError, StateFolderError, OSError) as error:
        print(f"twincast run: {error}", file=sys.stderr)
        return 1
    return 0


def _serve(options: Namespace) -> None:
    parts = (Part(options.only),) if options.only else tuple(Part)
    if options.wires and options.plane != "memory":
        raise UsageError("--wires goes with --plane memory")
    manager, handed_over = Manager.from_environment(), inherited()
    os.umask(0o077)
    folder = StateFolder(state_dir(options.state_dir), parts)
    served = _served(options, folder, handed_over) if Part.SERVER in parts else None
    routing = _routing(options, manager, handed_over) if Part.DATAPLANE in parts else ()
    plan = Plan(
        folder,
        served.listener if served else None,
        served.local if served else None,
        served.sources if served else "",
        routing,
        options.log_level,
        options.wires,
        str(Path(options.record).absolute()) if options.record else "",
        _url_folder(options),
        options.url_https,
        served.metrics if served else None,
        served.web if served else None,
        tuple(role for part in parts for role in ROLES[part]),
        manager,
    )
    try:
        Supervisor(plan, lambda: _say_ready(plan)).run()
    finally:
        if routing and not manager.address:
            _give_back(routing)


@dataclass(frozen=True, slots=True)
class _Served:
    """What the server needs: its listeners, and the modules."""

    listener: socket.socket
    local: socket.socket
    metrics: socket.socket | None
    web: socket.socket | None
    sources: str


def _served(options: Namespace, folder: StateFolder, handed_over: HandedOver) -> _Served:
    address = parse_listen(options.listen)
    sources = _sources(options)
    _credentials(options, folder.path)
    listener = inherited_listener(handed_over) or _listen(address)
    metrics, web = _metrics_listener(options), _web_listener(options)
    return _Served(listener, _local_listener(options, folder), metrics, web, sources)


def _routing(options: Namespace, manager: Manager, handed_over: HandedOver) -> tuple[RoutingSocket, ...]:
    """Return the routing sockets that the service manager kept for us, or new ones, which it is to keep.

    As long as somebody holds them the kernel forwards, so a restart of this service stops no stream.
    """
    kept = tuple(
        RoutingSocket(int(version), int(table), socket.socket(fileno=descriptor))
        for name, descriptors in sorted(handed_over.items())
        if name.startswith(f"{ROUTING}-")
        for _, version, table in [name.split("-")]
        for descriptor in descriptors[:1]
    )
    if kept and options.plane != "memory":
        LOGGER.info("plane-kernel", extra={"tables": len(kept), "kept": True})
        return kept
    for each in kept:
        each.socket.close()
    opened = _multicast_routing(options.plane)
    for each in opened:
        manager.keep(f"{ROUTING}-{each.version}-{each.table}", each.socket.fileno())
    return opened


def parse_listen(text: str, option: str = "--listen") -> tuple[str, int]:
    """Return host and port of `ADDR:PORT` or `[ADDR]:PORT`; raises UsageError."""
    host, _, port = text.rpartition(":")
    try:
        address = ip_address(host.removeprefix("[").removesuffix("]"))
        number = int(port)
    except ValueError as error:
        raise UsageError(f"{option} {text}: expected ADDR:PORT, such as 127.0.0.1:8300") from error
    if isinstance(address, IPv6Address) != host.startswith("[") or not 0 <= number <= 65535:
        raise UsageError(f"{option} {text}: expected ADDR:PORT, such as 127.0.0.1:8300 or [::1]:8300")
    return str(address), number


def _listen(address: tuple[str, int]) -> socket.socket:
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    try:
        return socket.create_server(address, family=family, backlog=256)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else error
        raise StartError(f"cannot listen on {address[0]}:{address[1]}: {reason}") from error


def inherited_listener(handed_over: HandedOver) -> socket.socket | None:
    """Return the socket for NETCONF over SSH that systemd, or the lab, opened for this process."""
    found = [each for name in (NETCONF, UNNAMED) for each in handed_over.get(name, ())]
    if not found:
        return None
    if len(found) > 1:
        raise StartError(f"{len(found)} sockets were handed over for NETCONF; expected one")
    listener = socket.socket(fileno=found[0])
    if not listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        raise StartError("the inherited descriptor is not a listening socket")
    return listener


def _metrics_listener(options: Namespace) -> socket.socket | None:
    return _http_listener(options.metrics, "--metrics")


def _web_listener(options: Namespace) -> socket.socket | None:
    listener = _http_listener(options.web, "--web")
    if listener is not None and not ip_address(listener.getsockname()[0]).is_loopback:
        reason = "whoever reaches the address sees the status page"
        LOGGER.warning("web-not-loopback", extra={"reason": reason})
    return listener


def _http_listener(given: str, option: str) -> socket.socket | None:
    """Return the socket of an option with `[ADDR:]PORT`, on loopback without ADDR; None without it."""
    if not given:
        return None
    return _listen(parse_listen(given if ":" in given else f"127.0.0.1:{given}", option))


def _local_listener(options: Namespace, folder: StateFolder) -> socket.socket:
    """Return the socket for programs on this machine: in the state folder, or where sshd's users reach it."""
    if not options.netconf_socket:
        return folder.listen(NETCONF_SOCKET)
    path = Path(options.netconf_socket)
    try:
        return listen_unix(path, options.netconf_socket_mode)
    except OSError as error:
        raise StartError(f"--netconf-socket {path}: {error.strerror}") from error


def _say_ready(plan: Plan) -> None:
    if plan.listener is None:
        print("dataplane ready", flush=True)
        return
    host, port = plan.listener.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    print(f"NETCONF ready on {shown}:{port}", flush=True)


def _url_folder(options: Namespace) -> str:
    """Return the folder of file URLs, absolute; raises UsageError when there is none."""
    if not options.url_dir:
        return ""
    folder = Path(options.url_dir).absolute()
    if not folder.is_dir():
        raise UsageError(f"--url-dir {options.url_dir}: no such folder")
    return str(folder)


def _netconf_features(options: Namespace) -> tuple[str, ...]:
    """Return the optional features of ietf-netconf that were chosen."""
    chosen = {
        "writable-running": options.writable_running,
        "startup": options.startup,
        "url": bool(options.url_dir or options.url_https),
    }
    return tuple(name for name, wanted in chosen.items() if wanted)


def _sources(options: Namespace) -> str:
    from server.schema.sources import SchemaError, default_sources

    try:
        paths = tuple(map(Path, options.yang_path))
        return default_sources(tuple(options.module), paths, _netconf_features(options)).to_json()
    except SchemaError as error:
        raise StartError(str(error)) from error


def _credentials(options: Namespace, folder: Path) -> None:
    """Store the credentials that were given; make a user when there is none."""
    from server.access.users import ADMIN_GROUP, CredentialsError, UserStore

    store = UserStore(folder / "users.json")
    user = options.user or DEFAULT_USER
    if options.user and not (options.authorized_keys or options.password_file or user in store.names):
        raise UsageError(f"--user {user}: give its --authorized-keys or --password-file")
    try:
        if options.authorized_keys:
            store.add_keys(user, _read(options.authorized_keys))
        if options.password_file:
            store.add_password(user, _one_line(options.password_file))
        if options.user or options.authorized_keys or options.password_file:
            store.add_group(user, ADMIN_GROUP)
        if not store.names and not options.no_first_user:
            password = secrets.token_urlsafe(12)
            store.add_password(user, password)
            store.add_group(user, ADMIN_GROUP)
            print(f"twincast run: made user {user} with password {password}", file=sys.stderr, flush=True)
    except CredentialsError as error:
        raise StartError(str(error)) from error


def _read(name: str) -> str:
    """Return the text of a credentials file; raises StartError naming it."""
    try:
        with Path(name).open("rb") as file:
            content = file.read(MAX_CREDENTIALS + 1)
        if len(content) > MAX_CREDENTIALS:
            raise StartError(f"{name}: larger than {MAX_CREDENTIALS} bytes")
        return content.decode()
    except OSError as error:
        raise StartError(f"{name}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise StartError(f"{name}: not UTF-8 text") from error


def _one_line(name: str) -> str:
    """Return the password in a file of one line; the line's end does not belong to it."""
    line, _, rest = _read(name).partition("\n")
    if rest:
        raise StartError(f"{name}: expected one line with the password")
    return line.removesuffix("\r")


def _multicast_routing(plane: str) -> tuple[RoutingSocket, ...]:
    """Return the holders of the kernel's multicast routing tables, none for the memory plane."""
    if plane == "memory":
        return ()
    from dataplane.forwarding.plane import PlaneError
    from dataplane.forwarding.table import open_multicast_routing_sockets

    try:
        routing, missing = open_multicast_routing_sockets(HELD_SECONDS)
    except PlaneError as error:
        if plane == "kernel":
            raise StartError(f"multicast routing is not to be had: {error}") from error
        LOGGER.warning("plane-memory", extra={"reason": f"{error}; nothing is forwarded"})
        return ()
    for reason in missing:
        LOGGER.warning("plane-table-missing", extra={"reason": reason})
    LOGGER.info("plane-kernel", extra={"tables": len(routing)})
    return routing


def _give_back(routing: tuple[RoutingSocket, ...]) -> None:
    """After an orderly end nothing forwards any more, so nothing of ours stays in the kernel."""
    from dataplane.forwarding.kernel import remove_devices

    for each in routing:
        each.socket.close()
    remove_devices()

"""`twincast run`: reads the options, opens what outlives the children, and supervises them.

Standard output carries one line only, `NETCONF ready on ADDR:PORT`; everything else is an event on
standard error.
"""

import logging
import os
import secrets
import socket
import sys
from argparse import Namespace
from ipaddress import IPv6Address, ip_address
from pathlib import Path

from cli import logs
from cli.state_folder import NETCONF_SOCKET, StateFolder, StateFolderError, listen_unix, state_dir
from cli.supervisor import Plan, StartError, Supervisor
from dataplane.forwarding.table import RoutingSocket

LOGGER = logging.getLogger("twincast.cli.run")

DEFAULT_USER = "admin"
MAX_CREDENTIALS = 1024 * 1024
"""Bytes of a password or authorized_keys file."""
_FIRST_INHERITED = 3
"""The first descriptor that socket activation hands over (sd_listen_fds(3))."""


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
    address = parse_listen(options.listen)
    if options.wires and options.plane != "memory":
        raise UsageError("--wires goes with --plane memory")
    sources = _sources(options)
    os.umask(0o077)
    folder = StateFolder(state_dir(options.state_dir))
    _credentials(options, folder.path)
    listener = inherited_listener() or _listen(address)
    routing = _multicast_routing(options.plane)
    local = _local_listener(options, folder)
    record = str(Path(options.record).absolute()) if options.record else ""
    plan = Plan(
        folder,
        listener,
        local,
        sources,
        routing,
        options.log_level,
        options.wires,
        record,
        _url_folder(options),
        options.url_https,
        _metrics_listener(options),
        web=_web_listener(options),
    )
    try:
        Supervisor(plan, lambda: _say_ready(listener)).run()
    finally:
        if routing:
            _give_back(routing)


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
        raise StartError(f"cannot listen on {address[0]}:{address[1]}: {error.strerror}") from error


def inherited_listener() -> socket.socket | None:
    """Return the socket that systemd, or the lab, opened for this process (sd_listen_fds(3))."""
    if os.environ.get("LISTEN_PID") != str(os.getpid()) or os.environ.get("LISTEN_FDS") != "1":
        return None
    listener = socket.socket(fileno=_FIRST_INHERITED)
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


def _say_ready(listener: socket.socket) -> None:
    host, port = listener.getsockname()[:2]
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
        if not store.names:
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
        routing, missing = open_multicast_routing_sockets()
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

"""Network namespaces without privileges and without the `ip` command, for the lab and the kernel tests.

A process enters a user namespace of its own once; after that it may make network namespaces, wire them
together and start programs in them. Nothing is bound to a file: a namespace lives as long as its `Namespace`
object or a process inside it does. Linux only.
"""

import ctypes
import os
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import IO, Any, ParamSpec, Self, TypeVar

from pyroute2 import IPRoute
from pyroute2.netlink.exceptions import NetlinkError

P = ParamSpec("P")
T = TypeVar("T")

CLONE_NEWUSER = 0x10000000  # sched.h
CLONE_NEWNET = 0x40000000

# The kernel's bridge attributes abbreviate this word.
_ABBREVIATED = ("_interval", "_intvl")


class NamespaceError(Exception):
    """The kernel refused; the message says what and why."""


@lru_cache(maxsize=1)
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _system_call(name: str, *arguments: int) -> None:
    if getattr(_libc(), name)(*arguments) != 0:
        raise NamespaceError(f"{name}: {os.strerror(ctypes.get_errno())}")


def user_namespaces_problem() -> str | None:
    """Try, in a child process, what `enter_user_namespace` needs; say why it does not work, or None."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        _answer_and_exit(writer)
    os.close(writer)
    with os.fdopen(reader, encoding="utf-8") as answer:
        problem = answer.read()
    os.waitpid(child, 0)
    return problem or None


def _answer_and_exit(writer: int) -> None:
    try:
        enter_user_namespace()
    except (NamespaceError, OSError) as error:
        os.write(writer, str(error).encode())
    finally:
        os._exit(0)


def enter_user_namespace() -> None:
    """Move this process into a new user namespace where it is root, and into a new, empty network namespace.

    The process must have one thread only. Files keep their owners; sockets opened before stay where they are.
    Raises NamespaceError.
    """
    user, group = os.geteuid(), os.getegid()
    _system_call("unshare", CLONE_NEWUSER | CLONE_NEWNET)
    try:
        # setgroups must be denied before an unprivileged process may write gid_map (user_namespaces(7)).
        Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
        Path("/proc/self/uid_map").write_text(f"0 {user} 1", encoding="ascii")
        Path("/proc/self/gid_map").write_text(f"0 {group} 1", encoding="ascii")
    except OSError as error:
        raise NamespaceError(f"user namespace: {error}") from error


class Namespace:
    """One network namespace: a thread that lives in it does the work, so callers may be anywhere.

    A new one is empty but for `lo`, which is brought up; with `new=False` it is the caller's own namespace.
    Use it as a context manager or call `close`.
    """

    def __init__(self, name: str, *, new: bool = True) -> None:
        self.name = name
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"netns-{name}")
        try:
            self._thread, self._descriptor, self._route = self._worker.submit(_settle, new).result()
            self.up("lo")
        except BaseException:
            self._worker.shutdown()
            raise

    def fileno(self) -> int:
        """The descriptor that stands for the namespace, for setns(2) and for moving links."""
        return self._descriptor

    def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call `function` inside the namespace and return its result; sockets it opens belong there for good.

        Calls run one after another: start what takes long with `popen`.
        """
        if threading.get_ident() == self._thread:
            return function(*args, **kwargs)
        return self._worker.submit(function, *args, **kwargs).result()

    def popen(
        self,
        arguments: Sequence[str],
        *,
        stdin: int | None = None,
        stdout: int | IO[bytes] | None = None,
        stderr: int | IO[bytes] | None = None,
        env: Mapping[str, str] | None = None,
        pass_fds: Sequence[int] = (),
        start_new_session: bool = False,
    ) -> subprocess.Popen[bytes]:
        """Start a program inside the namespace; the options are subprocess.Popen's."""
        return self.run(
            lambda: subprocess.Popen(
                list(arguments),
                stdin=stdin,
                stdout=stdout,
                stderr=stderr,
                env=env,
                pass_fds=pass_fds,
                start_new_session=start_new_session,
            )
        )

    def enter(self) -> None:
        """Move the calling thread into the namespace for good; for a child process that lives there."""
        _system_call("setns", self._descriptor, CLONE_NEWNET)

    def sysctl(self, name: str, value: int | str) -> None:
        """Write a per-namespace setting, named by its path: `net/ipv4/igmp_max_memberships`.

        Raises NamespaceError when the kernel has no such setting or refuses the value.
        """
        try:
            self.run(Path("/proc/sys", name).write_text, str(value), encoding="ascii")
        except OSError as error:
            raise NamespaceError(f"{self.name}: {name}={value}: {error.strerror}") from error

    def bridge(self, name: str, **options: int) -> None:
        """Make a bridge, up; options as `bridge_options` takes them."""
        self.device(name, "bridge", **_bridge_attributes(options))

    def bridge_options(self, name: str, **options: int) -> None:
        """Change a bridge: mcast_snooping=1, mcast_querier=1, mcast_query_response_interval=10, ..."""
        index = self.index(name)
        self._netlink("link", "set", index=index, kind="bridge", **_bridge_attributes(options))

    def bridge_port(self, interface: str, bridge: str, **options: int) -> None:
        """Put an interface into a bridge, or change its port: mcast_flood=0, isolated=1, learning=0, ..."""
        index = self.index(interface)
        self._netlink("link", "set", index=index, master=self.index(bridge))
        if options:
            self._netlink("brport", "set", index=index, **options)

    def device(self, name: str, kind: str, **options: object) -> None:
        """Make a device of another kind (ifb, dummy, vlan, macvlan), up; options as pyroute2 names them."""
        self._netlink("link", "add", ifname=name, kind=kind, **options)
        self.up(name)

    def address(self, interface: str, address: str) -> None:
        """Add an IPv4 address with prefix length: "10.0.0.1/24"."""
        host, _, length = address.partition("/")
        self._netlink("addr", "add", index=self.index(interface), address=host, prefixlen=int(length))

    def remove_address(self, interface: str, address: str) -> None:
        """Take an IPv4 address with prefix length away again."""
        host, _, length = address.partition("/")
        self._netlink("addr", "del", index=self.index(interface), address=host, prefixlen=int(length))

    def route(self, destination: str, *, gateway: str | None = None, interface: str | None = None) -> None:
        """Add an IPv4 route: "0.0.0.0/0" by gateway, or "224.0.0.0/4" by interface."""
        options: dict[str, object] = {"dst": destination}
        if gateway is not None:
            options["gateway"] = gateway
        if interface is not None:
            options["oif"] = self.index(interface)
        self._netlink("route", "add", **options)

    def up(self, interface: str) -> None:
        """Set an interface administratively up."""
        self._netlink("link", "set", index=self.index(interface), state="up")

    def down(self, interface: str) -> None:
        """Set an interface administratively down; the other end of a veth pair loses its carrier."""
        self._netlink("link", "set", index=self.index(interface), state="down")

    def delete(self, interface: str) -> None:
        """Remove a device."""
        self._netlink("link", "del", index=self.index(interface))

    def mac(self, interface: str) -> bytes:
        """The hardware address."""
        text = self._netlink("link", "get", index=self.index(interface))[0].get_attr("IFLA_ADDRESS")
        return bytes.fromhex(str(text).replace(":", ""))

    def index(self, interface: str) -> int:
        """The interface index. Raises NamespaceError when there is none of that name."""
        found = self._netlink("link_lookup", ifname=interface)
        if not found:
            raise NamespaceError(f"{self.name}: no interface {interface}")
        return int(found[0])

    def _netlink(self, command: str, *args: str, **options: object) -> Any:  # noqa: ANN401 - pyroute2 has no types
        try:
            return self.run(lambda: getattr(self._route, command)(*args, **options))
        except NetlinkError as error:
            raise NamespaceError(f"{self.name}: {command} {' '.join(args)} {options}: {error}") from error

    def close(self) -> None:
        """End the thread and let go of the namespace; programs started in it are the caller's to end."""
        if self._descriptor < 0:
            return
        self._worker.submit(self._route.close).result()
        self._worker.shutdown()
        os.close(self._descriptor)
        self._descriptor = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _settle(new: bool) -> tuple[int, int, IPRoute]:
    """Settle the calling thread in a namespace: its ident, the descriptor, and a netlink socket."""
    if new:
        _system_call("unshare", CLONE_NEWNET)
    descriptor = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    return threading.get_ident(), descriptor, IPRoute()


def _bridge_attributes(options: dict[str, int]) -> dict[str, int]:
    return {f"br_{name.replace(*_ABBREVIATED)}": value for name, value in options.items()}


def veth(left: Namespace, left_name: str, right: Namespace, right_name: str) -> None:
    """Wire two namespaces together with a veth pair; both ends are up when it returns.

    The two ends never have the same index: the kernel takes such a pair for a plain device, and then tells
    a lost carrier up to a second late instead of at once.
    """
    peer: dict[str, object] = {"ifname": right_name, "net_ns_fd": right.fileno()}
    left.device(left_name, "veth", peer=peer)
    index = left.index(left_name)
    if right.index(right_name) == index:
        left.delete(left_name)
        left.device(left_name, "veth", index=index, peer={**peer, "index": index + 1})
    right.up(right_name)

"""Network namespaces without privileges and without the `ip` command: what the lab and the kernel tests stand on.

A process enters a user namespace of its own once; after that it may make network namespaces, wire them
together and start programs in them. Nothing is bound to a file: namespaces live as long as their `Namespace`
objects (or processes inside them) do. Linux only.
"""

import subprocess
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class NamespaceError(Exception):
    """The kernel refused; the message says what and why."""


def user_namespaces_problem() -> str | None:
    """Try, in a child process, what `enter_user_namespace` needs; say why it does not work, or None."""
    raise NotImplementedError


def enter_user_namespace() -> None:
    """Move this process into a new user namespace where it is root, and into a new, empty network namespace.

    The process must have one thread only. Files keep their owners; sockets opened before stay where they are.
    Raises NamespaceError.
    """
    raise NotImplementedError


class Namespace:
    """One network namespace: a thread that lives in it does the work, so callers may be anywhere.

    Starts empty but for `lo`, which is brought up. Use as a context manager or call `close`.
    """

    def __init__(self, name: str) -> None:
        raise NotImplementedError

    name: str

    def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call `function` inside the namespace and return its result; sockets it opens belong there for good."""
        raise NotImplementedError

    def popen(self, arguments: Sequence[str], **options: Any) -> "subprocess.Popen[bytes]":
        """Start a program inside the namespace; `options` go to subprocess.Popen."""
        raise NotImplementedError

    def sysctl(self, name: str, value: int | str) -> None:
        """Write a per-namespace setting, named by its path: `net/ipv4/igmp_max_memberships`."""
        raise NotImplementedError

    def bridge(self, name: str, **options: int) -> None:
        """Make a bridge, up; options as the kernel names them: mcast_snooping=1, mcast_hash_max=65536, ..."""
        raise NotImplementedError

    def bridge_options(self, name: str, **options: int) -> None:
        """Change options of a bridge: mcast_querier=1, mcast_query_response_interval=10, ..."""
        raise NotImplementedError

    def bridge_port(self, interface: str, bridge: str, **options: int) -> None:
        """Put an interface into a bridge, or change its port: mcast_flood=0, isolated=1, learning=0, ..."""
        raise NotImplementedError

    def device(self, name: str, kind: str, **options: Any) -> None:
        """Make a device of another kind (ifb, dummy, vlan, macvlan), up."""
        raise NotImplementedError

    def address(self, interface: str, address: str) -> None:
        """Add an IPv4 address with prefix length: "10.0.0.1/24"."""
        raise NotImplementedError

    def route(self, destination: str, *, gateway: str | None = None, interface: str | None = None) -> None:
        """Add an IPv4 route: "0.0.0.0/0" or "224.0.0.0/4"."""
        raise NotImplementedError

    def up(self, interface: str) -> None:
        """Set an interface administratively up."""
        raise NotImplementedError

    def down(self, interface: str) -> None:
        """Set an interface administratively down; the other end of a veth pair loses its carrier."""
        raise NotImplementedError

    def delete(self, interface: str) -> None:
        """Remove a device."""
        raise NotImplementedError

    def mac(self, interface: str) -> bytes:
        """The hardware address."""
        raise NotImplementedError

    def index(self, interface: str) -> int:
        """The interface index."""
        raise NotImplementedError

    def close(self) -> None:
        """End the thread and let go of the namespace; programs started in it are the caller's to end."""
        raise NotImplementedError


def veth(left: Namespace, left_name: str, right: Namespace, right_name: str) -> None:
    """Wire two namespaces together with a veth pair; both ends are up when it returns."""
    raise NotImplementedError

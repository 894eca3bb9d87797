"""Facts about network interfaces, and events when they change, from rtnetlink. No polling.

Owns one netlink socket. It configures nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Interface


@dataclass(frozen=True, slots=True)
class Link:
    """One network interface as the kernel describes it."""

    index: int
    name: str
    up: bool
    """Administratively up and with carrier: packets can pass."""
    mac: bytes
    mtu: int
    addresses: tuple[IPv4Interface, ...] = ()


@dataclass(frozen=True, slots=True)
class LinkChanged:
    """A link appeared (`previous` is None) or one of its facts changed."""

    link: Link
    previous: Link | None


@dataclass(frozen=True, slots=True)
class LinkRemoved:
    """A link is gone; `link` is what was last known of it."""

    link: Link


LinkEvent = LinkChanged | LinkRemoved


class Links:
    """The links of this network namespace.

    The constructor has the full picture when it returns. Watch `fileno()` for reading and call `read()`;
    it never blocks. A lost event (full socket buffer) is repaired by a new dump inside `read()`.
    """

    def __init__(self) -> None:
        raise NotImplementedError

    def fileno(self) -> int:
        """The descriptor to watch."""
        raise NotImplementedError

    def read(self) -> list[LinkEvent]:
        """Events since the last call, oldest first."""
        raise NotImplementedError

    def get(self, name: str) -> Link | None:
        """The link with this name, if there is one."""
        raise NotImplementedError

    def all(self) -> Mapping[str, Link]:
        """Every link by name."""
        raise NotImplementedError

    def close(self) -> None:
        """Close the socket."""
        raise NotImplementedError

"""What a forwarding plane is: the interface that the kernel plane and the memory plane share.

A plane holds one slot for the upstream side and one for each access port. A slot always exists while it is
configured: an access port that is not active, or whose link is missing, is bound to a sink, so that entries
keep naming it and becoming active is one rebind whatever the number of entries. In the same way a change of
the upstream interface rebinds the one upstream slot, and every entry follows.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import msgspec

from dataplane.packets.messages import Address


class RouteKey(msgspec.Struct, frozen=True, gc=False):
    """What identifies an entry: (*,G) where `source` is None, else (S,G)."""

    group: Address
    source: Address | None = None


class Route(msgspec.Struct, frozen=True, gc=False):
    """One forwarding entry: the access ports, by name, that receive the group.

    An (S,G) route without ports is meaningful: the kernel finds it before (*,G) and drops the source.
    """

    key: RouteKey
    ports: frozenset[str]

    def without(self, ports: frozenset[str]) -> "Route":
        """The same entry with these ports left out."""
        return self if self.ports.isdisjoint(ports) else Route(self.key, self.ports - ports)


class PlaneKind(StrEnum):
    """Which implementation forwards."""

    KERNEL = "kernel"
    MEMORY = "memory"


class PlaneError(Exception):
    """The plane could not do what was asked; the message says what and why."""


@dataclass(frozen=True, slots=True)
class RouteCounters:
    """What one entry has seen: packets and bytes from the upstream side, packets from a wrong interface."""

    packets: int = 0
    bytes: int = 0
    wrong_interface: int = 0


@dataclass(frozen=True, slots=True)
class PortCounters:
    """What passed one interface as a port of the plane; packets for a sink are not counted."""

    packets_in: int = 0
    bytes_in: int = 0
    packets_out: int = 0
    bytes_out: int = 0

    def __add__(self, other: "PortCounters") -> "PortCounters":
        return PortCounters(
            self.packets_in + other.packets_in,
            self.bytes_in + other.bytes_in,
            self.packets_out + other.packets_out,
            self.bytes_out + other.bytes_out,
        )


@dataclass(frozen=True, slots=True)
class InstalledRoute:
    """One entry as the plane holds it."""

    route: Route
    counters: RouteCounters


@dataclass(frozen=True, slots=True)
class Adoption:
    """What a restart found: the forwarding ports, and how many entries were kept and removed.

    `trouble`: what of it was refused, the rest being as it should; "" for nothing.
    """

    active: frozenset[str]
    kept: int
    removed: int
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Repairs:
    """What an audit found otherwise than it should be, and put right."""

    missing: int = 0
    """Entries that were gone."""
    different: int = 0
    """Entries that forwarded elsewhere."""
    unexplained: int = 0
    """Entries of ours that nobody wants."""
    interfaces: int = 0
    """VIFs that were gone or bound to something else."""
    retried: int = 0
    """Entries that had been refused and are there now."""

    def __add__(self, other: "Repairs") -> "Repairs":
        return Repairs(
            self.missing + other.missing,
            self.different + other.different,
            self.unexplained + other.unexplained,
            self.interfaces + other.interfaces,
            self.retried + other.retried,
        )


class Plane(Protocol):
    """Where forwarding entries live. Not thread-safe: one owner calls it.

    Port and upstream names are interface names; interface indices come from `dataplane.links`.
    """

    @property
    def kind(self) -> PlaneKind:
        """Which implementation this is."""
        ...

    @property
    def tables(self) -> int:
        """How many tables there are for access ports; see `placement.capacity`."""
        ...

    def configure(self, ports: Mapping[str, int | None]) -> None:
        """Make slots for exactly these access ports: name to interface index, None while the link is missing.

        Ports that stay keep whether they are active, and their slot, unless it is needed to reach a further
        table; a changed index rebinds. New ports start inactive. Raises PlaneError, after the others have
        their slots, when there are too many or a port could not be served.
        """
        ...

    def set_upstream(self, name: str | None, index: int | None) -> None:
        """Make this interface the parent of every entry in one step; None means no upstream works."""
        ...

    def set_active(self, port: str, *, active: bool) -> None:
        """Forward to the port (master) or to the sink (standby) in one step. A repeated call does nothing."""
        ...

    def active_ports(self) -> frozenset[str]:
        """The ports whose entries reach subscribers now."""
        ...

    def install(self, routes: Iterable[Route]) -> None:
        """Add entries or replace those with the same key; counters of a replaced entry are kept.

        Raises PlaneError naming the first entry that failed; the others are installed all the same.
        """
        ...

    def remove(self, keys: Iterable[RouteKey]) -> None:
        """Remove entries; a key that is not there is ignored."""
        ...

    def installed(self) -> Mapping[RouteKey, Route]:
        """The entries that the plane was told to hold, refused ones too (no system call)."""
        ...

    def refusal(self, port: str, group: Address) -> str | None:
        """Say why packets of a group cannot reach a port whatever its role (no system call)."""
        ...

    def audit(self, *, whole: bool = True) -> Iterator[Repairs]:
        """Compare what the plane really holds with what it was told to, and put right what differs.

        `whole`: find what it should not hold, too, at a higher cost.

        Yields what was put right after each piece of about a millisecond; the caller lets other work come
        between the pieces. Entries that change meanwhile are left to the next audit.
        """
        ...

    def complaints(self) -> tuple[str, ...]:
        """Say which settings of this machine, as they are now, keep packets from being forwarded."""
        ...

    def counters(self, key: RouteKey) -> RouteCounters | None:
        """Counters of one entry, read now; None when it is not there."""
        ...

    def dump(self) -> Iterator[InstalledRoute]:
        """Every entry as the plane really holds it, with counters; unresolved entries are left out."""
        ...

    def slot(self, name: str) -> int | None:
        """The VIF number of an access port or of the upstream interface; None where there is none."""
        ...

    def passed(self, name: str) -> PortCounters:
        """Tell what passed an access port or an upstream interface, read now; packets for a sink did not."""
        ...

    def adopt(self, ports: Mapping[str, int | None]) -> Adoption:
        """Take over what a former dataplane left: `configure`, but entries and active ports stay as they are.

        Call it once, before anything else. Slots and entries that no configured port explains are removed.
        Raises PlaneError when what is there cannot be read; then nothing is taken over.
        """
        ...

    def close(self) -> None:
        """Give back what this process holds; entries stay for another holder of the routing socket."""
        ...

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

MAXIMUM_SLOTS = 32  # Linux MAXVIFS: the TTL array of one entry
UPSTREAM_SLOTS = 1
MAXIMUM_PORTS = MAXIMUM_SLOTS - UPSTREAM_SLOTS


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
    """What a restart found: the forwarding ports, and how many entries were kept and removed."""

    active: frozenset[str]
    kept: int
    removed: int


def capacity_problem(ports: int) -> str | None:
    """Say why so many access ports do not fit one table; None when they do."""
    if ports <= MAXIMUM_PORTS:
        return None
    return f"{ports} access interfaces do not fit: one multicast routing table holds {MAXIMUM_PORTS}"


class Slots:
    """Which slot each access port has; slot 0 is the upstream side's. A port keeps its own."""

    def __init__(self) -> None:
        self._by_name: dict[str, int] = {}

    def get(self, name: str) -> int | None:
        """The slot of a port, None when it has none."""
        return self._by_name.get(name)

    def name_of(self, slot: int) -> str | None:
        """The port that has a slot."""
        return next((name for name, taken in self._by_name.items() if taken == slot), None)

    def reserve(self, name: str, slot: int | None = None) -> int:
        """Give a port a slot: its own if it has one, else `slot`, else the lowest free one.

        Raises PlaneError when all are taken.
        """
        if name not in self._by_name:
            taken = frozenset(self._by_name.values())
            free = (number for number in range(UPSTREAM_SLOTS, MAXIMUM_SLOTS) if number not in taken)
            chosen = next(free, None) if slot is None else slot
            if chosen is None:
                raise PlaneError(f"no slot left for {name}")
            self._by_name[name] = chosen
        return self._by_name[name]

    def release(self, name: str) -> None:
        """Take the slot of a port back."""
        self._by_name.pop(name, None)


class Plane(Protocol):
    """Where forwarding entries live. Not thread-safe: one owner calls it.

    Port and upstream names are interface names; interface indices come from `dataplane.links`.
    """

    @property
    def kind(self) -> PlaneKind:
        """Which implementation this is."""
        ...

    def configure(self, ports: Mapping[str, int | None]) -> None:
        """Make slots for exactly these access ports: name to interface index, None while the link is missing.

        Ports that stay keep their slot and whether they are active; a changed index rebinds. New ports start
        inactive. Raises PlaneError when there are too many (see `capacity_problem`).
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
        """The entries that the plane was told to hold (no system call), for `desired.difference`."""
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

    def port_counters(self) -> Mapping[str, PortCounters]:
        """Counters of each slot by interface name."""
        ...

    def adopt(self, ports: Mapping[str, int | None]) -> Adoption:
        """Take over what a former dataplane left: `configure`, but entries and active ports stay as they are.

        Call it once, before anything else. Slots and entries that no configured port explains are removed.
        """
        ...

    def close(self) -> None:
        """Give back what this process holds; entries stay for another holder of the routing socket."""
        ...

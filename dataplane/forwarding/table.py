"""One multicast routing table of the kernel, of one family: its socket, its VIFs and its entries.

Knows VIF numbers and interface indices only; which port is where is decided one layer up, in `kernel`.
"""

import errno
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from dataplane.capture.filter import NOTHING, attach
from dataplane.forwarding import devices, mroute
from dataplane.forwarding.family import FAMILIES, Family
from dataplane.forwarding.placement import FIRST_TABLE, MAXIMUM_TABLES, MAXIMUM_VIFS, UPSTREAM_VIF
from dataplane.forwarding.plane import PlaneError, PortCounters, RouteCounters, RouteKey

PROBES: Final = {
    4: RouteKey(IPv4Address("239.255.255.255"), IPv4Address("127.0.0.1")),
    6: RouteKey(IPv6Address("ff3e:ffff::ffff"), IPv6Address("::1")),
}
"""Entries that never see a packet, for a host's own address is no source on the wire; see `bindings`."""
PAUSE: Final = 0.05
"""Seconds between attempts to take a table that is held."""
EVERY_VIF: Final = (1 << MAXIMUM_VIFS) - 1
_REMEMBERED: Final = 1024

_REFUSALS: Final = {
    errno.EPERM: "it needs CAP_NET_ADMIN and CAP_NET_RAW",
    errno.EADDRINUSE: "another multicast routing daemon holds the table",
    errno.ENOPROTOOPT: "the kernel has no multicast routing of this family, or one table only",
    errno.EAFNOSUPPORT: "the kernel has no such protocol",
}


def not_held(version: int, table: int) -> str:
    """Say that there is no such table."""
    return f"no IPv{version} multicast routing table {table}: the kernel has none, or another daemon holds it"


def advice(error: OSError) -> str:
    """Say what an error of the kernel means to an operator."""
    return _REFUSALS.get(error.errno or 0, error.strerror or str(error))


@dataclass(frozen=True, slots=True)
class RoutingSocket:
    """One table of one IP version: the kernel flushes it when the last holder of the socket closes it."""

    version: int
    table: int
    socket: socket.socket


def open_multicast_routing_socket(
    version: int = 4, table: int = FIRST_TABLE, patience: float = 0.0
) -> socket.socket:
    """Open a raw socket and become the multicast router of a table (MRT_INIT) in this network namespace.

    The supervisor calls it and keeps the socket. Nothing is ever received on it: packets come through the
    capture, and where an upcall cannot be delivered the kernel keeps no unresolved entry, so unwanted groups
    cost no memory. Raises PlaneError: no privilege, no kernel support, or another daemon has the table, also
    after `patience` seconds.
    """
    family = next(family for family in FAMILIES if family.version == version)
    what = f"IPv{version} multicast routing"
    try:
        routing = mroute.open_socket(family)
    except OSError as error:
        raise PlaneError(f"{what}: socket: {advice(error)}") from error
    try:
        attach(routing, NOTHING)
        _become_router(
            family, routing, None if table == FIRST_TABLE else devices.kernel_table(table), patience
        )
    except OSError as error:
        routing.close()
        raise PlaneError(f"{what}: {advice(error)}") from error
    return routing


def _become_router(family: Family, routing: socket.socket, table: int | None, patience: float) -> None:
    """Take a table; a former dataplane whose supervisor was killed holds it until it has ended."""
    deadline = time.monotonic() + patience
    while True:
        try:
            mroute.become_router(family, routing, table)
        except OSError as error:
            if error.errno != errno.EADDRINUSE or time.monotonic() >= deadline:
                raise
        else:
            return
        time.sleep(PAUSE)


def open_multicast_routing_sockets(
    patience: float = 0.0,
) -> tuple[tuple[RoutingSocket, ...], tuple[str, ...]]:
    """Open the tables of both families; return them, and what could not be had.

    Further tables are opened while they are empty, so that the supervisor holds whatever the dataplane may
    come to use. They are used in their order, so one that is not to be had for IPv4 is the end of them.
    Raises PlaneError when the first table of IPv4 is not to be had. One that is held is waited for.
    """
    first = open_multicast_routing_socket(patience=patience)
    opened = [RoutingSocket(4, FIRST_TABLE, first)]
    missing: list[str] = []
    opened.extend(_opened(6, FIRST_TABLE, missing, patience))
    for table in range(FIRST_TABLE + 1, MAXIMUM_TABLES):
        found = _opened(4, table, missing, patience)
        if not found:
            break
        opened.extend((*found, *_opened(6, table, missing, patience)))
    return tuple(opened), tuple(missing)


def _opened(version: int, table: int, missing: list[str], patience: float) -> tuple[RoutingSocket, ...]:
    """Open one table, if it is to be had; else note in `missing` why not."""
    try:
        return (RoutingSocket(version, table, open_multicast_routing_socket(version, table, patience)),)
    except PlaneError as error:
        missing.append(f"table {table}: {error}")
        return ()


class KernelTable:
    """What is bound and installed in one table. Every method raises OSError as the kernel does."""

    def __init__(self, opened: RoutingSocket) -> None:
        self.number: Final = opened.table
        self.family: Final = next(each for each in FAMILIES if each.version == opened.version)
        self.kernel_number: Final = (
            self.family.default_table if opened.table == FIRST_TABLE else devices.kernel_table(opened.table)
        )
        self._socket = opened.socket
        self._bound: dict[int, int] = {}
        self._outgoing: dict[int, bytes] = {}

    def bound(self, vif: int) -> int | None:
        """The interface index that a VIF is bound to, None when it is not there."""
        return self._bound.get(vif)

    def vifs(self) -> dict[int, int]:
        """The VIFs by the index of their interface."""
        return {index: vif for vif, index in self._bound.items()}

    def bind(self, vif: int, index: int) -> bool:
        """Bind a VIF in one step, unless it is bound so already.

        True when the kernel had dropped the VIF by itself: entries made since may lack it.
        """
        before = self._bound.get(vif)
        if before == index:
            return False
        vanished = False
        try:
            mroute.delete_vif(self.family, self._socket, vif)
        except OSError as error:
            vanished = before is not None and error.errno == errno.EADDRNOTAVAIL
        self._bound.pop(vif, None)
        mroute.add_vif(self.family, self._socket, vif, index)
        self._bound[vif] = index
        return vanished

    def unbind(self, vif: int) -> None:
        """Free a VIF; nothing happens when it is not there."""
        self._bound.pop(vif, None)
        with suppress(OSError):
            mroute.delete_vif(self.family, self._socket, vif)

    def found(self, bindings: dict[int, int]) -> None:
        """Note what the kernel has: VIF to interface index."""
        self._bound = dict(bindings)

    def bindings(self) -> list[int]:
        """Ask the kernel to which interfaces the VIFs are bound: their indices in the order of the VIFs.

        There is no call that tells it for both families and every table. But an entry that names every VIF
        comes back with the interfaces of those that are there, so one is made, read and removed.
        """
        probe = PROBES[self.family.version]
        self.install(probe, EVERY_VIF)
        try:
            entry = mroute.find_entry(self.family, self.kernel_number, probe)
        finally:
            mroute.delete_entry(self.family, self._socket, probe, UPSTREAM_VIF)
        return [] if entry is None else list(entry.outgoing)

    def existing(self) -> list[int]:
        """Ask the kernel which VIFs there are."""
        return [vif for vif in range(MAXIMUM_VIFS) if self.counters_of(vif) is not None]

    def install(self, key: RouteKey, vifs: int) -> None:
        """Add an entry with these outgoing VIFs, a set of bits, or replace those of the one that is there."""
        outgoing = self._outgoing.get(vifs)
        if outgoing is None:
            if len(self._outgoing) >= _REMEMBERED:
                self._outgoing.clear()
            outgoing = self._outgoing[vifs] = self.family.outgoing(vifs)
        mroute.add_entry(self.family, self._socket, key, UPSTREAM_VIF, outgoing)

    def remove(self, key: RouteKey, parent: int = UPSTREAM_VIF) -> bool:
        """Remove an entry; return whether it was there. The kernel keeps a (*,G) entry for each parent."""
        try:
            mroute.delete_entry(self.family, self._socket, key, parent)
        except FileNotFoundError:
            return False
        return True

    def remove_foreign(self, entry: mroute.Entry) -> bool:
        """Remove what another process put where an entry of ours belongs; return whether it was there."""
        return self.remove(entry.key, self.vifs().get(entry.parent, UPSTREAM_VIF))

    def counters(self, key: RouteKey) -> RouteCounters | None:
        """Counters of one entry, None when it is not there."""
        try:
            return mroute.entry_counters(self.family, self._socket, key)
        except OSError:
            return None

    def counters_of(self, vif: int) -> PortCounters | None:
        """Counters of a VIF, None when it is not there."""
        try:
            found = mroute.vif_counters(self._socket, vif)
        except OSError:
            return None
        return PortCounters(found.packets_in, found.bytes_in, found.packets_out, found.bytes_out)

    def close(self) -> None:
        """Close this process's hold on the table; its content stays for another holder."""
        self._socket.close()


def held(tables: Iterator[KernelTable], entry: mroute.Entry) -> KernelTable | None:
    """Find the table that an entry of a dump belongs to, None when it is not one of ours."""
    version = entry.key.group.version
    return next(
        (each for each in tables if (each.kernel_number, each.family.version) == (entry.table, version)), None
    )

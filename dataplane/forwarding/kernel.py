"""The kernel's multicast routing tables as a plane (Linux ipmr, ip6mr): needs CAP_NET_ADMIN and CAP_NET_RAW.

Both families do the same: one VIF for the upstream side and one for each access port, and entries that name
them. `bindings` has the VIFs, `table` one table, `audit` compares what the kernel holds with what it should.
"""

import errno
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Final

from dataplane.forwarding import devices, mroute
from dataplane.forwarding.audit import Audit
from dataplane.forwarding.bindings import NAMELESS, UPSTREAM, Bindings
from dataplane.forwarding.family import FAMILIES, Family
from dataplane.forwarding.placement import (
    FIRST_TABLE,
    UPSTREAM_VIF,
    Place,
    capacity_problem,
)
from dataplane.forwarding.plane import (
    Adoption,
    InstalledRoute,
    PlaneError,
    PlaneKind,
    PortCounters,
    Repairs,
    Route,
    RouteCounters,
    RouteKey,
)
from dataplane.forwarding.settings import complaints
from dataplane.forwarding.table import (
    KernelTable,
    RoutingSocket,
    advice,
    not_held,
    open_multicast_routing_socket,
    open_multicast_routing_sockets,
)
from dataplane.packets.messages import Address

_REMEMBERED: Final = 1024
RECENT: Final = 1024
"""Entries that may have been written between the kernel dropping a VIF and the message that says so."""

Parts = tuple[tuple[int, int], ...]
"""What an entry is in each table: the table and the set of VIFs, first table last."""


def remove_devices() -> None:
    """Delete the devices and rules of this network namespace; for the supervisor's own orderly end."""
    for table in devices.further_tables():
        for family in FAMILIES:
            with suppress(OSError):
                devices.delete_rule(family.netlink, table)
    for name in devices.devices():
        if name.startswith((devices.SINK_PREFIX, devices.LINK_PREFIX)):
            with suppress(OSError):
                devices.delete(name)


class KernelPlane:
    """Implements `Plane` on sockets from `open_multicast_routing_sockets`, in their namespace."""

    def __init__(self, sockets: Iterable[RoutingSocket]) -> None:
        self._bindings = Bindings(KernelTable(each) for each in sockets)
        self._tables = {(table.family.version, table.number): table for table in self._bindings.tables}
        self._routes: dict[RouteKey, Route] = {}
        self._refused: dict[Address, dict[RouteKey, str]] = {}
        self._parts: dict[tuple[frozenset[str], bool], Parts] = {}
        self._recent: deque[RouteKey] = deque(maxlen=RECENT)
        self._audit: Audit | None = None
        self._ipv6 = False

    @property
    def kind(self) -> PlaneKind:
        """Which implementation this is."""
        return PlaneKind.KERNEL

    @property
    def tables(self) -> int:
        """How many tables there are for access ports."""
        return self._bindings.placement.tables

    # ports

    def configure(self, ports: Mapping[str, int | None]) -> None:
        """Make slots for exactly these access ports; see `Plane.configure`."""
        gone, moving = self._bindings.leaving(ports)
        moved = self._leave(gone, moving)
        self._bindings.release(gone, moving)
        vanished, placed = self._bindings.configure(ports)
        self._parts.clear()
        self._rewrite(vanished)
        self._install(self._naming(placed))
        self._install(moved)
        if problem := capacity_problem(len(ports), self._bindings.placement.tables):
            raise PlaneError(problem)
        self._bindings.raise_trouble((*ports, *self._bindings.links_in_use()))

    def _leave(self, gone: frozenset[str], moving: frozenset[str]) -> list[Route]:
        """Take ports out of every entry before their VIFs have other owners; return what moving ones had."""
        named = self._naming(gone | moving)
        self._install(route.without(gone | moving) for route in named)
        return [route.without(gone) for route in named if not route.ports.isdisjoint(moving)]

    def _naming(self, ports: frozenset[str]) -> list[Route]:
        """Every entry that names one of these ports."""
        return [each for each in self._routes.values() if not each.ports.isdisjoint(ports)] if ports else []

    def _rewrite(self, ports: frozenset[str]) -> None:
        """Write entries of ports anew whose VIF the kernel had dropped: those that were written meanwhile.

        The others still name it. To write 100,000 of them took a second, in which no hello was sent; what
        was written before the last few the audit finds that follows a change of links.
        """
        recent = [self._routes.get(key) for key in self._recent] if ports else []
        self._install([each for each in recent if each is not None and not each.ports.isdisjoint(ports)])

    def set_upstream(self, name: str | None, index: int | None) -> None:
        """Make this interface the parent of every entry by rebinding one VIF of each family."""
        if self._bindings.set_upstream(name, index):
            recent = [self._routes.get(key) for key in self._recent]
            self._install([each for each in recent if each is not None and each.key.source is None])
        self._bindings.raise_trouble([NAMELESS])

    def set_active(self, port: str, *, active: bool) -> None:
        """Forward to the port or to its sink by rebinding one VIF of each family."""
        if port not in self._bindings.links:
            raise PlaneError(f"{port} is not an access port")
        if self._bindings.activate(port, active=active):
            self._rewrite(frozenset([port]))
        self._bindings.raise_trouble([port])

    def active_ports(self) -> frozenset[str]:
        """The ports whose entries reach subscribers now, or will as soon as their link is there."""
        return frozenset(self._bindings.active)

    def slot(self, name: str) -> int | None:
        """The number of an access port's VIF, or of the upstream interface's; see `Place.number`."""
        upstream = self._bindings.upstream
        if upstream is not None and name == upstream[0]:
            return UPSTREAM_VIF
        place = self._bindings.placement.get(name)
        return None if place is None else place.number

    def passed(self, name: str) -> PortCounters:
        """Tell what passed an access port or an upstream interface; see `Plane.passed`."""
        return self._bindings.count(name)

    # entries

    def install(self, routes: Iterable[Route]) -> None:
        """Add or replace entries; see `Plane.install`."""
        failure = self._install(routes)
        if failure is not None:
            raise failure

    def _install(self, routes: Iterable[Route]) -> PlaneError | None:
        failure: PlaneError | None = None
        for route in routes:
            reason = self.write(route)
            if reason is not None:
                failure = failure or PlaneError(f"entry {route.key}: {reason}")
        return failure

    def write(self, route: Route) -> str | None:
        """Give one entry to the kernel; return why it was refused, None when it was not."""
        key = route.key
        before = self._routes.get(key)
        self._routes[key] = route
        self._ipv6 = self._ipv6 or key.group.version == 6
        self._recent.append(key)
        self._changed(key)
        try:
            self._put(route, before)
        except OSError as error:
            reason = advice(error)
            self._refused.setdefault(key.group, {})[key] = reason
            return reason
        if self._refused:
            self._accepted(key)
        return None

    def _put(self, route: Route, before: Route | None) -> None:
        """Further tables first: what the first one sends them finds its entry there."""
        key = route.key
        parts = self.parts(route)
        for number, vifs in parts:
            self._table(key, number).install(key, vifs)
        if before is not None and before.ports is not route.ports and self._bindings.placement.further:
            wanted = {number for number, _ in parts}
            for number, _ in self.parts(before):
                if number not in wanted:
                    self._table(key, number).remove(key)

    def _table(self, key: RouteKey, number: int) -> KernelTable:
        table = self._tables.get((key.group.version, number))
        if table is None:
            raise OSError(errno.ENXIO, not_held(key.group.version, number))
        return table

    def parts(self, route: Route) -> Parts:
        """What an entry is in each table; remembered, for most entries have the same few sets of ports."""
        remembered = (route.ports, route.key.source is None)
        known = self._parts.get(remembered)
        if known is None:
            if len(self._parts) >= _REMEMBERED:
                self._parts.clear()
            known = self._bindings.parts(route.ports, any_source=remembered[1])
            self._parts[remembered] = known
        return known

    def _accepted(self, key: RouteKey) -> None:
        refused = self._refused.get(key.group)
        if refused is not None and refused.pop(key, None) is not None and not refused:
            del self._refused[key.group]

    def remove(self, keys: Iterable[RouteKey]) -> None:
        """Remove entries; a key that is not there is ignored."""
        failure: PlaneError | None = None
        for key in keys:
            route = self._routes.pop(key, None)
            self._changed(key)
            self._accepted(key)
            parts = ((FIRST_TABLE, 0),) if route is None else self.parts(route)
            try:
                for number, _ in reversed(parts):
                    table = self._tables.get((key.group.version, number))
                    if table is not None:
                        table.remove(key)
            except OSError as error:
                failure = failure or PlaneError(f"entry {key}: {advice(error)}")
        if failure is not None:
            raise failure

    def _changed(self, key: RouteKey) -> None:
        if self._audit is not None:
            self._audit.changed(key)

    def installed(self) -> Mapping[RouteKey, Route]:
        """The entries that the plane was told to hold."""
        return self._routes

    def refused(self) -> list[RouteKey]:
        """The entries that the kernel does not hold because it refused them."""
        return [key for keys in self._refused.values() for key in keys]

    def refuses(self, key: RouteKey) -> bool:
        """Whether the kernel refused this entry."""
        return bool(self._refused) and key in self._refused.get(key.group, ())

    def refusal(self, port: str, group: Address) -> str | None:
        """Say why packets of a group cannot reach a port; see `Plane.refusal`."""
        refused = self._refused.get(group)
        if refused:
            return next(iter(refused.values()))
        return self._bindings.trouble(port, group.version)

    def counters(self, key: RouteKey) -> RouteCounters | None:
        """Counters of one entry, None when it is not there."""
        table = self._tables.get((key.group.version, FIRST_TABLE))
        return None if table is None else table.counters(key)

    # what the kernel really has

    def dump(self) -> Iterator[InstalledRoute]:
        """Every resolved entry of the kernel with its counters: those of the first tables.

        Where there are further tables their entries are collected first. Raises PlaneError.
        """
        for family in FAMILIES:
            further: dict[RouteKey, frozenset[str]] = {}
            if self._bindings.placement.further:
                for table, entry in self._entries(family):
                    if table.number != FIRST_TABLE:
                        further[entry.key] = further.get(entry.key, frozenset()) | self.ports(table, entry)
            for table, entry in self._entries(family):
                if table.number == FIRST_TABLE:
                    ports = self.ports(table, entry) | further.get(entry.key, frozenset())
                    yield InstalledRoute(Route(entry.key, ports), entry.counters)

    def _entries(self, family: Family) -> Iterator[tuple[KernelTable, mroute.Entry]]:
        """The entries of our tables; every table of the namespace is in the kernel's answer."""
        ours = {
            table.kernel_number: table
            for table in self._bindings.tables
            if table.family.version == family.version
        }
        if not ours:
            return
        try:
            for entry in mroute.entries(family):
                table = ours.get(entry.table)
                if table is not None and not entry.foreign:
                    yield table, entry
        except OSError as error:
            raise PlaneError(f"reading the table: {advice(error)}") from error

    def ports(self, table: KernelTable, entry: mroute.Entry) -> frozenset[str]:
        """The ports that an entry of one table names."""
        vifs = table.vifs()
        found = (vifs.get(index) for index in entry.outgoing)
        names = (
            self._bindings.placement.name_of(Place(table.number, vif)) for vif in found if vif is not None
        )
        return frozenset(name for name in names if name is not None)

    def adopt(self, ports: Mapping[str, int | None]) -> Adoption:
        """Take over the VIFs and entries that a former dataplane left; see `Plane.adopt`."""
        try:
            dropped = self._bindings.adopt(ports)
            found = self._adopt_entries()
        except OSError as error:
            raise PlaneError(f"adoption: {advice(error)}") from error
        kept = removed = 0
        for key, (names, parts) in found.items():
            if key.source is None and not names:
                self._remove_found(key, parts)
                removed += 1
                continue
            route = self._routes[key] = Route(key, names)
            wanted = self.parts(route)
            if dropped or wanted != parts:
                self.write(route)
                tables = {number for number, _ in wanted}
                self._remove_found(key, tuple(part for part in parts if part[0] not in tables))
            kept += 1
        try:
            self.configure(ports)
        except PlaneError as error:
            return Adoption(self.active_ports(), kept, removed, str(error))
        return Adoption(self.active_ports(), kept, removed)

    def _adopt_entries(self) -> dict[RouteKey, tuple[frozenset[str], Parts]]:
        """Every entry of ours with its ports, and what it is in each table."""
        found: dict[RouteKey, tuple[frozenset[str], Parts]] = {}
        same: dict[tuple[KernelTable, tuple[int, ...]], tuple[frozenset[str], int]] = {}
        for family in FAMILIES:
            for table, entry in self._entries(family):
                known = same.get((table, entry.outgoing))
                if known is None:
                    vifs = table.vifs()
                    mask = sum(1 << vifs[index] for index in entry.outgoing if index in vifs)
                    known = same[table, entry.outgoing] = (self.ports(table, entry), mask)
                ports, parts = found.get(entry.key, (frozenset[str](), ()))
                more = (ports | known[0]) if ports else known[0]
                found[entry.key] = (more, tuple(sorted((*parts, (table.number, known[1])), reverse=True)))
        return found

    def _remove_found(self, key: RouteKey, parts: Parts) -> None:
        for number, _ in reversed(parts):
            self._table(key, number).remove(key)

    def audit(self, *, whole: bool = True) -> Iterator[Repairs]:
        """Compare what the kernel really holds with what it should; see `Plane.audit`."""
        audit = self._audit = Audit(self, self._bindings)
        try:
            yield from audit.read_all() if whole else audit.look_up()
        except OSError as error:
            raise PlaneError(f"audit: {advice(error)}") from error
        finally:
            if self._audit is audit:
                self._audit = None

    def complaints(self) -> tuple[str, ...]:
        """Say which settings of this machine keep packets from being forwarded; see `Plane.complaints`."""
        return tuple(complaints(self._bindings, ipv6=self._ipv6))

    def close(self) -> None:
        """Close this process's hold on the tables; entries stay for another holder."""
        for table in self._bindings.tables:
            table.close()


__all__ = [
    "UPSTREAM",
    "KernelPlane",
    "open_multicast_routing_socket",
    "open_multicast_routing_sockets",
    "remove_devices",
]

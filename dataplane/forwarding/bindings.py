"""Which interface each VIF of the kernel's tables is bound to: ports, sinks, links between tables, upstream.

Everything about VIFs, in both families; entries are `kernel`'s. Rebinding a VIF keeps the entries that name
it: 11 to 17 µs (median) with 1,000, 30,000 and 100,000 entries. A VIF that the kernel dropped by itself (its
device was deleted) is made again, but entries that were written in between have lost it: those are the ports
that `configure` and `activate` return.
"""

import socket
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Final

from dataplane.forwarding import devices
from dataplane.forwarding.placement import FIRST_TABLE, MAXIMUM_VIFS, UPSTREAM_VIF, Place, Placement, link_vif
from dataplane.forwarding.plane import PlaneError, PortCounters
from dataplane.forwarding.table import KernelTable, advice, not_held

UPSTREAM: Final = Place(FIRST_TABLE, UPSTREAM_VIF)
NAMELESS: Final = "-"
"""What the alias of a sink says that stands for no port."""


class Bindings:
    """The VIFs of all tables.

    `troubles` says by port and IP version what keeps it from being forwarded to; `generation` grows with
    every VIF that is bound to something else.
    """

    def __init__(self, tables: Iterable[KernelTable]) -> None:
        self.tables: Final = tuple(tables)
        self.placement: Final = Placement(sum(1 for table in self.tables if table.family.version == 4))
        self.troubles: Final[dict[tuple[str, int], str]] = {}
        self.links: dict[str, int | None] = {}
        self.active: Final[set[str]] = set()
        self.upstream: tuple[str, int] | None = None
        self.generation = 0
        self._sinks: dict[Place, int] = {}
        self._counted: dict[str, PortCounters] = {}

    def at(self, number: int) -> Iterator[KernelTable]:
        """The table with this number in each family."""
        return (table for table in self.tables if table.number == number)

    def get(self, version: int, number: int) -> KernelTable | None:
        """One table, None when the kernel has none such."""
        return next((table for table in self.at(number) if table.family.version == version), None)

    # configuration

    def leaving(self, ports: Mapping[str, int | None]) -> tuple[frozenset[str], frozenset[str]]:
        """Tell which ports lose their places when these are to be there: for good, and for another place."""
        gone = frozenset(self.links) - frozenset(ports)
        return gone, self.placement.moving(len(self.placement.fitting(ports))) - gone

    def release(self, gone: Iterable[str], moving: Iterable[str]) -> None:
        """Take places back; no entry names the ports any more."""
        for name in (*gone, *moving):
            place = self.placement.get(name)
            if place is not None:
                self._keep_counters(name, place, None)
                self._give_back(place)
            self.placement.release(name)
        for name in gone:
            self.active.discard(name)
            self._counted.pop(name, None)
            self._clear(name)

    def _give_back(self, place: Place) -> None:
        """Free a VIF in both families; its sink waits for the next owner, and says that it is nobody's.

        The kernel takes 16 ms to remove a device: two of them kept hellos of 10 ms waiting for too long.
        """
        for table in self.at(place.table):
            table.unbind(place.vif)
        self._sinks.pop(place, None)
        with suppress(OSError):
            devices.name_sink(devices.sink_name(place), NAMELESS)

    def configure(self, ports: Mapping[str, int | None]) -> tuple[frozenset[str], frozenset[str]]:
        """Give every port a VIF, bound to where its packets should go; `leaving` ones have been released.

        Returns the ports that entries of now may lack, and those that had to wait for a place until now.
        """
        before = self.placement.further
        waited = frozenset(name for name in self.links if self.placement.get(name) is None)
        self.links = dict(ports)
        fitting = self.placement.fitting(ports)
        self.placement.arrange(name for name in ports if name in fitting)
        for number in range(self.placement.further + 1, before + 1):
            self._disconnect(number)
        self._connect_all()
        if all(table.bound(UPSTREAM_VIF) is None for table in self.at(FIRST_TABLE)):
            self._bind(UPSTREAM, None, NAMELESS)
        return frozenset([name for name in fitting if self.settle(name)]), fitting & waited

    def settle(self, port: str) -> bool:
        """Bind a port's VIF to where its packets should go now; True when entries may lack it."""
        place, index = self.placement.get(port), self.links[port]
        if place is None:
            return False
        self._clear(port)
        return self._bind(place, index if port in self.active else None, port)

    def activate(self, port: str, *, active: bool) -> bool:
        """Forward to the port or to its sink; True when entries may lack the port."""
        if active:
            self.active.add(port)
        else:
            self.active.discard(port)
        return self.settle(port)

    def set_upstream(self, name: str | None, index: int | None) -> bool:
        """Make this interface the parent of every entry; True when entries may lack it."""
        self._clear(NAMELESS)
        if self.upstream is not None:
            self._keep_counters(self.upstream[0], UPSTREAM, index)
        self.upstream = None if name is None or index is None else (name, index)
        return self._bind(UPSTREAM, index, NAMELESS)

    def _bind(self, place: Place, index: int | None, port: str) -> bool:
        """Bind a VIF to an interface, None for its sink, in both families."""
        try:
            sink = self._sink(place, port)
        except OSError as error:
            self._trouble(port, place, f"sink device: {advice(error)}")
            return False
        target = sink if index is None else index
        if port in self.links:
            self._keep_counters(port, place, target)
        self.generation += any(table.bound(place.vif) != target for table in self.at(place.table))
        vanished = False
        for table in self.at(place.table):
            try:
                vanished |= table.bind(place.vif, target)
            except OSError as error:
                self._trouble_in(port, table, f"interface {index}: {advice(error)}")
                self._fall_back(table, place, port)
        return vanished

    def _fall_back(self, table: KernelTable, place: Place, port: str) -> None:
        """Let the entries keep the VIF when the interface is gone."""
        with suppress(OSError):
            table.bind(place.vif, self._sink(place, port))

    def _sink(self, place: Place, port: str) -> int:
        """The sink of a VIF, made when it is not there; its alias says whose it is. Raises OSError."""
        if place not in self._sinks:
            owner = port if port in self.links else NAMELESS
            self._sinks[place] = devices.make_sink(devices.sink_name(place), owner)
        return self._sinks[place]

    def _trouble(self, port: str, place: Place, text: str) -> None:
        for table in self.at(place.table):
            self._trouble_in(port, table, text)

    def _trouble_in(self, port: str, table: KernelTable, text: str) -> None:
        self.troubles[port, table.family.version] = f"IPv{table.family.version}: {text}"

    def _clear(self, port: str) -> None:
        if self.troubles:
            for version in (4, 6):
                self.troubles.pop((port, version), None)

    def raise_trouble(self, ports: Iterable[str]) -> None:
        """Raise PlaneError for the first of these ports that has a trouble."""
        for port in ports if self.troubles else ():
            for version in (4, 6):
                if (port, version) in self.troubles:
                    name = "upstream" if port == NAMELESS else port
                    raise PlaneError(f"{name}: {self.troubles[port, version]}")

    # further tables

    def links_in_use(self) -> list[str]:
        """The near ends of the links to further tables."""
        return [devices.link_names(number)[0] for number in range(1, self.placement.further + 1)]

    def _connect_all(self) -> None:
        for number in range(1, self.placement.further + 1):
            try:
                near, far = devices.make_link(number)
            except OSError as error:
                self._disconnected(number, f"link to table {number}: {advice(error)}")
                continue
            self._connect(number, near, far)

    def _connect(self, number: int, near: int, far: int) -> None:
        port = devices.link_names(number)[0]
        self._clear(port)
        for table in self.at(number):
            try:
                devices.add_rule(table.family.netlink, number)
                table.bind(UPSTREAM_VIF, far)
            except OSError as error:
                self._trouble_in(port, table, f"table {number}: {advice(error)}")
        self._bind(Place(FIRST_TABLE, link_vif(number)), near, port)

    def _disconnected(self, number: int, why: str) -> None:
        """Without the link the VIF leads to a sink, so that the entries are complete once it is there."""
        port = devices.link_names(number)[0]
        self._trouble(port, UPSTREAM, why)
        self._bind(Place(FIRST_TABLE, link_vif(number)), None, NAMELESS)

    def _disconnect(self, number: int) -> None:
        """Give back what a further table needed that is not used any more."""
        self._give_back(Place(FIRST_TABLE, link_vif(number)))
        for table in self.at(number):
            table.unbind(UPSTREAM_VIF)
            with suppress(OSError):
                devices.delete_rule(table.family.netlink, number)
        with suppress(OSError):
            devices.delete(devices.link_names(number)[0])

    def trouble(self, port: str, version: int) -> str | None:
        """What keeps packets of a family from a port, None when nothing does."""
        place = self.placement.get(port)
        if place is None:
            return "no VIF"
        if self.get(version, place.table) is None:
            return not_held(version, place.table)
        if not self.troubles:
            return None
        own = self.troubles.get((port, version)) or self.troubles.get((NAMELESS, version))
        if own is None and place.table != FIRST_TABLE:
            own = self.troubles.get((devices.link_names(place.table)[0], version))
        return own

    # entries

    def parts(self, ports: frozenset[str], *, any_source: bool) -> tuple[tuple[int, int], ...]:
        """What an entry for these ports is in each table: its number and the set of VIFs, first table last.

        A (*,G) entry names its parent too, where the kernel looks for it.
        """
        parent = 1 << UPSTREAM_VIF if any_source else 0
        vifs = {FIRST_TABLE: parent}
        for port in ports:
            place = self.placement.get(port)
            if place is None:
                continue
            if place.table != FIRST_TABLE:
                vifs[FIRST_TABLE] |= 1 << link_vif(place.table)
            vifs[place.table] = vifs.get(place.table, parent) | 1 << place.vif
        return tuple(sorted(vifs.items(), reverse=True))

    # counters

    def count(self, name: str) -> PortCounters:
        """Add up what passed a port or an upstream interface itself; what went to its sink reached nobody."""
        counted = self._counted.get(name, PortCounters())
        upstream = self.upstream is not None and self.upstream[0] == name
        place = UPSTREAM if upstream else self.placement.get(name)
        return counted if place is None else counted + self._read(place, self._sinks.get(place))

    def _read(self, place: Place, sink: int | None) -> PortCounters:
        total = PortCounters()
        for table in self.at(place.table):
            if table.bound(place.vif) not in (None, sink):
                total += table.counters_of(place.vif) or PortCounters()
        return total

    def _keep_counters(self, name: str, place: Place, target: int | None) -> None:
        """A VIF's counters end with it (rule 10: they are kept)."""
        sink = self._sinks.get(place)
        for table in self.at(place.table):
            if table.bound(place.vif) not in (None, sink, target):
                seen = table.counters_of(place.vif) or PortCounters()
                self._counted[name] = self._counted.get(name, PortCounters()) + seen

    # what the kernel really has

    def adopt(self, ports: Mapping[str, int | None]) -> bool:
        """Take over the VIFs that a former dataplane left; True when some were not to be kept.

        The alias of a sink says which port its VIF is for. A VIF is ours when it has a sink of ours.
        """
        self.links = dict(ports)
        found = {table: _bindings(table) for table in self.tables}
        dropped = self._adopt_ports(found)
        for table, bindings in found.items():
            table.found(bindings)
            if table.number != FIRST_TABLE and bindings:
                self.placement.use(table.number)
        first = next(iter(found.values()), {}).get(UPSTREAM_VIF)
        sink = self._sinks.get(UPSTREAM)
        self.upstream = None if first is None or first == sink else (_name_of(first), first)
        return dropped

    def _adopt_ports(self, found: Mapping[KernelTable, dict[int, int]]) -> bool:
        dropped = False
        for place in self._all_places():
            sink = devices.find(devices.sink_name(place))
            port = NAMELESS if sink is None else devices.stands_for(sink)
            if sink is None or (port == NAMELESS and place != UPSTREAM):
                continue  # the next owner gives it his name
            self._sinks[place] = sink.index
            if place.vif != UPSTREAM_VIF and port in self.links and self.placement.get(port) is None:
                self._adopt_port(port, place, found)
            elif port != NAMELESS:
                dropped |= self._drop(place, found)
        self._adopt_bound_ports(found)
        return dropped

    def _adopt_bound_ports(self, found: Mapping[KernelTable, dict[int, int]]) -> None:
        """Take ports over that forward and whose sinks somebody removed."""
        names = {index: name for name, index in self.links.items() if index is not None}
        for place in self._all_places():
            indices = (found[table].get(place.vif) for table in self.at(place.table))
            port = next((names[index] for index in indices if index in names), None)
            if place.vif != UPSTREAM_VIF and port is not None and self.placement.get(port) is None:
                self._adopt_port(port, place, found)

    def _all_places(self) -> Iterator[Place]:
        return (Place(number, vif) for number in range(self.placement.tables) for vif in range(MAXIMUM_VIFS))

    def _adopt_port(self, port: str, place: Place, found: Mapping[KernelTable, dict[int, int]]) -> None:
        self.placement.take(port, place)
        index = self.links[port]
        if index is not None and any(found[table].get(place.vif) == index for table in self.at(place.table)):
            self.active.add(port)

    def _drop(self, place: Place, found: Mapping[KernelTable, dict[int, int]]) -> bool:
        """Free a VIF of a port that is not configured any more."""
        dropped = [found[table].pop(place.vif, None) for table in self.at(place.table)]
        self._give_back(place)
        return any(index is not None for index in dropped)

    def verify(self) -> int:
        """Bind again what is not bound as it should be; return how many VIFs, and rules, that were.

        Raises PlaneError.
        """
        self._sinks = {
            place: index
            for place, index in self._sinks.items()
            if _name_of(index) == devices.sink_name(place)
        }
        used = (table for table in self.tables if table.number <= self.placement.further)
        lost = sum(_forget_lost(table) for table in used)
        ruled = sum(_lead_to(table) for table in self.at(FIRST_TABLE))
        if lost or self.placement.further:
            self._connect_all()
        if lost:
            self._bind(UPSTREAM, None if self.upstream is None else self.upstream[1], NAMELESS)
            for port in self.links:
                self.settle(port)
        return lost + ruled


def _lead_to(table: KernelTable) -> bool:
    """Make the rule that leads to the first table if no rule does; a kernel with one table has no rules."""
    family = table.family
    try:
        if devices.has_rule(family.netlink, family.default_table):
            return False
        devices.add_default_rule(family.netlink, family.default_table)
    except OSError:
        return False
    return True


def _name_of(index: int) -> str:
    """The name of an interface, "" when there is none with this index."""
    try:
        return socket.if_indextoname(index)
    except OSError:
        return ""


def _forget_lost(table: KernelTable) -> int:
    """Forget the VIFs of a table that are bound otherwise than was thought, and count them."""
    actual, believed = _bindings(table), table.vifs()
    kept = {vif: index for index, vif in believed.items() if actual.get(vif) == index}
    table.found(kept)
    return len(believed) - len(kept)


def _bindings(table: KernelTable) -> dict[int, int]:
    """What each VIF of a table is bound to. Raises PlaneError."""
    try:
        vifs, indices = table.existing(), table.bindings()
    except OSError as error:
        raise PlaneError(f"table {table.number}: {advice(error)}") from error
    if len(vifs) != len(indices):
        raise PlaneError(f"table {table.number}: VIFs came or went while they were read")
    return dict(zip(vifs, indices, strict=True))

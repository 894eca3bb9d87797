"""The kernel's multicast routing table as a plane (Linux ipmr): needs CAP_NET_ADMIN and CAP_NET_RAW.

One VIF for the upstream side and one for each access port, each with a sink device of its own (`tc-sink3` for
VIF 3), because a dump of the table names VIFs by their device. Rebinding a VIF keeps the entries that name
it: 11 to 17 µs (median) with 1,000, 30,000 and 100,000 entries.
"""

import errno
import socket
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress

from dataplane.capture.filter import NOTHING, attach
from dataplane.forwarding import mroute
from dataplane.forwarding.plane import (
    Adoption,
    InstalledRoute,
    PlaneError,
    PlaneKind,
    PortCounters,
    Route,
    RouteCounters,
    RouteKey,
    Slots,
    capacity_problem,
)

SINK_PREFIX = "tc-sink"
UPSTREAM = 0
"""The VIF that is every entry's parent."""

_REMEMBERED = 1024

_REFUSALS = {
    errno.EPERM: "it needs CAP_NET_ADMIN and CAP_NET_RAW",
    errno.EADDRINUSE: "another multicast routing daemon holds the table",
    errno.ENOPROTOOPT: "the kernel has no IPv4 multicast routing",
}


def open_multicast_routing_socket() -> socket.socket:
    """Open the raw IGMP socket and become this network namespace's multicast router (MRT_INIT).

    The supervisor calls it and keeps the socket: the kernel flushes the table when the last holder closes
    it. Nothing is ever received on it: packets come through the capture, and where an upcall cannot be
    delivered the kernel keeps no unresolved entry, so unwanted groups cost no memory.
    Raises PlaneError: no privilege, no kernel support, or another router daemon holds the table.
    """
    try:
        routing = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_IGMP)
    except OSError as error:
        raise PlaneError(f"multicast routing socket: {_advice(error)}") from error
    try:
        attach(routing, NOTHING)
        routing.setsockopt(socket.IPPROTO_IP, mroute.MRT_INIT, 1)
    except OSError as error:
        routing.close()
        raise PlaneError(f"multicast routing: {_advice(error)}") from error
    return routing


def _advice(error: OSError) -> str:
    return _REFUSALS.get(error.errno or 0, error.strerror or str(error))


def remove_sinks() -> None:
    """Delete the sink devices of this network namespace; for the supervisor's own orderly end."""
    for _, name in socket.if_nameindex():
        if name.startswith(SINK_PREFIX):
            with suppress(OSError):
                mroute.delete_link(name)


class KernelPlane:
    """Implements `Plane` on a socket from `open_multicast_routing_socket`, in that socket's namespace."""

    def __init__(self, routing_socket: socket.socket) -> None:
        self._routing = routing_socket
        self._slots = Slots()
        self._links: dict[str, int | None] = {}
        self._active: set[str] = set()
        self._upstream: tuple[str, int] | None = None
        self._sinks: dict[int, int] = {}
        self._bound: dict[int, tuple[int, int]] = {}
        self._routes: dict[RouteKey, Route] = {}
        self._ttls: dict[tuple[frozenset[str], bool], bytes] = {}
        self._counted: dict[str, PortCounters] = {}

    @property
    def kind(self) -> PlaneKind:
        """Which implementation this is."""
        return PlaneKind.KERNEL

    def configure(self, ports: Mapping[str, int | None]) -> None:
        """Make slots for exactly these access ports; see `Plane.configure`."""
        if problem := capacity_problem(len(ports)):
            raise PlaneError(problem)
        self._release(frozenset(self._links) - frozenset(ports))
        self._links = dict(ports)
        if UPSTREAM not in self._bound:
            self._bind(UPSTREAM, None, 0)
        failures = [failure for name in ports if (failure := self._try_to_settle(name))]
        if failures:
            raise failures[0]

    def _try_to_settle(self, port: str) -> PlaneError | None:
        """One port whose link has just gone must not keep the others from their slots."""
        try:
            self._settle(port)
        except PlaneError as error:
            return error
        return None

    def _release(self, gone: frozenset[str]) -> None:
        """Give slots back; no entry may name one any more, else its next owner would get those groups."""
        named = [route for route in self._routes.values() if not route.ports.isdisjoint(gone)]
        self.install(route.without(gone) for route in named)
        for name in gone:
            slot = self._slots.get(name)
            if slot is not None and self._bound.pop(slot, None) is not None:
                with suppress(OSError):
                    mroute.delete_vif(self._routing, slot)
            self._slots.release(name)
            self._active.discard(name)
            self._counted.pop(name, None)
        self._ttls.clear()

    def _settle(self, port: str) -> None:
        """Bind a port's slot to where its packets should go now."""
        slot, index = self._slots.reserve(port), self._links[port]
        self._ttls.clear()
        if self._bind(slot, index if port in self._active else None, index or 0):
            self.install([route for route in self._routes.values() if port in route.ports])

    def _bind(self, slot: int, index: int | None, mark: int) -> bool:
        """Bind a slot to an interface, None for its sink, in one step unless it is bound so already.

        True when the kernel had dropped the VIF by itself: entries made since may lack it.
        """
        wanted = (self._sink(slot) if index is None else index, mark)
        before = self._bound.get(slot)
        if before == wanted:
            return False
        self._keep_counters(slot)
        vanished = False
        try:
            mroute.delete_vif(self._routing, slot)
        except OSError as error:
            vanished = before is not None and error.errno == errno.EADDRNOTAVAIL
        try:
            mroute.add_vif(self._routing, slot, *wanted)
        except OSError as error:
            self._fall_back(slot, mark)
            raise PlaneError(f"interface {index}: {_advice(error)}") from error
        self._bound[slot] = wanted
        return vanished

    def _fall_back(self, slot: int, mark: int) -> None:
        """Let the entries keep the slot when the interface is gone."""
        self._bound.pop(slot, None)
        with suppress(OSError):
            mroute.add_vif(self._routing, slot, self._sink(slot), mark)
            self._bound[slot] = (self._sink(slot), mark)

    def _sink(self, slot: int) -> int:
        if slot not in self._sinks:
            try:
                self._sinks[slot] = mroute.make_sink(f"{SINK_PREFIX}{slot}")
            except OSError as error:
                raise PlaneError(f"sink device: {_advice(error)}") from error
        return self._sinks[slot]

    def set_upstream(self, name: str | None, index: int | None) -> None:
        """Make this interface the parent of every entry by rebinding one VIF."""
        self._bind(UPSTREAM, index, index or 0)
        self._upstream = None if name is None or index is None else (name, index)

    def set_active(self, port: str, *, active: bool) -> None:
        """Forward to the port or to its sink by rebinding one VIF."""
        if port not in self._links:
            raise PlaneError(f"{port} is not an access port")
        if active:
            self._active.add(port)
        else:
            self._active.discard(port)
        self._settle(port)

    def active_ports(self) -> frozenset[str]:
        """The ports whose entries reach subscribers now, or will as soon as their link is there."""
        return frozenset(self._active)

    def install(self, routes: Iterable[Route]) -> None:
        """Add or replace entries; see `Plane.install`."""
        failure: PlaneError | None = None
        for route in routes:
            try:
                mroute.add_entry(self._routing, route.key, UPSTREAM, self._thresholds(route))
            except OSError as error:
                failure = failure or PlaneError(f"entry {route.key}: {_advice(error)}")
            else:
                self._routes[route.key] = route
        if failure is not None:
            raise failure

    def _thresholds(self, route: Route) -> bytes:
        """Most entries have the same few sets of ports, so their TTLs are remembered."""
        any_source = route.key.source is None
        known = self._ttls.get((route.ports, any_source))
        if known is None:
            slots = [self._slots.get(port) for port in route.ports] + [UPSTREAM if any_source else None]
            known = mroute.thresholds(slot for slot in slots if slot is not None)
            if len(self._ttls) >= _REMEMBERED:
                self._ttls.clear()
            self._ttls[route.ports, any_source] = known
        return known

    def remove(self, keys: Iterable[RouteKey]) -> None:
        """Remove entries; a key that is not there is ignored."""
        for key in keys:
            self._routes.pop(key, None)
            try:
                mroute.delete_entry(self._routing, key, UPSTREAM)
            except FileNotFoundError:
                continue
            except OSError as error:
                raise PlaneError(f"entry {key}: {_advice(error)}") from error

    def installed(self) -> Mapping[RouteKey, Route]:
        """The entries that the plane was told to hold."""
        return self._routes

    def counters(self, key: RouteKey) -> RouteCounters | None:
        """Counters of one entry, None when it is not there."""
        try:
            return mroute.entry_counters(self._routing, key)
        except OSError:
            return None

    def dump(self) -> Iterator[InstalledRoute]:
        """Every resolved entry of the kernel with its counters."""
        for entry in mroute.entries(self._numbers()):
            yield InstalledRoute(Route(entry.key, self._ports_of(entry)), entry.counters)

    def _numbers(self) -> dict[int, int]:
        return {index: slot for slot, (index, _) in self._bound.items()}

    def _ports_of(self, entry: mroute.Entry) -> frozenset[str]:
        names = (self._slots.name_of(vif) for vif in entry.vifs)
        return frozenset(name for name in names if name is not None)

    def slot(self, name: str) -> int | None:
        """The VIF number of an access port or of the upstream interface."""
        return UPSTREAM if self._upstream and name == self._upstream[0] else self._slots.get(name)

    def port_counters(self) -> Mapping[str, PortCounters]:
        """Counters of each access port, and of the upstream interface since it became that."""
        found = {name: self._count(name) for name in self._links}
        if self._upstream is not None:
            found[self._upstream[0]] = self._read(UPSTREAM)
        return found

    def _count(self, port: str) -> PortCounters:
        """Add up what passed the port itself; what went to its sink reached nobody."""
        counted = self._counted.get(port, PortCounters())
        slot = self._slots.reserve(port)
        bound = self._bound.get(slot)
        return counted if bound is None or bound[0] != self._links[port] else counted + self._read(slot)

    def _read(self, slot: int) -> PortCounters:
        try:
            packets_in, packets_out, bytes_in, bytes_out = mroute.vif_counters(self._routing, slot)
        except OSError:
            return PortCounters()
        return PortCounters(packets_in, bytes_in, packets_out, bytes_out)

    def _keep_counters(self, slot: int) -> None:
        """A VIF's counters end with it (rule 10: they are kept)."""
        port = self._slots.name_of(slot)
        if port is not None and self._bound.get(slot, (0, 0))[0] != self._sinks.get(slot):
            self._counted[port] = self._counted.get(port, PortCounters()) + self._read(slot)

    def adopt(self, ports: Mapping[str, int | None]) -> Adoption:
        """Take over the VIFs and entries that a former dataplane left; see `Plane.adopt`."""
        try:
            return self._adopt(ports)
        except OSError as error:
            raise PlaneError(f"adoption: {_advice(error)}") from error

    def _adopt(self, ports: Mapping[str, int | None]) -> Adoption:
        self._links = dict(ports)
        dropped = [vif.number for vif in mroute.vifs() if not self._adopt_vif(vif)]
        for number in dropped:
            mroute.delete_vif(self._routing, number)
        kept = removed = 0
        for entry in list(mroute.entries(self._numbers())):
            if self._adopt_entry(entry, clean=not dropped):
                kept += 1
            else:
                self.remove([entry.key])
                removed += 1
        self.configure(ports)
        return Adoption(self.active_ports(), kept, removed)

    def _adopt_vif(self, vif: mroute.Vif) -> bool:
        """Recognise a VIF: its mark is the index of its port, its device the port or the sink."""
        index = socket.if_nametoindex(vif.device)
        sink = vif.device == f"{SINK_PREFIX}{vif.number}"
        port = next((name for name, known in self._links.items() if known == vif.mark), None)
        if vif.number != UPSTREAM and (port is None or not (sink or index == vif.mark)):
            return False
        if vif.number == UPSTREAM:
            self._upstream = None if sink else (vif.device, index)
        elif port is not None:
            self._slots.reserve(port, vif.number)
            self._active.update(() if sink else (port,))
        if sink:
            self._sinks[vif.number] = index
        self._bound[vif.number] = (index, vif.mark)
        return True

    def _adopt_entry(self, entry: mroute.Entry, *, clean: bool) -> bool:
        """Keep an entry of ours; unless the table is clean write it anew, to drop slots that are no more."""
        route = Route(entry.key, self._ports_of(entry))
        if entry.parent != UPSTREAM or (entry.key.source is None and not route.ports):
            return False
        self._routes[route.key] = route
        if not clean or (entry.key.source is None) is not (UPSTREAM in entry.vifs):
            self.install([route])
        return True

    def close(self) -> None:
        """Close this process's hold on the routing socket; entries stay for another holder."""
        self._routing.close()

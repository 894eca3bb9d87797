"""The plane without privileges: same interface, same counters, entries in a dict. Pure."""

from collections.abc import Iterable, Iterator, Mapping

from dataplane.forwarding.placement import UPSTREAM_VIF, Placement, capacity_problem
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
from dataplane.packets.messages import Address


class MemoryPlane:
    """Implements `Plane`; `deliver` plays the packet that a kernel would see."""

    def __init__(self) -> None:
        self._placement = Placement()
        self._links: dict[str, int | None] = {}
        self._active: set[str] = set()
        self._upstream: str | None = None
        self._routes: dict[RouteKey, Route] = {}
        self._counters: dict[RouteKey, RouteCounters] = {}
        self._port_counters: dict[str, PortCounters] = {}

    @property
    def kind(self) -> PlaneKind:
        """Which implementation this is."""
        return PlaneKind.MEMORY

    @property
    def tables(self) -> int:
        """How many tables there are for access ports: as many as the kernel would have."""
        return self._placement.tables

    def configure(self, ports: Mapping[str, int | None]) -> None:
        """Make slots for exactly these access ports; see `Plane.configure`."""
        gone = frozenset(self._links) - frozenset(ports)
        self._routes = {key: route.without(gone) for key, route in self._routes.items()}
        for name in gone:
            self._placement.release(name)
            self._active.discard(name)
            self._port_counters.pop(name, None)
        fitting = self._placement.fitting(ports)
        for name in self._placement.moving(len(fitting)):
            self._placement.release(name)
        self._placement.arrange(name for name in ports if name in fitting)
        self._links = dict(ports)
        if problem := capacity_problem(len(ports)):
            raise PlaneError(problem)

    def set_upstream(self, name: str | None, index: int | None) -> None:
        """Make this interface the parent of every entry."""
        self._upstream = name if index is not None else None

    def set_active(self, port: str, *, active: bool) -> None:
        """Forward to the port or to the sink."""
        if port not in self._links:
            raise PlaneError(f"{port} is not an access port")
        if active:
            self._active.add(port)
        else:
            self._active.discard(port)

    def active_ports(self) -> frozenset[str]:
        """The ports whose entries reach subscribers now."""
        return frozenset(self._active)

    def install(self, routes: Iterable[Route]) -> None:
        """Add or replace entries."""
        for route in routes:
            self._routes[route.key] = route
            self._counters.setdefault(route.key, RouteCounters())

    def remove(self, keys: Iterable[RouteKey]) -> None:
        """Remove entries; a key that is not there is ignored."""
        for key in keys:
            self._routes.pop(key, None)
            self._counters.pop(key, None)

    def installed(self) -> Mapping[RouteKey, Route]:
        """The entries that the plane was told to hold."""
        return self._routes

    def refusal(self, port: str, group: Address) -> str | None:  # noqa: ARG002 - one like another
        """Say why packets of a group cannot reach a port: it has no slot."""
        return None if self._placement.get(port) is not None else "no VIF"

    def audit(self, *, whole: bool = True) -> Iterator[Repairs]:  # noqa: ARG002 - there is nothing to read
        """Compare nothing: memory holds what it was told."""
        return iter(())

    def complaints(self) -> tuple[str, ...]:
        """Say which settings are wrong: none, for memory needs none."""
        return ()

    def counters(self, key: RouteKey) -> RouteCounters | None:
        """Counters of one entry, None when it is not there."""
        return self._counters.get(key)

    def dump(self) -> Iterator[InstalledRoute]:
        """Every entry with its counters."""
        return (InstalledRoute(route, self._counters[key]) for key, route in self._routes.items())

    def slot(self, name: str) -> int | None:
        """The slot number of an access port or of the upstream interface."""
        if name == self._upstream:
            return UPSTREAM_VIF
        place = self._placement.get(name)
        return None if place is None else place.number

    def passed(self, name: str) -> PortCounters:
        """Tell what passed an access port or an upstream interface."""
        return self._port_counters.get(name, PortCounters())

    def adopt(self, ports: Mapping[str, int | None]) -> Adoption:
        """Take nothing over: memory does not outlive the process."""
        self.configure(ports)
        return Adoption(self.active_ports(), 0, 0)

    def deliver(self, interface: str, source: Address, group: Address, size: int) -> frozenset[str]:
        """Play a packet of `size` bytes, IP header included, that came in at `interface`; tell where it went.

        Counts as the kernel does: (S,G) before (*,G), and a packet from elsewhere than the upstream side
        is counted with the entry and dropped.
        """
        route = self._routes.get(RouteKey(group, source)) or self._routes.get(RouteKey(group))
        if route is None:
            return frozenset()
        seen = self._counters[route.key]
        if interface != self._upstream:
            if interface in self._links and interface in self._active:
                wrong = RouteCounters(seen.packets, seen.bytes, seen.wrong_interface + 1)
                self._counters[route.key] = wrong
            return frozenset()
        self._counters[route.key] = RouteCounters(seen.packets + 1, seen.bytes + size, seen.wrong_interface)
        self._count(interface, PortCounters(packets_in=1, bytes_in=size))
        reached = frozenset(port for port in route.ports if port in self._active and self._is_served(port))
        for port in reached:
            self._count(port, PortCounters(packets_out=1, bytes_out=size))
        return reached

    def _is_served(self, port: str) -> bool:
        return self._links.get(port) is not None and self._placement.get(port) is not None

    def _count(self, name: str, more: PortCounters) -> None:
        self._port_counters[name] = self._port_counters.get(name, PortCounters()) + more

    def close(self) -> None:
        """Forget everything."""
        self._routes.clear()
        self._counters.clear()

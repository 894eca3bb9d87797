"""Taking over from a former dataplane: rule 18. Pure.

The kernel went on forwarding while no dataplane ran. What it forwards is adopted: a port that forwards
goes on until its role is known again, and an entry that no member explains yet is kept for one group
membership interval (RFC 3376 section 8.4), within which every STB that is still there has reported and the
peer's batch has come. The peer of an e-trunk may have promoted itself in between: then both forward for
two hello timeouts at most, which costs duplicates and loses nothing, and the roles settle as rule 19 says.
With static arbitration the role is back at once.
"""

from collections.abc import Iterable, Mapping

from dataplane.engine import arbitration, uplink
from dataplane.engine.effects import ChangeRoutes
from dataplane.engine.links import AUDIT_INTERVAL, audit_by
from dataplane.engine.messages import Adopted
from dataplane.engine.settle import tell_core
from dataplane.engine.world import World
from dataplane.forwarding.desired import difference
from dataplane.forwarding.plane import Route, RouteKey
from dataplane.membership.groups import Aggregate, FilterMode
from dataplane.packets.messages import Address


def adopted(world: World, message: Adopted, now: float) -> None:
    """Take over what the plane had, then let the roles begin."""
    world.adopted = True
    audit_by(world, now + AUDIT_INTERVAL)
    _retain(world, message.routes, now)
    for port in world.ports.values():
        port.adopted = port.config.name in message.active
        port.active = port.adopted
    uplink.choose(world, now)
    for name in sorted(world.profiles):
        arbitration.start(world, name, now)
    for port in world.ports.values():
        arbitration.activate(world, port)
        arbitration.run_querier(world, port, now)


def _retain(world: World, routes: Iterable[Route], now: float) -> None:
    present = {route.key: route for route in routes}
    for (name, group), interest in interests(present).items():
        port = world.ports.get(name)
        side = None if port is None else port.sides.get(group.version)
        if side is None:
            continue
        side.retained[group] = interest
        side.retained_until = now + side.table.timing.group_membership_interval
        world.deadlines.set(side.retained_key, side.retained_until)
        world.desired.set_interest(name, group, interest)
        tell_core(world, group, now)
    changes = difference(world.desired.routes(), present)
    if changes:
        world.out.append(ChangeRoutes(tuple(changes)))


def interests(routes: Mapping[RouteKey, Route]) -> dict[tuple[str, Address], Aggregate]:
    """Return what each port wanted of each group, by (port, group), for these entries to be there.

    The inverse of `desired.routes_for`: a port of (*,G) excludes the sources whose (S,G) leaves it out;
    a port that only (S,G) entries name includes their sources.
    """
    groups: dict[Address, list[Route]] = {}
    for route in routes.values():
        groups.setdefault(route.key.group, []).append(route)
    found: dict[tuple[str, Address], Aggregate] = {}
    for group, entries in groups.items():
        any_source = routes.get(RouteKey(group))
        excluding = frozenset[str]() if any_source is None else any_source.ports
        named = [route for route in entries if route.key.source is not None]
        for port in frozenset[str]().union(*(route.ports for route in entries)):
            found[port, group] = _interest(port, named, excludes=port in excluding)
    return found


def _interest(port: str, named: Iterable[Route], *, excludes: bool) -> Aggregate:
    sources = frozenset(
        route.key.source
        for route in named
        if route.key.source is not None and (port in route.ports) is not excludes
    )
    return Aggregate(FilterMode.EXCLUDE if excludes else FilterMode.INCLUDE, sources)

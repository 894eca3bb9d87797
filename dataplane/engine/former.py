"""Entries of a former dataplane that nobody has looked at yet: rule 18. Pure.

They forward as they are. A group is taken over in its turn, or as soon as something is said about it: never
is an entry written by what one port wants before what the others had is known.
"""

from collections.abc import Iterable

from dataplane.engine.effects import ChangeRoutes
from dataplane.engine.world import World
from dataplane.forwarding.desired import difference
from dataplane.forwarding.plane import Route
from dataplane.membership.groups import Aggregate, FilterMode
from dataplane.packets.messages import Address


def keep(world: World, routes: Iterable[Route], now: float) -> None:
    """Note what the plane holds, by group, and the ports that it may say something of."""
    for route in routes:
        world.former.setdefault(route.key.group, []).append(route)
    world.former_ports = set(world.ports)
    world.former_since = now


def take(world: World, group: Address) -> None:
    """Take over the entries of one group, if they wait: what they say is kept with each port.

    The caller has the core told. A port that was removed meanwhile has lost its members, even if there is one
    of its name again (rule 13).
    """
    entries = world.former.pop(group, None)
    if entries is None:
        return
    for name, interest in interests(entries).items():
        port = world.ports.get(name) if name in world.former_ports else None
        side = None if port is None else port.sides.get(group.version)
        if side is None:
            continue
        side.retained[group] = interest
        if side.retained_until is None:
            side.retained_until = world.former_since + side.table.timing.group_membership_interval
            world.deadlines.set(side.retained_key, side.retained_until)
        world.desired.set_interest(name, group, interest)
    present = {route.key: route for route in entries}
    changes = difference(world.desired.routes_of(group), present)
    if changes:
        world.out.append(ChangeRoutes(tuple(changes)))


def interests(entries: Iterable[Route]) -> dict[str, Aggregate]:
    """Return what each port wanted of a group for these entries, all of the group's, to be there.

    The inverse of `desired.routes_for`: a port of (*,G) excludes the sources whose (S,G) leaves it out;
    a port that only (S,G) entries name includes their sources.
    """
    ports = frozenset[str]()
    excluding = frozenset[str]()
    named: list[tuple[Address, frozenset[str]]] = []
    for route in entries:
        ports |= route.ports
        if route.key.source is None:
            excluding = route.ports
        else:
            named.append((route.key.source, route.ports))
    return {port: _interest(port, named, excludes=port in excluding) for port in ports}


def _interest(port: str, named: Iterable[tuple[Address, frozenset[str]]], *, excludes: bool) -> Aggregate:
    sources = frozenset(source for source, ports in named if (port in ports) is not excludes)
    return Aggregate(FilterMode.EXCLUDE if excludes else FilterMode.INCLUDE, sources)

"""What membership means: entries of the plane, reports toward the core, queries. Pure.

Whatever changed a membership table, a report, a copy, time, ends here.
"""

from collections.abc import Iterable
from ipaddress import IPv4Address
from typing import Final

from dataplane.engine.effects import ChangeRoutes, SendFrame
from dataplane.engine.world import IGMP, Port, Side, World, address_of
from dataplane.forwarding.desired import combined
from dataplane.membership.groups import Aggregate, ChangeKind
from dataplane.membership.querier import SendQuery
from dataplane.membership.table import Changes
from dataplane.packets import frames
from dataplane.packets.ethernet import UNTAGGED, Subscriber
from dataplane.packets.messages import Address, Query

_UNSPECIFIED: Final = IPv4Address(0)
_GONE: Final = frozenset({ChangeKind.REMOVED, ChangeKind.EXPIRED})


def settle(world: World, port: Port, side: Side, changes: Changes, now: float) -> None:
    """Bring forwarding, the reports toward the core and the querier up to date with a table's changes."""
    for change in changes.entries:
        subscriber = change.entry.subscriber
        if subscriber.tagged and change.kind is ChangeKind.CREATED:
            side.circuits[subscriber.circuit] += 1
        elif subscriber.tagged and change.kind in _GONE:
            _forget(side, subscriber.circuit)
    for group in changes.groups:
        update_group(world, port, side, group, now)
    if changes.queries:
        send_queries(world, port, side, side.querier.ask(changes.queries, now))
    world.deadlines.set(side.table_key, side.table.next_deadline())


def _forget(side: Side, circuit: Subscriber) -> None:
    side.circuits[circuit] -= 1
    if side.circuits[circuit] <= 0:
        del side.circuits[circuit]


def update_group(world: World, port: Port, side: Side, group: Address, now: float) -> None:
    """Install what a port's members want of a group, and report it toward the core."""
    interest = side.table.aggregate(group)
    if side.retained and group in side.retained:
        interest = _with_retained(side, group, interest)
    effects = world.desired.set_interest(port.config.name, group, interest)
    if effects:
        world.out.append(ChangeRoutes(effects))
    tell_core(world, group, now)


def tell_core(world: World, group: Address, now: float) -> None:
    """Have what all ports want of a group reported toward the core."""
    world.proxy.set_interest(group, world.desired.interest(group), now)
    world.proxy_changed = True


def _with_retained(side: Side, group: Address, interest: Aggregate | None) -> Aggregate | None:
    """Add what an adopted entry says until members have said as much themselves (rule 18)."""
    retained = side.retained[group]
    if interest is None:
        return retained
    union = combined((interest, retained))
    if union == interest:
        del side.retained[group]
    return union


def expire_retained(world: World, port: Port, side: Side, now: float) -> None:
    """Let go of adopted entries: whoever is still there has reported within a membership interval."""
    groups = tuple(side.retained)
    side.retained.clear()
    side.retained_until = None
    for group in groups:
        update_group(world, port, side, group, now)


def run_queriers(world: World, port: Port, now: float, *, active: bool) -> None:
    """Have the port's queriers ask, or be silent (rule 17); without an address MLD cannot ask."""
    for side in port.sides.values():
        able = side.version == IGMP or address_of(port.link, side.version) is not None
        send_queries(world, port, side, side.querier.set_active(active and able, now))


def take_queriers_back(world: World, port: Port, now: float) -> None:
    """Ask again where an election was lost to the peer (rules 17 and 19)."""
    for side in port.sides.values():
        send_queries(world, port, side, side.querier.take_back(now))


def send_queries(world: World, port: Port, side: Side, queries: Iterable[SendQuery]) -> None:
    """Send queries and note when the querier is next due.

    Each goes out once for every VLAN and every PPPoE session that it concerns.
    """
    world.deadlines.set(side.querier_key, side.querier.next_deadline())
    link = port.link
    if link is None:
        return
    source = address_of(link, side.version) or _UNSPECIFIED
    for send in queries:
        for circuit in _circuits(side, send.query):
            port.counters.sent["total"] += 1
            port.counters.sent["query"] += 1
            frame = frames.query_frame(send.query, link.mac, source, circuit, port.outer_type)
            world.out.append(SendFrame(port.config.name, frame))


def _circuits(side: Side, query: Query) -> Iterable[Subscriber]:
    if not side.circuits:
        return (UNTAGGED,)
    if query.group is None:
        return (UNTAGGED, *sorted(side.circuits))
    members = {entry.subscriber.circuit for entry in side.table.entries(query.group)}
    return sorted(members) or (UNTAGGED,)

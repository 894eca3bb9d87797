"""What membership means: entries of the plane, reports toward the core, queries. Pure.

Whatever changed a membership table, a report, a copy, time, ends here.
"""

from collections.abc import Iterable
from ipaddress import IPv4Address
from typing import Final

from dataplane.engine.effects import ChangeRoutes, SendFrame
from dataplane.engine.world import Port, World, address_of
from dataplane.forwarding.desired import combined
from dataplane.membership.groups import Aggregate, ChangeKind
from dataplane.membership.querier import SendQuery
from dataplane.membership.table import Changes
from dataplane.packets import frames
from dataplane.packets.messages import Address, Query

_UNSPECIFIED: Final = IPv4Address(0)
_GONE: Final = frozenset({ChangeKind.REMOVED, ChangeKind.EXPIRED})


def settle(world: World, port: Port, changes: Changes, now: float) -> None:
    """Bring forwarding, the reports toward the core and the querier up to date with a table's changes."""
    for change in changes.entries:
        vlan = change.entry.subscriber.outer_vlan
        if vlan and change.kind is ChangeKind.CREATED:
            port.tagged[vlan] += 1
        elif vlan and change.kind in _GONE:
            _untag(port, vlan)
    for group in changes.groups:
        update_group(world, port, group, now)
    if changes.queries:
        send_queries(world, port, port.querier.ask(changes.queries, now))
        world.deadlines.set(("querier", port.config.name), port.querier.next_deadline())
    world.deadlines.set(("table", port.config.name), port.table.next_deadline())


def _untag(port: Port, vlan: int) -> None:
    port.tagged[vlan] -= 1
    if port.tagged[vlan] <= 0:
        del port.tagged[vlan]


def update_group(world: World, port: Port, group: Address, now: float) -> None:
    """Install what a port's members want of a group, and report it toward the core."""
    interest = port.table.aggregate(group)
    if port.retained and group in port.retained:
        interest = _with_retained(port, group, interest)
    effects = world.desired.set_interest(port.config.name, group, interest)
    if effects:
        world.out.append(ChangeRoutes(effects))
    world.proxy.set_interest(group, world.desired.interest(group), now)
    world.proxy_changed = True


def _with_retained(port: Port, group: Address, interest: Aggregate | None) -> Aggregate | None:
    """Add what an adopted entry says until members have said as much themselves (rule 18)."""
    retained = port.retained[group]
    if interest is None:
        return retained
    union = combined((interest, retained))
    if union == interest:
        del port.retained[group]
    return union


def expire_retained(world: World, port: Port, now: float) -> None:
    """Let go of adopted entries: whoever is still there has reported within a membership interval."""
    groups = tuple(port.retained)
    port.retained.clear()
    port.retained_until = None
    for group in groups:
        update_group(world, port, group, now)


def send_queries(world: World, port: Port, queries: Iterable[SendQuery]) -> None:
    """Send queries, one for each outer VLAN that they concern."""
    link = port.link
    if link is None:
        return
    source = address_of(link) or _UNSPECIFIED
    for send in queries:
        frame = frames.query_frame(send.query, link.mac, source)
        for vlan in _vlans(port, send.query):
            port.counters.sent["total"] += 1
            port.counters.sent["query"] += 1
            world.out.append(SendFrame(port.config.name, frame, vlan))


def _vlans(port: Port, query: Query) -> Iterable[int]:
    if not port.tagged:
        return (0,)
    if query.group is None:
        return (0, *sorted(port.tagged))
    members = {entry.subscriber.outer_vlan for entry in port.table.entries(query.group)}
    return sorted(members) or (0,)

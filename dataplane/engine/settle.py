"""What membership means: entries of the plane, reports toward the core, queries. Pure.

Whatever changed a membership table, a report, a copy, time, ends here.
"""

from collections import deque
from collections.abc import Iterable
from ipaddress import IPv4Address
from itertools import islice
from typing import Final

from dataplane.engine import former, sessions
from dataplane.engine.effects import ChangeRoutes, SendFrame
from dataplane.engine.world import IGMP, Port, Side, World, address_of
from dataplane.forwarding.desired import combined
from dataplane.membership.groups import Aggregate, ChangeKind
from dataplane.membership.querier import QuerierState, SendQuery
from dataplane.membership.table import Changes
from dataplane.packets import frames
from dataplane.packets.ethernet import UNTAGGED, Subscriber
from dataplane.packets.messages import Address, Query

CIRCUITS_AT_ONCE: Final = 128
"""VLANs and sessions that a general query goes to at once: a millisecond or two of work."""
CIRCUITS_PAUSE: Final = 0.01
"""Seconds to the next of them."""
SILENT: Final = 4096
"""VLANs without members that are asked: those of one tag, or as many of two."""
SILENT_QUERIES: Final = 30
"""General queries that go there: an hour of them by default."""
RELEASED_AT_ONCE: Final = 128
"""Adopted groups of one turn, which costs two milliseconds."""

_UNSPECIFIED: Final = IPv4Address(0)
_GONE: Final = frozenset({ChangeKind.REMOVED, ChangeKind.EXPIRED})


def settle(world: World, port: Port, side: Side, changes: Changes, now: float) -> None:
    """Bring forwarding, the reports toward the core and the querier up to date with a table's changes."""
    for change in changes.entries:
        subscriber = change.entry.subscriber
        if subscriber.tagged and change.kind is ChangeKind.CREATED:
            side.circuits[subscriber.circuit] += 1
            side.silent.pop(subscriber.circuit, None)
        elif subscriber.tagged and change.kind in _GONE:
            silent = change.kind is ChangeKind.EXPIRED and change.entry.kept
            _forget(side, subscriber.circuit, silent=silent)
    for group in changes.groups:
        update_group(world, port, side, group, now)
    if changes.queries:
        send_queries(world, port, side, side.querier.ask(changes.queries, now), now)
    world.deadlines.set(side.table_key, side.table.next_deadline())


def _forget(side: Side, circuit: Subscriber, *, silent: bool) -> None:
    side.circuits[circuit] -= 1
    if side.circuits[circuit] <= 0:
        del side.circuits[circuit]
        side.session_macs.pop(circuit, None)
        if silent and not circuit.pppoe_session and len(side.silent) < SILENT:
            side.silent[circuit] = SILENT_QUERIES


def _to_ask(side: Side) -> deque[Subscriber]:
    """Where a general query goes: to members, and to where members were that never said that they leave.

    They may only have been cut off. A member that is not asked does not report, so nobody would know when the
    line is back; a session would be another then.
    """
    circuits = deque((*side.circuits, *side.silent))
    side.silent = {circuit: left - 1 for circuit, left in side.silent.items() if left > 1}
    return circuits


def update_group(world: World, port: Port, side: Side, group: Address, now: float) -> None:
    """Install what a port's members want of a group, and report it toward the core."""
    if world.former:
        former.take(world, group)
    interest = side.table.aggregate(group)
    if side.retained and group in side.retained:
        interest = _with_retained(side, group, interest)
    effects = world.desired.set_interest(port.config.name, group, interest)
    if effects:
        world.out.append(ChangeRoutes(effects))
    if side.circuits or world.tagged:
        note_tagged(world, port.config.name, group, side.table.tagged_aggregate(group))
    tell_core(world, group, now)


def note_tagged(world: World, port: str, group: Address, interest: Aggregate | None) -> None:
    """Keep what members behind VLAN tags and in PPPoE sessions want: the plane does not, the core has to."""
    known = world.tagged.get(group)
    if interest is not None:
        world.tagged.setdefault(group, {})[port] = interest
    elif known is not None and known.pop(port, None) is not None and not known:
        del world.tagged[group]


def tell_core(world: World, group: Address, now: float) -> None:
    """Have what all members want of a group reported toward the core."""
    interest = world.desired.interest(group)
    if world.tagged and group in world.tagged:
        interests = world.tagged[group].values()
        interest = combined([*interests, interest] if interest is not None else [*interests])
    world.proxy.set_interest(group, interest, now)
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
    """Let go of adopted entries: whoever is still there has reported within a membership interval.

    The next tick goes on where this one stops: hellos must not wait for thousands of groups.
    """
    side.retained_until = None
    for group in list(islice(side.retained, RELEASED_AT_ONCE)):
        del side.retained[group]
        update_group(world, port, side, group, now)
    if side.retained:
        world.deadlines.set(side.retained_key, now)


def run_queriers(world: World, port: Port, now: float, *, active: bool) -> None:
    """Have the port's queriers ask, or be silent (rule 17); without an address MLD cannot ask."""
    for side in port.sides.values():
        able = side.version == IGMP or address_of(port.link, side.version) is not None
        send_queries(world, port, side, side.querier.set_active(active and able, now), now)


def take_queriers_back(world: World, port: Port, now: float) -> None:
    """Ask again where an election was lost to the peer (rules 17 and 19)."""
    for side in port.sides.values():
        send_queries(world, port, side, side.querier.take_back(now), now)


def send_queries(world: World, port: Port, side: Side, queries: Iterable[SendQuery], now: float) -> None:
    """Send queries and note when the querier is next due.

    A general query goes once to whoever is untagged, and soon to every VLAN and every PPPoE session with
    members: a router that becomes master forwards before it has asked all of them.
    """
    for send in queries:
        if send.circuit is not None:
            _send_query(world, port, side, send.query, send.circuit)
        else:
            _send_query(world, port, side, send.query, UNTAGGED)
            side.unasked = (send.query, _to_ask(side))
            world.deadlines.set(side.unasked_key, now)
    world.deadlines.set(side.querier_key, side.querier.next_deadline())


def ask_circuits(world: World, port: Port, side: Side, now: float) -> None:
    """Send a part of what a general query has still to reach; the next part is due soon."""
    if side.unasked is not None and side.querier.state is QuerierState.QUERIER:
        query, circuits = side.unasked
        for _ in range(min(CIRCUITS_AT_ONCE, len(circuits))):
            _send_query(world, port, side, query, circuits.popleft())
        side.unasked = (query, circuits) if circuits else None
    else:
        side.unasked = None
    world.deadlines.set(side.unasked_key, None if side.unasked is None else now + CIRCUITS_PAUSE)


def _send_query(world: World, port: Port, side: Side, query: Query, circuit: Subscriber) -> None:
    link = port.link
    if link is None:
        return
    source = address_of(link, side.version) or _UNSPECIFIED
    mac = sessions.source_mac(world, port, side, link, circuit)
    made = frames.query_frames(query, mac, source, link.mtu, circuit, port.tag_type(circuit))
    port.counters.sent["total"] += len(made)
    port.counters.sent["query"] += len(made)
    world.out.extend([SendFrame(port.config.name, frame) for frame in made])

"""The memberships as they are told and counted: by key where a key is given, and in steps. Pure.

A step never looks at more than LOOK entries, so that a hello waits for a millisecond at most, whatever is
asked for and however many there are.
"""

from collections.abc import Callable, Generator, Iterable, Iterator
from ipaddress import ip_address
from typing import Final, Protocol

from dataplane import state
from dataplane.config import Role
from dataplane.copy_policy import subscriber_type
from dataplane.engine.walk import walk
from dataplane.engine.world import Port, Profile, World
from dataplane.forwarding.desired import ForwardingReason
from dataplane.forwarding.plane import PortCounters, RouteCounters, RouteKey
from dataplane.membership.groups import FilterMode, Origin, SourceState
from dataplane.membership.table import Entry
from dataplane.packets.ethernet import Subscriber
from dataplane.packets.messages import Address
from dataplane.state import GroupKey, StatePiece

PIECE: Final = 128
"""Entries of one piece: about a millisecond of work."""
COUNTED: Final = 64
"""Entries of one group that are added up."""
LOOK: Final = 4096
"""Entries, or groups without the subscriber in question, that are looked at in one step."""


class PlaneView(Protocol):
    """What the state says of the plane."""

    @property
    def kind(self) -> str:
        """Which implementation it is."""
        ...

    def slot(self, name: str) -> int | None:
        """The VIF number of an interface."""
        ...

    def refusal(self, port: str, group: Address) -> str | None:
        """Why packets of a group cannot reach a port, whatever its role."""
        ...

    def counters(self, key: RouteKey) -> RouteCounters | None:
        """What one entry has counted, None when it is not there."""
        ...

    def passed(self, name: str) -> PortCounters | None:
        """What passed an interface, None where nothing is counted."""
        ...


def told(
    world: World, plane: PlaneView, keys: Iterable[GroupKey], clock: Callable[[], float]
) -> Iterator[StatePiece]:
    """Yield the entries that any of `keys` matches; an empty piece after a step that found nothing.

    A slow reader may take minutes over them: what is told of each is what holds when its piece is made.
    """
    found: list[state.GroupState] = []
    packets: dict[Address, int | None] = {}
    looked = 0
    for key in keys:
        for port, entry in _looked_at(world, key):
            looked += 1
            if entry is not None:
                if entry.group not in packets:
                    packets[entry.group] = _packets(world, plane, entry.group)
                found.append(_group(world, plane, port, entry, clock(), packets[entry.group]))
            if len(found) >= PIECE or looked >= LOOK:
                yield StatePiece(groups=tuple(found))
                found, looked = [], 0
                packets.clear()
    if found:
        yield StatePiece(groups=tuple(found))


def counted(world: World, profile: Profile) -> Generator[None, None, tuple[int, int, int]]:
    """Return the numbers of groups, of entries and of those that only a copy explains; yields in between."""
    groups, entries, retained, looked = set(), 0, 0, 0
    for port in _ports(world, profile):
        for side in list(port.sides.values()):
            for group in list(side.table.groups()):
                members = [entry.origin for entry in side.table.entries(group)]
                groups.add(group)
                entries += len(members)
                retained += members.count(Origin.COPIED)
                looked += 1 + len(members)
                if looked >= LOOK:
                    looked = 0
                    yield
    return len(groups), entries, retained


def _ports(world: World, profile: Profile) -> list[Port]:
    return [world.ports[name] for name in list(profile.ports.values()) if name in world.ports]


def _looked_at(world: World, key: GroupKey) -> Iterator[tuple[Port, Entry | None]]:
    try:
        subscriber = Subscriber.parse(key.subscriber) if key.subscriber else None
        group = ip_address(key.group) if key.group else None
    except ValueError:
        return
    for port in _bound(world, key):
        for side in list(port.sides.values()):
            if group is None or group.version == side.version:
                for entry in walk(side.table, group, subscriber):
                    yield port, entry


def _bound(world: World, key: GroupKey) -> list[Port]:
    """The ports that the key leaves open, of those that are bound to a profile."""
    if key.interface:
        found = world.ports.get(key.interface)
        ports = [] if found is None else [found]
    elif key.profile:
        profile = world.profiles.get(key.profile)
        ports = [] if profile is None else _ports(world, profile)
    else:
        ports = list(world.ports.values())
    return [
        port
        for port in ports
        if port.profile_name in world.profiles and key.profile in ("", port.profile_name)
    ]


def _group(
    world: World, plane: PlaneView, port: Port, entry: Entry, now: float, packets: int | None
) -> state.GroupState:
    value = entry.state(now)
    reason = forwarding_reason(world, plane, port, entry)
    forwarding = reason == ForwardingReason.FORWARDING
    wanted = port.sides[entry.group.version].table.aggregate(entry.group)
    return state.GroupState(
        profile=port.profile_name,
        interface=port.config.name,
        subscriber=entry.subscriber.text(),
        group_address=str(entry.group),
        subscriber_type=subscriber_type(entry.subscriber.pppoe_session).value,
        origin=value.origin.value,
        filter_mode=value.filter_mode.value,
        expire=round(value.lifetime),
        up_time=int(now - value.up_since),
        last_reporter=str(value.last_reporter),
        forwarding=forwarding,
        forwarding_reason=reason,
        source=tuple(_source(source, value.filter_mode, now) for source in value.sources),
        exceeds_filter=forwarding and wanted != entry.wants(now),
        packets=packets,
    )


def _packets(world: World, plane: PlaneView, group: Address) -> int | None:
    """Add up what the entries of a group have counted: whether the stream is at hand, on a backup too.

    None of a group without entries, and of one with so many that to read them would take long.
    """
    routes = world.desired.routes_of(group)
    counted = [plane.counters(key) for key in routes] if len(routes) <= COUNTED else []
    known = [each.packets for each in counted if each is not None]
    return sum(known) if known else None


def _source(source: SourceState, mode: FilterMode, now: float) -> state.SourceState:
    excluded = mode is FilterMode.EXCLUDE and source.lifetime <= 0
    expire = None if excluded else round(source.lifetime)
    return state.SourceState(str(source.address), expire, int(now - source.up_since))


def forwarding_reason(world: World, plane: PlaneView, port: Port, entry: Entry) -> str:
    """Return why the streams of a port do or do not reach one of its subscribers: a `ForwardingReason`.

    The kernel sends what it routes without a tag: subscribers of a VLAN have to be behind an access interface
    of their own, the VLAN's. Into PPPoE sessions it does not send at all. What the plane could not install is
    said whatever the role: a backup's operator has to know before it becomes master.
    """
    subscriber = entry.subscriber
    if subscriber.pppoe_session:
        return ForwardingReason.PPPOE
    if subscriber.tagged:
        return ForwardingReason.TAGGED
    if port.link is None or not port.link.up or not port.config.enabled:
        return ForwardingReason.LINK_DOWN
    refusal = plane.refusal(port.config.name, entry.group)
    if refusal is not None:
        return f"{ForwardingReason.NOT_INSTALLED}: {refusal}"
    if not port.active:
        return ForwardingReason.NO_ROLE if world.role_of(port) is Role.INIT else ForwardingReason.STANDBY
    return ForwardingReason.NO_UPSTREAM if world.active_upstream is None else ForwardingReason.FORWARDING

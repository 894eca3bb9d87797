"""The engine's state as it is told to the server. Pure; reads, never changes.

Comes in pieces of bounded size, each made when it is asked for, so that a large answer never holds up the
packets. Only what was asked for is built.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict
from ipaddress import ip_address
from itertools import islice
from typing import Final, TypeVar

from dataplane import state
from dataplane.config import Role
from dataplane.copy_policy import SubscriberType, subscriber_type
from dataplane.engine.world import IGMP, MLD, PROTOCOLS, Port, Profile, Service, UpstreamInterface, World
from dataplane.forwarding.desired import ForwardingReason
from dataplane.membership.groups import FilterMode, Origin, SourceState
from dataplane.membership.querier import QuerierState
from dataplane.membership.table import Entry, MembershipTable
from dataplane.packets.ethernet import Subscriber
from dataplane.packets.messages import Address
from dataplane.replication.peer import ChannelState, SyncState
from dataplane.state import GroupKey, StatePiece, StateSelection

T = TypeVar("T")

PIECE: Final = 256
"""Entries of one piece: about a millisecond of work."""


def pieces(
    world: World, selection: StateSelection, plane: str, vif: Callable[[str], int | None], now: float
) -> Iterator[StatePiece]:
    """Yield what `selection` wants; `vif` says the plane's slot number of an interface."""
    for services in _chunks(_selected(world.services, selection.services)):
        yield StatePiece(services=tuple(_service(world, item) for item in services))
    for profiles in _chunks(_selected(world.profiles, selection.profiles)):
        yield StatePiece(profiles=tuple(_profile(world, item, counts=selection.counts) for item in profiles))
    interfaces: dict[str, Port | UpstreamInterface] = {**world.ports, **world.upstreams}
    for items in _chunks(_selected(interfaces, selection.interfaces)):
        yield StatePiece(interfaces=tuple(_interface(item, plane, vif) for item in items))
    keys = (GroupKey(),) if selection.groups is None else selection.groups
    for found in _chunks(entry for key in keys for entry in _entries(world, key)):
        yield StatePiece(groups=tuple(_group(world, port, entry, now) for port, entry in found))


def _chunks(items: Iterable[T]) -> Iterator[list[T]]:
    iterator = iter(items)
    while chunk := list(islice(iterator, PIECE)):
        yield chunk


def _selected(items: Mapping[str, T], names: tuple[str, ...] | None) -> list[T]:
    if names is None:
        return list(items.values())
    return [items[name] for name in names if name in items]


def _service(world: World, service: Service) -> state.ServiceState:
    machine = service.machine
    down = machine is None or machine.state in (ChannelState.DOWN, ChannelState.CONNECTING)
    return state.ServiceState(
        name=service.config.name,
        channel_state=(ChannelState.DOWN if machine is None else machine.state).value,
        channel_security="" if down else service.config.security.value,
        sync_state=(SyncState.OUT_OF_SYNC if machine is None else machine.sync_state).value,
        discontinuity_time=service.discontinuity,
        last_up_time=service.last_up,
        last_down_time=service.last_down,
        last_down_reason=(machine.down_reason if down and machine else "") or service.last_down_reason,
        peer_mismatch=tuple(_mismatches(world, service)),
        sent={} if machine is None else _counters(asdict(machine.sent)),
        received={} if machine is None else _counters(asdict(machine.received)),
    )


def _mismatches(world: World, service: Service) -> Iterator[state.PeerMismatch]:
    """Yield what differs, for the profiles that have a name here."""
    for mismatch in () if service.machine is None else service.machine.mismatches:
        profile = world.by_backup_id.get((service.config.name, mismatch.backup_id))
        if profile is not None:
            yield state.PeerMismatch(profile, mismatch.setting, mismatch.local, mismatch.peer)


def _counters(values: Mapping[str, int]) -> dict[str, int]:
    return {name.replace("_", "-"): value for name, value in values.items()}


def _profile(world: World, profile: Profile, *, counts: bool) -> state.ProfileState:
    groups, entries, retained = _counts(world, profile) if counts else (None, None, None)
    return state.ProfileState(
        name=profile.config.name,
        local_role=profile.role.value,
        peer_role=profile.peer_role.value if profile.peer_role is not None else "",
        bound_interface=tuple(sorted(profile.ports.values())),
        subscriber_types=tuple(_copy_status(profile, IGMP, kind) for kind in SubscriberType),
        mld_subscriber_types=tuple(_copy_status(profile, MLD, kind) for kind in SubscriberType),
        groups_count=groups,
        entries_count=entries,
        retained_count=retained,
        last_role_change=profile.last_role_change,
        last_role_change_reason=profile.last_role_change_reason,
        last_batch_completed=profile.last_batch_completed,
        last_batch_entries=profile.last_batch_entries,
    )


def _counts(world: World, profile: Profile) -> tuple[int, int, int]:
    """Return the numbers of groups, of entries and of entries that only a copy explains."""
    tables = [side.table for name in profile.ports.values() for side in world.ports[name].sides.values()]
    groups = {group for table in tables for group in table.groups()}
    retained = sum(1 for table in tables for entry in table.entries() if entry.origin is Origin.COPIED)
    return len(groups), sum(len(table) for table in tables), retained


def _copy_status(profile: Profile, version: int, kind: SubscriberType) -> state.CopyStatus:
    status = profile.copy[version][kind]
    return state.CopyStatus(
        type=kind.value,
        copy_state=status.state.value,
        last_state_change=status.since,
        peer_setting_mismatch=bool(profile.mismatch & {"multicast", f"{PROTOCOLS[version]}-copy"}),
        discontinuity_time=status.discontinuity,
        copied=dict(status.copied),
        applied=dict(status.applied),
        not_copied=dict(status.not_copied),
    )


def _interface(
    item: Port | UpstreamInterface, plane: str, vif: Callable[[str], int | None]
) -> state.InterfaceState:
    counters = item.counters
    return state.InterfaceState(
        name=item.config.name,
        plane=plane,
        querier=_querier(item, IGMP) if isinstance(item, Port) else "",
        mld_querier=_querier(item, MLD) if isinstance(item, Port) else "",
        vif=vif(item.config.name),
        discontinuity_time=item.discontinuity,
        received=dict(counters.received),
        sent=dict(counters.sent),
        error=dict(counters.error),
        dropped=dict(counters.dropped),
    )


def _querier(port: Port, version: int) -> str:
    querier = port.sides[version].querier
    address = querier.querier_address
    return "" if address is None or querier.state is QuerierState.OFF else str(address)


def _entries(world: World, key: GroupKey) -> Iterator[tuple[Port, Entry]]:
    for port in list(world.ports.values()):
        if key.interface not in ("", port.config.name) or key.profile not in ("", port.profile_name):
            continue
        if port.profile_name in world.profiles:
            yield from ((port, entry) for entry in _of_port(port, key))


def _of_port(port: Port, key: GroupKey) -> Iterator[Entry]:
    try:
        subscriber = Subscriber.parse(key.subscriber) if key.subscriber else None
        group = ip_address(key.group) if key.group else None
    except ValueError:
        return
    for side in list(port.sides.values()):
        if group is None or group.version == side.version:
            yield from _of_table(side.table, subscriber, group)


def _of_table(
    table: MembershipTable, subscriber: Subscriber | None, group: Address | None
) -> Iterator[Entry]:
    if subscriber is not None and group is not None:
        found = table.entry(subscriber, group)
        if found is not None:
            yield found
        return
    for each in [group] if group is not None else list(table.groups()):
        for entry in list(table.entries(each)):
            if subscriber is None or entry.subscriber == subscriber:
                yield entry


def _group(world: World, port: Port, entry: Entry, now: float) -> state.GroupState:
    value = entry.state(now)
    reason = forwarding_reason(world, port, entry.subscriber)
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
        forwarding=reason is ForwardingReason.FORWARDING,
        forwarding_reason=reason.value,
        source=tuple(_source(source, value.filter_mode, now) for source in value.sources),
    )


def _source(source: SourceState, mode: FilterMode, now: float) -> state.SourceState:
    excluded = mode is FilterMode.EXCLUDE and source.lifetime <= 0
    expire = None if excluded else round(source.lifetime)
    return state.SourceState(str(source.address), expire, int(now - source.up_since))


def forwarding_reason(world: World, port: Port, subscriber: Subscriber) -> ForwardingReason:
    """Return why the streams of a port do or do not reach one of its subscribers.

    The kernel sends what it routes without a tag: subscribers of a VLAN have to be behind an access interface
    of their own, the VLAN's. Into PPPoE sessions it does not send at all.
    """
    if subscriber.pppoe_session:
        return ForwardingReason.PPPOE
    if subscriber.tagged:
        return ForwardingReason.TAGGED
    role = world.role_of(port)
    if port.link is None or not port.link.up or not port.config.enabled:
        return ForwardingReason.LINK_DOWN
    if not port.active:
        return ForwardingReason.NO_ROLE if role is Role.INIT else ForwardingReason.STANDBY
    return ForwardingReason.NO_UPSTREAM if world.active_upstream is None else ForwardingReason.FORWARDING

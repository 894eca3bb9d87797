"""The engine's state as it is told to the server. Pure; reads, never changes.

Comes in pieces of bounded size, each made when it is asked for, so that a large answer never holds up the
packets. Only what was asked for is built.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict
from itertools import islice
from typing import Final, TypeVar

from dataplane import state
from dataplane.copy_policy import SubscriberType
from dataplane.engine import memberships
from dataplane.engine.memberships import PlaneView
from dataplane.engine.world import IGMP, MLD, PROTOCOLS, Port, Profile, Service, UpstreamInterface, World
from dataplane.forwarding.plane import PortCounters
from dataplane.membership.querier import QuerierState
from dataplane.replication.outputs import ReceivedStatistics, SentStatistics
from dataplane.replication.peer import ChannelState, SyncState
from dataplane.roles import ETrunkRole
from dataplane.state import GroupKey, StatePiece, StateSelection

T = TypeVar("T")

PIECE: Final = 256
"""Entries of one piece: about a millisecond of work."""


def pieces(
    world: World, selection: StateSelection, plane: PlaneView, clock: Callable[[], float]
) -> Iterator[StatePiece]:
    """Yield what `selection` wants, each piece as it is by `clock` when it is asked for."""
    for services in _chunks(_selected(world.services, selection.services)):
        yield StatePiece(services=tuple(_service(world, item) for item in services))
    for profiles in _chunks(_selected(world.profiles, selection.profiles)):
        yield from _profiles(world, profiles, counts=selection.counts)
    interfaces: dict[str, Port | UpstreamInterface] = {**world.ports, **world.upstreams}
    for items in _chunks(_selected(interfaces, selection.interfaces)):
        yield StatePiece(interfaces=tuple(_interface(item, plane) for item in items))
    keys = (GroupKey(),) if selection.groups is None else selection.groups
    yield from memberships.told(world, plane, keys, clock)


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
        sent=_counters(asdict(SentStatistics() if machine is None else machine.sent)),
        received=_counters(asdict(ReceivedStatistics() if machine is None else machine.received)),
    )


def _mismatches(world: World, service: Service) -> Iterator[state.PeerMismatch]:
    """Yield what differs, for the profiles that have a name here."""
    for mismatch in () if service.machine is None else service.machine.mismatches:
        profile = world.by_backup_id.get((service.config.name, mismatch.backup_id))
        if profile is not None:
            yield state.PeerMismatch(profile, mismatch.setting, mismatch.local, mismatch.peer)


def _counters(values: Mapping[str, int]) -> dict[str, int]:
    return {name.replace("_", "-"): value for name, value in values.items()}


def _profiles(world: World, profiles: Iterable[Profile], *, counts: bool) -> Iterator[StatePiece]:
    """Yield the profiles in one piece, and before it an empty one after each step of the counting."""
    told = []
    for profile in profiles:
        numbers = None
        if counts:
            counting = memberships.counted(world, profile)
            try:
                while True:
                    next(counting)
                    yield StatePiece()
            except StopIteration as done:
                numbers = done.value
        told.append(_profile(profile, numbers))
    yield StatePiece(profiles=tuple(told))


def _profile(profile: Profile, numbers: tuple[int, int, int] | None) -> state.ProfileState:
    listed = profile.subscribers
    groups, entries, retained = numbers or (None, None, None)
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
        subscriber_list_entries=None if listed is None else len(listed.patterns),
        subscriber_list_loaded=None if listed is None else listed.since,
        hellos=_hellos(profile),
    )


def _hellos(profile: Profile) -> state.HelloStatistics | None:
    machine = profile.machine
    if not isinstance(machine, ETrunkRole):
        return None
    refused = {reason.value: count for reason, count in machine.refused.items()}
    return state.HelloStatistics(profile.hellos_since, machine.sent, machine.received, refused)


def _copy_status(profile: Profile, version: int, kind: SubscriberType) -> state.CopyStatus:
    status = profile.copy[version][kind]
    settings = (
        {"multicast", f"{PROTOCOLS[version]}-copy"} if kind is SubscriberType.DHCP_STB else {"multicast"}
    )
    return state.CopyStatus(
        type=kind.value,
        copy_state=status.state.value,
        last_state_change=status.since,
        peer_setting_mismatch=bool(profile.mismatch & settings),
        discontinuity_time=status.discontinuity,
        copied=dict(status.copied),
        applied=dict(status.applied),
        not_copied=dict(status.not_copied),
    )


def _interface(item: Port | UpstreamInterface, plane: PlaneView) -> state.InterfaceState:
    counters = item.counters
    return state.InterfaceState(
        name=item.config.name,
        plane=str(plane.kind),
        querier=_querier(item, IGMP) if isinstance(item, Port) else "",
        mld_querier=_querier(item, MLD) if isinstance(item, Port) else "",
        vif=plane.slot(item.config.name),
        discontinuity_time=item.discontinuity,
        received=dict(counters.received),
        sent=dict(counters.sent),
        error=dict(counters.error),
        dropped=dict(counters.dropped),
        capture=item.capture_mode,
        forwarded=_forwarded(plane.passed(item.config.name)),
    )


def _forwarded(passed: PortCounters | None) -> dict[str, int]:
    if passed is None:
        return {}
    return {
        "in-packets": passed.packets_in,
        "in-octets": passed.bytes_in,
        "out-packets": passed.packets_out,
        "out-octets": passed.bytes_out,
    }


def _querier(port: Port, version: int) -> str:
    querier = port.sides[version].querier
    address = querier.querier_address
    return "" if address is None or querier.state is QuerierState.OFF else str(address)

"""How each profile stands with its peer: copy-state, peer role, mismatches. Pure.

Recomputed when something it depends on changed; a change is announced.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from dataplane.config import ETrunkArbitration, ProfileConfig, Role, StaticArbitration, VrrpArbitration
from dataplane.copy_policy import CopyFacts, SubscriberType, copy_state
from dataplane.engine.effects import Notify
from dataplane.engine.settle import take_queriers_back
from dataplane.engine.world import HANDOVER, PROTOCOLS, CopyStatus, Named, Profile, Service, World
from dataplane.replication.peer import ChannelState, PeerMachine
from dataplane.replication.settings import ArbitrationKind, ArbitrationSettings, ProfileSettings
from dataplane.state import CopyStateChanged, DualMaster

TWO_MASTERS_AFTER: Final = 1.0
"""Seconds that both routers may be master before it is told, where no hellos say so: a VRRP router hands over
within them, and an operator who switches static roles over has a moment."""

_COPYING = frozenset({ChannelState.SYNCHRONIZING, ChannelState.CONNECTED})


def refresh_service(world: World, service: Service, now: float) -> None:
    """Bring the profiles of a service up to date with its channel and what the peer told."""
    for name in sorted(world.by_service.get(service.config.name, ())):
        _refresh(world, service, world.profiles[name], now)


def refresh_told(world: World, service: Service, backup_ids: frozenset[int] | None, now: float) -> None:
    """Bring the profiles that settings are about up to date; None: all of the service."""
    if backup_ids is None:
        refresh_service(world, service, now)
        return
    for each in sorted(backup_ids):
        profile = world.profiles.get(world.by_backup_id.get((service.config.name, each), ""))
        if profile is not None:
            _refresh(world, service, profile, now)


def _refresh(world: World, service: Service, profile: Profile, now: float) -> None:
    machine = service.machine
    found = () if machine is None else machine.mismatches_of(profile.config.backup_id)
    profile.mismatch = frozenset(each.setting for each in found)
    refresh_peer(world, service, profile, now)
    refresh_copy_states(world, profile, now)


def forget_peer(world: World, profile: Profile, now: float) -> None:
    """Forget what was told about another service or backup-id; what there is to tell now comes by itself."""
    profile.mismatch = frozenset()
    refresh_peer(world, world.services.get(profile.config.service_name), profile, now)


def refresh_peer(world: World, service: Service | None, profile: Profile, now: float) -> None:
    """Take the peer's role from its hellos, which are faster, or else from the channel."""
    told = None
    if service is not None and service.machine is not None and service.machine.state in _COPYING:
        settings = service.machine.peer_settings(profile.config.backup_id)
        told = None if settings is None else settings.role
    before, profile.peer_role = profile.peer_role, profile.machine.peer_role or told
    if before is Role.MASTER and profile.peer_role is not Role.MASTER:
        _take_queriers_back(world, profile, now)
    watch_for_two_masters(world, profile, now)


def _take_queriers_back(world: World, profile: Profile, now: float) -> None:
    """Ask again, now that the peer does not: while both were master we may have yielded to it (rule 17)."""
    if profile.role is not Role.MASTER:
        return
    profile.handover_until = now + HANDOVER
    for name in profile.ports.values():
        take_queriers_back(world, world.ports[name], now)


def watch_for_two_masters(world: World, profile: Profile, now: float) -> None:
    """Where no hellos are heard, the channel alone tells that the peer is master too (rule 19)."""
    both = profile.role is profile.peer_role is Role.MASTER and profile.machine.peer_role is None
    if both is not profile.two_masters:
        profile.two_masters = both
        deadline = now + TWO_MASTERS_AFTER if both else None
        world.deadlines.set(("two-masters", profile.config.name), deadline)


def tell_two_masters(world: World, name: str) -> None:
    """Announce that both routers have been master for a while: streams arrive twice."""
    profile = world.profiles.get(name)
    if profile is not None and profile.two_masters:
        world.out.append(Notify(DualMaster(name)))


def refresh_copy_states(world: World, profile: Profile, now: float) -> None:
    """Recompute the copy-state of both protocols and both kinds of subscribers."""
    for version, protocol in PROTOCOLS.items():
        facts = _facts(world, profile, version)
        known = profile.copy.setdefault(version, {})
        for kind in SubscriberType:
            state = copy_state(kind, facts)
            status = known.get(kind)
            if status is None:
                known[kind] = CopyStatus(state, world.wall(now), world.wall(now))
            elif status.state is not state:
                names = (profile.config.name, kind.value, status.state.value, state.value)
                world.out.append(Notify(CopyStateChanged(*names, protocol)))
                status.state, status.since = state, world.wall(now)


def _facts(world: World, profile: Profile, version: int) -> CopyFacts:
    config = profile.config
    service = world.services.get(config.service_name)
    machine = None if service is None else service.machine
    connected = machine is not None and machine.state in _COPYING
    return CopyFacts(
        multicast=config.multicast,
        dhcp_copy=config.dhcp_copy(version),
        bound=bool(profile.ports),
        mapped=config.mapped and service is not None,
        known_to_peer=machine is None or not connected or _has_counterpart(machine, profile),
        connected=connected,
        blocked=service is not None and service.config.block_send,
        synchronizing=machine is not None and machine.synchronizing(config.backup_id),
    )


def _has_counterpart(machine: PeerMachine, profile: Profile) -> bool:
    """Return whether the peer has this profile and at least one of its access-ids (rule 16)."""
    told = machine.peer_settings(profile.config.backup_id)
    if told is None or not machine.accepts(profile.config.backup_id):
        return False
    return not profile.ports or not told.access_ids.isdisjoint(profile.ports)


def _arbitration(config: ProfileConfig) -> ArbitrationSettings:
    match config.arbitration:
        case None:
            return ArbitrationSettings(ArbitrationKind.NONE)
        case StaticArbitration():
            return ArbitrationSettings(ArbitrationKind.STATIC)
        case VrrpArbitration(vrid):
            return ArbitrationSettings(ArbitrationKind.VRRP, vrid)
        case ETrunkArbitration(identity, hello_interval=seconds):
            return ArbitrationSettings(ArbitrationKind.E_TRUNK, identity, round(seconds * 100))


def settings_of(profile: Profile) -> ProfileSettings:
    """Return what the peer is told of a profile; the same object while nothing changed."""
    config = profile.config
    known = profile.settings
    settings = ProfileSettings(
        config.backup_id,
        config.multicast,
        config.igmp_copy,
        frozenset(profile.ports),
        profile.role,
        config.mld_copy,
        _arbitration(config),
    )
    if known != settings:
        profile.settings = settings
        return settings
    return known if known is not None else settings


def tell_settings(world: World, service: Service) -> tuple[ProfileSettings, ...]:
    """Return what the peer of a service is told of all its profiles, and note what it names."""
    profiles = _profiles_of(world, service)
    service.named = _named(profiles)
    return tuple(settings_of(profile) for profile in profiles)


def changed_settings(world: World, service: Service) -> Iterator[tuple[ProfileSettings, ...]]:
    """Yield what the peer is told, in turn, after a change.

    A backup-id or access-id that names something else now was never away for the peer. What it named goes
    first, so that a batch of both sides follows.
    """
    before = service.named
    settings = tell_settings(world, service)
    replaced = {each for each, now in service.named.items() if _replaced(before.get(each), now)}
    if replaced:
        yield tuple(each for each in settings if each.backup_id not in replaced)
    yield settings


def _profiles_of(world: World, service: Service) -> list[Profile]:
    return [world.profiles[name] for name in sorted(world.by_service.get(service.config.name, ()))]


def _named(profiles: Iterable[Profile]) -> dict[int, Named]:
    return {profile.config.backup_id: (profile.config.name, dict(profile.ports)) for profile in profiles}


def _replaced(before: Named | None, now: Named) -> bool:
    if before is None:
        return False
    (name, ports), (new_name, new_ports) = before, now
    return name != new_name or any(new_ports.get(each, port) != port for each, port in ports.items())

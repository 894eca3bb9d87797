"""A changed configuration becomes what is acted on. Pure; costs what changed.

Things go first, then come: removed interfaces, services, profiles, then interfaces, so that each step
finds what it refers to. Roles start only when the plane's former content is known (see `adoption`).
"""

import msgspec

from dataplane.config import AccessConfig, IgmpConfig, InterfaceConfig, ProfileConfig, ServiceConfig
from dataplane.copy_policy import SubscriberType
from dataplane.engine import arbitration, copying, daily, subscribers, uplink, vlans
from dataplane.engine.effects import (
    AdoptPlane,
    CloseCapture,
    CloseChannel,
    CloseHello,
    OpenChannel,
    OpenHello,
)
from dataplane.engine.leaving import leave
from dataplane.engine.links import attach_port, attach_upstream, tell_ports, wanted_ports
from dataplane.engine.messages import Reconfigure
from dataplane.engine.status import (
    forget_peer,
    refresh_copy_states,
    refresh_service,
    tell_settings,
)
from dataplane.engine.world import (
    IGMP,
    MLD,
    PROTOCOLS,
    Port,
    Profile,
    Service,
    UpstreamInterface,
    World,
    make_side,
)
from dataplane.membership.policing import Policer
from dataplane.replication.peer import PeerMachine

_EPOCH_BITS = 64
_DHCP = frozenset({SubscriberType.DHCP_STB})


def reconfigure(world: World, change: Reconfigure, now: float) -> None:
    """Act on a changed configuration; when this returns the new settings decide (rule 3)."""
    before = {item.name: _config(world, item.name) for item in change.profiles}
    for name in change.removed_interfaces:
        _remove_interface(world, name, now)
    for item in change.interfaces:
        _leave_place(world, item, now)
    for name in change.removed_profiles:
        _remove_profile(world, name, now)
    for name in change.removed_services:
        _remove_service(world, name, now)
    changed_peers = {item.name for item in change.services if _put_service(world, item, now)}
    for profile in change.profiles:
        _put_profile(world, profile, now)
    for item in change.interfaces:
        _put_interface(world, item, now)
    vlans.note(world)
    _adopt_or_tell(world)
    for item in change.interfaces:
        if item.name in world.ports:
            arbitration.activate(world, world.ports[item.name])
    uplink.choose(world, now)
    _arbitrate(world, change, before, changed_peers, now)
    _refresh(world, change, now)
    for profile in change.profiles:
        _enabled_again(world, profile, before[profile.name], now)


def _config(world: World, name: str) -> ProfileConfig | None:
    profile = world.profiles.get(name)
    return None if profile is None else profile.config


def _adopt_or_tell(world: World) -> None:
    """The first configuration takes over what a former dataplane left in the plane (rule 18)."""
    if not world.adopting:
        world.adopting = True
        world.ports_told = wanted_ports(world)
        world.out.append(AdoptPlane(world.ports_told))
    tell_ports(world)


# services


def _put_service(world: World, config: ServiceConfig, now: float) -> bool:
    """Add or change a service; return whether the addresses of its peer are others."""
    service = world.services.get(config.name)
    if service is None:
        world.services[config.name] = service = Service(config, world.wall(now))
        _start_service(world, service, now)
        return True
    if service.config == config:
        return False
    old = service.config
    if _same_channel(old, config):
        _tune(world, service, config, now)
        return False
    _stop_service(world, service, "configuration-changed", now)
    if old.peer != config.peer:
        _close_hello(world, service)
    service.config = config
    service.discontinuity = world.wall(now)
    _start_service(world, service, now)
    return old.peer != config.peer


def _same_channel(old: ServiceConfig, new: ServiceConfig) -> bool:
    """Whether only what crosses the channel changed, not the channel."""
    crossing = {"block_send": False, "block_receive": False, "daily_batch": None}
    return msgspec.structs.replace(old, **crossing) == msgspec.structs.replace(new, **crossing)


def _tune(world: World, service: Service, config: ServiceConfig, now: float) -> None:
    """Rule 15: begin or end to block; what was left out meanwhile comes with a batch."""
    old, service.config = service.config, config
    if old.daily_batch != config.daily_batch:
        daily.arm(world, service, now)
    refresh_service(world, service, now)
    for name in sorted(world.by_service.get(config.name, ())) if service.machine is not None else ():
        profile = world.profiles[name]
        if old.block_send and not config.block_send:
            copying.send_batch(world, profile, now)
        if old.block_receive and not config.block_receive:
            copying.ask_for_batch(world, profile, now)
    if service.machine is not None:
        service.machine.block_receiving(blocked=config.block_receive)


def _start_service(world: World, service: Service, now: float) -> None:
    config = service.config
    if not config.enabled or config.peer is None:
        return
    epoch = world.generator.getrandbits(_EPOCH_BITS)
    told = tell_settings(world, service)
    service.machine = PeerMachine(epoch, told, pulling=service.pulling, batches=service.batches)
    service.machine.block_receiving(blocked=config.block_receive)
    daily.arm(world, service, now)
    world.out.append(OpenChannel(config.name, config.peer, config.security, config.tls, config.md5_key))
    world.deadlines.set(("peer", config.name), service.machine.next_deadline())


def _stop_service(world: World, service: Service, reason: str, now: float) -> None:
    """Stop the channel; the hellos go on, so that disabling a service makes no second master (rule 11)."""
    name = service.config.name
    if service.machine is not None:
        copying.perform(world, service, service.machine.stop(now, reason), now)
        service.pulling = service.machine.pulling
        service.batches = service.machine.reserve_batch_id()
        service.machine = None
        world.out.append(CloseChannel(name))
    daily.arm(world, service, now)
    world.deadlines.set(("peer", name), None)
    world.publishing.discard(name)
    world.settings_changed.discard(name)


def _remove_service(world: World, name: str, now: float) -> None:
    service = world.services.get(name)
    if service is not None:
        _stop_service(world, service, "service-deleted", now)
        _close_hello(world, service)
        del world.services[name]


def _open_hellos(world: World) -> None:
    """A service has a hello socket while a profile of it is decided by hellos."""
    wanted = {world.profiles[name].config.service_name for name in world.elected}
    for name, service in world.services.items():
        peer = service.config.peer
        if name in wanted and peer is not None and not service.hello_open:
            service.hello_open = True
            world.out.append(OpenHello(name, peer))
        elif name not in wanted:
            _close_hello(world, service)


def _close_hello(world: World, service: Service) -> None:
    if service.hello_open:
        service.hello_open = False
        world.out.append(CloseHello(service.config.name))


# profiles


def _put_profile(world: World, config: ProfileConfig, now: float) -> None:
    profile = world.profiles.get(config.name)
    if profile is None:
        profile = world.profiles[config.name] = Profile(config)
        subscribers.assign(world, profile)
        remapped = False
    else:
        _unmap(world, profile)
        old, profile.config = profile.config, config
        remapped = (old.service_name, old.backup_id) != (config.service_name, config.backup_id)
    if config.mapped:
        world.by_backup_id[config.service_name, config.backup_id] = config.name
        world.by_service.setdefault(config.service_name, set()).add(config.name)
        world.settings_changed.add(config.service_name)
    if remapped:
        forget_peer(world, profile, now)
    world.restated.add(config.name)


def _unmap(world: World, profile: Profile) -> None:
    config = profile.config
    key = (config.service_name, config.backup_id)
    if world.by_backup_id.get(key) == config.name:
        del world.by_backup_id[key]
    world.by_service.get(config.service_name, set()).discard(config.name)
    world.settings_changed.add(config.service_name)


def _remove_profile(world: World, name: str, now: float) -> None:
    profile = world.profiles.get(name)
    if profile is None:
        return
    arbitration.perform(world, profile, profile.machine.stop(now), now)
    for kind in ("role", "two-masters"):
        world.deadlines.set((kind, name), None)
    arbitration.forget(world, name)
    _unmap(world, profile)
    del world.profiles[name]


def _arbitrate(
    world: World,
    change: Reconfigure,
    before: dict[str, ProfileConfig | None],
    changed_peers: set[str],
    now: float,
) -> None:
    """Give every profile whose arbitration, or what it depends on, changed the machine it needs."""
    names = {item.name for item in change.profiles if _arbitrated_anew(before[item.name], item)}
    for service in changed_peers:
        names |= world.by_service.get(service, set()) & world.elected
        names |= {name for name in world.by_service.get(service, ()) if _waits_for_peer(world, name)}
    for name in sorted(names):
        old, new = before.get(name), world.profiles[name].config
        arbitration.replace(world, name, now, only_settings=_only_settings(old, new, changed_peers))
    if names or changed_peers or change.removed_profiles:
        _open_hellos(world)


def _waits_for_peer(world: World, name: str) -> bool:
    return name not in world.elected and arbitration.is_elected(world.profiles[name].config)


def _arbitrated_anew(old: ProfileConfig | None, new: ProfileConfig) -> bool:
    if old is None:
        return True
    identity = (old.arbitration, old.service_name, old.backup_id)
    return identity != (new.arbitration, new.service_name, new.backup_id)


def _only_settings(old: ProfileConfig | None, new: ProfileConfig, changed_peers: set[str]) -> bool:
    """Return whether priority, key or timers changed but not who talks to whom about what."""
    return (
        old is not None
        and (old.service_name, old.backup_id) == (new.service_name, new.backup_id)
        and new.service_name not in changed_peers
    )


def _enabled_again(world: World, config: ProfileConfig, old: ProfileConfig | None, now: float) -> None:
    """Rule 7: one batch of what exists when copying was off and is on now; none when it was on."""
    if old is None or not config.multicast:
        return
    profile = world.profiles[config.name]
    if not old.multicast:
        copying.send_batch(world, profile, now)
        return
    again = {version for version in PROTOCOLS if config.dhcp_copy(version) and not old.dhcp_copy(version)}
    if again:
        copying.send_batch(world, profile, now, kinds=_DHCP, versions=frozenset(again))


def _refresh(world: World, change: Reconfigure, now: float) -> None:
    """Tell how the profiles stand now; how they stood between two parts of the commit concerns nobody."""
    for name in change.removed_services:
        world.restated |= world.by_service.get(name, set())
    for item in change.services:
        refresh_service(world, world.services[item.name], now)
    for name in sorted(world.restated & world.profiles.keys()):
        refresh_copy_states(world, world.profiles[name], now)
    world.restated.clear()


# interfaces


def _leave_place(world: World, config: InterfaceConfig, now: float) -> None:
    """Remove what the interface was, when it becomes something else or is bound elsewhere (rule 13)."""
    port = world.ports.get(config.name)
    rebound = port is not None and (config.access is None or config.access.profile != port.profile_name)
    if rebound or (config.upstream is None and config.name in world.upstreams):
        _remove_interface(world, config.name, now)


def _put_interface(world: World, config: InterfaceConfig, now: float) -> None:
    if config.upstream is not None:
        upstream = world.upstreams.get(config.name)
        if upstream is None:
            upstream = world.upstreams[config.name] = UpstreamInterface(config, world.wall(now))
        upstream.config = config
        attach_upstream(world, upstream, now)
    elif config.access is not None:
        _put_port(world, config, now)


def _put_port(world: World, config: InterfaceConfig, now: float) -> None:
    access = config.access
    if access is None:
        return
    port = world.ports.get(config.name)
    if port is None:
        sides = {version: make_side(config.name, version, each) for version, each in _sides(access).items()}
        port = world.ports[config.name] = Port(config, sides, world.wall(now))
    else:
        if port.config.access != access:
            for version, settings in _sides(access).items():
                port.sides[version].table.reconfigure(settings)
                port.sides[version].querier.reconfigure(settings, now)
                port.sides[version].policer = Policer(settings)
        _unbind(world, port)
        port.config = config
    _bind(world, port)
    attach_port(world, port, now)


def _sides(access: AccessConfig) -> dict[int, IgmpConfig]:
    """Return the settings of each side, by IP version."""
    return {IGMP: access.igmp, MLD: access.mld}


def _bind(world: World, port: Port) -> None:
    profile = world.profiles.get(port.profile_name)
    if profile is None or port.config.access is None:
        return
    profile.ports[port.config.access.access_id] = port.config.name
    world.settings_changed.add(profile.config.service_name)
    world.restated.add(profile.config.name)


def _unbind(world: World, port: Port) -> None:
    profile = world.profiles.get(port.profile_name)
    if profile is not None:
        profile.ports = {number: name for number, name in profile.ports.items() if name != port.config.name}
        world.settings_changed.add(profile.config.service_name)
        world.restated.add(profile.config.name)


def _remove_interface(world: World, name: str, now: float) -> None:
    port = world.ports.pop(name, None)
    if port is not None:
        _unbind(world, port)
        leave(world, port, now)
        for side in port.sides.values():
            for key in (side.table_key, side.querier_key, side.retained_key, side.unasked_key):
                world.deadlines.set(key, None)
        _release(world, name, captured=port.captured)
    upstream = world.upstreams.pop(name, None)
    if upstream is not None:
        uplink.choose(world, now)
        _release(world, name, captured=upstream.captured)


def _release(world: World, name: str, captured: int | None) -> None:
    if captured is not None:
        world.out.append(CloseCapture(name))

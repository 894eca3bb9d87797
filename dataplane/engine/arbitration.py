"""Roles at work: what a change of role does to ports and queriers, and what the roles need to know. Pure.

Who becomes master is the role machine's to say (rules 11, 12, 19, 20). Here the order of the consequences
matters: a router that becomes master forwards before it says so; one that gives the role up says so
first, because every millisecond until the peer knows is lost picture.
"""

from collections.abc import Iterable, Set

from dataplane.config import ETrunkArbitration, ProfileConfig, Role, StaticArbitration, VrrpArbitration
from dataplane.engine.effects import Notify, SendHelloTo, SetActive
from dataplane.engine.settle import run_queriers
from dataplane.engine.status import refresh_peer, watch_for_two_masters
from dataplane.engine.world import HANDOVER, Port, Profile, World
from dataplane.links import Link
from dataplane.replication.peer import ChannelState
from dataplane.roles import (
    DualMaster,
    ETrunkRole,
    RoleChanged,
    RoleMachine,
    RoleOutput,
    RoleReason,
    SendHello,
    StaticRole,
    VrrpRole,
)
from dataplane.state import DualMaster as DualMasterEvent
from dataplane.state import RoleChanged as RoleChangedEvent

_BOOT_BITS = 64


def is_elected(config: ProfileConfig) -> bool:
    """Return whether hellos decide the profile's role."""
    return isinstance(config.arbitration, ETrunkArbitration)


def make_machine(world: World, profile: Profile) -> RoleMachine:
    """Return the machine for the profile's arbitration; without one the role stays init."""
    config = profile.config
    arbitration = config.arbitration
    if isinstance(arbitration, StaticArbitration):
        return StaticRole(arbitration.role)
    if isinstance(arbitration, VrrpArbitration):
        return VrrpRole(arbitration)
    service = world.services.get(config.service_name)
    if not isinstance(arbitration, ETrunkArbitration):
        return StaticRole()
    peer = None if service is None else service.config.peer
    if peer is None:
        return StaticRole(why_none=RoleReason.NO_PEER)
    boot = world.generator.getrandbits(_BOOT_BITS) or 1
    return ETrunkRole(arbitration, config.backup_id, peer.source_address, peer.address, boot)


def start(world: World, name: str, now: float) -> None:
    """Start the machine of a profile that was just made, with what it needs to know."""
    profile = world.profiles[name]
    machine = profile.machine
    machine.upstream(world.active_upstream is not None, now)
    machine.ready(_ready(world, profile), now)
    if isinstance(machine, VrrpRole):
        machine.links_known(world.links.values())
    perform(world, profile, machine.start(now), now)
    if profile.role is not machine.role:  # another machine, which begins elsewhere
        _become(world, profile, machine.role, machine.reason, now)
    elif not profile.last_role_change_reason:
        _note_reason(world, profile, machine.reason, now)
    for port in profile.ports.values():
        activate(world, world.ports[port])  # one that waited for the decision of another machine, too


def replace(world: World, name: str, now: float, *, only_settings: bool) -> None:
    """Give a profile the machine that its configuration needs.

    `only_settings`: who talks to whom is unchanged, so an election goes on with other settings. Otherwise
    another machine takes the place of the present one, and the role changes once; an election begins with
    init.
    """
    profile = world.profiles[name]
    arbitration = profile.config.arbitration
    machine = profile.machine
    if only_settings and isinstance(machine, ETrunkRole) and isinstance(arbitration, ETrunkArbitration):
        perform(world, profile, machine.reconfigure(arbitration, now), now)
        return
    say_goodbye(world, profile, now)
    profile.machine = make_machine(world, profile)
    profile.hellos_since = world.wall(now)
    _refresh_peer(world, profile, now)
    forget(world, name)
    if isinstance(profile.machine, ETrunkRole):
        world.elected.add(name)
        _forward_on(world, profile)
    elif isinstance(profile.machine, VrrpRole):
        world.tracking.add(name)
    if world.adopted:
        start(world, name, now)


def _forward_on(world: World, profile: Profile) -> None:
    """An election begins while streams flow: what is forwarded to goes on, as after a restart (rule 18)."""
    for name in profile.ports.values():
        port = world.ports[name]
        port.adopted = port.active is True


def forget(world: World, name: str) -> None:
    """Tell the profile's machine nothing more of hellos, upstreams and links."""
    world.elected.discard(name)
    world.tracking.discard(name)


def link_changed(world: World, name: str, link: Link | None, now: float) -> None:
    """Tell the roles that follow links what the kernel says of one; None when it is gone (rule 20)."""
    for tracking in sorted(world.tracking):
        profile = world.profiles[tracking]
        if isinstance(profile.machine, VrrpRole):
            perform(world, profile, profile.machine.link_changed(name, link, now), now)


def perform(world: World, profile: Profile, outputs: Iterable[RoleOutput], now: float) -> None:
    """Carry out what a role machine wants, in its order."""
    for output in outputs:
        if isinstance(output, SendHello):
            world.out.append(SendHelloTo(profile.config.service_name, output.datagram))
        elif isinstance(output, RoleChanged):
            _become(world, profile, output.new, output.reason, now)
        elif isinstance(output, DualMaster):
            world.out.append(Notify(DualMasterEvent(profile.config.name)))
        else:
            _peer_changed(world, profile, now)
    world.deadlines.set(("role", profile.config.name), profile.machine.next_deadline())


def say_goodbye(world: World, profile: Profile, now: float) -> None:
    """Tell the peer that this router gives the role up; the ports stay as they are."""
    for output in profile.machine.stop(now):
        if isinstance(output, SendHello):
            world.out.append(SendHelloTo(profile.config.service_name, output.datagram))


def _peer_changed(world: World, profile: Profile, now: float) -> None:
    """The peer said another role: a port that only goes on until somebody serves may have its end."""
    _refresh_peer(world, profile, now)
    if profile.role is Role.INIT:
        for name in profile.ports.values():
            activate(world, world.ports[name])


def _refresh_peer(world: World, profile: Profile, now: float) -> None:
    refresh_peer(world, world.services.get(profile.config.service_name), profile, now)


def _become(world: World, profile: Profile, new: Role, reason: RoleReason, now: float) -> None:
    """Rule 10: swap the ports first, then the queriers, then tell whoever wants to know."""
    old = profile.role
    if old is new:
        return
    profile.role = new
    profile.handover_until = now + HANDOVER
    _note_reason(world, profile, reason, now)
    ports = [world.ports[name] for name in profile.ports.values()]
    for port in ports:
        activate(world, port)
    for port in ports:
        run_querier(world, port, now)
    world.settings_changed.add(profile.config.service_name)
    watch_for_two_masters(world, profile, now)
    world.out.append(Notify(RoleChangedEvent(profile.config.name, old.value, new.value, reason.value)))


def _note_reason(world: World, profile: Profile, reason: RoleReason, now: float) -> None:
    profile.last_role_change = world.wall(now)
    profile.last_role_change_reason = reason.value


def activate(world: World, port: Port) -> None:
    """Forward to the port, or to the sink, as its role says.

    While hellos have not decided the role anew after a restart, a port that the former dataplane forwarded
    to goes on until the peer does (rule 18): it takes over without a gap, or the role comes back. While
    entries of a removed port of the same name are there, none of them reaches this one (rule 13).
    """
    if not world.adopted:
        return
    role = world.role_of(port)
    if role is not Role.INIT or not _undecided(world, port.profile_name):
        port.adopted = False
    active = (role is Role.MASTER or port.adopted) and not world.leaves(port.config.name)
    if port.active is not active:
        port.active = active
        world.out.append(SetActive(port.config.name, active))


def _undecided(world: World, name: str) -> bool:
    """Return whether hellos have still to say who serves."""
    machine = world.profiles[name].machine if name in world.elected else None
    return isinstance(machine, ETrunkRole) and not machine.peer_serves


def run_querier(world: World, port: Port, now: float) -> None:
    """The querier follows the role (rule 17)."""
    active = world.role_of(port) is Role.MASTER and port.link is not None and port.link.up
    run_queriers(world, port, now, active=active and port.config.enabled)


def upstream_changed(world: World, now: float) -> None:
    """Tell every elected role whether the upstream side works: without it a master forfeits (rule 19)."""
    up = world.active_upstream is not None
    for name in sorted(world.elected):
        profile = world.profiles[name]
        perform(world, profile, profile.machine.upstream(up, now), now)
        perform(world, profile, profile.machine.ready(_ready(world, profile), now), now)


def readiness_changed(world: World, names: Set[str], now: float) -> None:
    """Tell these roles, if they are elected, whether failback may happen (rule 12)."""
    world.joining = world.joining or world.proxy.behind
    _tell_readiness(world, names, now)


def joins_sent(world: World, now: float) -> None:
    """The core was told of every group: failback may happen as far as that goes (rule 12)."""
    world.joining = False
    _tell_readiness(world, world.elected, now)


def _tell_readiness(world: World, names: Set[str], now: float) -> None:
    for name in sorted(names & world.elected):
        profile = world.profiles[name]
        perform(world, profile, profile.machine.ready(_ready(world, profile), now), now)


def _ready(world: World, profile: Profile) -> bool:
    """Return whether the batch of this profile is complete, both ways, and the core knows of every group."""
    service = world.services.get(profile.config.service_name)
    machine = None if service is None else service.machine
    if machine is None or machine.state is not ChannelState.CONNECTED:
        return False
    number = profile.config.backup_id
    synchronized = machine.accepts(number) and not machine.synchronizing(number)
    return synchronized and world.active_upstream is not None and not world.joining


def tick(world: World, name: str, now: float) -> None:
    """Do what is due for a profile's role."""
    profile = world.profiles.get(name)
    if profile is not None:
        perform(world, profile, profile.machine.tick(now), now)

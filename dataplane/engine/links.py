"""Link facts at work: ports and upstreams come and go with their network interfaces. Pure.

A missing interface is no error: what is configured on it waits and is activated by the link's event.
"""

from typing import Final

from dataplane.engine import arbitration, sessions, uplink, vlans
from dataplane.engine.effects import (
    AuditPlane,
    CloseCapture,
    ConfigurePorts,
    OpenCapture,
    SetActive,
    SetUpstream,
)
from dataplane.engine.messages import CaptureTold
from dataplane.engine.world import (
    PROTOCOLS,
    REPAIR_DELAY,
    RING_FULL,
    Port,
    UpstreamInterface,
    World,
    address_of,
)
from dataplane.forwarding.placement import tables_for
from dataplane.links import Link

AUDIT_INTERVAL: Final = 60.0
"""Seconds from one comparison of the plane with what it should hold to the next."""
AUDIT_AFTER_LINK: Final = 1.0
QUIET: Final = 2 * AUDIT_INTERVAL
"""Seconds without a refusal after which the next is repaired soon: more than any pause between repairs."""


def link_changed(world: World, name: str, link: Link | None, now: float) -> None:
    """Take what the kernel says of a network interface; None when it is gone."""
    sessions.link_changed(world, world.links.get(name), link)
    if link is None:
        world.links.pop(name, None)
    else:
        world.links[name] = link
    arbitration.link_changed(world, name, link, now)
    port = world.ports.get(name)
    upstream = world.upstreams.get(name)
    if port is not None:
        attach_port(world, port, now)
        tell_ports(world)
    elif upstream is not None:
        attach_upstream(world, upstream, now)
    if port is not None or upstream is not None:
        vlans.note(world)
    if world.adopted and (port is not None or upstream is not None):
        # the kernel drops the VIFs of a device that goes, and entries made meanwhile lack them
        audit_by(world, now + AUDIT_AFTER_LINK)


def attach_port(world: World, port: Port, now: float) -> None:
    """Bring a port up to date with its link and with whether it is enabled."""
    before, port.link = port.link, world.links.get(port.config.name)
    _capture(world, port, upstream=False)
    came_up = _up(port.link) and not _up(before)
    for side in port.sides.values():
        side.querier.set_address(address_of(port.link, side.version))
        if came_up and world.adopted:
            side.querier.set_active(False, now)  # starts anew: whoever is behind the link may be others now
    if world.adopted:
        arbitration.run_querier(world, port, now)


def attach_upstream(world: World, upstream: UpstreamInterface, now: float) -> None:
    """Bring an upstream interface up to date with its link."""
    before, upstream.link = upstream.link, world.links.get(upstream.config.name)
    active = world.active_upstream == upstream.config.name
    rebound = active and _index(before) != _index(upstream.link)
    uplink.choose(world, now, rebound=rebound)
    for version in PROTOCOLS:
        address = address_of(upstream.link, version)
        if active and address is not None and address != address_of(before, version):
            uplink.report_anew(world, version, now)
    _capture(world, upstream, upstream=True)


def capture_told(world: World, told: CaptureTold) -> None:
    """Take how an interface is captured, and count what was lost on it."""
    item = world.ports.get(told.interface) or world.upstreams.get(told.interface)
    if item is None:
        return
    item.capture_mode = told.mode
    if told.missed:
        item.counters.dropped[RING_FULL] += told.missed
    if told.unsent:
        item.counters.sent["failed"] += told.unsent


def tell_ports(world: World) -> None:
    """Tell the plane which ports there are, when they differ from what it knows."""
    ports = wanted_ports(world)
    if world.adopted and ports != world.ports_told:
        world.ports_told = ports
        world.out.append(ConfigurePorts(ports))


def repair_plane(world: World) -> None:
    """Say everything to the plane again, after it refused something; what it holds already costs nothing."""
    world.repair_due = False
    world.out.append(ConfigurePorts(world.ports_told))
    link = uplink.bound_link(world)
    world.out.append(SetUpstream(None, None) if link is None else SetUpstream(link.name, link.index))
    for name, port in world.ports.items():
        world.out.append(SetActive(name, port.active is True))
    world.out.append(AuditPlane(whole=True))


def audit_by(world: World, when: float) -> None:
    """Compare what the plane holds with what it should at `when`, or before."""
    world.audit_at = when if world.audit_at is None else min(when, world.audit_at)
    world.deadlines.set(("audit", ""), world.audit_at)


def audit_plane(world: World) -> None:
    """Compare what the plane holds with what it should: somebody else may have changed it."""
    world.audit_at = None
    world.out.append(AuditPlane(whole=False))


def audited(world: World, now: float) -> None:
    """The plane holds what it should, as far as the kernel lets it: look again in a while."""
    audit_by(world, now + AUDIT_INTERVAL)


def plane_failed(world: World, now: float) -> None:
    """Try again later what the plane refused, and later each time while it goes on refusing.

    What is refused while a repair is due waits for that one.
    """
    if now - world.refused_at > QUIET:
        world.repair_delay = REPAIR_DELAY
    world.refused_at = now
    if world.repair_due:
        return
    world.repair_due = True
    world.deadlines.set(("repair", ""), now + world.repair_delay)
    world.repair_delay = min(2 * world.repair_delay, AUDIT_INTERVAL)


def wanted_ports(world: World) -> dict[str, int | None]:
    """Return the access ports with the indices of their links.

    One that was removed keeps its slot, without a link, until its groups are forgotten: taking it away would
    write all its entries anew at once. Where that would need a further table it goes at once all the same.
    """
    ports = {name: _index(port.link) if port.config.enabled else None for name, port in world.ports.items()}
    for each in world.leaving:
        if tables_for(len(ports) + 1) == tables_for(len(ports)):
            ports.setdefault(each.name, None)
    return ports


def _capture(world: World, item: Port | UpstreamInterface, *, upstream: bool) -> None:
    """Capture while the link is there: AF_PACKET works on a link that is down, and waits for it."""
    name = item.config.name
    index = _index(item.link) if item.config.enabled else None
    if index == item.captured:
        return
    item.captured = index
    world.out.append(CloseCapture(name) if index is None else OpenCapture(name, index, upstream))


def _index(link: Link | None) -> int | None:
    return None if link is None else link.index


def _up(link: Link | None) -> bool:
    return link is not None and link.up

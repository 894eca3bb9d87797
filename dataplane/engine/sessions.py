"""The MAC address of ours that a PPPoE session was made with: all that is sent in it comes from there. Pure.

A PPPoE client takes its session's frames from that address and no other (RFC 2516 section 5.2). It is the
interface's, or a virtual router's that moves between the two routers with the role. What a subscriber sends
tells; of one that is known from a copy only, the virtual router's macvlan above the interface does.
"""

from typing import Final

from dataplane.config import VrrpArbitration
from dataplane.engine.world import Port, Side, World
from dataplane.links import Link
from dataplane.packets.ethernet import Subscriber

_VIRTUAL_ROUTER: Final = (b"\x00\x00\x5e\x00\x01", b"\x00\x00\x5e\x00\x02")  # RFC 9568 section 7.3


def heard(side: Side, subscriber: Subscriber, frame: bytes) -> None:
    """Note to which address a member in a session sends."""
    if subscriber.pppoe_session and subscriber in side.circuits:
        side.session_macs[subscriber] = frame[:6]


def source_mac(world: World, port: Port, side: Side, link: Link, circuit: Subscriber) -> bytes:
    """Return the address from which a frame to `circuit` is sent."""
    if not circuit.pppoe_session:
        return link.mac
    return side.session_macs.get(circuit) or _virtual_mac(world, port, link) or link.mac


def link_changed(world: World, before: Link | None, link: Link | None) -> None:
    """Keep the virtual routers' addresses: looking for one among all links for each session takes long."""
    if before is not None and before.parent is not None:
        world.virtual_routers.discard((before.parent, before.mac))
    if link is not None and link.parent is not None and _is_virtual_router(link):
        world.virtual_routers.add((link.parent, link.mac))


def _is_virtual_router(link: Link) -> bool:
    return link.kind == "macvlan" and link.mac.startswith(_VIRTUAL_ROUTER)


def _virtual_mac(world: World, port: Port, link: Link) -> bytes | None:
    profile = world.profiles.get(port.profile_name)
    arbitration = None if profile is None else profile.config.arbitration
    if not isinstance(arbitration, VrrpArbitration):
        return None
    addresses = (prefix + bytes([arbitration.vrid]) for prefix in _VIRTUAL_ROUTER)
    return next((each for each in addresses if (link.index, each) in world.virtual_routers), None)

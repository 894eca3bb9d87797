"""From which address of ours PPPoE sessions are asked."""

from dataclasses import replace
from ipaddress import IPv4Interface
from typing import NoReturn

from dataplane.config import Role, VrrpArbitration
from dataplane.engine import messages, sessions
from dataplane.links import Link
from dataplane.packets.ethernet import Subscriber
from tests.support.kinds import KINDS, STB_MAC
from tests.support.routers import CORE, PORT, Pair, Router, access, mac, profile, upstream


def alone() -> Router:
    """A single master with an access port and an upstream."""
    one = Pair().a
    one.link(PORT, 1)
    one.link(CORE, 2)
    one.configure(profile(Role.MASTER), access(), upstream())
    return one


def queried_from(router: Router) -> list[bytes]:
    return [effect.frame[6:12] for effect in router.frames]


def test_a_session_with_the_virtual_router_is_asked_from_its_address() -> None:
    """A PPPoE client drops what does not come from the address it made the session with."""
    kind = next(kind for kind in KINDS if str(kind) == "dot1q-pppoe-igmpv3")
    virtual = bytes.fromhex("00005e000133")
    for address in (virtual, mac(201)):
        one = alone()
        one.hear(address + kind.frame(kind.messages()["join"])[6:])
        one.frames.clear()
        one.hear(address + kind.frame(kind.messages()["leave"])[6:])
        assert queried_from(one) == [address]
        assert one.engine.world.ports[PORT].sides[4].session_macs == {kind.subscriber: address}
        one.clock.now += 5
        one.give(messages.Tick())
        assert one.engine.world.ports[PORT].sides[4].session_macs == {}


def test_the_virtual_router_is_found_at_once_however_many_links_there_are() -> None:
    one = alone()
    one.configure(profile(arbitration=VrrpArbitration(0x33, PORT, "10.1.0.254")))
    port = one.engine.world.ports[PORT]
    assert port.link is not None
    session = Subscriber(100, 0, 7, STB_MAC)
    one.engine.world.links = NotWalked(one.engine.world.links)

    def asked_from() -> bytes:
        assert port.link is not None
        return sessions.source_mac(one.engine.world, port, port.sides[4], port.link, session)

    own = bytes.fromhex("00005e000133")
    assert asked_from() == port.link.mac
    above = Link(9, "vrrp.9", True, own, 1500, kind="macvlan", parent=1)
    for other in (
        replace(above, parent=2),
        replace(above, kind="veth"),
        replace(above, mac=bytes.fromhex("00005e000134")),
    ):
        one.give(messages.LinkUpdated(other))
        assert asked_from() == port.link.mac
    one.give(messages.LinkUpdated(above))
    assert asked_from() == own
    one.give(messages.LinkRemoved("vrrp.9"))
    assert asked_from() == port.link.mac


class NotWalked(dict[str, Link]):
    """Links that nobody may look at one by one: a router with PPPoE sessions has thousands."""

    def __iter__(self) -> NoReturn:
        raise AssertionError

    values = items = keys = __iter__  # type: ignore[assignment]


def test_a_session_with_everyone_is_none() -> None:
    """Else a subscriber could have us send from a group address."""
    kind = next(kind for kind in KINDS if str(kind) == "untagged-pppoe-igmpv3")
    one = alone()
    for everyone in (b"\xff" * 6, bytes.fromhex("01005e010203")):
        one.hear(everyone + kind.frame(kind.messages()["join"])[6:])
    assert one.groups() == {}
    assert one.interface_state().dropped == {"bad-pppoe-header": 2}


def test_a_session_known_from_a_copy_is_asked_from_the_virtual_router_that_is_above_the_interface() -> None:
    kind = next(kind for kind in KINDS if str(kind) == "dot1q-pppoe-igmpv3")
    pair = Pair()
    vrrp = VrrpArbitration(0x33, PORT, "10.1.0.254")
    pair.start(profile(arbitration=vrrp), profile(arbitration=vrrp))
    own, other = bytes.fromhex("00005e000133"), bytes.fromhex("00005e000134")
    for index, address, ip in ((8, other, ()), (9, own, (IPv4Interface("10.1.0.254/32"),))):
        above = Link(index, f"vrrp.{index}", True, address, 1500, ip, kind="macvlan", parent=1)
        pair.a.give(messages.LinkUpdated(above))
        pair.b.give(messages.LinkUpdated(replace(above, addresses=())))
    pair.a.hear(own + kind.frame(kind.messages()["join"])[6:])
    pair.run(1)
    pair.b.frames.clear()
    pair.a.give(messages.LinkUpdated(Link(9, "vrrp.9", True, own, 1500, (), kind="macvlan", parent=1)))
    ours = (IPv4Interface("10.1.0.254/32"),)
    pair.b.give(messages.LinkUpdated(Link(9, "vrrp.9", True, own, 1500, ours, kind="macvlan", parent=1)))
    pair.run(1)
    asked = {frame.frame[6:12] for frame in pair.b.frames if frame.frame[:6] == STB_MAC}
    assert asked == {own}

"""The devices that the kernel plane makes: sinks, and links between tables."""

import fcntl
import socket
import struct
from dataclasses import replace

from dataplane.forwarding import devices
from dataplane.forwarding.kernel import KernelPlane, remove_devices
from dataplane.forwarding.placement import MAXIMUM_PORTS
from dataplane.forwarding.plane import RouteKey
from tests.support.plane_contract import IPV6, route, start
from tests.support.plane_rig import kernel_rig
from tests.support.wait import wait_for

PACKET_TOO_BIG = 2
SIOCSIFMTU = 0x8922


def test_ipv6_reaches_a_further_table_where_new_interfaces_have_no_ipv6():
    fill = {f"p{number}": None for number in range(MAXIMUM_PORTS)}
    with kernel_rig() as rig:
        rig.router.sysctl("net/ipv6/conf/default/disable_ipv6", 1)
        rig.plane.configure({**fill, "access0": rig.index("access0")})
        rig.plane.set_upstream("core0", rig.index("core0"))
        rig.plane.set_active("access0", active=True)
        rig.plane.install([route(IPV6.group, "access0", "p1")])
        assert rig.stream(IPV6.group, 3) == {"access0": 3}


def test_a_standby_port_tells_no_source_to_send_smaller_packets():
    with kernel_rig() as rig:
        rig.router.run(set_mtu, "core0", 9_000)
        rig.hosts["core0"].run(set_mtu, "eth0", 9_000)
        start(rig)
        rig.plane.install([route(IPV6.group, "access0")])
        errors = rig.hosts["core0"].run(
            socket.socket, socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6
        )
        errors.setblocking(False)
        sender = rig.hosts["core0"].run(socket.socket, socket.AF_INET6, socket.SOCK_DGRAM)
        sender.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 8)
        index = rig.hosts["core0"].index("eth0")
        sender.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
        sender.sendto(bytes(4_000), (str(IPV6.group), 5_000))
        wait_for(lambda: rig.plane.counters(RouteKey(IPV6.group)).packets == 1, what="the packet is routed")
        rig.stream(IPV6.group, 3)
        assert PACKET_TOO_BIG not in kinds(errors)


def set_mtu(interface, octets):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as opened:
        fcntl.ioctl(opened, SIOCSIFMTU, struct.pack("16si12x", interface.encode(), octets))


def kinds(errors):
    """The types of the ICMPv6 messages that wait."""
    found = []
    while True:
        try:
            found.append(errors.recv(2_048)[0])
        except BlockingIOError:
            return found


def test_devices_have_indices_that_ipv6_can_have_however_high_the_kernels_next_one_is():
    fill = {f"p{number}": None for number in range(MAXIMUM_PORTS + 1)}
    with kernel_rig() as rig:
        rig.router.device("taken0", "veth", peer={"ifname": "taken1"}, index=65_535)
        rig.plane.configure(fill)
        made = [each for each in devices.devices().values() if each.name.startswith("tc-")]
        assert len(made) > len(fill)
        assert {each.index for each in made} == set(range(65_535 - len(made), 65_535))


def test_the_sink_of_a_removed_port_waits_for_the_next_one():
    """To remove a device takes the kernel 16 ms, in which no hello is sent."""
    with kernel_rig() as rig:
        start(rig, "access0", "access1")
        sink = devices.find("tc-sink1")
        rig.plane.configure({"access1": rig.index("access1")})
        assert devices.find("tc-sink1") == replace(sink, alias="twincast: -")
        successor = KernelPlane(rig.held())
        ports = {name: rig.index(name) for name in ("access1", "access2")}
        assert successor.adopt(ports).active == {"access1"}
        assert devices.find("tc-sink1") == replace(sink, alias="twincast: access2")
        assert successor.slot("access2") == 1
        successor.close()


def test_sinks_are_removed_at_the_supervisors_end():
    with kernel_rig() as rig:
        start(rig)
        assert {name for _, name in socket.if_nameindex()} >= {"tc-sink0", "tc-sink1", "tc-sink2"}
        remove_devices()
        assert not [name for _, name in socket.if_nameindex() if name.startswith("tc-sink")]

"""The memory plane keeps the contract of planes."""

from contextlib import contextmanager

from dataplane.forwarding.memory import MemoryPlane
from dataplane.forwarding.plane import PlaneKind, RouteKey
from tests.support.plane_contract import (
    GROUP,
    IPV4,
    IPV6,
    PACKET,
    PORTS,
    SOURCES,
    UPSTREAMS,
    PlaneContract,
    route,
    start,
)


class MemoryRig:
    def __init__(self):
        self.plane = MemoryPlane()

    def index(self, name):
        return 2 + (*UPSTREAMS, *PORTS).index(name)

    def stream(self, group, count, *, upstream="core0", source=0):
        received = {}
        sources = (IPV4 if group.version == 4 else IPV6).sources
        for _ in range(count):
            for port in self.plane.deliver(upstream, sources[upstream][source], group, PACKET):
                received[port] = received.get(port, 0) + 1
        return received


class TestMemoryPlane(PlaneContract):
    @contextmanager
    def rig(self):
        yield MemoryRig()


class TestMemoryPlaneIpv6(TestMemoryPlane):
    streams = IPV6


def test_it_says_what_it_is():
    assert MemoryPlane().kind is PlaneKind.MEMORY


def test_a_packet_from_an_access_port_is_counted_and_goes_nowhere():
    rig = MemoryRig()
    start(rig, "access0", "access1")
    rig.plane.install([route(GROUP, "access0", "access1")])
    assert rig.plane.deliver("access0", SOURCES["core0"][0], GROUP, 100) == frozenset()
    assert rig.plane.counters(RouteKey(GROUP)).wrong_interface == 1

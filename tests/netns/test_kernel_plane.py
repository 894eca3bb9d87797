"""The kernel plane keeps the contract of planes, and what only a kernel can show."""

import errno
import os
import signal
import socket
import threading
import time
from contextlib import contextmanager
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from dataplane.capture import Capture
from dataplane.forwarding import mroute
from dataplane.forwarding.family import IPV4 as IPV4_FAMILY
from dataplane.forwarding.kernel import (
    RECENT,
    KernelPlane,
    open_multicast_routing_socket,
    open_multicast_routing_sockets,
)
from dataplane.forwarding.placement import MAXIMUM_PORTS, capacity
from dataplane.forwarding.plane import PlaneError, PlaneKind, Repairs, RouteKey
from tests.support.plane_contract import (
    GROUP,
    IPV4,
    IPV6,
    OTHER_GROUP,
    PORTS,
    PlaneContract,
    route,
    start,
)
from tests.support.plane_rig import kernel_rig
from tests.support.wait import wait_for


class TestKernelPlane(PlaneContract):
    @contextmanager
    def rig(self):
        with kernel_rig() as rig:
            yield rig


class TestKernelPlaneIpv6(TestKernelPlane):
    streams = IPV6


def many(count):
    first = IPv4Address("239.64.0.0")
    return [route(first + number, "access0", "access1") for number in range(count)]


def test_it_says_what_it_is():
    with kernel_rig() as rig:
        assert rig.plane.kind is PlaneKind.KERNEL


@pytest.mark.parametrize("entries", [1_000, 30_000])
def test_the_swap_keeps_every_entry_while_packets_flow(entries):
    with kernel_rig() as rig:
        capture = Capture(rig.index("access0"), ring_bytes=0)
        start(rig, "access1")
        rig.plane.install(many(entries))
        group = many(1)[0].key.group
        for active in (True, False, True):
            rig.plane.set_active("access0", active=active)
            expected = {"access0": 50, "access1": 50} if active else {"access1": 50}
            assert rig.stream(group, 50) == expected
        held = {entry.route for entry in rig.plane.dump()}
        assert held == set(many(entries))
        capture.close()


def test_the_33rd_vif_is_refused_by_the_kernel():
    with open_multicast_routing_socket() as routing:
        loopback = socket.if_nametoindex("lo")
        for number in range(32):
            mroute.add_vif(IPV4_FAMILY, routing, number, loopback)
        with pytest.raises(OSError, match="Too many open files") as refused:
            mroute.add_vif(IPV4_FAMILY, routing, 32, loopback)
        assert refused.value.errno == errno.ENFILE


def test_a_second_router_is_told_who_is_in_the_way():
    with open_multicast_routing_socket(), pytest.raises(PlaneError, match="another multicast routing daemon"):
        open_multicast_routing_socket()


def test_a_table_that_a_dying_dataplane_still_holds_is_waited_for(monkeypatch):
    held = [open_multicast_routing_socket(version) for version in (4, 6)]
    monkeypatch.setattr(time, "sleep", lambda _: held.pop(0).close())
    opened, missing = open_multicast_routing_sockets(patience=10)
    assert (len(opened), missing, held) == (8, (), [])
    for each in opened:
        each.socket.close()


def test_tables_end_where_another_daemon_has_one():
    with open_multicast_routing_socket(table=1):
        opened, missing = open_multicast_routing_sockets()
        assert {each.table for each in opened} == {0}
        assert KernelPlane(opened).tables == 1
        assert "table 1: IPv4 multicast routing: another multicast routing daemon" in missing[0]
        for each in opened:
            each.socket.close()


def test_a_packet_from_an_access_port_is_counted_and_goes_nowhere():
    with kernel_rig() as rig:
        start(rig, "access0", "access1")
        rig.plane.install([route(GROUP, "access0", "access1")])
        host = rig.hosts["access0"]
        host.address("eth0", "10.0.2.9/24")
        host.route("224.0.0.0/4", interface="eth0")
        injector = host.run(socket.socket, socket.AF_INET, socket.SOCK_DGRAM)
        injector.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 8)
        injector.sendto(b"x", (str(GROUP), 5_000))
        wait_for(lambda: rig.plane.counters(RouteKey(GROUP)).wrong_interface == 1, what="wrong interface")
        assert rig.stream(GROUP, 2) == {"access0": 2, "access1": 2}
        assert rig.plane.passed("core0").packets_out == 0


def test_unwanted_groups_leave_nothing_unresolved():
    with kernel_rig() as rig:
        start(rig, "access0")
        rig.plane.install([route(GROUP, "access0")])
        assert rig.stream(OTHER_GROUP, 20) == {}
        assert rig.stream(GROUP, 1) == {"access0": 1}
        assert len(Path("/proc/thread-self/net/ip_mr_cache").read_text().splitlines()) == 2
        assert [held.route.key for held in rig.plane.dump()] == [RouteKey(GROUP)]


def test_nothing_queues_up_behind_the_routing_sockets():
    """Groups that nobody wants, and packets at a wrong interface, cause upcalls: nobody reads them."""
    with kernel_rig() as rig:
        start(rig, "access0", "access1")
        rig.plane.install([route(GROUP, "access0"), route(GROUP, "access0", source=IPV4.sources["core0"][0])])
        for number in range(500):
            rig.send(OTHER_GROUP + number)
            rig.send(GROUP, upstream="core1")
        assert rig.stream(GROUP, 3) == {"access0": 3}
        for each in rig.routing:
            with pytest.raises(BlockingIOError):
                each.socket.recv(2_048, socket.MSG_DONTWAIT)
        assert len(Path("/proc/thread-self/net/ip_mr_cache").read_text().splitlines()) == 3


@pytest.mark.parametrize("streams", [IPV4, IPV6], ids=["ipv4", "ipv6"])
def test_ports_that_come_and_go_cost_the_others_nothing(streams):
    with kernel_rig() as rig:
        mine = {"access0": rig.index("access0")}
        others = {name: rig.index(name) for name in PORTS[1:]}
        fill = {f"p{number}": None for number in range(capacity(rig.plane.tables) - 3)}
        rig.plane.configure(mine)
        rig.plane.set_upstream("core0", rig.index("core0"))
        rig.plane.set_active("access0", active=True)
        rig.plane.install([route(streams.group, "access0")])
        sent = Stream(rig, streams.group)
        for ports in (mine | others, mine | fill | others, mine | others, mine):
            sent.wait(20)
            rig.plane.configure(ports)
            rig.plane.install([route(streams.group, *ports)])
            for port in others.keys() & ports.keys():
                rig.plane.set_active(port, active=True)
        sent.wait(20)
        total = sent.stop()
        wait_for(lambda: rig.plane.counters(RouteKey(streams.group)).packets == total, what="all are routed")
        assert rig.count_until("access0", streams.group, total) == total


def test_a_port_that_is_removed_and_comes_back_forwards_again():
    with kernel_rig() as rig:
        start(rig, "access0", "access1")
        rig.plane.install([route(GROUP, "access0", "access1")])
        rig.router.delete("access0")
        # Made while the kernel has no VIF for the port: its slot in this entry is lost.
        rig.plane.install([route(OTHER_GROUP, "access0", "access1")])
        rig.plane.configure({"access0": None, "access1": rig.index("access1")})
        # The old index is gone for good; what matters is that the entries still name the slot.
        held = {entry.route for entry in rig.plane.dump()}
        assert held == {route(GROUP, "access0", "access1"), route(OTHER_GROUP, "access0", "access1")}
        rig.plane.configure({"access0": rig.index("access2"), "access1": rig.index("access1")})
        assert rig.stream(OTHER_GROUP, 3) == {"access1": 3, "access2": 3}


def test_a_port_or_an_upstream_that_vanishes_has_no_more_than_the_last_entries_written_anew(monkeypatch):
    with kernel_rig() as rig:
        start(rig, "access0")
        rig.plane.install(many(RECENT + 100))
        written = []
        add_entry = mroute.add_entry
        monkeypatch.setattr(mroute, "add_entry", lambda *entry: written.append(entry) or add_entry(*entry))
        for name, told in (
            ("access0", lambda: rig.plane.configure({"access0": None, "access1": rig.index("access1")})),
            ("core0", lambda: rig.plane.set_upstream("core1", rig.index("core1"))),
        ):
            rig.router.delete(name)
            # Made while the kernel has no such VIF.
            rig.plane.install([route(GROUP, "access0", "access1"), route(OTHER_GROUP, "access0")])
            written.clear()
            told()
            assert 2 <= len(written) <= RECENT
        rig.plane.set_active("access1", active=True)
        assert rig.stream(GROUP, 3, upstream="core1") == {"access1": 3}


def test_activating_a_port_that_just_vanished_is_an_error_and_entries_keep_the_slot():
    with kernel_rig() as rig:
        start(rig)
        rig.plane.install([route(GROUP, "access0")])
        rig.router.delete("access0")
        with pytest.raises(PlaneError, match="interface"):
            rig.plane.set_active("access0", active=True)
        assert [entry.route for entry in rig.plane.dump()] == [route(GROUP, "access0")]


def test_one_vanished_port_does_not_keep_the_others_from_their_slots():
    with kernel_rig() as rig:
        start(rig, "access0")
        gone = rig.index("access0")
        rig.router.delete("access0")
        rig.plane.configure({"access0": None})
        with pytest.raises(PlaneError, match="interface"):
            rig.plane.configure({"access0": gone, "access2": rig.index("access2")})
        rig.plane.set_active("access2", active=True)
        rig.plane.install([route(GROUP, "access2")])
        assert rig.stream(GROUP, 2) == {"access2": 2}


def in_child(function):
    """Run `function` in a process of its own, then kill that process; the caller goes on when it is ready."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            function()
            os.write(writer, b"r")
            signal.pause()
        finally:
            os._exit(1)
    os.close(writer)
    with os.fdopen(reader, "rb") as ready:
        assert ready.read(1) == b"r"
    return child


def kill(child):
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


@pytest.mark.parametrize("further", [False, True], ids=["one-table", "further-table"])
@pytest.mark.parametrize("streams", [IPV4, IPV6], ids=["ipv4", "ipv6"])
def test_a_dead_dataplanes_table_is_adopted_and_the_stream_loses_nothing(streams, further):
    group, other = streams.group, streams.other
    routes = [
        route(group, "access0"),
        route(other, "access0", "access1"),
        route(group, source=streams.sources["core0"][1]),
    ]
    with kernel_rig() as rig:
        fill = {f"p{number}": None for number in range(MAXIMUM_PORTS if further else 0)}
        ports = fill | {name: rig.index(name) for name in PORTS[:2]}
        core = rig.index("core0")

        def dataplane():
            plane = KernelPlane(rig.held())
            plane.configure(ports)
            plane.set_upstream("core0", core)
            plane.install(routes)
            plane.set_active("access0", active=True)

        child = in_child(dataplane)
        sent = Stream(rig, group)
        sent.wait(50)
        kill(child)
        sent.wait(50)
        plane = rig.plane = KernelPlane(rig.held())
        adoption = plane.adopt(ports)
        plane.set_upstream("core0", core)
        assert (adoption.active, adoption.kept, adoption.removed) == ({"access0"}, 3, 0)
        assert plane.installed() == {each.key: each for each in routes}
        assert sum(plane.audit(), Repairs()) == Repairs()
        sent.wait(50)
        total = sent.stop()
        wait_for(lambda: plane.counters(RouteKey(group)).packets == total, what="all packets routed")
        assert rig.count_until("access0", group, total) == total
        plane.set_active("access1", active=True)
        assert rig.stream(other, 3) == {"access0": 3, "access1": 3}


class Stream:
    """A stream of a group from core0 that runs until it is stopped."""

    def __init__(self, rig, group):
        self._rig = rig
        self._group = group
        self._stop = threading.Event()
        self.sent = 0
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self):
        while not self._stop.wait(0.001):
            self._rig.send(self._group)
            self.sent += 1

    def wait(self, more):
        target = self.sent + more
        wait_for(lambda: self.sent >= target, what=f"{more} more packets sent")

    def stop(self):
        self._stop.set()
        self._thread.join()
        return self.sent


def test_adoption_removes_what_is_not_explained():
    with kernel_rig() as rig:
        start(rig, "access0", "access1")
        rig.plane.install(
            [route(GROUP, "access0"), route(OTHER_GROUP, "access1"), route(many(1)[0].key.group, *PORTS[:2])]
        )
        successor = KernelPlane(rig.held())
        adoption = successor.adopt({"access0": rig.index("access0"), "access2": rig.index("access2")})
        assert (adoption.active, adoption.kept, adoption.removed) == ({"access0"}, 2, 1)
        successor.set_active("access2", active=True)
        rig.plane = successor
        group = many(1)[0].key.group
        # access2 has the slot that was access1's; the entry must not bring it that port's group.
        assert successor.slot("access2") == 2
        assert rig.stream(group, 3) == {"access0": 3}
        assert rig.stream(OTHER_GROUP, 3) == {}


def test_without_privileges_the_refusal_says_what_is_missing():
    child = os.fork()
    if child == 0:
        os.seteuid(os.geteuid())
        _drop_capabilities()
        try:
            open_multicast_routing_socket()
        except PlaneError as error:
            os._exit(0 if "CAP_NET_RAW" in str(error) else 3)
        os._exit(4)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0


def _drop_capabilities():
    """Enter a further user namespace: there are no rights over the network namespace of the outer one."""
    from cli.lab.namespaces import CLONE_NEWUSER, _system_call

    _system_call("unshare", CLONE_NEWUSER)

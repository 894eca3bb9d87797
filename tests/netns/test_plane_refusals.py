"""What the kernel refuses is a reason of the entries and ports concerned, of no others; it is tried again."""

import errno
import os

import pytest

from dataplane.forwarding import devices, mroute
from dataplane.forwarding.kernel import KernelPlane
from dataplane.forwarding.placement import MAXIMUM_PORTS
from dataplane.forwarding.plane import PlaneError, Repairs, RouteKey
from tests.support.plane_contract import IPV4, IPV6, route, start
from tests.support.plane_rig import audited, kernel_rig
from tests.support.wait import wait_for


@pytest.fixture(params=[False, True], ids=["look-up", "whole"])
def whole(request) -> bool:
    return request.param


def test_memory_that_the_kernel_does_not_have_is_a_reason_until_it_has(whole, monkeypatch):
    def refused(*_):
        raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))

    with kernel_rig() as rig:
        start(rig, "access0")
        add_entry = mroute.add_entry
        rig.plane.install([route(IPV4.other, "access0")])
        monkeypatch.setattr(mroute, "add_entry", refused)
        with pytest.raises(PlaneError, match="Cannot allocate memory"):
            rig.plane.install([route(IPV4.group, "access0")])
        assert rig.plane.refusal("access0", IPV4.group) == "Cannot allocate memory"
        assert rig.plane.refusal("access0", IPV4.other) is None
        monkeypatch.setattr(mroute, "add_entry", add_entry)
        assert audited(rig, whole=whole) == Repairs(retried=1)
        assert rig.stream(IPV4.group, 3) == {"access0": 3}


def test_a_family_that_the_kernel_does_not_have_is_a_reason_per_entry():
    with kernel_rig() as rig:
        held = [each for each in rig.held() if each.version == 4]
        rig.plane = KernelPlane(held)
        start(rig, "access0")
        with pytest.raises(PlaneError, match="no IPv6 multicast routing table 0"):
            rig.plane.install([route(IPV6.group, "access0"), route(IPV4.group, "access0")])
        assert "IPv6" in rig.plane.refusal("access0", IPV6.other)
        assert "no IPv6 multicast routing" in rig.plane.refusal("access0", IPV6.group)
        assert rig.plane.refusal("access0", IPV4.group) is None
        assert rig.stream(IPV4.group, 3) == {"access0": 3}
        rig.plane.remove([RouteKey(IPV6.group)])
        assert rig.plane.refused() == []


def test_what_was_refused_is_tried_again(whole):
    with kernel_rig() as rig:
        start(rig, "access0")
        everything = rig.plane
        table = everything._tables.pop((6, 0))
        with pytest.raises(PlaneError, match="no IPv6 multicast routing"):
            everything.install([route(IPV6.group, "access0")])
        everything._tables[6, 0] = table
        assert audited(rig, whole=whole) == Repairs(retried=1)
        assert everything.refusal("access0", IPV6.group) is None
        assert rig.stream(IPV6.group, 3) == {"access0": 3}


def test_a_kernel_with_fewer_tables_than_a_configuration_needs_serves_what_fits():
    """A configuration that was accepted is restored on another kernel."""
    with kernel_rig() as rig:
        rig.plane = KernelPlane([each for each in rig.held() if each.table == 0])
        fill = {f"p{number}": None for number in range(MAXIMUM_PORTS)}
        with pytest.raises(PlaneError, match="32 access interfaces do not fit"):
            rig.plane.configure({"access0": rig.index("access0"), **fill})
        rig.plane.set_upstream("core0", rig.index("core0"))
        rig.plane.set_active("access0", active=True)
        rig.plane.install([route(IPV4.group, "access0", "p30")])
        assert rig.stream(IPV4.group, 3) == {"access0": 3}
        assert rig.plane.refusal("access0", IPV4.group) is None
        assert rig.plane.refusal("p30", IPV4.group) == "no VIF"


def test_what_is_refused_costs_an_audit_no_more_than_other_entries(whole, monkeypatch):
    """It is listed once, not for every piece: 40,000 such entries took 12 s of CPU every minute."""
    with kernel_rig() as rig:
        rig.plane = KernelPlane([each for each in rig.held() if each.version == 4])
        start(rig, "access0")
        many = [route(IPV6.group + number, "access0") for number in range(1_000)]
        with pytest.raises(PlaneError):
            rig.plane.install(many)
        listed = []
        refused = rig.plane.refused
        monkeypatch.setattr(rig.plane, "refused", lambda: listed.append(1) or refused())
        assert audited(rig, whole=whole) == Repairs()
        assert len(listed) == 1
        assert len(refused()) == len(many)


def test_an_interface_index_beyond_sixteen_bits_is_refused_for_ipv6_only():
    with kernel_rig() as rig:
        start(rig)
        rig.router.device("far0", "veth", peer={"ifname": "far1"}, index=70_000)
        ports = {"access0": rig.index("access0"), "far0": 70_000}
        rig.plane.configure(ports)
        with pytest.raises(PlaneError, match=r"far0: IPv6.*65535"):
            rig.plane.set_active("far0", active=True)
        assert "65535" in rig.plane.refusal("far0", IPV6.group)
        assert rig.plane.refusal("far0", IPV4.group) is None
        assert rig.plane.refusal("access0", IPV6.group) is None


def test_one_port_that_is_refused_does_not_keep_the_others_from_being_adopted():
    with kernel_rig() as rig:
        start(rig, "access0")
        rig.router.device("far0", "veth", peer={"ifname": "far1"}, index=70_000)
        ports = {"access0": rig.index("access0"), "far0": 70_000}
        rig.plane.configure(ports)
        with pytest.raises(PlaneError, match="far0"):
            rig.plane.set_active("far0", active=True)
        rig.plane.install([route(IPV4.group, "access0", "far0")])
        rig.plane = KernelPlane(rig.held())
        adoption = rig.plane.adopt(ports)
        assert (adoption.active, adoption.kept) == ({"access0", "far0"}, 1)
        assert "far0" in adoption.trouble
        assert rig.stream(IPV4.group, 3) == {"access0": 3}


def test_a_link_that_cannot_be_made_is_a_reason_for_the_ports_behind_it(monkeypatch):
    def refused(table):
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))

    fill = {f"p{number}": None for number in range(MAXIMUM_PORTS)}
    with kernel_rig() as rig:
        make_link = devices.make_link
        monkeypatch.setattr(devices, "make_link", refused)
        ports = {**fill, "access0": rig.index("access0")}
        with pytest.raises(PlaneError, match="link to table 1"):
            rig.plane.configure(ports)
        rig.plane.set_upstream("core0", rig.index("core0"))
        rig.plane.set_active("access0", active=True)
        rig.plane.install([route(IPV4.group, "access0", "p1")])
        assert "link to table 1" in rig.plane.refusal("access0", IPV4.group)
        assert rig.plane.refusal("p1", IPV4.group) is None
        rig.send(IPV4.group)
        wait_for(lambda: rig.plane.counters(RouteKey(IPV4.group)).packets == 1, what="the packet is routed")
        assert rig.count("access0", IPV4.group) == 0
        monkeypatch.setattr(devices, "make_link", make_link)
        audited(rig)
        assert rig.plane.refusal("access0", IPV4.group) is None
        assert rig.stream(IPV4.group, 3) == {"access0": 3}

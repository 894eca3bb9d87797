"""What another process changes in the kernel's tables is put right, and what is not ours is left alone."""

import socket
import struct

import pytest

from dataplane import netlink
from dataplane.forwarding import devices, mroute
from dataplane.forwarding.family import FAMILIES
from dataplane.forwarding.kernel import KernelPlane, remove_devices
from dataplane.forwarding.placement import MAXIMUM_PORTS, Place
from dataplane.forwarding.plane import Adoption, Repairs, RouteKey
from tests.support.plane_contract import IPV4, IPV6, PORTS, Streams, route, start
from tests.support.plane_rig import audited, kernel_rig

MRT_FLUSH, FLUSH_ALL = 212, 15
both_families = pytest.mark.parametrize("streams", [IPV4, IPV6], ids=["ipv4", "ipv6"])


@pytest.fixture(params=[False, True], ids=["look-up", "whole"])
def whole(request) -> bool:
    return request.param


def other_process(version: int) -> socket.socket:
    """The socket of an administrator's program: it may change a table that it does not hold."""
    family = next(family for family in FAMILIES if family.version == version)
    return mroute.open_socket(family)


def family_of(streams: Streams):
    return next(family for family in FAMILIES if family.version == streams.group.version)


@both_families
def test_an_entry_that_somebody_removed_comes_back(streams, whole):
    with kernel_rig() as rig, other_process(streams.group.version) as other:
        start(rig, "access0")
        rig.plane.install([route(streams.group, "access0"), route(streams.other, "access0")])
        mroute.delete_entry(family_of(streams), other, RouteKey(streams.group), 0)
        assert rig.stream(streams.group, 3) == {}
        assert audited(rig, whole=whole) == Repairs(missing=1)
        assert rig.stream(streams.group, 3) == {"access0": 3}
        assert audited(rig, whole=whole) == Repairs()


@both_families
def test_an_entry_that_somebody_changed_is_put_right(streams, whole):
    family = family_of(streams)
    with kernel_rig() as rig, other_process(streams.group.version) as other:
        start(rig, "access0", "access1")
        rig.plane.install([route(streams.group, "access0")])
        mroute.add_entry(family, other, RouteKey(streams.group), 0, family.outgoing(0b101))
        assert rig.stream(streams.group, 3) == {"access1": 3}
        assert audited(rig, whole=whole) == Repairs(different=1)
        assert rig.stream(streams.group, 3) == {"access0": 3}


@both_families
@pytest.mark.parametrize("vif", [0, 1, 2])
def test_a_vif_that_somebody_removed_comes_back_with_its_entries(streams, vif, whole):
    family = family_of(streams)
    with kernel_rig() as rig, other_process(streams.group.version) as other:
        start(rig, "access0")
        rig.plane.install([route(streams.group, "access0", "access1")])
        mroute.delete_vif(family, other, vif)
        # made while the VIF is not there: it is lost in this entry
        rig.plane.install([route(streams.other, "access0", "access1")])
        repairs = audited(rig, whole=whole)
        assert (repairs.interfaces, repairs.different) == (1, 1)
        rig.plane.set_active("access1", active=True)
        for group in (streams.group, streams.other):
            assert rig.stream(group, 3) == {"access0": 3, "access1": 3}
        assert audited(rig, whole=whole) == Repairs()


@both_families
def test_a_sink_that_somebody_deleted_comes_back(streams, whole):
    with kernel_rig() as rig:
        start(rig, "access0")
        rig.plane.install([route(streams.group, "access0", "access1")])
        devices.delete(devices.sink_name(Place(0, 2)))
        repairs = audited(rig, whole=whole)
        assert repairs.interfaces == 2
        rig.plane.set_active("access1", active=True)
        assert rig.stream(streams.group, 3) == {"access0": 3, "access1": 3}


@both_families
def test_tables_that_somebody_flushed_are_filled_again(streams, whole):
    first, second = streams.group, streams.other
    source = streams.sources["core0"][0]
    with kernel_rig() as rig, other_process(streams.group.version) as other:
        start(rig, "access0")
        rig.plane.install([route(first, "access0"), route(second, "access0", source=source)])
        other.setsockopt(family_of(streams).level, MRT_FLUSH, struct.pack("i", FLUSH_ALL))
        repairs = audited(rig, whole=whole)
        assert (repairs.missing, repairs.interfaces) == (2, 3)
        for group in (first, second):
            assert rig.stream(group, 3) == {"access0": 3}
        assert audited(rig, whole=whole) == Repairs()


@both_families
def test_an_entry_beside_ours_with_another_parent_takes_no_stream_for_longer(streams, whole):
    """The kernel keeps a (*,G) entry for each parent, and takes the newest that names the upstream side."""
    family = family_of(streams)
    with kernel_rig() as rig, other_process(streams.group.version) as other:
        start(rig, "access0", "access1")
        rig.plane.install([route(streams.group, "access0")])
        mroute.add_entry(family, other, RouteKey(streams.group), 2, family.outgoing(0b101))
        rig.send(streams.group)
        assert rig.count("access0", streams.group) == 0
        assert audited(rig, whole=whole) == Repairs(different=1)
        assert rig.stream(streams.group, 3) == {"access0": 3}
        assert audited(rig, whole=whole) == Repairs()


@both_families
def test_a_port_whose_sink_is_gone_is_adopted_by_what_its_vif_is_bound_to(streams):
    with kernel_rig() as rig:
        start(rig, "access0", "access1")
        rig.plane.install([route(streams.group, "access0", "access1")])
        devices.delete(devices.sink_name(Place(0, 2)))
        rig.plane = KernelPlane(rig.held())
        adoption = rig.plane.adopt({name: rig.index(name) for name in reversed(PORTS)})
        assert (adoption.active, adoption.kept) == ({"access0", "access1"}, 1)
        assert rig.stream(streams.group, 3) == {"access0": 3, "access1": 3}


@both_families
def test_what_is_not_ours_is_left_alone(streams, whole):
    family = family_of(streams)
    key = RouteKey(streams.other, streams.sources["core0"][1])
    with kernel_rig() as rig, other_process(streams.group.version) as other:
        start(rig, "access0", "access1")
        rig.plane.install([route(streams.group, "access0")])
        mroute.add_entry(family, other, key, 0, family.outgoing(0b100))
        assert audited(rig, whole=whole) == Repairs()
        assert rig.stream(streams.other, 3, source=1) == {"access1": 3}
        successor = KernelPlane(rig.held())
        adoption = successor.adopt({name: rig.index(name) for name in PORTS[:2]})
        assert (adoption.kept, adoption.removed) == (1, 0)
        assert rig.stream(streams.other, 3, source=1) == {"access1": 3}
        successor.close()


@both_families
def test_an_entry_of_ours_that_nobody_wants_is_removed(streams):
    with kernel_rig() as rig:
        start(rig, "access0")
        rig.plane.install([route(streams.group, "access0")])
        stray = KernelPlane(rig.held())
        stray.adopt({name: rig.index(name) for name in PORTS[:2]})
        stray.install([route(streams.other, "access0")])
        assert audited(rig) == Repairs(unexplained=1)
        assert rig.stream(streams.other, 3) == {}
        stray.close()


@both_families
def test_the_link_to_a_further_table_and_its_rule_come_back(streams, whole):
    fill = {f"p{number}": None for number in range(MAXIMUM_PORTS)}
    with kernel_rig() as rig:
        rig.plane.configure({**fill, "access0": rig.index("access0")})
        rig.plane.set_upstream("core0", rig.index("core0"))
        rig.plane.set_active("access0", active=True)
        rig.plane.install([route(streams.group, "access0", "p1")])
        assert rig.stream(streams.group, 3) == {"access0": 3}
        devices.delete_rule(family_of(streams).netlink, 1)
        audited(rig, whole=whole)
        assert rig.stream(streams.group, 3) == {"access0": 3}
        devices.delete(devices.link_names(1)[0])
        assert audited(rig, whole=whole).interfaces == 4
        assert rig.stream(streams.group, 3) == {"access0": 3}
        assert audited(rig, whole=whole) == Repairs()


@both_families
def test_entries_that_change_during_an_audit_stay_as_they_are(streams, whole):
    with kernel_rig() as rig:
        start(rig, "access0", "access1")
        many = [route(streams.group + number, "access0", "access1") for number in range(1_000)]
        rig.plane.install(many)
        found = Repairs()
        for number, piece in enumerate(rig.plane.audit(whole=whole)):
            found += piece
            turn = number % len(many)  # while the kernel is waited for, there are pieces without an entry
            rig.plane.remove([many[-1 - turn].key])
            rig.plane.install([route(many[turn].key.group, "access1")])
            rig.plane.set_active("access0", active=bool(number % 2))
        assert found == Repairs()
        assert {held.route for held in rig.plane.dump()} == set(rig.plane.installed().values())
        assert audited(rig, whole=whole) == Repairs()


def test_nothing_of_ours_stays_after_an_orderly_end():
    with kernel_rig() as rig:
        rig.plane.configure({f"p{number}": None for number in range(2 * MAXIMUM_PORTS)})
        assert any(name.startswith(devices.LINK_PREFIX) for name in devices.devices())
        remove_devices()
        left = [name for name in devices.devices() if name.startswith("tc-")]
        assert left == []
        for table in (1, 2):
            for family in FAMILIES:
                with pytest.raises(FileNotFoundError):
                    devices.delete_rule(family.netlink, table)


def test_settings_that_keep_packets_away_are_named():
    with kernel_rig() as rig:
        start(rig, "access0")
        assert rig.plane.complaints() == ()
        rig.router.sysctl("net/ipv4/conf/core0/rp_filter", 1)
        rig.router.sysctl("net/ipv6/conf/access1/disable_ipv6", 1)
        (strict,) = rig.plane.complaints()
        assert "rp_filter of core0 is 1" in strict
        rig.plane.install([route(IPV6.group, "access0")])
        assert any("access1.disable_ipv6" in each for each in rig.plane.complaints())
        rig.router.sysctl("net/ipv4/conf/all/rp_filter", 1)
        rig.plane.configure({f"p{number}": None for number in range(MAXIMUM_PORTS + 1)})
        assert any("all.rp_filter is 1" in each for each in rig.plane.complaints())


@both_families
def test_the_rule_that_leads_to_the_first_table_comes_back(streams, whole):
    """`ip mrule flush` takes the kernel's own rule away: no packet is looked up in the first table then."""
    family = family_of(streams)
    with kernel_rig() as rig:
        start(rig, "access0")
        rig.plane.install([route(streams.group, "access0")])
        ours = _default_rule(family)
        netlink.change(netlink.RTM_DELRULE, 0, ours)
        rig.send(streams.group)
        assert rig.count("access0", streams.group) == 0
        assert audited(rig, whole=whole) == Repairs(interfaces=1)
        assert rig.stream(streams.group, 3) == {"access0": 3}
        assert audited(rig, whole=whole) == Repairs()


def _default_rule(family):
    (rule,) = netlink.dump(netlink.RTM_GETRULE, bytes([family.netlink]) + bytes(11))
    return bytes(rule.body)


def test_links_whose_settings_cannot_be_written_are_named(monkeypatch):
    """As in a container whose /proc/sys is read-only."""
    with kernel_rig() as rig:
        rig.router.sysctl("net/ipv4/conf/default/rp_filter", 1)
        rig.router.sysctl("net/ipv6/conf/default/disable_ipv6", 1)
        monkeypatch.setattr(devices, "write_setting", lambda *_: False)
        rig.plane.configure({f"p{number}": None for number in range(MAXIMUM_PORTS + 1)})
        rig.plane.install([route(IPV6.group, "p0")])
        told = rig.plane.complaints()
        assert any("rp_filter of tc-link1b is 1" in each for each in told)
        assert any("tc-link1a.disable_ipv6 is 1" in each for each in told)
        assert any("tc-link1b.disable_ipv6 is 1" in each for each in told)


@both_families
def test_what_a_killed_supervisor_left_is_taken_over(streams):
    fill = {f"p{number}": None for number in range(MAXIMUM_PORTS)}
    with kernel_rig() as rig:
        ports = {**fill, **{name: rig.index(name) for name in PORTS[:2]}}
        rig.plane.configure(ports)
        rig.plane.set_upstream("core0", rig.index("core0"))
        rig.plane.install([route(streams.group, "access0")])
        places = {name: rig.plane.slot(name) for name in ports}
        rig.end_of_all_holders()
        assert rig.plane.adopt(ports) == Adoption(frozenset(), 0, 0)
        assert {name: rig.plane.slot(name) for name in ports} == places
        rig.plane.set_upstream("core0", rig.index("core0"))
        rig.plane.set_active("access0", active=True)
        rig.plane.install([route(streams.group, "access0")])
        assert rig.stream(streams.group, 3) == {"access0": 3}
        assert audited(rig) == Repairs()

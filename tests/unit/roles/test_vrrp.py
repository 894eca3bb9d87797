"""VRRP arbitration: what the links say is the role (rule 20)."""

from dataclasses import replace
from ipaddress import IPv4Interface, IPv6Interface

import msgspec
import pytest

from dataplane.config import Role, VrrpArbitration
from dataplane.links import Link
from dataplane.roles import RoleChanged, RoleReason, SwitchoverRefused, VrrpRole

INIT, BACKUP, MASTER = Role.INIT, Role.BACKUP, Role.MASTER
CONFIG = VrrpArbitration(51, "eth0", "192.0.2.254")
VIRTUAL = IPv4Interface("192.0.2.254/32")
ETH0 = Link(2, "eth0", True, bytes(6), 1500, (IPv4Interface("192.0.2.1/24"),))
OWNER = replace(ETH0, addresses=(*ETH0.addresses, VIRTUAL))
MACVLAN = Link(9, "vrrp.51", True, bytes.fromhex("00005e000133"), 1500, (VIRTUAL,), (), "macvlan", 2)
BARE = replace(MACVLAN, addresses=())


def started(*links: Link, config: VrrpArbitration = CONFIG) -> VrrpRole:
    machine = VrrpRole(config)
    machine.links_known(links)
    machine.start(0.0)
    return machine


def replace_config(**changes: object) -> VrrpArbitration:
    return msgspec.structs.replace(CONFIG, **changes)


def test_init_while_the_interface_is_missing() -> None:
    machine = started()
    assert machine.role is INIT
    assert machine.link_changed("eth0", ETH0, 1.0) == [RoleChanged(INIT, BACKUP, RoleReason.ADDRESS_ABSENT)]
    assert machine.link_changed("eth0", None, 2.0) == [
        RoleChanged(BACKUP, INIT, RoleReason.INTERFACE_MISSING)
    ]


def test_the_owner_of_the_virtual_address_is_master() -> None:
    machine = started(ETH0)
    assert machine.role is BACKUP
    assert machine.link_changed("eth0", OWNER, 1.0) == [
        RoleChanged(BACKUP, MASTER, RoleReason.ADDRESS_PRESENT)
    ]
    assert machine.link_changed("eth0", replace(OWNER, mtu=9000), 1.5) == []
    assert machine.link_changed("eth0", ETH0, 2.0) == [RoleChanged(MASTER, BACKUP, RoleReason.ADDRESS_ABSENT)]


@pytest.mark.parametrize("down", [replace(OWNER, up=False), replace(OWNER, protodown=True)])
def test_the_address_on_a_link_that_is_down_makes_no_master(down: Link) -> None:
    machine = started(OWNER)
    assert machine.role is MASTER
    assert machine.link_changed("eth0", down, 1.0) == [RoleChanged(MASTER, BACKUP, RoleReason.LINK_DOWN)]


def test_the_address_may_be_on_a_macvlan_above_the_interface() -> None:
    machine = started(ETH0, BARE)
    assert machine.role is BACKUP
    machine.link_changed("vrrp.51", MACVLAN, 1.0)
    assert machine.role is MASTER
    machine.link_changed("vrrp.51", None, 2.0)
    assert machine.role is BACKUP


def test_a_macvlan_that_keeps_the_address_and_is_down_by_protocol_is_backup() -> None:
    machine = started(ETH0, replace(MACVLAN, protodown=True))
    assert machine.role is BACKUP
    machine.link_changed("vrrp.51", MACVLAN, 1.0)
    assert machine.role is MASTER


def test_one_link_with_the_address_that_works_is_enough() -> None:
    assert started(replace(OWNER, protodown=True), MACVLAN).role is MASTER


@pytest.mark.parametrize(
    "other",
    [
        replace(MACVLAN, parent=3),
        replace(MACVLAN, parent=None),
        replace(MACVLAN, kind="vlan"),
        replace(MACVLAN, mac=bytes.fromhex("00005e000134")),
        replace(MACVLAN, addresses=(IPv4Interface("192.0.2.253/32"),)),
    ],
    ids=["above another link", "in another namespace", "a VLAN", "of another VRID", "another address"],
)
def test_links_of_others_do_not_count(other: Link) -> None:
    assert started(ETH0, other).role is BACKUP


def test_a_macvlan_with_a_mac_address_of_its_own_counts() -> None:
    assert started(ETH0, replace(MACVLAN, mac=bytes.fromhex("020000000001"))).role is MASTER


def test_the_interface_may_come_after_its_macvlan_was_known() -> None:
    machine = started(MACVLAN)
    assert machine.role is INIT
    machine.link_changed("eth0", ETH0, 1.0)
    assert machine.role is MASTER


def test_a_virtual_ipv6_address() -> None:
    config = replace_config(virtual_address="2001:db8::1")
    machine = started(OWNER, config=config)
    assert machine.role is BACKUP
    machine.link_changed("eth0", replace(ETH0, ipv6_addresses=(IPv6Interface("2001:db8::1/128"),)), 1.0)
    assert machine.role is MASTER


def test_what_is_no_address_is_refused() -> None:
    with pytest.raises(ValueError, match="nowhere"):
        VrrpRole(replace_config(virtual_address="nowhere"))


def test_a_switchover_is_the_vrrp_routers() -> None:
    with pytest.raises(SwitchoverRefused, match="VRRP group 51 on eth0"):
        started(OWNER).switchover(1.0)


def test_nothing_happens_before_start_and_after_stop() -> None:
    machine = VrrpRole(CONFIG)
    assert machine.link_changed("eth0", OWNER, 0.0) == []
    assert machine.start(0.0) == [RoleChanged(INIT, MASTER, RoleReason.ADDRESS_PRESENT)]
    assert machine.stop(1.0) == [RoleChanged(MASTER, INIT, RoleReason.STOPPED)]
    assert machine.link_changed("eth0", ETH0, 2.0) == []
    assert machine.upstream(False, 2.0) == machine.ready(True, 2.0) == machine.receive(b"", 2.0) == []
    assert machine.tick(2.0) == []
    assert machine.next_deadline() is None

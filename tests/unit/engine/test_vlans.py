"""VLANs that have an interface of their own beside the one that they lie on."""

from dataclasses import replace
from ipaddress import IPv4Interface

import pytest

from dataplane.config import InterfaceConfig, Role
from dataplane.engine import messages
from dataplane.links import Link
from dataplane.packets.messages import Address
from tests.support.routers import (
    CORE,
    GROUP,
    MLD_GROUP,
    PORT,
    Pair,
    Router,
    access,
    mac,
    profile,
    upstream,
)

VLAN, INNER = f"{PORT}.100", f"{PORT}.100.200"


def above(name: str, index: int, parent: int, vlan: int) -> Link:
    address = IPv4Interface(f"10.{index}.0.1/16")
    return Link(index, name, True, mac(201), 1500, (address,), (), "vlan", parent, vlan=vlan)


def router(*interfaces: InterfaceConfig) -> Router:
    """A master whose access interface has VLANs above it."""
    one = Pair().a
    one.link(PORT, 1)
    one.link(CORE, 2)
    one.give(messages.LinkUpdated(above(VLAN, 3, 1, 100)), messages.LinkUpdated(above(INNER, 4, 3, 200)))
    one.configure(profile(Role.MASTER), access(), upstream(), *interfaces)
    return one


def places(one: Router) -> set[str]:
    """Where the members are, as the tags that their entries show."""
    return {each.subscriber[17:] for each in one.groups(interface=PORT).values()}


def dropped(one: Router) -> int:
    return one.interface_state().dropped.get("other-interface", 0)


@pytest.mark.parametrize("group", [GROUP, MLD_GROUP], ids=str)
def test_a_vlan_with_an_access_interface_of_its_own_is_heard_there_only(group: Address) -> None:
    one = router(access(VLAN, access_id=2))
    one.join(group, tags=(100, 0, 0))
    one.join(group, tags=(100, 300, 0))
    one.join(group, tags=(100, 0, 7))
    one.join(group, interface=VLAN)
    assert places(one) == set()
    assert dropped(one) == 3
    assert one.interface_state().error == {}
    one.join(group, tags=(101, 0, 0))
    one.join(group)
    assert places(one) == {"", "@101"}
    assert len(one.groups(interface=VLAN)) == 1


def test_two_tags_with_an_interface_of_their_own_are_heard_there_only() -> None:
    one = router(access(INNER, access_id=2))
    one.join(tags=(100, 200, 0))
    assert places(one) == set()
    one.join(tags=(100, 201, 0))
    one.join(tags=(100, 0, 0), stb=2)
    assert places(one) == {"@100.201", "@100"}


def test_an_interface_hears_what_lies_on_the_one_between() -> None:
    one = router(access(VLAN, access_id=2), access(INNER, access_id=3))
    one.join(tags=(200, 0, 0), interface=VLAN)
    one.join(tags=(201, 0, 0), interface=VLAN)
    assert [each.subscriber[17:] for each in one.groups(interface=VLAN).values()] == ["@201"]


def test_reports_of_others_toward_the_core_are_no_members() -> None:
    """The core in a VLAN of the access interface's wire: the peer's reports there would never end."""
    one = router(upstream(VLAN, preference=1))
    assert one.engine.world.active_upstream == VLAN
    one.join(tags=(100, 0, 0))
    assert places(one) == set()


def test_a_vlan_is_heard_again_when_its_interface_is_not_ours_any_more() -> None:
    one = router(access(VLAN, access_id=2))
    one.join(tags=(100, 0, 0))
    assert places(one) == set()
    one.configure(InterfaceConfig(VLAN, enabled=False, access=access(VLAN, access_id=2).access))
    one.join(tags=(100, 0, 0))
    assert places(one) == {"@100"}


@pytest.mark.parametrize("how", ["removed", "gone", "renamed"])
def test_a_vlan_whose_interface_goes_is_heard_again(how: str) -> None:
    one = router(access(VLAN, access_id=2))
    if how == "removed":
        one.configure(removed_interfaces=(VLAN,))
    else:
        one.give(messages.LinkRemoved(VLAN))
    if how == "renamed":
        one.give(messages.LinkUpdated(replace(above(VLAN, 3, 1, 100), name="other")))
    one.join(tags=(100, 0, 0))
    assert places(one) == {"@100"}


def test_a_vlan_interface_that_nobody_configured_changes_nothing() -> None:
    one = router()
    one.join(tags=(100, 0, 0))
    one.join(tags=(100, 200, 0))
    assert places(one) == {"@100", "@100.200"}
    assert dropped(one) == 0

"""Roles in the engine: VRRP follows the links (rule 20), switchovers by order, no loss of what was asked."""

from collections.abc import Callable
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface

import msgspec
import pytest

from dataplane.actions import ActionRefused, Switchover
from dataplane.config import ETrunkArbitration, ProfileConfig, Role, StaticArbitration, VrrpArbitration
from dataplane.engine import effects, messages
from dataplane.links import Link
from dataplane.state import DualMaster, RoleChanged
from tests.support.routers import CORE, GROUP, PORT, PROFILE, Pair, Router, access, profile, upstream

VRRP = VrrpArbitration(51, "vlan10", "192.0.2.254")
VIRTUAL = IPv4Interface("192.0.2.254/32")
VLAN10 = Link(5, "vlan10", True, bytes(6), 1500, (IPv4Interface("192.0.2.1/24"),))
TRUNK = ETrunkArbitration(1, hello_interval=0.1, revertive=False)


def vrrp_moves(router: Router, *, here: bool) -> None:
    """The VRRP router puts the address on the interface or takes it away."""
    link = replace(VLAN10, addresses=(*VLAN10.addresses, VIRTUAL)) if here else VLAN10
    router.give(messages.LinkUpdated(link))


def vrrp_pair() -> Pair:
    pair = Pair()
    for router in (pair.a, pair.b):
        router.give(messages.LinkUpdated(VLAN10))
    following = profile(arbitration=VRRP)
    pair.start(following, following)
    return pair


def order(router: Router) -> None:
    """What the action does."""
    router.give(Switchover(PROFILE))


def roles(pair: Pair) -> tuple[str, str]:
    return pair.a.profile_state().local_role, pair.b.profile_state().local_role


def test_rule_20_the_owner_of_the_virtual_address_forwards() -> None:
    pair = vrrp_pair()
    assert roles(pair) == ("backup", "backup")
    pair.a.join()
    pair.run(0.1)
    vrrp_moves(pair.a, here=True)
    assert roles(pair) == ("master", "backup")
    assert (pair.a.forwards(), pair.b.forwards()) == ({PORT}, frozenset())
    assert pair.a.profile_state().last_role_change_reason == "virtual-address-present"
    pair.run(0.1)
    assert pair.b.profile_state().peer_role == "master"


def test_rule_20_a_failover_and_a_failback() -> None:
    pair = vrrp_pair()
    vrrp_moves(pair.a, here=True)
    pair.a.join()
    pair.run(0.1)
    for old, new in ((pair.a, pair.b), (pair.b, pair.a)):
        vrrp_moves(old, here=False)
        vrrp_moves(new, here=True)
        assert (old.forwards(), new.forwards()) == (frozenset(), {PORT})
        assert new.queries()
        assert RoleChanged(PROFILE, "backup", "master", "virtual-address-present") in new.events


def test_rule_20_an_interface_that_goes_makes_the_role_init() -> None:
    pair = vrrp_pair()
    vrrp_moves(pair.a, here=True)
    pair.a.give(messages.LinkRemoved("vlan10"))
    assert roles(pair) == ("init", "backup")
    vrrp_moves(pair.a, here=True)
    assert roles(pair) == ("master", "backup")


def test_rule_20_a_restart_takes_the_role_that_the_links_say_at_once() -> None:
    pair = vrrp_pair()
    vrrp_moves(pair.a, here=True)
    pair.a.join()
    pair.a.restart()
    vrrp_moves(pair.a, here=True)
    pair.a.link(PORT, 1)
    pair.a.configure(pair.a.service(), profile(arbitration=VRRP), access(), upstream())
    assert roles(pair)[0] == "master"
    assert pair.a.forwards() == {PORT}


def test_the_arbitration_may_change_to_vrrp_and_away_while_it_runs() -> None:
    pair = vrrp_pair()
    vrrp_moves(pair.a, here=True)
    pair.a.configure(profile(Role.BACKUP))
    assert roles(pair)[0] == "backup"
    vrrp_moves(pair.a, here=False)
    vrrp_moves(pair.a, here=True)
    assert roles(pair)[0] == "backup"
    pair.a.configure(profile(arbitration=VRRP))
    assert roles(pair)[0] == "master"
    pair.a.configure(removed_profiles=(PROFILE,))
    vrrp_moves(pair.a, here=False)
    assert not pair.a.engine.world.profiles


def test_a_role_that_does_not_follow_links_is_not_told_of_them() -> None:
    pair = Pair()
    pair.start(profile(Role.MASTER), profile(Role.BACKUP))
    vrrp_moves(pair.b, here=True)
    assert roles(pair) == ("master", "backup")


@pytest.fixture
def trunks() -> Pair:
    pair = Pair()
    a, b = (profile(arbitration=msgspec.structs.replace(TRUNK, priority=each)) for each in (10, 20))
    pair.start(a, b)
    pair.run(5.0)
    assert roles(pair) == ("master", "backup")
    return pair


@pytest.mark.parametrize("ordering", [lambda pair: pair.a, lambda pair: pair.b], ids=["master", "backup"])
def test_a_switchover_with_an_e_trunk_by_either_router(
    trunks: Pair, ordering: Callable[[Pair], Router]
) -> None:
    trunks.a.join()
    trunks.run(0.1)
    order(ordering(trunks))
    trunks.run(0.05)
    assert roles(trunks) == ("backup", "master")
    assert (trunks.a.forwards(), trunks.b.forwards()) == (frozenset(), {PORT})
    trunks.run(100.0)
    assert roles(trunks) == ("backup", "master")


def test_a_new_master_finishes_a_leave_in_the_middle_and_asks_everybody(trunks: Pair) -> None:
    trunks.a.join()
    trunks.run(0.1)
    trunks.a.leave()
    trunks.run(0.5)
    trunks.b.frames.clear()
    order(trunks.a)
    trunks.run(3.0)
    asked = [query.group for query in trunks.b.queries()]
    assert asked[0] is None
    assert GROUP in asked
    assert not trunks.a.has_entry()
    assert not trunks.b.has_entry()


def test_rule_12_failback_waits_until_the_core_was_told_of_every_group(trunks: Pair) -> None:
    eager = msgspec.structs.replace(TRUNK, priority=10, revertive=True, revert_delay=0.0)
    trunks.a.configure(profile(arbitration=eager))
    for number in range(1000):
        trunks.a.join(IPv4Address(f"239.2.{number // 250}.{number % 250 + 1}"))
    trunks.run(1.0)
    trunks.a.link(CORE, 2, up=False)
    trunks.run(1.0)
    assert roles(trunks) == ("backup", "master")
    trunks.a.order.clear()
    trunks.a.link(CORE, 2)
    trunks.run(1.0)
    assert roles(trunks) == ("master", "backup")
    done = trunks.a.order
    before = done[: done.index(effects.SetActive(PORT, True))]
    reports = [report for each in before if isinstance(each, effects.SendReports) for report in each.reports]
    assert len({record.group for report in reports for record in report.records}) == 1000


def test_a_switchover_of_static_roles_on_both_routers() -> None:
    pair = Pair()
    pair.start(profile(Role.MASTER), profile(Role.BACKUP))
    pair.a.join()
    pair.run(0.1)
    order(pair.b)
    order(pair.a)
    assert roles(pair) == ("backup", "master")
    assert (pair.a.forwards(), pair.b.forwards()) == (frozenset(), {PORT})


def test_two_masters_without_hellos_are_told_when_they_last() -> None:
    pair = Pair()
    pair.start(profile(Role.MASTER), profile(Role.BACKUP))
    pair.run(0.1)
    order(pair.b)
    pair.run(0.9)
    order(pair.b)
    pair.run(5.0)
    assert DualMaster(PROFILE) not in [*pair.a.events, *pair.b.events]
    order(pair.b)
    pair.run(1.1)
    assert [each.events.count(DualMaster(PROFILE)) for each in (pair.a, pair.b)] == [1, 1]
    pair.run(100.0)
    assert pair.a.events.count(DualMaster(PROFILE)) == 1


def test_two_vrrp_masters_are_told() -> None:
    pair = vrrp_pair()
    for router in (pair.a, pair.b):
        vrrp_moves(router, here=True)
    pair.run(2.0)
    assert DualMaster(PROFILE) in pair.a.events
    pair.a.configure(removed_profiles=(PROFILE,))
    pair.run(2.0)


def test_a_switched_static_role_stays_through_commits_that_are_about_something_else() -> None:
    pair = Pair()
    pair.start(profile(Role.MASTER), profile(Role.BACKUP))
    order(pair.a)
    pair.a.configure(profile(Role.MASTER, igmp_copy=False))
    assert roles(pair)[0] == "backup"
    pair.a.configure(ProfileConfig(PROFILE, "rbs1", 8, arbitration=StaticArbitration(Role.MASTER)))
    assert roles(pair)[0] == "master"


def test_a_refused_switchover_changes_nothing() -> None:
    pair = vrrp_pair()
    vrrp_moves(pair.a, here=True)
    pair.a.order.clear()
    order(pair.a)
    (answer,) = pair.a.answers
    assert isinstance(answer, ActionRefused)
    assert "VRRP group 51" in answer.message
    assert roles(pair) == ("master", "backup")
    assert not [each for each in pair.a.order if isinstance(each, effects.SetActive)]

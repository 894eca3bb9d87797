"""Commits in the middle of things: what was decided or learnt before must not be undone by them."""

import pytest

from dataplane.config import ETrunkArbitration, Role
from dataplane.state import CopyStateChanged, DualMaster
from tests.support.routers import (
    GROUP,
    MEMBERSHIP_INTERVAL,
    OTHER,
    PORT,
    PROFILE,
    THIRD,
    Pair,
    Router,
    access,
    profile,
)

TRUNK = ETrunkArbitration(id=1, hello_interval=0.1, failure_multiplier=3, revert_delay=1.0)


@pytest.fixture
def pair() -> Pair:
    pair = Pair()
    pair.start(profile(Role.MASTER), profile(Role.BACKUP))
    return pair


@pytest.fixture
def trunks() -> Pair:
    pair = Pair()
    pair.start(profile(arbitration=TRUNK), profile(arbitration=TRUNK))
    pair.run(1.0)
    return pair


def roles(pair: Pair) -> tuple[str, str]:
    return pair.a.profile_state().local_role, pair.b.profile_state().local_role


def commit_service(router: Router, **changes: object) -> None:
    router.configure(router.service(**changes))


def test_rule_11_disabling_a_service_makes_no_second_master(trunks: Pair) -> None:
    for router in (trunks.a, trunks.b):
        for enabled in (False, True):
            commit_service(router, enabled=enabled)
            trunks.run(5.0)
            assert roles(trunks) == ("master", "backup")
        assert router.copy_state() == "active"
    assert not [
        event for each in (trunks.a, trunks.b) for event in each.events if isinstance(event, DualMaster)
    ]


def test_a_member_that_left_while_the_service_was_disabled_does_not_come_back(pair: Pair) -> None:
    pair.a.join(GROUP)
    pair.a.join(OTHER)
    pair.run(0.1)
    commit_service(pair.a, enabled=False)
    pair.a.leave(GROUP)
    pair.run(3.0)
    assert not pair.a.has_entry(GROUP)
    commit_service(pair.a)
    pair.run(1.0)
    assert pair.a.copy_state() == "active"
    assert not pair.a.has_entry(GROUP)
    assert pair.b.has_entry(GROUP)
    pair.run(MEMBERSHIP_INTERVAL)
    assert not pair.b.has_entry(GROUP)


def test_an_interface_that_is_bound_again_is_filled_by_a_batch(pair: Pair) -> None:
    pair.a.join(GROUP)
    pair.run(0.1)
    pair.b.configure(access(profile=""))
    pair.run(0.1)
    assert not pair.b.groups()
    assert pair.a.copy_state() == "unmapped"
    pair.b.configure(access())
    pair.run(0.1)
    assert pair.a.copy_state() == "active"
    assert pair.b.has_entry(GROUP)


def test_members_of_an_access_id_that_the_peer_gets_later_reach_it_then(pair: Pair) -> None:
    pair.a.link("access1", 3)
    pair.a.configure(access("access1", access_id=2))
    pair.a.join(GROUP, interface="access1")
    pair.run(0.1)
    assert not pair.b.has_entry(GROUP)
    pair.b.link("access1", 3)
    pair.b.configure(access("access1", access_id=2))
    pair.run(0.1)
    assert [group.interface for group in pair.b.groups().values()] == ["access1"]
    assert PORT not in pair.a.forwards(GROUP)


def test_a_profile_that_has_no_service_any_more_knows_nothing_of_its_peer(pair: Pair) -> None:
    """What the peer told ends with the mapping: a role that nobody holds makes no second master."""
    pair.b.configure(profile(Role.BACKUP, igmp_copy=False))
    pair.a.configure(profile(Role.BACKUP))
    pair.b.configure(profile(Role.MASTER, igmp_copy=False))
    pair.run(1)
    before = pair.a.profile_state()
    assert (before.peer_role, before.subscriber_types[0].peer_setting_mismatch) == ("master", True)
    pair.a.configure(profile(Role.BACKUP, service_name="", backup_id=0))
    after = pair.a.profile_state()
    assert (after.peer_role, after.subscriber_types[0].peer_setting_mismatch) == ("", False)
    pair.a.configure(profile(Role.MASTER, service_name="", backup_id=0))
    pair.run(3)
    assert [event for event in pair.a.events if isinstance(event, DualMaster)] == []


def test_a_role_that_hellos_told_ends_with_them(pair: Pair) -> None:
    for router, priority in ((pair.a, 10), (pair.b, 20)):
        router.configure(profile(arbitration=ETrunkArbitration(1, priority, hello_interval=0.1)))
    pair.run(10)
    assert pair.a.profile_state().peer_role == "backup"
    pair.cut_channel()
    pair.a.configure(profile(Role.MASTER))
    assert pair.a.profile_state().peer_role == ""


def test_an_interface_in_the_place_of_another_is_filled_by_a_batch(pair: Pair) -> None:
    """One commit: the access-id stays, what it names does not, so the peer is told nothing new."""
    pair.a.join(GROUP)
    pair.run(0.1)
    pair.b.link("access9", 9)
    pair.b.configure(access("access9"), removed_interfaces=(PORT,))
    pair.run(0.1)
    assert [group.interface for group in pair.b.groups().values()] == ["access9"]
    assert pair.b.copy_state() == pair.a.copy_state() == "active"


def test_interfaces_that_change_their_access_ids_are_filled_by_a_batch(pair: Pair) -> None:
    for router in (pair.a, pair.b):
        router.link("access1", 3)
        router.configure(access("access1", access_id=2))
    pair.run(0.1)
    pair.a.join(GROUP)
    pair.run(0.1)
    pair.b.configure(access(access_id=2), access("access1", access_id=1))
    pair.run(0.1)
    assert "access1" in [group.interface for group in pair.b.groups().values()]


def test_a_profile_in_the_place_of_another_is_filled_by_a_batch(pair: Pair) -> None:
    pair.a.join(GROUP)
    pair.run(0.1)
    another = profile(Role.BACKUP, name="another")
    pair.b.configure(another, access(profile="another"), removed_profiles=(PROFILE,))
    pair.run(0.1)
    assert [group.profile for group in pair.b.groups().values()] == ["another"]
    assert pair.b.service_state().sync_state == "in-sync"


def test_profiles_that_change_their_backup_ids_are_filled_by_a_batch(pair: Pair) -> None:
    second = profile(Role.BACKUP, name="second", backup_id=8)
    pair.a.configure(second)
    pair.b.configure(second)
    for router in (pair.a, pair.b):
        router.link("access1", 3)
        router.configure(access("access1", profile="second"))
    pair.run(0.1)
    pair.a.join(GROUP)
    pair.run(0.1)
    pair.b.configure(profile(Role.BACKUP, backup_id=8), profile(Role.BACKUP, name="second", backup_id=7))
    pair.run(0.1)
    assert "second" in [group.profile for group in pair.b.groups().values()]


def test_an_update_that_waits_for_the_peer_is_not_for_the_next_interface_of_its_access_id(pair: Pair) -> None:
    pair.a.join(GROUP)
    pair.a.outbox.clear()
    pair.cut_channel()
    pair.a.link("access9", 9)
    pair.a.configure(access("access9"), removed_interfaces=(PORT,))
    pair.mend_channel()
    pair.run(0.5)
    assert not pair.b.groups()


def copy_events(router: Router) -> list[tuple[str, str]]:
    """What was told of the copy-state of IGMP messages of DHCP STBs, and taken away."""
    events = [event for event in router.events if isinstance(event, CopyStateChanged)]
    router.events.clear()
    return [
        (event.old, event.new) for event in events if (event.subscriber_type, event.protocol) == DHCP_IGMP
    ]


DHCP_IGMP = ("dhcp-stb", "igmp")


def test_a_state_between_two_parts_of_a_commit_is_not_told() -> None:
    """A profile that comes with its interface was never unbound, nor one whose interface is another."""
    pair = Pair()
    pair.channel_up = False
    pair.start(profile(Role.MASTER), profile(Role.BACKUP))
    assert copy_events(pair.a) == []
    assert pair.a.copy_state() == "channel-down"
    pair.channel_up = True
    pair.run(2)
    assert copy_events(pair.a) == [("channel-down", "synchronizing"), ("synchronizing", "active")]
    pair.a.link("access9", 9)
    pair.a.configure(access("access9"), removed_interfaces=(PORT,))
    pair.run(1)
    assert "unbound" not in [new for _, new in copy_events(pair.a)]
    assert pair.a.copy_state() == "active"
    pair.a.configure(removed_interfaces=("access9",))
    assert copy_events(pair.a) == [("active", "unbound")]
    pair.a.configure(access(), profile(Role.MASTER, igmp_copy=False))
    assert copy_events(pair.a) == [("unbound", "admin-disabled")]


def test_rule_16_numbers_may_change_on_one_router_after_the_other(pair: Pair) -> None:
    """In between nothing is copied; what was missed comes with the batch. The channel stays."""
    pair.a.join(GROUP)
    pair.run(0.1)
    pair.a.configure(profile(Role.MASTER, backup_id=9))
    pair.run(0.1)
    assert pair.a.copy_state() == pair.b.copy_state() == "unmapped"
    pair.a.join(OTHER)
    assert pair.a.statistics()[2] == {"unmapped": 1}
    pair.b.configure(profile(Role.BACKUP, backup_id=9))
    pair.run(0.1)
    assert pair.a.copy_state() == pair.b.copy_state() == "active"
    assert pair.b.has_entry(OTHER)
    pair.a.configure(access(access_id=5))
    pair.run(0.1)
    assert pair.a.copy_state() == "unmapped"
    pair.a.join(THIRD)
    pair.b.configure(access(access_id=5))
    pair.run(0.1)
    assert len(pair.b.groups()) == 3
    assert pair.a.service_state().sync_state == "in-sync"
    assert not pair.a.service_state().last_down_time

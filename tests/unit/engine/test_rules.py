"""The semantic rules of the domain, one test or more for each, on two routers in memory."""

import pytest

from dataplane.config import ETrunkArbitration, IgmpConfig, Role
from dataplane.engine import effects
from dataplane.state import BatchCompleted, DualMaster, RoleChanged
from tests.support.routers import (
    CORE,
    GROUP,
    MEMBERSHIP_INTERVAL,
    OTHER,
    PORT,
    PROFILE,
    THIRD,
    Pair,
    Router,
    access,
    mac,
    profile,
    upstream,
)

MASTER, BACKUP = profile(Role.MASTER), profile(Role.BACKUP)
HOLD = 0.3


@pytest.fixture
def pair() -> Pair:
    """Router a is master, router b backup, and their channel is connected."""
    pair = Pair()
    pair.start(MASTER, BACKUP)
    assert pair.a.copy_state() == pair.b.copy_state() == "active"
    return pair


def trunk(priority: int = 100) -> ETrunkArbitration:
    return ETrunkArbitration(
        id=1, priority=priority, hello_interval=0.1, failure_multiplier=3, revert_delay=5.0
    )


@pytest.fixture
def trunks() -> Pair:
    """Both routers in an e-trunk; a is preferred and has become master."""
    pair = Pair()
    pair.start(profile(arbitration=trunk(10)), profile(arbitration=trunk(20)))
    pair.run(1.0)
    assert (role(pair.a), role(pair.b)) == ("master", "backup")
    return pair


def role(router: Router) -> str:
    return router.profile_state().local_role


def batches(router: Router) -> list[BatchCompleted]:
    return [event for event in router.events if isinstance(event, BatchCompleted)]


def test_rule_1_a_message_is_copied_by_the_router_that_received_it(pair: Pair) -> None:
    pair.a.join()
    pair.run(0)
    assert pair.b.has_entry()
    assert pair.b.groups()[f"{_text(1)} {GROUP}"].origin == "copied"
    copied, _, not_copied = pair.a.statistics()
    assert (copied["total"], copied["report"], not_copied) == (1, 1, {})


def test_rule_1_the_backup_copies_too(pair: Pair) -> None:
    pair.b.join()
    pair.run(0)
    assert pair.a.forwards() == {PORT}


def test_rule_1_a_leave_is_copied(pair: Pair) -> None:
    pair.a.join()
    pair.a.leave()
    pair.run(0)
    assert pair.b.has_entry()
    pair.run(2.5)  # last member query time, RFC 3376 section 8.10
    assert not pair.a.has_entry()
    assert not pair.b.has_entry()
    assert pair.a.statistics()[0]["leave"] == 1


def test_rule_2_a_pppoe_stb_would_be_copied_whatever_the_leaf_says(pair: Pair) -> None:
    pair.a.configure(profile(Role.MASTER, igmp_copy=False))
    assert pair.a.copy_state("dhcp-stb") == "admin-disabled"
    assert pair.a.copy_state("pppoe-stb") == "active"


def test_rule_3_the_setting_is_read_when_the_message_is_accepted(pair: Pair) -> None:
    pair.a.join(GROUP)  # accepted before the commit, still on its way
    pair.a.configure(profile(Role.MASTER, igmp_copy=False))
    pair.a.join(OTHER)
    pair.run(0)
    assert pair.b.has_entry(GROUP)
    assert not pair.b.has_entry(OTHER)
    assert pair.a.statistics()[2] == {"admin-disabled": 1}


def test_rule_4_disable_withdraws_nothing_and_what_is_retained_ages_out(pair: Pair) -> None:
    pair.a.join()
    pair.run(0)
    for router, own in ((pair.a, Role.MASTER), (pair.b, Role.BACKUP)):
        router.configure(profile(own, igmp_copy=False))
    pair.run(MEMBERSHIP_INTERVAL - 1)
    assert pair.b.has_entry()
    assert pair.b.profile_state().retained_count == 1
    pair.run(1.5)
    assert not pair.b.has_entry()


def test_rule_4_a_leave_after_the_disable_is_not_copied(pair: Pair) -> None:
    pair.a.join()
    pair.run(0)
    pair.a.configure(profile(Role.MASTER, igmp_copy=False))
    pair.a.leave()
    pair.run(3.0)
    assert not pair.a.has_entry()
    assert pair.b.has_entry()


def test_rule_5_disable_is_per_profile(pair: Pair) -> None:
    second = profile(name="rbp2", backup_id=8)
    for router, own in ((pair.a, Role.MASTER), (pair.b, Role.BACKUP)):
        router.link("access1", 3)
        router.configure(second, access("access1", profile="rbp2"))
        router.configure(profile(own, igmp_copy=False))
    pair.run(0.5)
    pair.a.join(GROUP)
    pair.a.join(OTHER, interface="access1")
    pair.run(0)
    assert not pair.b.has_entry(GROUP)
    assert pair.b.has_entry(OTHER)


def test_rule_6_service_type_false_stops_copying_for_both_kinds(pair: Pair) -> None:
    pair.a.configure(profile(Role.MASTER, multicast=False))
    pair.a.join()
    pair.run(0)
    assert not pair.b.has_entry()
    assert {pair.a.copy_state("dhcp-stb"), pair.a.copy_state("pppoe-stb")} == {"service-disabled"}
    assert pair.a.statistics()[2] == {"service-disabled": 1}


def test_rule_7_re_enable_sends_one_batch_of_what_there_is(pair: Pair) -> None:
    pair.a.configure(profile(Role.MASTER, igmp_copy=False))
    pair.a.join(GROUP)
    pair.a.join(OTHER, stb=2)
    pair.run(1.0)
    pair.a.events.clear()
    pair.a.configure(MASTER)
    pair.a.join(THIRD)
    pair.run(0.1)
    assert all(pair.b.has_entry(group) for group in (GROUP, OTHER, THIRD))
    # the third was copied at once too, and is there when the batch gets to it
    assert [(batch.profile, batch.entries) for batch in batches(pair.a)] == [(PROFILE, 3)]
    assert pair.a.profile_state().last_batch_entries == 3


def test_rule_7_re_enable_when_enabled_sends_nothing(pair: Pair) -> None:
    pair.a.join()
    pair.run(0.5)
    pair.a.events.clear()
    copied = dict(pair.a.statistics()[0])
    pair.a.configure(MASTER)
    pair.run(0.5)
    assert batches(pair.a) == []
    assert pair.a.statistics()[0] == copied


def test_rule_8_a_batch_never_lengthens_a_timer(pair: Pair) -> None:
    pair.a.join()
    pair.run(10)
    before = pair.b.groups()[f"{_text(1)} {GROUP}"].expire
    pair.cut_channel()
    pair.mend_channel()
    pair.run(1)
    assert pair.b.copy_state() == "active"
    assert pair.b.groups()[f"{_text(1)} {GROUP}"].expire == before - 1


def test_rule_8_after_an_outage_the_backup_keeps_what_the_master_has(pair: Pair) -> None:
    """Nothing is lengthened, and yet an entry that the peer still has does not end before the next copy."""
    pair.a.join()
    pair.run(1)
    pair.cut_channel()
    pair.run(MEMBERSHIP_INTERVAL - 6)
    pair.a.join()
    pair.run(2)
    before = pair.b.groups()[f"{_text(1)} {GROUP}"].expire
    pair.mend_channel()
    pair.run(0)
    assert pair.b.groups()[f"{_text(1)} {GROUP}"].expire == before == 3
    for _ in range(int(MEMBERSHIP_INTERVAL) - 3):
        pair.run(1)
        assert pair.b.has_entry()
    pair.run(1.1)
    assert not pair.a.has_entry()
    assert not pair.b.has_entry()


def test_rule_8_an_entry_that_a_batch_does_not_name_keeps_its_own_timer(pair: Pair) -> None:
    pair.a.join()
    pair.run(0)
    pair.cut_channel()
    pair.a.leave()
    pair.run(3)
    assert not pair.a.has_entry()
    pair.mend_channel()
    pair.run(1)
    assert pair.b.has_entry()
    pair.run(MEMBERSHIP_INTERVAL)
    assert not pair.b.has_entry()


def test_rule_8_a_copy_is_never_copied_back(pair: Pair) -> None:
    pair.a.join()
    pair.run(0.5)
    assert pair.b.statistics()[0] == {}
    assert pair.a.groups()[f"{_text(1)} {GROUP}"].origin == "local"
    pair.cut_channel()
    pair.mend_channel()
    pair.run(0.5)
    assert pair.a.groups()[f"{_text(1)} {GROUP}"].origin == "local"


def test_rule_9_a_backup_builds_entries_and_joins_upstream_but_forwards_nothing(pair: Pair) -> None:
    pair.b.reports.clear()
    pair.a.join()
    pair.run(1.0)
    assert pair.b.has_entry()
    assert pair.b.forwards() == frozenset()
    assert any(record.group == GROUP for message in pair.b.reports for record in message.records)
    state = pair.b.groups()[f"{_text(1)} {GROUP}"]
    assert (state.forwarding, state.forwarding_reason) == (False, "standby")


def test_rule_10_a_new_master_swaps_its_ports_before_anything_else(pair: Pair) -> None:
    pair.a.join()
    pair.run(0)
    pair.b.order.clear()
    pair.b.frames.clear()
    pair.b.configure(MASTER)
    assert pair.b.order[0] == effects.SetActive(PORT, True)
    assert pair.b.forwards() == {PORT}
    assert pair.b.queries()[0].group is None


def test_rule_10_a_former_master_stops_and_keeps_its_members(pair: Pair) -> None:
    pair.a.join()
    pair.run(0)
    pair.a.frames.clear()
    pair.a.configure(BACKUP)
    assert pair.a.forwards() == frozenset()
    assert pair.a.has_entry()
    pair.run(15)
    assert pair.a.queries() == []
    pair.a.join(OTHER)
    pair.run(0)
    assert pair.b.has_entry(OTHER)


def test_rule_10_a_last_member_query_is_finished_by_the_new_master(pair: Pair) -> None:
    pair.a.join()
    pair.a.leave()
    pair.run(0.5)
    pair.a.configure(BACKUP)
    pair.b.frames.clear()
    pair.b.configure(MASTER)
    pair.run(1.0)
    assert GROUP in [query.group for query in pair.b.queries()]


def test_rule_11_channel_down_changes_no_role_and_keeps_the_entries(pair: Pair) -> None:
    pair.a.join(GROUP)
    pair.run(0)
    pair.cut_channel()
    pair.a.join(OTHER)
    pair.run(5)
    assert pair.a.copy_state() == "channel-down"
    assert pair.a.statistics()[2] == {"channel-down": 1}
    assert (role(pair.a), role(pair.b)) == ("master", "backup")
    assert pair.b.has_entry(GROUP)
    assert not pair.b.has_entry(OTHER)


def test_rule_11_e_trunk_promotes_on_its_own_hellos_only(trunks: Pair) -> None:
    trunks.cut_channel()
    trunks.run(5)
    assert (role(trunks.a), role(trunks.b)) == ("master", "backup")
    trunks.hellos_up = False
    trunks.run(HOLD + 0.2)
    assert role(trunks.b) == "master"


def test_rule_12_a_reconnect_brings_both_routers_up_to_date(pair: Pair) -> None:
    pair.cut_channel()
    pair.a.join(GROUP)
    pair.b.join(OTHER, stb=2)
    pair.run(1)
    pair.mend_channel()
    pair.run(0.5)
    assert pair.b.has_entry(GROUP)
    assert pair.a.has_entry(OTHER)
    assert pair.a.service_state().sync_state == "in-sync"


def test_rule_12_a_router_that_restarted_gets_back_what_it_had_originated(pair: Pair) -> None:
    pair.a.join()
    pair.run(0)
    pair.a.restart()
    _configure_again(pair.a, MASTER)
    assert pair.a.groups() == {}
    pair.run(0.5)
    assert list(pair.a.groups()) == [f"{_text(1)} {GROUP}"]


def test_rule_12_differences_of_settings_are_told(pair: Pair) -> None:
    pair.a.configure(profile(Role.MASTER, igmp_copy=False))
    pair.run(0.1)
    for router in (pair.a, pair.b):
        mismatch = router.service_state().peer_mismatch
        assert [(item.profile, item.setting) for item in mismatch] == [(PROFILE, "igmp-copy")]
    dhcp, pppoe = pair.b.profile_state().subscriber_types
    assert (dhcp.copy_state, dhcp.peer_setting_mismatch) == ("active", True)
    assert not pppoe.peer_setting_mismatch, "there is no leaf for PPPoE STBs"


def test_rule_12_what_decides_the_role_is_compared_too(pair: Pair) -> None:
    pair.b.configure(profile(arbitration=trunk()))
    pair.run(0.1)
    told = [(item.setting, item.local, item.peer) for item in pair.a.service_state().peer_mismatch]
    assert told == [("arbitration", "static", "e-trunk")]


def test_rule_12_failback_waits_for_the_batch_and_the_delay(trunks: Pair) -> None:
    trunks.a.link(CORE, 2, up=False)
    trunks.run(0.1)
    assert (role(trunks.a), role(trunks.b)) == ("backup", "master")
    trunks.cut_channel()
    trunks.a.link(CORE, 2)
    trunks.run(8)
    assert role(trunks.a) == "backup"
    trunks.mend_channel()
    trunks.run(4.5)
    assert role(trunks.a) == "backup"
    trunks.run(1)
    assert (role(trunks.a), role(trunks.b)) == ("master", "backup")


def test_rule_13_unbinding_an_interface_removes_its_entries_here_only(pair: Pair) -> None:
    pair.a.join()
    pair.run(0)
    pair.a.configure(removed_interfaces=(PORT,))
    assert not pair.a.has_entry()
    assert PORT not in pair.a.captures
    pair.run(1)
    assert pair.b.has_entry()
    assert pair.a.copy_state() == "unbound"


def test_rule_13_deleting_a_profile_removes_its_entries(pair: Pair) -> None:
    pair.a.join()
    pair.a.configure(access(profile=""), removed_profiles=(PROFILE,))
    assert not pair.a.has_entry()


def test_rule_14_queries_and_link_local_groups_are_never_copied(pair: Pair) -> None:
    pair.a.query("10.1.0.250")
    pair.a.join(_link_local())
    pair.a.hear(b"\xff" * 60)
    pair.run(0)
    assert pair.b.groups() == {}
    assert pair.a.statistics()[2] == {"query": 1, "link-local-group": 1, "malformed": 1}


def test_rule_16_a_profile_that_the_peer_does_not_have_is_unmapped(pair: Pair) -> None:
    pair.b.configure(profile(Role.BACKUP, backup_id=9))
    pair.run(0.5)
    assert pair.a.copy_state() == "unmapped"
    pair.a.join()
    pair.run(0)
    assert pair.b.groups() == {}
    assert pair.a.statistics()[2] == {"unmapped": 1}


def test_rule_16_an_access_id_without_counterpart_is_counted(pair: Pair) -> None:
    pair.a.link("access1", 3)
    pair.a.configure(access("access1", access_id=5))
    pair.run(0.1)
    assert pair.a.copy_state() == "active"  # the other interface has its counterpart
    pair.a.join(interface="access1")
    pair.run(0.1)
    assert pair.b.groups() == {}
    assert pair.b.service_state().received["unknown-access"] == 1


def test_rule_16_a_profile_without_any_common_access_id_is_unmapped(pair: Pair) -> None:
    pair.b.configure(access(access_id=5))
    pair.run(0.1)
    assert pair.a.copy_state() == pair.b.copy_state() == "unmapped"
    mismatches = pair.a.service_state().peer_mismatch
    assert [(item.setting, item.local, item.peer) for item in mismatches] == [("access-id", "1", "5")]


def test_a_change_of_timers_changes_no_copy_state(pair: Pair) -> None:
    pair.a.events.clear()
    pair.a.configure(access(igmp=IgmpConfig(query_interval=20, query_max_response_time=2)))
    pair.run(0.5)
    assert pair.a.events == []


def test_rule_16_interface_names_need_not_agree() -> None:
    pair = Pair()
    for router, name, settings in ((pair.a, "eth7", MASTER), (pair.b, "ge-0", BACKUP)):
        router.link(name, 4)
        router.configure(router.service(), settings, access(name))
    pair.run(0.5)
    pair.a.join(interface="eth7", vlan=100)
    pair.run(0)
    assert [group.interface for group in pair.b.groups().values()] == ["ge-0"]
    assert pair.b.groups().keys() == pair.a.groups().keys()


def test_rule_17_the_querier_follows_the_role(pair: Pair) -> None:
    pair.run(30)
    assert len(pair.a.queries()) >= 3
    assert pair.b.queries() == []


def test_rule_17_last_member_queries_are_the_masters_also_for_copied_leaves(pair: Pair) -> None:
    pair.b.join()
    pair.run(0)
    pair.a.frames.clear()
    pair.b.leave()
    pair.run(0)
    assert [query.group for query in pair.a.queries()] == [GROUP]
    assert pair.b.queries() == []


def test_rule_17_a_foreign_querier_with_a_lower_address_wins(pair: Pair) -> None:
    pair.a.query("10.0.0.1")
    pair.a.frames.clear()
    pair.run(15)
    assert pair.a.queries() == []


def test_rule_18_a_restart_goes_on_forwarding_and_removes_nothing(pair: Pair) -> None:
    pair.a.join()
    pair.run(0)
    pair.cut_channel()
    pair.a.restart()
    pair.a.order.clear()
    _configure_again(pair.a, MASTER)
    assert pair.a.forwards() == {PORT}
    assert not [effect for effect in pair.a.order if isinstance(effect, effects.ChangeRoutes)]
    assert effects.SetActive(PORT, False) not in pair.a.order
    pair.run(MEMBERSHIP_INTERVAL - 1)
    assert pair.a.forwards() == {PORT}
    pair.run(2)  # nobody reported and the peer is away: the group is over
    assert not pair.a.has_entry()


def test_rule_18_an_adopted_entry_follows_its_members_once_they_are_known(pair: Pair) -> None:
    pair.a.join()
    pair.run(0)
    pair.a.restart()
    _configure_again(pair.a, MASTER)
    pair.run(0.5)
    pair.a.leave()
    pair.run(2.5)
    assert not pair.a.has_entry()


def test_rule_18_before_a_configuration_comes_nothing_is_touched(pair: Pair) -> None:
    pair.a.join()
    pair.a.restart()
    pair.a.order.clear()
    pair.a.link(PORT, 1)
    pair.a.link(CORE, 2)
    pair.run(5)
    assert pair.a.order == []
    assert pair.a.forwards() == {PORT}


@pytest.mark.parametrize("dead", [0.1, 0.7], ids=["before-the-hello-timeout", "after-it"])
def test_rule_18_an_e_trunk_master_that_restarts_forwards_until_the_peer_does(
    trunks: Pair, dead: float
) -> None:
    trunks.a.join()
    trunks.run(0)
    trunks.a.restart()
    trunks.run(dead)
    assert role(trunks.b) == ("master" if dead > HOLD else "backup")
    assert trunks.a.forwards() == {PORT}
    _configure_again(trunks.a, profile(arbitration=trunk(10)))
    assert trunks.a.forwards() == {PORT}
    for _ in range(200):
        trunks.run(0.05)
        assert trunks.a.forwards() | trunks.b.forwards() == {PORT}
    assert (role(trunks.a), role(trunks.b)) == ("master", "backup")


def test_rule_19_of_two_masters_the_loser_stops_on_the_first_hello(trunks: Pair) -> None:
    trunks.hellos_up = False
    trunks.run(1)
    assert (role(trunks.a), role(trunks.b)) == ("master", "master")
    trunks.hellos_up = True
    trunks.run(0.11)
    assert (role(trunks.a), role(trunks.b)) == ("master", "backup")
    assert any(isinstance(event, DualMaster) for event in trunks.a.events + trunks.b.events)


def test_rule_17_a_querier_that_had_yielded_to_its_peer_asks_again() -> None:
    pair = Pair()
    pair.start(profile(arbitration=trunk(20)), profile(arbitration=trunk(10)))
    pair.run(1.0)
    pair.hellos_up = False
    pair.run(1.0)
    assert (role(pair.a), role(pair.b)) == ("master", "master")
    pair.b.query("10.1.0.1")
    pair.b.frames.clear()
    pair.hellos_up = True
    pair.run(0.3)
    assert (role(pair.a), role(pair.b)) == ("backup", "master")
    assert pair.b.queries()


def test_rule_19_upstream_down_forfeits_the_role_at_once(trunks: Pair) -> None:
    trunks.a.join()
    trunks.run(0.2)
    trunks.a.order.clear()
    trunks.a.link(CORE, 2, up=False)
    assert isinstance(trunks.a.order[0], effects.SendHelloTo)
    trunks.run(0)  # no time passes: the hello alone does it
    assert (role(trunks.a), role(trunks.b)) == ("backup", "master")
    assert trunks.b.forwards() == {PORT}
    changes = [event for event in trunks.b.events if isinstance(event, RoleChanged)]
    assert changes[-1].reason == "peer-upstream-down"


def test_rules_10_and_12_every_switchover_and_failback_works_as_the_first(trunks: Pair) -> None:
    trunks.a.join()
    for number in range(3):
        trunks.a.link(CORE, 2, up=False)
        trunks.run(0)
        assert (trunks.a.forwards(), trunks.b.forwards()) == (frozenset(), {PORT})
        trunks.b.join(OTHER, stb=2 + number)
        trunks.run(1)
        trunks.a.link(CORE, 2)
        trunks.run(6)
        assert (trunks.a.forwards(), trunks.b.forwards()) == ({PORT}, frozenset())
        assert trunks.a.forwards(OTHER) == {PORT}
        trunks.a.join()


def test_rule_19_after_a_start_a_router_stays_init_for_two_hello_timeouts() -> None:
    pair = Pair()
    pair.hellos_up = False
    pair.start(profile(arbitration=trunk()), profile(arbitration=trunk()))
    assert (role(pair.a), role(pair.b)) == ("init", "init")
    pair.run(2 * HOLD)
    assert role(pair.a) == "master"


def test_without_arbitration_nothing_is_forwarded_but_copied_all_the_same() -> None:
    pair = Pair()
    pair.start(profile(), profile())
    pair.a.join()
    pair.run(0)
    assert role(pair.a) == "init"
    assert pair.a.forwards() == frozenset()
    assert pair.b.has_entry()
    assert next(iter(pair.a.groups().values())).forwarding_reason == "no-role"


def _configure_again(router: Router, settings: object) -> None:
    """What the server does when the dataplane is back."""
    router.link(PORT, 1)
    router.link(CORE, 2)
    router.configure(router.service(), settings, access(), upstream())  # type: ignore[arg-type]


def _text(stb: int) -> str:
    return ":".join(f"{octet:02x}" for octet in mac(stb))


def _link_local() -> object:
    return type(GROUP)("224.0.0.251")

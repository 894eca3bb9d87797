"""The rules of the domain that speak of messages and entries, for every kind of subscriber in IGMP and MLD.

What they say of forwarding is in `test_rules` and, with traffic, in the tests on a real kernel.
"""

from dataclasses import dataclass

import pytest

from dataplane.config import IgmpConfig, ProfileConfig, Role
from dataplane.packets.frames import query_frame
from dataplane.packets.messages import Address, Query, RecordType
from dataplane.state import GroupState
from tests.support.routers import (
    CORE,
    GROUP,
    MEMBERSHIP_INTERVAL,
    MLD_GROUP,
    PORT,
    Pair,
    Router,
    access,
    mac,
    profile,
    source_of,
    upstream,
)


@dataclass(frozen=True)
class Kind:
    """A subscriber and what it speaks; `leaf` is what decides about copying, "" where nothing does."""

    name: str
    group: Address
    tags: tuple[int, int, int]
    leaf: str

    @property
    def mld(self) -> bool:
        return self.group.version == 6

    @property
    def type(self) -> str:
        return "pppoe-stb" if self.tags[2] else "dhcp-stb"

    @property
    def other(self) -> Address:
        return type(self.group)(int(self.group) + 1)

    def join(self, router: Router, group: Address | None = None, *, stb: int = 1) -> None:
        router.join(group or self.group, tags=self.tags, stb=stb)

    def leave(self, router: Router, group: Address | None = None) -> None:
        router.leave(group or self.group, tags=self.tags)

    def groups(self, router: Router) -> set[str]:
        return {entry.group_address for entry in router.groups().values()}

    def has(self, router: Router, group: Address | None = None) -> bool:
        return str(group or self.group) in self.groups(router)

    def entry(self, router: Router) -> GroupState:
        (entry,) = router.groups(group=str(self.group)).values()
        return entry

    def counters(self, router: Router) -> tuple[dict[str, int], dict[str, int], dict[str, int]]:
        return router.statistics(self.type, mld=self.mld)

    def copy_state(self, router: Router) -> str:
        return router.copy_state(self.type, mld=self.mld)

    def disabled(self, role: Role) -> ProfileConfig:
        """The profile with copying switched off for this kind."""
        return (
            profile(role, **{self.leaf: False})
            if self.leaf
            else profile(role, igmp_copy=False, mld_copy=False)
        )


KINDS = [
    Kind("dhcp-igmp", GROUP, (0, 0, 0), "igmp_copy"),
    Kind("dhcp-mld", MLD_GROUP, (0, 0, 0), "mld_copy"),
    Kind("qinq-igmp", GROUP, (100, 200, 0), "igmp_copy"),
    Kind("qinq-mld", MLD_GROUP, (100, 200, 0), "mld_copy"),
    Kind("pppoe-igmp", GROUP, (0, 0, 7), ""),
    Kind("pppoe-mld", MLD_GROUP, (100, 200, 7), ""),
]
DHCP = [kind for kind in KINDS if kind.leaf]
PPPOE = [kind for kind in KINDS if not kind.leaf]


def every(kinds: list[Kind]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("kind", kinds, ids=[kind.name for kind in kinds])


@pytest.fixture
def pair() -> Pair:
    """Router a is master, router b backup, and their channel is connected."""
    pair = Pair(ipv6=True)
    pair.start(profile(Role.MASTER), profile(Role.BACKUP))
    return pair


@every(KINDS)
def test_rule_1_whoever_hears_it_copies_it(pair: Pair, kind: Kind) -> None:
    kind.join(pair.a)
    kind.join(pair.b, kind.other)
    pair.run(0)
    both = {str(kind.group), str(kind.other)}
    assert kind.groups(pair.a) == kind.groups(pair.b) == both
    kind.leave(pair.a)
    pair.run(2.5)
    assert kind.groups(pair.a) == kind.groups(pair.b) == {str(kind.other)}
    assert kind.counters(pair.a)[0] == {"total": 2, "report": 1, "leave": 1}
    assert kind.counters(pair.b)[1] == {"total": 2, "report": 1, "leave": 1}


@every(PPPOE)
def test_rule_2_a_pppoe_stb_is_copied_whatever_the_leaves_say(pair: Pair, kind: Kind) -> None:
    for router, role in ((pair.a, Role.MASTER), (pair.b, Role.BACKUP)):
        router.configure(profile(role, igmp_copy=False, mld_copy=False))
    assert kind.copy_state(pair.a) == "active"
    kind.join(pair.a)
    pair.run(0)
    assert kind.entry(pair.b).origin == "copied"


@every(DHCP)
def test_rules_2_and_5_each_leaf_is_asked_for_its_own_protocol_only(pair: Pair, kind: Kind) -> None:
    pair.a.configure(kind.disabled(Role.MASTER))
    assert kind.copy_state(pair.a) == "admin-disabled"
    for each in KINDS:
        each.join(pair.a)
    pair.run(0)
    copied = {each.name for each in KINDS if kind.leaf != each.leaf}
    found = {(entry.subscriber, entry.group_address) for entry in pair.b.groups().values()}
    assert len(found) == len(copied) == 4
    assert kind.counters(pair.a)[2] == {"admin-disabled": 2}


@every(DHCP)
def test_rule_3_the_setting_is_read_when_the_message_is_accepted(pair: Pair, kind: Kind) -> None:
    kind.join(pair.a)
    pair.a.configure(kind.disabled(Role.MASTER))
    kind.join(pair.a, kind.other)
    pair.run(0)
    assert kind.groups(pair.b) == {str(kind.group)}


@every(DHCP)
def test_rule_4_disable_withdraws_nothing_and_entries_age_out(pair: Pair, kind: Kind) -> None:
    kind.join(pair.a)
    pair.run(0)
    pair.a.configure(kind.disabled(Role.MASTER))
    kind.leave(pair.a)
    pair.run(MEMBERSHIP_INTERVAL - 1)
    assert kind.groups(pair.a) == set()
    assert kind.has(pair.b)
    pair.run(1.5)
    assert not kind.has(pair.b)


@every(KINDS)
def test_rule_6_service_type_false_stops_copying(pair: Pair, kind: Kind) -> None:
    pair.a.configure(profile(Role.MASTER, multicast=False))
    kind.join(pair.a)
    pair.run(0)
    assert kind.copy_state(pair.a) == "service-disabled"
    assert kind.groups(pair.b) == set()
    assert kind.counters(pair.a)[2] == {"service-disabled": 1}


@every(DHCP)
def test_rule_7_re_enable_sends_one_batch_of_what_there_is(pair: Pair, kind: Kind) -> None:
    pair.a.configure(kind.disabled(Role.MASTER))
    kind.join(pair.a)
    pair.run(0)
    assert not kind.has(pair.b)
    pair.a.configure(profile(Role.MASTER))
    pair.run(0.5)
    assert kind.entry(pair.b).origin == "copied"
    completed = pair.a.profile_state().last_batch_completed
    pair.a.configure(profile(Role.MASTER))
    pair.run(0.5)
    assert pair.a.profile_state().last_batch_completed == completed


@every(KINDS)
def test_rule_8_a_batch_lengthens_no_timer_and_nothing_is_copied_back(pair: Pair, kind: Kind) -> None:
    kind.join(pair.a)
    pair.run(10.0)
    before = kind.entry(pair.b).expire
    pair.cut_channel()
    pair.mend_channel()
    pair.run(0.5)
    assert kind.entry(pair.b).expire <= before
    assert kind.entry(pair.a).origin == "local"
    assert kind.counters(pair.b)[0] == {}


@every(KINDS)
def test_rule_9_a_backup_has_the_core_send_the_stream(pair: Pair, kind: Kind) -> None:
    kind.join(pair.a)
    pair.run(1.0)
    for router in (pair.a, pair.b):
        assert kind.group in {record.group for report in router.reports for record in report.records}
    assert pair.b.forwards(kind.group) == frozenset()


@every(KINDS)
def test_rule_10_a_new_master_asks_at_once_and_finishes_what_was_being_asked(pair: Pair, kind: Kind) -> None:
    family = kind.group.version
    kind.join(pair.a)
    kind.leave(pair.a)
    pair.run(0.5)
    pair.a.configure(profile(Role.BACKUP))
    pair.b.frames.clear()
    pair.b.configure(profile(Role.MASTER))
    assert ("", None) in pair.b.asked(family)
    pair.run(1.0)
    where = kind.entry(pair.b).subscriber[17:]
    assert (where, kind.group) in pair.b.asked(family)
    pair.run(1.5)
    assert kind.groups(pair.a) == kind.groups(pair.b) == set()


@every(KINDS)
def test_rule_11_channel_down_copies_nothing_and_keeps_the_entries(pair: Pair, kind: Kind) -> None:
    kind.join(pair.a)
    pair.run(0)
    pair.cut_channel()
    kind.join(pair.a, kind.other)
    assert kind.copy_state(pair.a) == "channel-down"
    assert kind.counters(pair.a)[2] == {"channel-down": 1}
    assert kind.groups(pair.b) == {str(kind.group)}
    assert pair.b.profile_state().local_role == "backup"


@every(KINDS)
def test_rule_12_a_reconnect_and_a_restart_bring_both_up_to_date(pair: Pair, kind: Kind) -> None:
    pair.cut_channel()
    kind.join(pair.a)
    kind.join(pair.b, kind.other)
    pair.mend_channel()
    pair.run(0.5)
    both = {str(kind.group), str(kind.other)}
    assert kind.groups(pair.a) == kind.groups(pair.b) == both
    pair.a.restart()
    for name, index in ((PORT, 1), (CORE, 2)):
        pair.a.link(name, index, ipv6=True)
    pair.a.configure(pair.a.service(), profile(Role.MASTER), access(), upstream())
    pair.run(0.5)
    assert kind.groups(pair.a) == both
    assert kind.entry(pair.a).origin == "local"


def test_rule_12_a_difference_of_mld_copy_is_told(pair: Pair) -> None:
    pair.b.configure(profile(Role.BACKUP, mld_copy=False))
    pair.run(0.5)
    (found,) = pair.a.service_state().peer_mismatch
    assert (found.setting, found.local, found.peer) == ("mld-copy", "true", "false")
    state = pair.a.profile_state()
    assert [each.peer_setting_mismatch for each in state.subscriber_types] == [False, False]
    assert [each.peer_setting_mismatch for each in state.mld_subscriber_types] == [True, False]


@every(KINDS)
def test_rule_13_unbinding_removes_the_entries_here_only(pair: Pair, kind: Kind) -> None:
    kind.join(pair.a)
    pair.run(0)
    pair.a.configure(removed_interfaces=(PORT,))
    pair.run(1.0)
    assert kind.groups(pair.a) == set()
    assert kind.has(pair.b)


@every(KINDS)
def test_rule_14_queries_and_groups_of_link_scope_are_never_copied(pair: Pair, kind: Kind) -> None:
    local = "224.0.0.251" if kind.group.version == 4 else "ff02::fb"
    kind.join(pair.a, type(kind.group)(local))
    query = Query(3, kind.group, robustness=2, query_interval=10)
    to = pair.a.place(*kind.tags)
    pair.a.hear(query_frame(query, mac(9), source_of(9, kind.group.version), to))
    pair.run(0)
    assert kind.groups(pair.a) == kind.groups(pair.b) == set()
    assert kind.counters(pair.a)[2] == {"link-local-group": 1, "query": 1}


@every(KINDS)
def test_rule_16_tags_session_and_mac_travel_unchanged(pair: Pair, kind: Kind) -> None:
    kind.join(pair.a, stb=9)
    pair.run(0)
    assert kind.entry(pair.b).subscriber == kind.entry(pair.a).subscriber
    assert kind.entry(pair.b).subscriber.startswith(mac(9).hex(":"))
    assert kind.entry(pair.b).last_reporter == str(source_of(9, kind.group.version))


@every(KINDS)
def test_rule_17_last_member_queries_are_the_masters_also_for_copied_leaves(pair: Pair, kind: Kind) -> None:
    family = kind.group.version
    kind.join(pair.b)
    pair.run(0)
    pair.a.frames.clear()
    kind.leave(pair.b)
    pair.run(0)
    where = kind.entry(pair.a).subscriber[17:]
    assert (where, kind.group) in pair.a.asked(family)
    assert pair.b.asked(family) == []


@pytest.mark.parametrize("group", [GROUP, MLD_GROUP], ids=["igmp", "mld"])
def test_rule_18_a_restart_goes_on_forwarding(pair: Pair, group: Address) -> None:
    pair.a.join(group)
    pair.a.report(RecordType.ALLOW_NEW_SOURCES, type(group)(int(group) + 1), str(source_of(3, group.version)))
    before = pair.a.plane.installed()
    assert len(before) == 2
    pair.cut_channel()
    pair.a.restart()
    for name, index in ((PORT, 1), (CORE, 2)):
        pair.a.link(name, index, ipv6=True)
    pair.a.configure(pair.a.service(), profile(Role.MASTER), access(), upstream())
    assert pair.a.plane.installed() == before
    assert pair.a.forwards(group) == {PORT}
    pair.run(MEMBERSHIP_INTERVAL + 1)
    assert pair.a.plane.installed() == {}


def test_rule_18_the_timers_of_each_protocol_decide_how_long_it_is_kept(pair: Pair) -> None:
    pair.a.join(GROUP)
    pair.a.join(MLD_GROUP)
    pair.cut_channel()
    pair.a.restart()
    for name, index in ((PORT, 1), (CORE, 2)):
        pair.a.link(name, index, ipv6=True)
    slow = IgmpConfig(query_interval=20, query_max_response_time=2)
    pair.a.configure(pair.a.service(), profile(Role.MASTER), access(mld=slow), upstream())
    pair.run(MEMBERSHIP_INTERVAL + 1)
    assert {str(key.group) for key in pair.a.plane.installed()} == {str(MLD_GROUP)}
    pair.run(20)
    assert pair.a.plane.installed() == {}

"""Every kind of subscriber in both protocols, on two routers: identity, queries, what is forwarded."""

import itertools

import pytest

from dataplane.config import FilterRule, IgmpConfig, Role
from dataplane.engine.settle import CIRCUITS_AT_ONCE, CIRCUITS_PAUSE
from dataplane.membership.table import MembershipTable
from dataplane.packets.ethernet import UNTAGGED
from dataplane.packets.messages import RecordType
from tests.support.routers import (
    GROUP,
    MLD_GROUP,
    OTHER,
    PORT,
    TAIL,
    Pair,
    Router,
    access,
    mac,
    profile,
)

TAGS = {"untagged": (0, 0), "dot1q": (100, 0), "qinq": (100, 200)}
SESSIONS = {"ipoe": 0, "pppoe": 7}
MESSAGES = {"igmpv1": (4, 1), "igmpv2": (4, 2), "igmpv3": (4, 3), "mldv1": (6, 2), "mldv2": (6, 3)}
KINDS = list(itertools.product(TAGS, SESSIONS, MESSAGES))


@pytest.fixture
def pair() -> Pair:
    """Router a is master, router b backup, and both have a link-local address."""
    pair = Pair(ipv6=True)
    pair.start(profile(Role.MASTER), profile(Role.BACKUP))
    return pair


def told_core(router: Router) -> set[str]:
    """The sources of GROUP that a router in the core would send here, from all reports so far."""
    core = MembershipTable(IgmpConfig(immediate_leave=True))
    for report in router.reports:
        core.report(UNTAGGED, report, router.address, 0.0)
    wanted = core.aggregate(GROUP)
    return set() if wanted is None else {str(source) for source in wanted.sources}


def reported(router: Router) -> set[object]:
    return {record.group for report in router.reports for record in report.records}


@pytest.mark.parametrize(("tag", "session", "message"), KINDS)
def test_every_kind_of_frame_reaches_the_peers_table_and_both_cores(
    pair: Pair, tag: str, session: str, message: str
) -> None:
    tags = (*TAGS[tag], SESSIONS[session])
    family, version = MESSAGES[message]
    group = GROUP if family == 4 else MLD_GROUP
    pair.a.join(group, tags=tags, version=version)
    pair.run(1.0)
    (here,), (there,) = pair.a.groups().values(), pair.b.groups().values()
    assert here.subscriber == there.subscriber
    assert there.group_address == str(group)
    assert (here.origin, there.origin) == ("local", "copied")
    assert there.subscriber_type == ("pppoe-stb" if session == "pppoe" else "dhcp-stb")
    assert group in reported(pair.a)
    assert group in reported(pair.b)
    assert (pair.a.forwards(group) == {PORT}) == (tags == (0, 0, 0))
    assert pair.b.forwards(group) == frozenset()
    assert pair.a.has_entry(group) == pair.b.has_entry(group) == (tags == (0, 0, 0))
    copied = pair.a.statistics(there.subscriber_type, mld=family == 6)[0]
    assert copied["report"] == 1


@pytest.mark.parametrize(("tag", "session", "message"), [kind for kind in KINDS if kind[2] != "igmpv1"])
def test_a_leave_of_every_kind_asks_its_circuit_and_ends_both_entries(
    pair: Pair, tag: str, session: str, message: str
) -> None:
    tags = (*TAGS[tag], SESSIONS[session])
    family, version = MESSAGES[message]
    group = GROUP if family == 4 else MLD_GROUP
    pair.a.join(group, tags=tags, version=version)
    where = next(iter(pair.a.groups().values())).subscriber[17:]
    pair.a.frames.clear()
    pair.a.leave(group, tags=tags, version=version)
    assert pair.a.asked(family) == [(where, group)]
    pair.run(1.5)
    assert pair.a.asked(family) == [(where, group)] * 2
    pair.run(1.0)
    assert pair.a.groups() == pair.b.groups() == {}


def test_reasons_why_a_stream_is_not_forwarded(pair: Pair) -> None:
    for number, tags in enumerate([(0, 0, 0), (100, 0, 0), (100, 200, 0), (0, 0, 7), (100, 0, 7)]):
        pair.a.join(tags=tags, stb=number)
    found = {entry.subscriber[17:]: entry.forwarding_reason for entry in pair.a.groups().values()}
    assert found == {
        "": "forwarding",
        "@100": "tagged",
        "@100.200": "tagged",
        "/7": "pppoe",
        "@100/7": "pppoe",
    }
    assert [entry.forwarding for entry in pair.a.groups().values()].count(True) == 1


def test_a_general_query_reaches_every_circuit_once(pair: Pair) -> None:
    for number, tags in enumerate([(100, 0, 0), (100, 0, 0), (100, 200, 0), (0, 0, 7), (100, 0, 8)]):
        pair.a.join(tags=tags, stb=number)
        pair.a.join(MLD_GROUP, tags=tags, stb=number)
    pair.run(0.5)
    pair.a.frames.clear()
    pair.run(10.0)
    everywhere = {"", "@100", "@100.200", "/7", "@100/8"}
    for family in (4, 6):
        asked = [where for where, group in pair.a.asked(family) if group is None]
        assert sorted(asked) == sorted(everywhere)


def test_a_query_to_a_session_goes_to_its_mac_alone(pair: Pair) -> None:
    pair.a.join(tags=(100, 0, 7), stb=5)
    pair.a.frames.clear()
    pair.a.leave(tags=(100, 0, 7), stb=5)
    (sent,) = pair.a.frames
    assert sent.frame[:6] == mac(5)


def test_a_general_query_to_many_sessions_leaves_in_parts(pair: Pair) -> None:
    sessions = 2 * CIRCUITS_AT_ONCE + 10
    for number in range(1, sessions + 1):
        pair.a.join(tags=(0, 0, number), stb=number % 200)
    port = pair.a.engine.world.ports[PORT]
    due = port.sides[4].querier.next_deadline()
    pair.run(due - pair.clock.now - 0.001)
    pair.a.frames.clear()
    pair.run(0.001)
    assert pair.a.asked() == [("", None)]  # the rest is due at once
    pair.run(0)
    assert len(pair.a.asked()) == 1 + CIRCUITS_AT_ONCE
    pair.run(3 * CIRCUITS_PAUSE)
    assert len({where for where, _ in pair.a.asked()}) == 1 + sessions


def test_who_is_not_querier_any_more_stops_in_the_middle(pair: Pair) -> None:
    for number in range(1, 3 * CIRCUITS_AT_ONCE):
        pair.a.join(tags=(0, 0, number), stb=number % 200)
    due = pair.a.engine.world.ports[PORT].sides[4].querier.next_deadline()
    pair.run(due - pair.clock.now)
    pair.a.configure(profile(Role.BACKUP))
    pair.a.frames.clear()
    pair.run(5.0)
    assert pair.a.asked() == []


def test_a_member_of_another_circuit_is_not_asked_and_not_touched(pair: Pair) -> None:
    pair.a.join(tags=(0, 0, 7), stb=1)
    pair.a.join(tags=(0, 0, 8), stb=2)
    pair.a.join(tags=(100, 0, 0), stb=3)
    pair.a.join(stb=4)
    pair.a.frames.clear()
    pair.a.leave(tags=(0, 0, 7), stb=1)
    pair.run(3.0)
    assert {where for where, group in pair.a.asked() if group} == {"/7"}
    assert {entry.subscriber[17:] for entry in pair.b.groups().values()} == {"/8", "@100", ""}


def test_a_subscriber_in_a_session_cannot_silence_the_querier(pair: Pair) -> None:
    """Behind a tag or in a session are subscribers; a query from there elects nobody."""
    side = pair.a.engine.world.ports[PORT].sides[4]
    pair.b.frames.clear()
    pair.a.query("10.0.0.1", tags=(0, 0, 7))
    assert side.querier.state.value == "querier"
    pair.a.query("10.0.0.1")
    assert side.querier.state.value == "non-querier"


def test_the_core_is_told_what_all_members_want_together(pair: Pair) -> None:
    """Members behind tags count for the reports toward the core, and not for what the port gets."""
    pair.a.report(RecordType.ALLOW_NEW_SOURCES, GROUP, "10.9.9.1", stb=1)
    pair.a.report(RecordType.ALLOW_NEW_SOURCES, GROUP, "10.9.9.2", stb=2, tags=(0, 0, 7))
    pair.run(1.0)
    assert told_core(pair.a) == {"10.9.9.1", "10.9.9.2"}
    assert told_core(pair.b) == {"10.9.9.1", "10.9.9.2"}
    pair.a.leave(stb=2, tags=(0, 0, 7))
    pair.run(4.0)
    assert told_core(pair.a) == {"10.9.9.1"}
    pair.a.configure(removed_interfaces=(PORT,))
    pair.run(1.0)
    assert told_core(pair.a) == set()


def test_unbinding_forgets_what_tagged_members_wanted(pair: Pair) -> None:
    pair.a.report(RecordType.ALLOW_NEW_SOURCES, GROUP, "10.9.9.2", tags=(0, 0, 7))
    pair.run(0.5)
    assert told_core(pair.a) == {"10.9.9.2"}
    pair.a.configure(removed_interfaces=(PORT,))
    assert pair.a.engine.world.tagged == {}
    pair.run(1.0)
    assert told_core(pair.a) == set()


@pytest.mark.parametrize("group", [GROUP, MLD_GROUP], ids=["igmp", "mld"])
def test_immediate_leave_removes_at_once_and_asks_nobody(pair: Pair, group: object) -> None:
    settings = IgmpConfig(query_interval=10, query_max_response_time=2, immediate_leave=True)
    pair.a.configure(access(igmp=settings, mld=settings))
    pair.a.join(group)
    pair.run(0)
    pair.a.frames.clear()
    pair.a.leave(group)
    assert pair.a.groups() == {}
    assert pair.a.frames == []
    pair.run(2.5)
    assert pair.b.groups() == {}


@pytest.mark.parametrize("group", [GROUP, MLD_GROUP], ids=["igmp", "mld"])
def test_limits_hold_for_each_protocol_by_itself(pair: Pair, group: object) -> None:
    limited = IgmpConfig(query_interval=10, query_max_response_time=2, max_groups_per_subscriber=1)
    pair.a.configure(access(igmp=limited, mld=limited))
    pair.a.join(GROUP)
    pair.a.join(MLD_GROUP)
    assert len(pair.a.groups()) == 2
    pair.a.join(type(group)(int(group) + 1))
    assert len(pair.a.groups()) == 2
    assert pair.a.engine.world.ports[PORT].counters.dropped == {"too-many-subscriber-groups": 1}
    mld = group is MLD_GROUP
    assert pair.a.statistics(mld=mld)[2] == {"refused": 1}
    assert pair.a.statistics(mld=not mld)[2] == {}


def test_a_filter_refuses_reports_and_copies(pair: Pair) -> None:
    rules = (FilterRule(permit=False, group=f"{OTHER}/32"),)
    filtered = IgmpConfig(query_interval=10, query_max_response_time=2, group_filter=rules)
    pair.b.configure(access(igmp=filtered))
    pair.a.join(OTHER)
    pair.a.join(GROUP)
    pair.run(0)
    assert [entry.group_address for entry in pair.b.groups().values()] == [str(GROUP)]
    assert pair.b.engine.world.ports[PORT].counters.dropped == {"group-denied": 1}
    assert pair.b.statistics()[1]["total"] == 1
    pair.b.join(OTHER)
    assert pair.b.engine.world.ports[PORT].counters.dropped == {"group-denied": 2}
    assert pair.b.statistics()[2] == {"refused": 1}


def test_a_filter_withdraws_nothing(pair: Pair) -> None:
    pair.a.join(OTHER)
    rules = (FilterRule(permit=False, group="224.0.0.0/4"),)
    pair.a.configure(
        access(igmp=IgmpConfig(query_interval=10, query_max_response_time=2, group_filter=rules))
    )
    assert pair.a.forwards(OTHER) == {PORT}
    pair.a.join(OTHER)
    pair.run(25.0)
    assert not pair.a.has_entry(OTHER)


def test_mld_is_silent_without_a_link_local_address_and_begins_with_it() -> None:
    pair = Pair()
    pair.start(profile(Role.MASTER), profile(Role.BACKUP))
    pair.run(30.0)
    assert pair.a.asked(6) == []
    pair.a.link(PORT, 1, ipv6=True)
    assert pair.a.asked(6) == [("", None)]
    assert pair.a.interface_state().mld_querier == "fe80::1:1"
    pair.a.link(PORT, 1)
    assert pair.a.interface_state().mld_querier == ""


def test_of_two_mld_queriers_the_lowest_link_local_address_asks(pair: Pair) -> None:
    side = pair.a.engine.world.ports[PORT].sides[6]
    pair.a.query("fe80::1:5")
    assert side.querier.state.value == "querier"
    pair.a.query("2001:db8::1")  # not link-local: ignored, RFC 3810 section 5.1.14
    assert side.querier.state.value == "querier"
    pair.a.query("fe80::1")
    assert side.querier.state.value == "non-querier"
    assert pair.a.interface_state().mld_querier == "fe80::1"
    assert pair.a.engine.world.ports[PORT].sides[4].querier.state.value == "querier"


def test_an_mldv1_host_keeps_its_group_from_mldv2_refinements(pair: Pair) -> None:
    """RFC 3810 section 8.3.2: while an older host is there, BLOCK and the sources of TO_EX are ignored."""
    pair.a.join(MLD_GROUP, version=2)
    pair.a.report(RecordType.CHANGE_TO_EXCLUDE_MODE, MLD_GROUP, "2001:db8::1")
    pair.a.report(RecordType.BLOCK_OLD_SOURCES, MLD_GROUP, "2001:db8::2")
    (entry,) = pair.a.groups().values()
    assert (entry.filter_mode, entry.source) == ("exclude", ())


def test_an_mldv1_only_interface_refuses_version_2_and_asks_in_version_1(pair: Pair) -> None:
    old = IgmpConfig(version=2, query_interval=10, query_max_response_time=2)
    pair.a.configure(access(mld=old, igmp=TAIL))
    pair.a.join(MLD_GROUP)
    assert pair.a.groups() == {}
    pair.a.join(MLD_GROUP, version=2)
    pair.a.frames.clear()
    pair.a.leave(MLD_GROUP, version=2)
    assert [query.version for query in pair.a.queries()] == [2]


def test_the_entry_of_one_group_is_found_by_its_key(pair: Pair) -> None:
    pair.a.join(MLD_GROUP, tags=(100, 200, 7))
    pair.a.join(GROUP)
    assert pair.a.groups(group=str(MLD_GROUP)).keys() == {f"{mac(1).hex(':')}@100.200/7 {MLD_GROUP}"}
    assert pair.a.groups(group="not an address") == {}


def test_an_entry_says_that_its_interface_gets_more_than_it_wants(pair: Pair) -> None:
    def exceeding() -> set[str]:
        return {entry.subscriber[-2:] for entry in pair.a.groups().values() if entry.exceeds_filter}

    pair.a.report(RecordType.ALLOW_NEW_SOURCES, GROUP, "10.9.9.1", stb=1)
    assert exceeding() == set()
    pair.a.report(RecordType.CHANGE_TO_EXCLUDE_MODE, GROUP, "10.9.9.1", stb=2)
    assert exceeding() == {"01", "02"}  # the first does not want the others, the second not 10.9.9.1
    pair.a.join(GROUP, stb=3)
    assert exceeding() == {"01", "02"}
    pair.a.join(GROUP, stb=4, tags=(0, 0, 7))
    assert exceeding() == {"01", "02"}

"""The network side in both families: which upstream is active, and what is reported there."""

from dataclasses import replace
from ipaddress import IPv4Interface, IPv6Address, ip_address

import pytest

from dataplane.config import Role
from dataplane.engine import effects, messages
from dataplane.engine.uplink import HANDOVER
from dataplane.forwarding.upstream import REPEATED_AT_ONCE
from dataplane.packets.frames import query_frame, report_frames
from dataplane.packets.messages import Address, GroupRecord, Query, RecordType
from tests.support.routers import CORE, GROUP, PORT, Clock, Pair, Router, access, mac, profile, upstream

GROUP_6 = IPv6Address("ff3e::1:1")
SPARE = "core1"
QUERIERS = {4: "10.9.9.9", 6: "fe80::99"}


@pytest.fixture
def one() -> Router:
    router = Pair(clock=Clock()).a
    for name, index in ((PORT, 1), (CORE, 2), (SPARE, 3)):
        router.link(name, index, ipv6=True)
    router.configure(profile(Role.MASTER), access(), upstream(), upstream(SPARE, 200))
    return router


def later(one: Router, seconds: float) -> None:
    one.reports.clear()
    for _ in range(10):
        one.clock.now += seconds / 10
        one.give(messages.Tick())


def told(one: Router) -> dict[Address, set[tuple[int, RecordType]]]:
    """What the core was told of each group: versions and record types."""
    found: dict[Address, set[tuple[int, RecordType]]] = {}
    for report in one.reports:
        for record in report.records:
            found.setdefault(record.group, set()).add((report.version, record.type))
    return found


def ask(one: Router, version: int, *, family: int, interface: str = CORE) -> None:
    query = Query(version, max_response=1.0, robustness=2 if version == 3 else 0)
    one.hear(query_frame(query, mac(99), ip_address(QUERIERS[family])), interface)


def test_a_change_of_upstream_is_reported_anew_in_both_families(one: Router) -> None:
    one.join(GROUP)
    one.join(GROUP_6)
    later(one, 5)
    one.link(CORE, 2, up=False, ipv6=True)
    assert one.engine.world.active_upstream == SPARE
    later(one, 5)
    joined = {(3, RecordType.CHANGE_TO_EXCLUDE_MODE)}
    assert told(one) == {GROUP: joined, GROUP_6: joined}
    one.order.clear()
    one.link(CORE, 2, ipv6=True)
    assert one.engine.world.active_upstream == CORE
    later(one, 5)
    assert sent_on(one, CORE) == {GROUP: joined, GROUP_6: joined}


@pytest.mark.parametrize(("family", "version"), [(4, 1), (4, 2), (6, 2)], ids=["igmpv1", "igmpv2", "mldv1"])
def test_an_older_querier_of_one_family_leaves_the_other_alone(
    one: Router, family: int, version: int
) -> None:
    one.join(GROUP)
    one.join(GROUP_6)
    later(one, 5)
    ask(one, version, family=family)
    ask(one, 3, family=10 - family)
    later(one, 10)  # the response time of version 1
    old, new = (GROUP, GROUP_6) if family == 4 else (GROUP_6, GROUP)
    answered = RecordType.MODE_IS_EXCLUDE
    assert told(one) == {old: {(version, answered)}, new: {(3, answered)}}


def test_queries_on_a_spare_are_not_answered(one: Router) -> None:
    one.join(GROUP_6)
    later(one, 5)
    ask(one, 3, family=6, interface=SPARE)
    later(one, 15)
    assert told(one) == {}


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("tags", [(200, 0, 0), (200, 300, 0), (0, 0, 7)], ids=["vlan", "qinq", "pppoe"])
def test_queries_of_another_network_on_the_same_wire_are_not_answered(
    one: Router, family: int, tags: tuple[int, int, int]
) -> None:
    """The querier of a VLAN that passes on the upstream interface must not set the version of the core's."""
    group = GROUP if family == 4 else GROUP_6
    one.join(group)
    later(one, 5)
    query = Query(2, max_response=1.0)
    one.hear(query_frame(query, mac(99), ip_address(QUERIERS[family]), one.place(*tags)), CORE)
    later(one, 2)
    assert told(one) == {}
    ask(one, 3, family=family)
    later(one, 2)
    assert told(one) == {group: {(3, RecordType.MODE_IS_EXCLUDE)}}


@pytest.mark.parametrize(("family", "version"), [(4, 1), (4, 2), (6, 2)], ids=["igmpv1", "igmpv2", "mldv1"])
def test_a_spares_querier_is_known_when_the_spare_takes_over(one: Router, family: int, version: int) -> None:
    """A core that speaks the older version alone would hear nothing until its next general query."""
    group = GROUP if family == 4 else GROUP_6
    one.join(group)
    later(one, 5)
    ask(one, version, family=family, interface=SPARE)
    ask(one, 3, family=family)
    later(one, 5)
    for up, spoken in ((False, version), (True, 3)):
        one.reports.clear()
        one.link(CORE, 2, up=up, ipv6=True)
        assert {each for each, _ in told(one)[group]} == {spoken}
        later(one, 5)


def test_mld_is_reported_again_when_the_link_has_its_link_local_address(one: Router) -> None:
    one.link(CORE, 2)
    one.join(GROUP)
    one.join(GROUP_6)
    later(one, 5)
    one.reports.clear()
    one.link(CORE, 2, ipv6=True)
    later(one, 5)
    assert told(one) == {GROUP_6: {(3, RecordType.CHANGE_TO_EXCLUDE_MODE)}}


def test_reports_are_counted_as_frames(one: Router) -> None:
    """A report with more groups than a frame holds is several."""
    later(one, 1)
    one.give(*[messages.FrameCaptured(PORT, _join_of(number), 0) for number in range(400)])
    one.clock.now += 1
    one.give(messages.Tick())
    assert {record.group for report in one.reports for record in report.records} == {
        GROUP + number for number in range(400)
    }
    assert max(len(report.records) for report in one.reports) == (1500 - 24 - 8) // 8
    assert one.engine.world.upstreams[CORE].counters.sent == {
        "total": len(one.reports),
        "report": len(one.reports),
    }


def _join_of(number: int) -> bytes:
    record = GroupRecord(RecordType.CHANGE_TO_EXCLUDE_MODE, GROUP + number)
    return report_frames(3, [record], mac(1), ip_address("10.1.0.7"))[0]


def test_sources_are_asked_for_where_all_members_agree(one: Router) -> None:
    one.report(RecordType.ALLOW_NEW_SOURCES, GROUP_6, "2001:db8::1", stb=1)
    later(one, 5)
    one.reports.clear()
    one.report(RecordType.ALLOW_NEW_SOURCES, GROUP_6, "2001:db8::2", stb=2)
    one.clock.now += 1
    one.give(messages.Tick())
    (record, *_) = [record for report in one.reports for record in report.records]
    assert (record.type, record.sources) == (RecordType.ALLOW_NEW_SOURCES, (IPv6Address("2001:db8::2"),))
    later(one, 5)
    one.join(GROUP_6, stb=3)
    later(one, 1)
    assert (3, RecordType.CHANGE_TO_EXCLUDE_MODE) in told(one)[GROUP_6]


def bound(one: Router) -> list[str | None]:
    """The upstream interfaces that became the parent of the entries, in order."""
    return [effect.name for effect in one.order if isinstance(effect, effects.SetUpstream)]


def sent_on(one: Router, name: str) -> dict[Address, set[tuple[int, RecordType]]]:
    """What was reported on one upstream interface."""
    found: dict[Address, set[tuple[int, RecordType]]] = {}
    for effect in one.order:
        if isinstance(effect, effects.SendReports) and effect.link.name == name:
            for report in effect.reports:
                for record in report.records:
                    found.setdefault(record.group, set()).add((report.version, record.type))
    return found


def both_work(one: Router) -> None:
    """The spare is active, and the preferred upstream comes back."""
    one.join(GROUP)
    one.join(GROUP_6)
    one.link(CORE, 2, up=False, ipv6=True)
    later(one, 2)
    one.order.clear()
    one.link(CORE, 2, ipv6=True)


JOINED = {(3, RecordType.CHANGE_TO_EXCLUDE_MODE)}
LEFT = {(3, RecordType.CHANGE_TO_INCLUDE_MODE)}


def test_the_streams_stay_on_the_old_upstream_until_the_core_had_time_to_send_them_on_the_new(
    one: Router,
) -> None:
    both_work(one)
    assert sent_on(one, CORE) == {GROUP: JOINED, GROUP_6: JOINED}
    later(one, HANDOVER - 0.1)
    assert bound(one) == []
    assert sent_on(one, SPARE) == {}
    later(one, 0.2)
    assert bound(one) == [CORE]


def test_what_an_upstream_that_still_works_was_asked_for_is_left_there(one: Router) -> None:
    both_work(one)
    later(one, HANDOVER + 1)
    assert sent_on(one, SPARE) == {GROUP: LEFT, GROUP_6: LEFT}
    assert LEFT not in sent_on(one, CORE).values()


def test_an_older_core_is_left_in_its_own_version(one: Router) -> None:
    ask(one, 2, family=4, interface=SPARE)
    ask(one, 2, family=6, interface=SPARE)
    both_work(one)
    later(one, HANDOVER + 1)
    left = {(2, RecordType.CHANGE_TO_INCLUDE_MODE)}
    assert sent_on(one, SPARE) == {GROUP: left, GROUP_6: left}


def test_many_groups_are_left_a_part_at_a_time(one: Router) -> None:
    groups = [GROUP + number for number in range(2 * REPEATED_AT_ONCE + 10)]
    for group in groups:
        one.join(group)
    one.link(CORE, 2, up=False, ipv6=True)
    later(one, 3)
    one.order.clear()
    one.link(CORE, 2, ipv6=True)
    later(one, HANDOVER)
    later(one, 0.2)
    sizes = [
        sum(len(report.records) for report in effect.reports)
        for effect in one.order
        if isinstance(effect, effects.SendReports) and effect.link.name == SPARE
    ]
    assert max(sizes) <= REPEATED_AT_ONCE
    assert sum(sizes) == 2 * len(groups)
    assert set(sent_on(one, SPARE)) == set(groups)


def test_an_old_upstream_that_fails_meanwhile_keeps_nobody_waiting(one: Router) -> None:
    both_work(one)
    later(one, 1)
    one.link(SPARE, 3, up=False, ipv6=True)
    assert bound(one) == [CORE]
    later(one, HANDOVER)
    assert sent_on(one, SPARE) == {}


def test_a_new_upstream_that_fails_meanwhile_is_given_up(one: Router) -> None:
    both_work(one)
    later(one, 1)
    one.link(CORE, 2, up=False, ipv6=True)
    later(one, 2 * HANDOVER)
    assert set(bound(one)) == {SPARE}
    assert LEFT not in sent_on(one, SPARE).values()


def test_an_upstream_that_is_needed_again_is_left_no_further(one: Router) -> None:
    groups = [GROUP + number for number in range(3 * REPEATED_AT_ONCE)]
    for group in groups:
        one.join(group)
    one.link(CORE, 2, up=False, ipv6=True)
    later(one, 3)
    one.link(CORE, 2, ipv6=True)
    later(one, HANDOVER)
    one.link(CORE, 2, up=False, ipv6=True)
    one.order.clear()
    later(one, 3)
    assert LEFT not in sent_on(one, SPARE).values()


def test_a_preference_that_changes_moves_the_streams_and_both_ends_hear_of_it(one: Router) -> None:
    one.join(GROUP)
    later(one, 2)
    one.order.clear()
    one.configure(upstream(SPARE, 1))
    assert sent_on(one, SPARE) == {GROUP: JOINED}
    later(one, HANDOVER + 1)
    assert bound(one) == [SPARE]
    assert sent_on(one, CORE) == {GROUP: LEFT}


def test_igmp_is_reported_again_when_the_link_has_another_address(one: Router) -> None:
    """Routers take reports from 0.0.0.0 (RFC 3376 section 4.2.13), but not all of them do."""
    one.join(GROUP)
    later(one, 5)
    one.reports.clear()
    old = one.engine.world.links[CORE]
    one.give(messages.LinkUpdated(replace(old, addresses=())))
    later(one, 5)
    assert told(one) == {}
    one.give(messages.LinkUpdated(replace(old, addresses=(IPv4Interface("10.77.0.1/24"),))))
    assert told(one) == {GROUP: JOINED}

"""The network side in both families: which upstream is active, and what is reported there."""

from ipaddress import IPv6Address, ip_address

import pytest

from dataplane.config import Role
from dataplane.engine import messages
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
    one.link(CORE, 2, ipv6=True)
    assert one.engine.world.active_upstream == CORE
    later(one, 5)
    assert told(one) == {GROUP: joined, GROUP_6: joined}


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

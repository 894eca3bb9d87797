"""What is counted: every message once, every record once, whatever happens to the channel meanwhile."""

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from msgspec.structs import replace

from dataplane.actions import BatchBackup, ResetStatistics
from dataplane.config import FilterRule, Role
from dataplane.engine.messages import CaptureTold, FrameCaptured
from dataplane.packets.frames import query_frame, report_frames
from dataplane.packets.messages import GroupRecord, Query, RecordType
from dataplane.replication.outputs import Limits
from dataplane.state import OutOfSync
from tests.support.routers import (
    CORE,
    GROUP,
    MLD_GROUP,
    OTHER,
    PORT,
    SERVICE,
    TAIL,
    Pair,
    Router,
    access,
    mac,
    profile,
)

JOIN, LEAVE = RecordType.CHANGE_TO_EXCLUDE_MODE, RecordType.CHANGE_TO_INCLUDE_MODE
LINK_LOCAL = IPv4Address("224.0.0.251")
STB = IPv4Address("10.1.0.1")
KINDS = [(kind, mld) for kind in ("dhcp-stb", "pppoe-stb") for mld in (False, True)]


@pytest.fixture
def pair() -> Pair:
    made = Pair(ipv6=True)
    made.start(profile(Role.MASTER), profile(Role.BACKUP))
    made.run(2)
    return made


def burst(count: int) -> list[FrameCaptured]:
    """Joins that arrive together."""
    records = [GroupRecord(JOIN, GROUP + number) for number in range(count)]
    return [FrameCaptured(PORT, report_frames(3, [each], mac(1), STB)[0], 0) for each in records]


def counted(router: Router) -> int:
    """Messages that the profile says it heard, copied or not."""
    found = 0
    for kind, mld in KINDS:
        copied, _, not_copied = router.statistics(kind, mld=mld)
        assert copied.get("total", 0) == copied.get("report", 0) + copied.get("leave", 0)
        found += copied.get("total", 0) + sum(not_copied.values())
    return found


def heard(router: Router) -> int:
    """Messages that the interface says it heard, accepted or refused."""
    state = router.interface_state()
    return state.received.get("total", 0) + state.error.get("total", 0)


def say(router: Router, *records: tuple[RecordType, IPv4Address]) -> None:
    told = [GroupRecord(kind, group) for kind, group in records]
    (frame,) = report_frames(3, told, mac(1), STB)
    router.hear(frame)


def not_copied(router: Router, kind: str = "dhcp-stb", *, mld: bool = False) -> dict[str, int]:
    return dict(router.statistics(kind, mld=mld)[2])


def test_a_message_is_counted_once_however_many_records_it_has(pair: Pair) -> None:
    say(pair.a, (JOIN, GROUP), (JOIN, LINK_LOCAL), (JOIN, LINK_LOCAL + 1))
    assert pair.a.statistics()[0] == {"total": 1, "report": 1}
    assert not_copied(pair.a) == {}
    say(pair.a, (LEAVE, OTHER), (JOIN, LINK_LOCAL), (JOIN, LINK_LOCAL + 1))
    assert not_copied(pair.a) == {"link-local-group": 1}
    assert counted(pair.a) == heard(pair.a) == 2
    assert pair.a.interface_state().dropped == {"link-local-group": 4}


def test_a_message_that_changes_nothing_is_counted_too(pair: Pair) -> None:
    pair.a.leave(GROUP)
    pair.a.leave(MLD_GROUP)
    assert not_copied(pair.a) == not_copied(pair.a, mld=True) == {"no-change": 1}


def test_what_the_queue_does_not_take_is_not_copied(pair: Pair) -> None:
    machine = pair.a.engine.world.services[SERVICE].machine
    assert machine is not None
    machine._outgoing._limits = Limits(unacknowledged=1)
    for number in range(5):
        pair.a.join(GROUP + number)
    copied = pair.a.statistics()[0]["total"]
    assert not_copied(pair.a) == {"queue-full": 5 - copied}
    assert copied == 1
    told = [event for event in pair.a.events if isinstance(event, OutOfSync)]
    assert [event.reason for event in told] == ["queue-overflow"]
    sent = pair.a.service_state().sent
    assert sent["queue-dropped"] == sent["fail"] == 4
    pair.run(5)
    assert len(pair.b.groups()) == 5
    consistent(pair)


def consistent(pair: Pair) -> None:
    """What every counter's description says of the others holds."""
    for router in (pair.a, pair.b):
        state = router.service_state()
        assert state.sent["total"] == state.sent["success"] + state.sent["fail"]
        assert state.received["total"] == state.received["success"] + state.received["fail"]
        assert state.sent["acknowledged"] <= state.sent["success"]
        assert counted(router) == heard(router)


def test_every_message_and_record_is_counted_once_through_it_all(pair: Pair) -> None:
    a = pair.a
    filtered = replace(TAIL, group_filter=(FilterRule(permit=False, group="239.9.0.0/16"),))
    a.configure(access(igmp=filtered))
    for step in range(12):
        for stb in range(1, 4):
            a.join(GROUP + (step % 3), stb=stb, tags=(0, 0, stb if stb == 3 else 0))
            a.join(MLD_GROUP + (step % 3), stb=stb)
            a.leave(GROUP + (step + 1) % 3, stb=stb)
        a.join(ip_address("239.9.1.1"))
        a.hear(report_frames(3, [GroupRecord(JOIN, GROUP)], mac(1), STB)[0][:-1] + b"\x00")
        a.query("10.1.0.77")
        pair.b.join(OTHER, stb=9)
        if step % 4 == 1:
            pair.cut_channel()
        elif step % 4 == 2:
            pair.mend_channel()
        elif step == 7:
            a.configure(profile(Role.MASTER, igmp_copy=False))
        elif step == 8:
            a.configure(profile(Role.BACKUP))
        pair.run(0.7)
    pair.mend_channel()
    pair.run(10)
    consistent(pair)
    assert not_copied(a).keys() >= {"channel-down", "refused", "malformed", "query", "admin-disabled"}


def test_what_a_broken_connection_left_in_the_buffer_has_failed(pair: Pair) -> None:
    machine = pair.a.engine.world.services[SERVICE].machine
    assert machine is not None
    machine.reset_statistics()
    for message in burst(3):  # which the end of the connection interrupts
        pair.a.engine.handle(message, pair.clock.now)
    pair.cut_channel()
    sent = pair.a.service_state().sent
    assert sent["total"] == 3
    assert sent["success"] + sent["fail"] == 3
    assert sent["fail"] > 0
    pair.mend_channel()
    pair.run(5)
    assert len(pair.b.groups()) == 3
    consistent(pair)


def test_a_reset_in_the_middle_of_a_burst_leaves_nothing_half_counted(pair: Pair) -> None:
    pair.a.give(*burst(3), ResetStatistics(SERVICE))
    pair.run(1)
    sent = pair.a.service_state().sent
    assert sent["total"] == sent["success"] == 0
    assert len(pair.b.groups()) == 3


def test_what_was_refused_is_counted_by_what_it_was(pair: Pair) -> None:
    query = query_frame(Query(3, GROUP), mac(9), IPv4Address("10.1.0.200"))
    report = report_frames(3, [GroupRecord(JOIN, GROUP)], mac(1), STB)[0]
    leave = report_frames(2, [GroupRecord(LEAVE, GROUP)], mac(1), STB)[0]
    done = report_frames(2, [GroupRecord(LEAVE, MLD_GROUP)], mac(1), IPv6Address("fe80::1:1"))[0]
    for frame in (query, report, leave, done):
        pair.a.hear(frame[:-1] + bytes([frame[-1] ^ 1]))
        pair.a.hear(frame[:-1] + bytes([frame[-1] ^ 1]), interface=CORE)
    for name in (PORT, CORE):
        error = pair.a.interface_state(name).error
        assert error == {"total": 4, "checksum": 4, "query": 1, "report": 1, "leave": 2}


@pytest.mark.parametrize("group", [LINK_LOCAL, IPv6Address("ff02::fb")], ids=str)
def test_a_report_about_a_group_of_the_link_is_no_error(pair: Pair, group: IPv4Address | IPv6Address) -> None:
    """Every host with mDNS answers each general query with it."""
    source = STB if group.version == 4 else IPv6Address("fe80::1:1")
    for version, kind in ((3, JOIN), (2, JOIN), (2, LEAVE)):
        frame = report_frames(version, [GroupRecord(kind, group)], mac(1), source)[0]
        for name in (PORT, CORE):
            pair.a.hear(frame, interface=name)
    for name in (PORT, CORE):
        state = pair.a.interface_state(name)
        assert state.received == {"total": 3, "report": 2, "leave": 1}
        assert state.error == {}
        assert state.dropped == {"link-local-group": 3}
    assert not_copied(pair.a) == ({"link-local-group": 3} if group.version == 4 else {})


def test_frames_that_nobody_saw_are_counted(pair: Pair) -> None:
    pair.a.give(CaptureTold(PORT, "ring", 3), CaptureTold(CORE, "ring", 1), CaptureTold("gone", "", 9))
    pair.a.give(CaptureTold(PORT, "ring", 2))
    assert pair.a.interface_state().dropped == {"ring-full": 5}
    assert pair.a.interface_state(CORE).dropped == {"ring-full": 1}


def test_a_service_without_a_channel_has_counters_at_zero(pair: Pair) -> None:
    before = pair.a.service_state()
    pair.run(1)
    pair.a.configure(pair.a.service(enabled=False))
    state = pair.a.service_state()
    assert set(state.sent.values()) == set(state.received.values()) == {0}
    assert state.sent.keys() == before.sent.keys()
    assert state.discontinuity_time > before.discontinuity_time


def test_only_the_counters_that_were_reset_begin_anew(pair: Pair) -> None:
    pair.a.join()
    pair.run(1)
    before = pair.a.profile_state(), pair.a.interface_state()
    pair.a.give(ResetStatistics(SERVICE))
    assert (pair.a.profile_state(), pair.a.interface_state()) == before
    assert pair.b.service_state().discontinuity_time < pair.a.service_state().discontinuity_time


def test_counters_outlive_roles_blocks_and_connections(pair: Pair) -> None:
    pair.a.join()
    pair.run(1)
    before = pair.a.statistics(), pair.a.service_state().discontinuity_time
    pair.a.configure(profile(Role.BACKUP))
    pair.a.configure(pair.a.service(block_send=True))
    pair.a.configure(pair.a.service())
    pair.cut_channel()
    pair.mend_channel()
    pair.run(5)
    assert (pair.a.statistics()[0], pair.a.service_state().discontinuity_time) == (before[0][0], before[1])


def test_both_ends_count_the_same_records(pair: Pair) -> None:
    for step in range(10):
        for stb in range(1, 5):
            pair.a.join(GROUP + step, stb=stb)
            pair.b.join(MLD_GROUP + step, stb=stb, tags=(0, 0, stb))
        pair.a.leave(GROUP + step, stb=1)
        pair.run(0.3)
    pair.a.give(BatchBackup(SERVICE))
    pair.b.configure(pair.b.service(block_receive=True))
    pair.a.join(GROUP + 50)
    pair.run(5)
    for one, other in ((pair.a, pair.b), (pair.b, pair.a)):
        sent, received = one.service_state().sent, other.service_state().received
        assert sent["acknowledged"] == sent["success"] == sent["total"] == received["total"] >= 40
        assert received["success"] + received["blocked"] == received["total"]
        applied = sum(other.statistics(kind, mld=mld)[1].get("total", 0) for kind, mld in KINDS)
        assert applied == received["success"]
    assert pair.b.service_state().received["blocked"] > 0

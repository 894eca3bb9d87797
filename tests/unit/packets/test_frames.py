"""Whole frames both ways, and the split of long reports."""

from ipaddress import IPv4Address, IPv6Address

import pytest

from dataplane.packets import ethernet, frames
from dataplane.packets.ethernet import UNTAGGED, Subscriber
from dataplane.packets.messages import GroupRecord, Query, RecordType, Report
from dataplane.packets.wire import DecodeError, DropReason, checksum
from tests.support.kinds import KINDS, OUTER_TYPES, stripped

MAC = bytes.fromhex("020000000001")
ROUTER = IPv4Address("10.0.0.1")
GROUP = IPv4Address("239.1.2.3")
JOIN = GroupRecord(RecordType.CHANGE_TO_EXCLUDE_MODE, GROUP)
LEAVE = GroupRecord(RecordType.CHANGE_TO_INCLUDE_MODE, GROUP)


def sources(count):
    return tuple(IPv4Address(f"10.1.{number // 250}.{number % 250 + 1}") for number in range(count))


@pytest.mark.parametrize(
    ("query", "destination"),
    [
        (Query(3, robustness=2, query_interval=125), "224.0.0.1"),
        (Query(2, GROUP, max_response=1.0), "239.1.2.3"),
        (Query(3, GROUP, sources(2), 1.0, suppress=True, robustness=2, query_interval=125), "239.1.2.3"),
    ],
)
def test_queries_reach_who_is_asked(query, destination):
    frame = frames.query_frame(query, MAC, ROUTER, Subscriber(100, 0, 0, MAC))
    assert frame[:6] == ethernet.multicast_mac(IPv4Address(destination))
    packet = ethernet.decode(frame)
    assert packet.destination == IPv4Address(destination)
    assert packet.router_alert
    message = frames.decode(frame)
    assert (message.subscriber.outer_vlan, message.source, message.message) == (100, ROUTER, query)


@pytest.mark.parametrize(
    ("version", "record", "expected"),
    [
        (1, JOIN, (GROUP, Report(1, (GroupRecord(RecordType.MODE_IS_EXCLUDE, GROUP),)))),
        (1, LEAVE, None),
        (2, JOIN, (GROUP, Report(2, (GroupRecord(RecordType.MODE_IS_EXCLUDE, GROUP),)))),
        (2, LEAVE, (frames.ALL_ROUTERS, Report(2, (LEAVE,)))),
        (2, GroupRecord(RecordType.BLOCK_OLD_SOURCES, GROUP, sources(1)), None),
        (3, LEAVE, (frames.ALL_V3_ROUTERS, Report(3, (LEAVE,)))),
    ],
)
def test_reports_upstream(version, record, expected):
    assert frames.reports(version, [record]) == ([expected] if expected else [])


def test_records_share_reports_up_to_the_mtu():
    groups = [IPv4Address(int(GROUP) + number) for number in range(1000)]
    sent = frames.report_frames(
        3, [GroupRecord(RecordType.MODE_IS_EXCLUDE, group) for group in groups], MAC, ROUTER
    )
    assert len(sent) == -(-1000 // ((1500 - 24 - 8) // 8))
    assert all(len(frame) <= 14 + 1500 for frame in sent)
    reported = [record.group for frame in sent for record in frames.decode(frame).message.records]
    assert reported == groups


@pytest.mark.parametrize("kind", [RecordType.MODE_IS_INCLUDE, RecordType.ALLOW_NEW_SOURCES])
def test_a_long_source_list_continues_in_another_record(kind):
    record = GroupRecord(kind, GROUP, sources(900))
    parts = [part for _, report in frames.reports(3, [record]) for part in report.records]
    assert len(parts) > 1
    assert {part.type for part in parts} == {kind}
    assert tuple(source for part in parts for source in part.sources) == record.sources


@pytest.mark.parametrize("kind", [RecordType.MODE_IS_EXCLUDE, RecordType.CHANGE_TO_EXCLUDE_MODE])
def test_a_long_exclude_list_is_cut(kind):
    record = GroupRecord(kind, GROUP, sources(900))
    ((_, report),) = frames.reports(3, [record])
    (part,) = report.records
    assert part.sources == record.sources[: (1500 - 24 - 8 - 8) // 4]


def test_router_alert_is_asked_for_only_where_wanted():
    (frame,) = frames.report_frames(3, [JOIN], MAC, ROUTER)
    assert frames.decode(frame, require_router_alert=True).message == Report(3, (JOIN,))
    bare = bytearray(frame)
    bare[34:38] = b"\x01\x01\x01\x01"
    bare[24:26] = b"\0\0"
    bare[24:26] = checksum(bytes(bare[14:38])).to_bytes(2, "big")
    assert frames.decode(bytes(bare)).message == Report(3, (JOIN,))
    with pytest.raises(DecodeError) as caught:
        frames.decode(bytes(bare), require_router_alert=True)
    assert caught.value.reason is DropReason.MISSING_ROUTER_ALERT


KERNEL = {
    (3, RecordType.CHANGE_TO_EXCLUDE_MODE, ("239.1.2.3",)): (
        "01005e000016 020000000001 0800 46c00028000040000102f9f70a000002e000001694040000"
        "2200e8f900000001 04000000ef010203"
    ),
    (3, RecordType.CHANGE_TO_INCLUDE_MODE, ("239.1.2.3",)): (
        "01005e000016 020000000001 0800 46c00028000040000102f9f70a000002e000001694040000"
        "2200e9f900000001 03000000ef010203"
    ),
    (3, RecordType.ALLOW_NEW_SOURCES, ("239.1.2.4", "10.1.1.1")): (
        "01005e000016 020000000001 0800 46c0002c000040000102f9f30a000002e000001694040000"
        "2200dcf500000001 05000001ef0102040a010101"
    ),
    (2, RecordType.MODE_IS_EXCLUDE, ("239.1.2.3",)): (
        "01005e010203 020000000001 0800 46c00020000040000102e9110a000002ef01020394040000 1600f8faef010203"
    ),
    (2, RecordType.CHANGE_TO_INCLUDE_MODE, ("239.1.2.3",)): (
        "01005e000002 020000000001 0800 46c00020000040000102fa130a000002e000000294040000 1700f7faef010203"
    ),
}


@pytest.mark.parametrize("said", KERNEL, ids=str)
def test_the_same_octets_as_a_linux_host_sends(said):
    version, kind, (group, *sources) = said
    octets = bytes.fromhex(KERNEL[said])
    record = GroupRecord(kind, IPv4Address(group), tuple(map(IPv4Address, sources)))
    host = IPv4Address("10.0.0.2")
    assert frames.decode(octets, require_router_alert=True).message == Report(version, (record,))
    assert frames.report_frames(version, [record], MAC, host) == [octets]


HOST6 = IPv6Address("fe80::2")
GROUP6 = IPv6Address("ff3e::8001:203")
JOIN6 = GroupRecord(RecordType.CHANGE_TO_EXCLUDE_MODE, GROUP6)
LEAVE6 = GroupRecord(RecordType.CHANGE_TO_INCLUDE_MODE, GROUP6)


@pytest.mark.parametrize(
    ("query", "destination"),
    [
        (Query(3, robustness=2, query_interval=125), "ff02::1"),
        (Query(2), "ff02::1"),
        (Query(2, GROUP6, max_response=1.0), "ff3e::8001:203"),
    ],
)
def test_mld_queries_reach_who_is_asked(query, destination):
    frame = frames.query_frame(query, MAC, HOST6)
    assert frame[:6] == ethernet.multicast_mac(IPv6Address(destination))
    assert ethernet.decode(frame).destination == IPv6Address(destination)
    assert frames.decode(frame, require_router_alert=True).message == query


@pytest.mark.parametrize(
    ("to", "most"),
    [(UNTAGGED, (1500 - 24 - 12) // 4), (Subscriber(100, 200, 7, MAC), (1484 - 24 - 12) // 4)],
)
def test_a_query_of_many_sources_is_several(to, most):
    query = Query(3, GROUP, sources(1000), 1.0, suppress=False, robustness=2, query_interval=125)
    parts = [frames.decode(octets).message for octets in frames.query_frames(query, MAC, ROUTER, 1500, to)]
    assert [len(part.sources) for part in parts] == [most, most, 1000 - 2 * most]
    assert tuple(source for part in parts for source in part.sources) == query.sources


@pytest.mark.parametrize(
    ("version", "record", "expected"),
    [
        (2, JOIN6, (GROUP6, Report(2, (GroupRecord(RecordType.MODE_IS_EXCLUDE, GROUP6),)))),
        (2, LEAVE6, (frames.ALL_IPV6_ROUTERS, Report(2, (LEAVE6,)))),
        (3, LEAVE6, (frames.ALL_MLDV2_ROUTERS, Report(3, (LEAVE6,)))),
    ],
)
def test_mld_reports_upstream(version, record, expected):
    assert frames.reports(version, [record], 6) == [expected]
    (frame,) = frames.report_frames(version, [record], MAC, HOST6)
    assert ethernet.decode(frame).destination == expected[0]
    assert frames.decode(frame).message == expected[1]


def test_mld_records_share_reports_up_to_the_mtu():
    groups = [IPv6Address(int(GROUP6) + number) for number in range(1000)]
    sent = frames.report_frames(
        3, [GroupRecord(RecordType.MODE_IS_EXCLUDE, each) for each in groups], MAC, HOST6
    )
    assert len(sent) == -(-1000 // ((1500 - 48 - 8) // 20))
    assert all(len(frame) <= 14 + 1500 for frame in sent)
    assert [record.group for frame in sent for record in frames.decode(frame).message.records] == groups


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("mtu", [9000, 65_535, 65_536, 1 << 20])
def test_no_message_is_longer_than_a_reader_takes(family, mtu):
    """Loopback has an MTU of 65,536, more than the length field of an IPv4 packet can say."""
    router, group = (ROUTER, GROUP) if family == 4 else (HOST6, GROUP6)
    records = [GroupRecord(RecordType.MODE_IS_EXCLUDE, group + number) for number in range(5_000)]
    sent = [frames.decode(octets).message for octets in frames.report_frames(3, records, MAC, router, mtu)]
    assert [record for report in sent for record in report.records] == records
    listed = tuple(router + number for number in range(1, 5_000))
    query = Query(3, group, listed, 1.0, robustness=2, query_interval=125)
    asked = [frames.decode(octets).message for octets in frames.query_frames(query, MAC, router, mtu)]
    assert tuple(source for part in asked for source in part.sources) == listed


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_every_kind_of_frame_is_read_with_and_without_its_outer_tag(kind):
    for message in kind.messages().values():
        for outer_type in OUTER_TYPES:
            octets = kind.frame(message, outer_type=outer_type)
            found = frames.decode(octets)
            assert found == frames.decode(*stripped(octets))
            assert found.message == message
            assert found.subscriber.circuit.outer_vlan == kind.subscriber.outer_vlan
            assert found.subscriber.inner_vlan == kind.subscriber.inner_vlan
            assert found.subscriber.pppoe_session == kind.subscriber.pppoe_session
            assert found.source.version == kind.family

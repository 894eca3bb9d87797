"""IGMP messages against octets written by hand from the RFCs."""

from ipaddress import IPv4Address

import pytest

from dataplane.packets import igmp
from dataplane.packets.messages import GroupRecord, Query, RecordType, Report
from dataplane.packets.wire import DecodeError, DropReason, checksum

GROUP = IPv4Address("239.1.2.3")
SOURCE = IPv4Address("10.9.8.7")


def message(text):
    """Octets from hexadecimal, with the checksum filled in."""
    body = bytes.fromhex(text)
    return body[:2] + checksum(body).to_bytes(2, "big") + body[4:]


def refused(octets):
    with pytest.raises(DecodeError) as caught:
        igmp.decode(octets)
    return caught.value.reason


@pytest.mark.parametrize(
    ("octets", "version", "kind", "is_leave"),
    [
        ("12000000 ef010203", 1, RecordType.MODE_IS_EXCLUDE, False),
        ("16000000 ef010203", 2, RecordType.MODE_IS_EXCLUDE, False),
        ("17000000 ef010203", 2, RecordType.CHANGE_TO_INCLUDE_MODE, True),
    ],
)
def test_short_reports(octets, version, kind, is_leave):
    report = igmp.decode(message(octets))
    assert report == Report(version, (GroupRecord(kind, GROUP),))
    assert report.is_leave is is_leave
    assert igmp.encode(report) == message(octets)


def test_a_short_report_may_be_longer_than_8_octets():
    assert igmp.decode(message("16000000 ef010203 ffff")).records[0].group == GROUP


@pytest.mark.parametrize("kind", list(RecordType))
def test_v3_record_types(kind):
    octets = message(f"22000000 00000001 {kind:02x}000001 ef010203 0a090807")
    report = Report(3, (GroupRecord(kind, GROUP, (SOURCE,)),))
    assert igmp.decode(octets) == report
    assert igmp.encode(report) == octets
    assert not report.is_leave


def test_v3_auxiliary_data_and_what_follows_the_records_are_skipped():
    octets = message(
        "22000000 0000000204020000 ef010203 deadbeef deadbeef06010001 ef010204 0a090807 deadbeefcafe"
    )
    assert igmp.decode(octets).records == (
        GroupRecord(RecordType.CHANGE_TO_EXCLUDE_MODE, GROUP),
        GroupRecord(RecordType.BLOCK_OLD_SOURCES, IPv4Address("239.1.2.4"), (SOURCE,)),
    )


def test_one_bad_record_does_not_spoil_the_others():
    octets = message(
        "22000000 00000005"
        "02000000 e00000fb"
        "02000000 0a000001"
        "07000000 ef010203"
        "01000001 ef010203 e0000001"
        "02000000 ef010203"
    )
    report = igmp.decode(octets)
    assert report.records == (GroupRecord(RecordType.MODE_IS_EXCLUDE, GROUP),)
    assert report.refused == (
        DropReason.LINK_LOCAL_GROUP,
        DropReason.NOT_MULTICAST_GROUP,
        DropReason.UNKNOWN_RECORD_TYPE,
        DropReason.BAD_SOURCE_ADDRESS,
    )


@pytest.mark.parametrize(
    ("octets", "query"),
    [
        ("11000000 00000000", Query(1)),
        ("11640000 00000000", Query(2)),
        ("110a0000 ef010203", Query(2, GROUP, max_response=1.0)),
        ("11640000 00000000 027d0000", Query(3, robustness=2, query_interval=125)),
        (
            "110a0000 ef010203 0a7d0001 0a090807",
            Query(3, GROUP, (SOURCE,), 1.0, suppress=True, robustness=2, query_interval=125),
        ),
        ("118f0000 00000000 00ff0000", Query(3, max_response=24.8, query_interval=31744)),
    ],
)
def test_queries(octets, query):
    assert igmp.decode(message(octets)) == query
    assert igmp.encode(query) == message(octets)


@pytest.mark.parametrize(
    ("octets", "reason"),
    [
        (b"", DropReason.TOO_SHORT),
        (message("16000000 ef010203")[:7], DropReason.TOO_SHORT),
        (bytes.fromhex("16000000ef010203"), DropReason.BAD_CHECKSUM),
        (bytes(8), DropReason.UNKNOWN_TYPE),
        (message("13000000 ef010203"), DropReason.UNKNOWN_TYPE),
        (message("16000000 e0000001"), DropReason.LINK_LOCAL_GROUP),
        (message("17000000 e00000fb"), DropReason.LINK_LOCAL_GROUP),
        (message("16000000 f0000001"), DropReason.NOT_MULTICAST_GROUP),
        (message("16000000 0a000001"), DropReason.NOT_MULTICAST_GROUP),
        (message("11640000 00000000 027d"), DropReason.MALFORMED),
        (message("11640000 0a000001"), DropReason.NOT_MULTICAST_GROUP),
        (message("11640000 00000000 027d0001 0a090807"), DropReason.MALFORMED),
        (message("11640000 ef010203 027d0002 0a090807"), DropReason.TOO_SHORT),
        (message("11640000 ef010203 027d0001 e0090807"), DropReason.BAD_SOURCE_ADDRESS),
        (message("22000000 00000001"), DropReason.TOO_SHORT),
        (message("22000000 00000001 01000001 ef010203 00000000"), DropReason.BAD_SOURCE_ADDRESS),
        (message("22000000 00000001 01000001 ef010203 7f000001"), DropReason.BAD_SOURCE_ADDRESS),
        (message("22000000 0000ffff 02000000 ef010203"), DropReason.TOO_SHORT),
        (message("22000000 00000001 02000001 ef010203"), DropReason.TOO_SHORT),
        (message("22000000 00000001 02ff0000 ef010203"), DropReason.TOO_SHORT),
        (message("22000000 00000002 02010000 ef010203 00000000"), DropReason.TOO_SHORT),
        (message("22000000 00000001 02000000 e0000016"), DropReason.LINK_LOCAL_GROUP),
        (message("16000000 ef010203" + "00" * igmp.MAX_PAYLOAD), DropReason.MALFORMED),
    ],
)
def test_what_is_refused_and_why(octets, reason):
    assert refused(octets) is reason


def test_a_v3_report_without_records_says_nothing():
    assert igmp.decode(message("22000000 00000000")) == Report(3, ())


@pytest.mark.parametrize(
    ("code", "value"), [(0, 0), (127, 127), (128, 128), (143, 248), (144, 256), (255, 31744)]
)
def test_floating_codes_of_rfc_3376(code, value):
    assert igmp.from_code(code) == value
    assert igmp.to_code(value) == code


def test_every_code_survives_and_every_number_is_rounded_down():
    assert [igmp.to_code(igmp.from_code(code)) for code in range(256)] == list(range(256))
    for value in range(31745):
        code = igmp.to_code(value)
        assert igmp.from_code(code) <= value
        assert code == 255 or igmp.from_code(code + 1) > value


def test_numbers_out_of_range_are_clamped():
    assert igmp.to_code(10**9) == 255
    assert igmp.to_code(-1) == 0
    assert igmp.decode(igmp.encode(Query(2, max_response=0.0))) == Query(2, max_response=0.1)
    assert igmp.decode(igmp.encode(Query(2, max_response=99.0))) == Query(2, max_response=25.5)

"""MLD messages against octets written by hand from the RFCs."""

from ipaddress import IPv6Address

import pytest

from dataplane.packets import mld
from dataplane.packets.ipv6 import pseudo_header
from dataplane.packets.messages import GroupRecord, Query, RecordType, Report
from dataplane.packets.wire import DecodeError, DropReason, checksum

HOST = IPv6Address("fe80::2")
ROUTERS = IPv6Address("ff02::16")
GROUP = IPv6Address("ff3e::8001:203")
SOURCE = IPv6Address("2001:db8::9")
G = GROUP.packed.hex()
S = SOURCE.packed.hex()
ANY = "00" * 16


def message(text):
    """Octets from hexadecimal, with the checksum filled in."""
    body = bytes.fromhex(text)
    whole = pseudo_header(HOST, ROUTERS, len(body)) + body
    return body[:2] + checksum(whole).to_bytes(2, "big") + body[4:]


def decoded(octets):
    return mld.decode(octets, HOST, ROUTERS)


def refused(octets):
    with pytest.raises(DecodeError) as caught:
        decoded(octets)
    return caught.value.reason


@pytest.mark.parametrize(
    ("octets", "kind", "is_leave"),
    [
        (f"83000000 00000000 {G}", RecordType.MODE_IS_EXCLUDE, False),
        (f"84000000 00000000 {G}", RecordType.CHANGE_TO_INCLUDE_MODE, True),
    ],
)
def test_version_1_reports(octets, kind, is_leave):
    report = decoded(message(octets))
    assert report == Report(2, (GroupRecord(kind, GROUP),))
    assert report.is_leave is is_leave
    assert mld.encode(report, HOST, ROUTERS) == message(octets)


def test_code_and_reserved_fields_are_ignored():
    assert decoded(message(f"83ff0000 ffffffff {G} ffff")).records[0].group == GROUP
    assert decoded(message("8fff0000 ffff0000")) == Report(3, ())


@pytest.mark.parametrize("kind", list(RecordType))
def test_version_2_record_types(kind):
    octets = message(f"8f000000 00000001 {kind:02x}000001 {G} {S}")
    report = Report(3, (GroupRecord(kind, GROUP, (SOURCE,)),))
    assert decoded(octets) == report
    assert mld.encode(report, HOST, ROUTERS) == octets
    assert not report.is_leave


def test_auxiliary_data_and_what_follows_the_records_are_skipped():
    other = IPv6Address("ff3e::4")
    octets = message(
        f"8f000000 00000002 04020000 {G} deadbeef deadbeef 06010001 {other.packed.hex()} {S} deadbeef cafe"
    )
    assert decoded(octets).records == (
        GroupRecord(RecordType.CHANGE_TO_EXCLUDE_MODE, GROUP),
        GroupRecord(RecordType.BLOCK_OLD_SOURCES, other, (SOURCE,)),
    )


def test_one_bad_record_does_not_spoil_the_others():
    link_local, unicast = IPv6Address("ff02::fb").packed.hex(), IPv6Address("2001:db8::1").packed.hex()
    octets = message(
        "8f000000 00000005"
        f"02000000 {link_local} 02000000 {unicast} 07000000 {G} 01000001 {G} {link_local} 02000000 {G}"
    )
    report = decoded(octets)
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
        (f"82000000 27100000 {ANY}", Query(2)),
        (f"82000000 03e80000 {G}", Query(2, GROUP, max_response=1.0)),
        (f"82000000 00000000 {G}", Query(2, GROUP, max_response=0.0)),
        (f"82000000 27100000 {ANY} 027d0000", Query(3, robustness=2, query_interval=125)),
        (
            f"82000000 03e80000 {G} 0a7d0001 {S}",
            Query(3, GROUP, (SOURCE,), 1.0, suppress=True, robustness=2, query_interval=125),
        ),
        (f"82000000 ffff0000 {ANY} 00ff0000", Query(3, max_response=8387.584, query_interval=31744)),
    ],
)
def test_queries(octets, query):
    assert decoded(message(octets)) == query
    assert mld.encode(query, HOST, ROUTERS) == message(octets)


@pytest.mark.parametrize(
    ("octets", "reason"),
    [
        (b"", DropReason.TOO_SHORT),
        (message(f"83000000 00000000 {G}")[:7], DropReason.TOO_SHORT),
        (message("83000000 00000000" + "00" * 15), DropReason.TOO_SHORT),
        (bytes.fromhex(f"83000000 00000000 {G}"), DropReason.BAD_CHECKSUM),
        (message(f"85000000 00000000 {G}"), DropReason.UNKNOWN_TYPE),
        (message(f"83000000 00000000 {S}"), DropReason.NOT_MULTICAST_GROUP),
        (message(f"84000000 00000000 {ANY}"), DropReason.NOT_MULTICAST_GROUP),
        (message(f"82000000 27100000 {ANY} 027d"), DropReason.MALFORMED),
        (message(f"82000000 27100000 {S}"), DropReason.NOT_MULTICAST_GROUP),
        (message(f"82000000 27100000 {ANY} 027d0001 {S}"), DropReason.MALFORMED),
        (message(f"82000000 27100000 {G} 027d0002 {S}"), DropReason.TOO_SHORT),
        (message(f"82000000 27100000 {G} 027d0001 {G}"), DropReason.BAD_SOURCE_ADDRESS),
        (message("8f000000 00000001"), DropReason.TOO_SHORT),
        (message(f"8f000000 00000001 01000001 {G} {ANY}"), DropReason.BAD_SOURCE_ADDRESS),
        (message(f"8f000000 00000001 01000001 {G} {ANY[:-2]}01"), DropReason.BAD_SOURCE_ADDRESS),
        (message(f"8f000000 0000ffff 02000000 {G}"), DropReason.TOO_SHORT),
        (message(f"8f000000 00000001 02000001 {G}"), DropReason.TOO_SHORT),
        (message(f"8f000000 00000001 02ff0000 {G}"), DropReason.TOO_SHORT),
        (message(f"8f000000 00000002 02030000 {G} {'00' * 20}"), DropReason.TOO_SHORT),
        (message(f"83000000 00000000 {G}" + "00" * mld.MAX_PAYLOAD), DropReason.MALFORMED),
    ],
)
def test_what_is_refused_and_why(octets, reason):
    assert refused(octets) is reason


@pytest.mark.parametrize(
    ("group", "reason"),
    [
        ("ff00::1", DropReason.LINK_LOCAL_GROUP),
        ("ff01::1", DropReason.LINK_LOCAL_GROUP),
        ("ff02::1", DropReason.LINK_LOCAL_GROUP),
        ("ff02::1:ff00:2", DropReason.LINK_LOCAL_GROUP),
        ("ff32::1", DropReason.LINK_LOCAL_GROUP),
        ("ff12::4444", DropReason.LINK_LOCAL_GROUP),
        ("ff03::1", None),
        ("ff05::2", None),
        ("ff0e::1", None),
        ("ff3e::1", None),
    ],
)
def test_groups_that_never_leave_the_link(group, reason):
    octets = IPv6Address(group).packed.hex()
    for text in (f"83000000 00000000 {octets}", f"8f000000 00000001 04000000 {octets}"):
        if reason is None:
            assert str(decoded(message(text)).records[0].group) == group
        else:
            assert refused(message(text)) is reason


def test_the_checksum_covers_the_addresses():
    octets = message(f"83000000 00000000 {G}")
    with pytest.raises(DecodeError) as caught:
        mld.decode(octets, HOST, GROUP)
    assert caught.value.reason is DropReason.BAD_CHECKSUM


@pytest.mark.parametrize(
    ("code", "value"), [(0, 0), (32767, 32767), (32768, 32768), (0x8001, 32776), (0xFFFF, 8387584)]
)
def test_floating_codes_of_rfc_3810(code, value):
    assert mld.from_response_code(code) == value
    assert mld.to_response_code(value) == code


def test_every_code_survives_and_numbers_are_rounded_down():
    codes = range(0x10000)
    assert [mld.to_response_code(mld.from_response_code(code)) for code in codes] == list(codes)
    for value in range(32768, 8387584, 997):
        code = mld.to_response_code(value)
        assert mld.from_response_code(code) <= value < mld.from_response_code(code + 1)


def test_numbers_out_of_range_are_clamped():
    assert mld.to_response_code(10**9) == 0xFFFF
    assert mld.to_response_code(-1) == 0
    assert decoded(mld.encode(Query(2, max_response=99.0), HOST, ROUTERS)) == Query(2, max_response=65.535)

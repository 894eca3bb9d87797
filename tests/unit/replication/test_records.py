"""The record codec."""

from ipaddress import IPv4Address, IPv6Address, ip_address

import msgspec
import pytest

from dataplane.packets import frames, igmp, mld
from dataplane.packets.ethernet import Subscriber
from dataplane.packets.messages import GroupRecord, RecordType, Report
from dataplane.packets.wire import DecodeError, DropReason
from dataplane.replication.records import (
    MAX_LIFETIME_MS,
    MAX_SOURCES,
    RECORD_SIZE,
    SOURCES_OCTETS,
    FilterMode,
    RecordBuffer,
    RecordDecoder,
    RecordKind,
    SourceLifetime,
    SubscriberType,
    aged,
    key_of,
    pack,
)
from tests.support.pairs import record

MAC = b"\x02\x00\x00\x00\x00\x01"
SOURCES = tuple(SourceLifetime(record(each).group, each * 1000) for each in range(3))
FULL = msgspec.structs.replace(
    record(5, backup_id=4095, access_id=65_535),
    kind=RecordKind.LEAVE,
    subscriber_type=SubscriberType.PPPOE_STB,
    filter_mode=FilterMode.INCLUDE,
    sources=SOURCES,
    reporter=record(9).group,
    returned=True,
    batch=True,
    sequence=2**64 - 1,
)

IPV6 = msgspec.structs.replace(
    FULL,
    kind=RecordKind.UPDATE,
    group=IPv6Address("ff3e::1:2:3"),
    sources=(SourceLifetime(IPv6Address("2001:db8::1"), 7), SourceLifetime(IPv6Address("2001:db8::2"), 0)),
    reporter=IPv6Address("fe80::9"),
)


def body(*records):
    buffer = RecordBuffer()
    for each in records:
        buffer.add(*pack(each, each.sequence, batch=each.batch))
    return buffer.take()


def refusal(octets):
    with pytest.raises(DecodeError) as caught:
        RecordDecoder().decode(octets)
    return caught.value.reason


def test_what_is_packed_is_unpacked():
    records = (FULL, record(1), msgspec.structs.replace(FULL, sources=SOURCES[:1]))
    assert RecordDecoder().decode(body(*records)) == records


def test_the_struct_has_the_size_that_the_drawing_says():
    assert RECORD_SIZE == 68
    assert len(body(record(1))) == 4 + 68


def test_a_longer_struct_of_a_later_version_is_understood():
    octets = body(record(1), record(2))
    first, second = octets[4:72], octets[72:]
    later = (
        (2).to_bytes(2, "big") + (72).to_bytes(2, "big") + first + b"more" + second + b"more" + b"trailing"
    )
    assert RecordDecoder().decode(later) == (record(1), record(2))


@pytest.mark.parametrize("position", [38, 39, 40])
def test_a_record_with_codes_of_a_later_version_is_read_as_unknown(position):
    octets = bytearray(body(record(1)))
    octets[position] = 99
    assert [each.kind for each in RecordDecoder().decode(bytes(octets))] == [RecordKind.UNKNOWN]


def test_sources_of_an_unknown_family_have_20_octets():
    later = bytearray(body(msgspec.structs.replace(IPV6, sequence=1), record(2)))
    later[4 + 34] = 99
    unknown, known = RecordDecoder().decode(bytes(later))
    assert unknown.kind is RecordKind.UNKNOWN
    assert known == record(2)


def test_a_record_of_a_later_kind_is_read_as_unknown():
    octets = bytearray(body(record(1), FULL, record(2)))
    octets[4 + 68] = 99
    first, unknown, last = RecordDecoder().decode(bytes(octets))
    assert (first, last) == (record(1), record(2))
    assert (unknown.kind, unknown.sequence) == (RecordKind.UNKNOWN, FULL.sequence)


def test_both_families_cross_in_one_message():
    records = (FULL, IPV6, record(1), msgspec.structs.replace(IPV6, sources=()))
    assert RecordDecoder().decode(body(*records)) == records


def test_a_source_of_ipv6_has_20_octets():
    assert len(pack(IPV6, 1)[1]) == 20 * len(IPV6.sources)


@pytest.mark.parametrize("group", ["224.0.0.251", "ff02::16", "ff01::1"])
def test_a_group_of_link_scope_is_refused(group):
    octets = body(msgspec.structs.replace(IPV6, group=ip_address(group), sources=()))
    assert refusal(octets) is DropReason.LINK_LOCAL_GROUP


@pytest.mark.parametrize(
    ("subscriber", "reason"),
    [
        (Subscriber(0, 0, 0, bytes(6)), "bad-subscriber-mac"),
        (Subscriber(0, 0, 0, b"\x01" + bytes(5)), "bad-subscriber-mac"),
        (Subscriber(0x1000, 0, 0, MAC), "malformed"),
        (Subscriber(1, 0xFFFF, 0, MAC), "malformed"),
        (Subscriber(0, 1, 0, MAC), "malformed"),
        (Subscriber(0, 0, 0xFFFF, MAC), "malformed"),
    ],
)
def test_a_subscriber_that_no_frame_can_come_from_is_refused(subscriber, reason):
    assert refusal(body(msgspec.structs.replace(record(1), subscriber=subscriber))) == reason


@pytest.mark.parametrize("tags", [(0, 0), (1, 0), (0xFFF, 0), (0xFFF, 0xFFF), (1, 1)])
@pytest.mark.parametrize("session", [0, 1, 0xFFFE])
@pytest.mark.parametrize("mac", [b"\xfe" + bytes([255] * 5), bytes(5) + b"\1"])
def test_whoever_a_frame_can_come_from_crosses(tags, session, mac):
    """Else a subscriber could end the channel, and again with each batch."""
    to = Subscriber(*tags, session, b"\2\0\0\0\0\x99")
    joined = [GroupRecord(RecordType.CHANGE_TO_EXCLUDE_MODE, IPv4Address("239.1.1.1"))]
    (frame,) = frames.report_frames(3, joined, mac, IPv4Address("10.0.0.1"), 1500, to)
    heard = frames.decode(frame)
    assert heard.subscriber == Subscriber(*tags, session, mac)
    crossing = msgspec.structs.replace(record(1), subscriber=heard.subscriber)
    assert RecordDecoder().decode(body(crossing)) == (crossing,)


@pytest.mark.parametrize(
    ("source", "good"),
    [
        ("0.0.0.0", False),
        ("0.0.0.1", True),
        ("126.255.255.255", True),
        ("127.0.0.1", False),
        ("223.255.255.255", True),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("::", False),
        ("::1", False),
        ("::2", True),
        ("ff05::1", False),
        ("fe80::1", True),
    ],
)
def test_a_source_is_taken_from_the_peer_when_an_access_interface_would_take_it(source, good):
    """0.0.0.0 would be an entry for any source; what a report may name has to cross, or the channel ends."""
    address = ip_address(source)
    group = IPv4Address("239.1.1.1") if address.version == 4 else IPv6Address("ff3e::1")
    heard = Report(3, (GroupRecord(RecordType.ALLOW_NEW_SOURCES, group, (address,)),))
    here, there = (IPv6Address(f"fe80::{each}") for each in (1, 2))
    if address.version == 4:
        accepted = taken(lambda: igmp.decode(igmp.encode(heard)))
    else:
        accepted = taken(lambda: mld.decode(mld.encode(heard, here, there), here, there))
    sources = (SourceLifetime(address, 1000),)
    record_of_it = msgspec.structs.replace(record(1), group=group, sources=sources)
    crossed = taken(lambda: RecordDecoder().decode(body(record_of_it)))
    assert (accepted, crossed) == (good, good)
    leave = msgspec.structs.replace(record_of_it, kind=RecordKind.LEAVE)
    assert taken(lambda: RecordDecoder().decode(body(leave))), "what a leave says besides means nothing"


def taken(decode):
    try:
        return bool(decode())
    except DecodeError as error:
        return error.reason != DropReason.BAD_SOURCE_ADDRESS


def test_an_ipv4_group_is_not_taken_from_what_is_known_of_ipv6():
    decoder = RecordDecoder()
    decoder.decode(body(IPV6))
    octets = bytearray(body(msgspec.structs.replace(IPV6, sources=())))
    octets[4 + 34] = 4
    with pytest.raises(DecodeError):
        decoder.decode(bytes(octets))


def test_what_is_cut_off_is_refused():
    octets = body(FULL)
    for length in range(len(octets)):
        assert refusal(octets[:length]) is DropReason.MALFORMED


def test_a_group_that_is_no_multicast_address_is_refused():
    octets = bytearray(body(record(1)))
    octets[4 + 18] = 10
    assert refusal(bytes(octets)) is DropReason.NOT_MULTICAST_GROUP


@pytest.mark.parametrize(
    "changes",
    [{"backup_id": 70_000}, {"access_id": -1}, {"sources": SOURCES * MAX_SOURCES}, {"lifetime_ms": -1}],
)
def test_what_does_not_fit_is_refused_before_it_is_sent(changes):
    with pytest.raises(ValueError):
        pack(msgspec.structs.replace(FULL, **changes), 1)


def test_a_mac_of_another_length_is_refused():
    strange = msgspec.structs.replace(FULL.subscriber, mac=b"\x02")
    with pytest.raises(ValueError):
        pack(msgspec.structs.replace(FULL, subscriber=strange), 1)


def test_a_lifetime_beyond_the_field_is_cut():
    long = msgspec.structs.replace(record(1), lifetime_ms=2**40)
    assert RecordDecoder().decode(body(long))[0].lifetime_ms == MAX_LIFETIME_MS


def test_the_key_is_the_entry_and_nothing_else():
    same = msgspec.structs.replace(record(1, source=4), lifetime_ms=1, kind=RecordKind.LEAVE)
    assert key_of(pack(record(1), 1)[0]) == key_of(pack(same, 2, batch=True)[0])
    assert key_of(pack(record(1), 1)[0]) != key_of(pack(record(2), 1)[0])
    assert key_of(pack(record(1), 1)[0]) != key_of(pack(record(1, access_id=2), 1)[0])


def test_waiting_shortens_what_remains():
    entry = msgspec.structs.replace(record(1), lifetime_ms=5_000, sources=SOURCES)
    older = aged(entry, 1.5)
    assert older.lifetime_ms == 3_500
    assert [source.lifetime_ms for source in older.sources] == [0, 0, 500]
    included = aged(msgspec.structs.replace(entry, filter_mode=FilterMode.INCLUDE), 1.5)
    assert [source.lifetime_ms for source in included.sources] == [500]


def test_the_sources_keep_an_include_entry_alive():
    entry = msgspec.structs.replace(record(1), lifetime_ms=0, filter_mode=FilterMode.INCLUDE, sources=SOURCES)
    assert aged(entry, 0.0004).sources == SOURCES[1:]
    assert aged(entry, 2.0) is None


def test_what_ran_out_is_nothing_and_a_leave_does_not_age():
    assert aged(record(1, lifetime_ms=1_000), 1.0) is None
    leave = record(1, kind=RecordKind.LEAVE, lifetime_ms=0)
    assert aged(leave, 99.0) is leave


def test_a_buffer_is_full_at_256_records_or_as_many_sources_as_are_applied_in_a_few_milliseconds():
    buffer = RecordBuffer()
    for _ in range(256):
        assert not buffer.full
        buffer.add(*pack(record(1), 1))
    assert buffer.full
    buffer.take()
    assert not buffer.full
    buffer.add(b"", bytes(SOURCES_OCTETS - 8))
    assert not buffer.full
    buffer.add(b"", bytes(8))
    assert buffer.full


def test_caches_are_bounded():
    decoder = RecordDecoder()
    for start in range(0, 70_000, 256):
        decoder.decode(body(*[record(start + each) for each in range(256)]))
    assert len(decoder._families[4].groups) <= 65_536 + 256

"""Codecs: nothing but DecodeError comes out of garbage, and what is encoded is decoded again."""

import contextlib
from ipaddress import IPv4Address

from hypothesis import given
from hypothesis import strategies as st

from dataplane.packets import ethernet, frames, igmp
from dataplane.packets.ethernet import Subscriber
from dataplane.packets.messages import GroupRecord, Query, RecordType, Report
from dataplane.packets.wire import DecodeError, Reader, checksum

MAC = bytes.fromhex("020000000001")
hosts = st.integers(0x01000000, 0x7EFFFFFF).map(IPv4Address)
groups = st.integers(0xE0000100, 0xEFFFFFFF).map(IPv4Address)
source_lists = st.lists(hosts, max_size=8).map(tuple)
records = st.builds(GroupRecord, st.sampled_from(RecordType), groups, source_lists)
codes = st.integers(0, 255)

reports = st.one_of(
    st.builds(lambda group: Report(1, (GroupRecord(RecordType.MODE_IS_EXCLUDE, group),)), groups),
    st.builds(
        lambda kind, group: Report(2, (GroupRecord(kind, group),)),
        st.sampled_from([RecordType.MODE_IS_EXCLUDE, RecordType.CHANGE_TO_INCLUDE_MODE]),
        groups,
    ),
    st.builds(lambda listed: Report(3, tuple(listed)), st.lists(records, max_size=8)),
)
queries = st.one_of(
    st.just(Query(1)),
    st.builds(
        lambda group, code: Query(2, group, max_response=code / 10),
        st.none() | groups,
        st.integers(1, 255),
    ),
    st.builds(
        lambda group, sources, response, interval, suppress, robustness: Query(
            3,
            group,
            sources if group else (),
            igmp.from_code(response) / 10,
            suppress,
            robustness,
            igmp.from_code(interval),
        ),
        st.none() | groups,
        source_lists,
        codes,
        codes,
        st.booleans(),
        st.integers(0, 7),
    ),
)
messages = st.one_of(reports, queries)


@given(messages)
def test_what_is_encoded_is_decoded_again(message):
    assert igmp.decode(igmp.encode(message)) == message


@given(messages, st.binary(max_size=12))
def test_octets_after_the_message_are_ignored(message, tail):
    octets = bytearray(igmp.encode(message) + tail)
    if isinstance(message, Query) and message.version < 3:
        return
    octets[2:4] = b"\0\0"
    octets[2:4] = checksum(bytes(octets)).to_bytes(2, "big")
    assert igmp.decode(bytes(octets)) == message


def survives(function, *arguments):
    with contextlib.suppress(DecodeError):
        result = function(*arguments)
        assert repr(result)
        return result
    return None


@given(st.binary(max_size=80), st.integers(0, 0xFFFF))
def test_garbage_frames(octets, vlan):
    survives(frames.decode, octets, vlan)
    survives(frames.decode, memoryview(octets), vlan)


@given(st.binary(min_size=4, max_size=80))
def test_garbage_with_a_right_checksum(octets):
    octets = octets[:2] + b"\0\0" + octets[4:]
    survives(igmp.decode, octets[:2] + checksum(octets).to_bytes(2, "big") + octets[4:])


@given(messages, st.integers(0, 200), codes, st.integers(0, 200))
def test_damaged_messages(message, at, value, cut):
    octets = bytearray(igmp.encode(message))
    octets[at % len(octets)] = value
    octets = octets[: max(4, len(octets) - cut % 12)]
    octets[2:4] = b"\0\0"
    octets[2:4] = checksum(bytes(octets)).to_bytes(2, "big")
    result = survives(igmp.decode, bytes(octets))
    if isinstance(result, Report):
        assert igmp.decode(igmp.encode(Report(result.version, result.records))).records == result.records


@given(messages, st.integers(0, 0xFFF), hosts, st.integers(0, 400), codes)
def test_frames_survive_their_way_and_damage(message, vlan, source, at, value):
    to = Subscriber(vlan, 0, 0, b"")
    octets = ethernet.encode(MAC, source, IPv4Address("239.1.1.1"), igmp.encode(message), to)
    found = frames.decode(octets + b"\xaa" * 18)
    assert (found.subscriber, found.source, found.message) == (Subscriber(vlan, 0, 0, MAC), source, message)
    damaged = bytearray(octets)
    damaged[at % len(damaged)] = value
    survives(frames.decode, bytes(damaged))


@given(st.lists(records, max_size=30), st.integers(100, 1500))
def test_reports_split_at_the_mtu_lose_nothing_but_long_exclude_lists(listed, mtu):
    sent = frames.report_frames(3, listed, MAC, IPv4Address("10.0.0.1"), mtu)
    assert all(len(octets) <= 14 + mtu for octets in sent)
    got = [record for octets in sent for record in frames.decode(octets).message.records]
    assert {record.group for record in got} == {record.group for record in listed}
    if all(len(record.sources) <= (mtu - 40) // 4 for record in listed):
        assert got == listed


@given(st.binary(max_size=20), st.lists(st.sampled_from(["u8", "u16", "u32", "ipv4", "end"]), max_size=12))
def test_the_reader_never_reads_past_the_end(octets, calls):
    reader = Reader(octets)
    for call in calls:
        survives(getattr(reader, call))
        assert 0 <= reader.remaining <= len(octets)


@given(
    st.builds(
        Subscriber,
        st.integers(0, 4095),
        st.integers(0, 4095),
        st.integers(0, 65535),
        st.binary(min_size=6, max_size=6),
    )
)
def test_subscriber_text_is_a_name(subscriber):
    assert Subscriber.parse(subscriber.text()) == subscriber


@given(st.text(max_size=40))
def test_subscriber_text_from_anywhere(text):
    with contextlib.suppress(ValueError):
        assert Subscriber.parse(Subscriber.parse(text).text()) == Subscriber.parse(text)

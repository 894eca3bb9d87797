"""MLD and every encapsulation: nothing but DecodeError comes out of garbage, and all survives its way."""

import contextlib
from ipaddress import IPv6Address

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from dataplane.capture.filter import MEMBERSHIP_MESSAGES
from dataplane.packets import ethernet, frames, mld
from dataplane.packets.ethernet import Subscriber
from dataplane.packets.igmp import from_code
from dataplane.packets.ipv6 import pseudo_header
from dataplane.packets.messages import GroupRecord, Query, RecordType, Report
from dataplane.packets.wire import DecodeError, checksum
from tests.support import bpf
from tests.support.kinds import KINDS, OUTER_TYPES, stripped

HOST = IPv6Address("fe80::2")
ROUTERS = IPv6Address("ff02::16")
ROUTER_MAC = bytes.fromhex("0200000000fe")

hosts = st.integers(2, (0xFF << 120) - 1).map(IPv6Address)
groups = st.builds(
    lambda flags, scope, rest: IPv6Address(0xFF << 120 | flags << 116 | scope << 112 | rest),
    st.integers(0, 15),
    st.integers(3, 15),
    st.integers(0, (1 << 112) - 1),
)
source_lists = st.lists(hosts, max_size=6).map(tuple)
records = st.builds(GroupRecord, st.sampled_from(RecordType), groups, source_lists)

reports = st.one_of(
    st.builds(
        lambda kind, group: Report(2, (GroupRecord(kind, group),)),
        st.sampled_from([RecordType.MODE_IS_EXCLUDE, RecordType.CHANGE_TO_INCLUDE_MODE]),
        groups,
    ),
    st.builds(lambda listed: Report(3, tuple(listed)), st.lists(records, max_size=6)),
)
queries = st.one_of(
    st.builds(
        lambda group, delay: Query(2, group, max_response=delay / 1000),
        st.none() | groups,
        st.integers(0, 0xFFFF),
    ),
    st.builds(
        lambda group, sources, response, interval, suppress, robustness: Query(
            3,
            group,
            sources if group else (),
            mld.from_response_code(response) / 1000,
            suppress,
            robustness,
            from_code(interval),
        ),
        st.none() | groups,
        source_lists,
        st.integers(0, 0xFFFF),
        st.integers(0, 255),
        st.booleans(),
        st.integers(0, 7),
    ),
)
messages = st.one_of(reports, queries)
places = st.builds(
    Subscriber,
    st.integers(0, 4095),
    st.integers(0, 4095),
    st.integers(0, 0xFFFE),
    st.binary(min_size=5, max_size=5).map(lambda rest: b"\x02" + rest),
)


def survives(function, *arguments):
    with contextlib.suppress(DecodeError):
        result = function(*arguments)
        assert repr(result)
        return result
    return None


def with_checksum(octets):
    octets = octets[:2] + b"\0\0" + octets[4:]
    covered = pseudo_header(HOST, ROUTERS, len(octets)) + octets
    return octets[:2] + checksum(covered).to_bytes(2, "big") + octets[4:]


@given(messages)
def test_what_is_encoded_is_decoded_again(message):
    assert mld.decode(mld.encode(message, HOST, ROUTERS), HOST, ROUTERS) == message


@given(messages, st.binary(max_size=12))
def test_octets_after_the_message_are_ignored(message, tail):
    if isinstance(message, Query) and message.version < 3:
        return
    octets = with_checksum(mld.encode(message, HOST, ROUTERS) + tail)
    assert mld.decode(octets, HOST, ROUTERS) == message


@given(st.sampled_from(mld.TYPES), st.binary(min_size=3, max_size=120))
def test_garbage_with_a_right_checksum(kind, octets):
    survives(mld.decode, with_checksum(bytes([kind]) + octets), HOST, ROUTERS)


@given(messages, st.integers(0, 200), st.integers(0, 255), st.integers(0, 200))
def test_damaged_messages(message, at, value, cut):
    octets = bytearray(mld.encode(message, HOST, ROUTERS))
    octets[at % len(octets)] = value
    octets = octets[: max(4, len(octets) - cut % 40)]
    result = survives(mld.decode, with_checksum(bytes(octets)), HOST, ROUTERS)
    if isinstance(result, Report):
        again = mld.encode(Report(result.version, result.records), HOST, ROUTERS)
        assert mld.decode(again, HOST, ROUTERS).records == result.records


@given(places, queries, st.sampled_from(OUTER_TYPES))
def test_a_query_names_whom_it_was_sent_to(place, query, outer_type):
    octets = frames.query_frame(query, ROUTER_MAC, HOST, place, outer_type)
    found = frames.decode(octets)
    tags = sorted((place.outer_vlan, place.inner_vlan), key=lambda vlan: vlan == 0)
    assert found.subscriber == Subscriber(*tags, place.pppoe_session, ROUTER_MAC)
    assert (found.source, found.message) == (HOST, query)
    assert (octets[:6] == place.mac) is bool(place.pppoe_session)
    assert frames.decode(*stripped(octets)) == found


@given(places, groups, st.lists(hosts, max_size=200), st.integers(576, 1500))
def test_a_query_is_split_at_the_mtu_and_asks_for_every_source(place, group, sources, mtu):
    query = Query(3, group, tuple(sources), 1.0, suppress=True, robustness=2, query_interval=60)
    sent = frames.query_frames(query, ROUTER_MAC, HOST, mtu, place)
    assert all(len(octets) <= 14 + mtu for octets in sent), "tags and session included"
    asked = [frames.decode(octets).message for octets in sent]
    assert [source for each in asked for source in each.sources] == sources
    assert all(replace(each, sources=query.sources) == query for each in asked)
    assert len(sent) == 1 or all(each.sources for each in asked)


@given(st.sampled_from(KINDS), st.data())
def test_every_truncation_and_every_damage_of_every_kind(kind, data):
    message = data.draw(st.sampled_from(list(kind.messages().values())))
    octets = kind.frame(message)
    for end in range(len(octets)):
        assert survives(frames.decode, octets[:end]) is None
    damaged = bytearray(octets)
    damaged[data.draw(st.integers(0, len(octets) - 1))] = data.draw(st.integers(0, 255))
    if survives(frames.decode, bytes(damaged)) is not None:
        assert bpf.run(MEMBERSHIP_MESSAGES, stripped(bytes(damaged))[0])[0], (
            "the filter takes what can be read"
        )
    assert frames.decode(octets + b"\xaa" * 20).message == message


@given(
    st.sampled_from([0x0800, 0x86DD, 0x8864, 0x8100, 0x88A8]), st.binary(max_size=90), st.integers(0, 0xFFFF)
)
def test_garbage_frames_of_every_type(ethertype, octets, vlan):
    frame = bytes(6) + b"\x02\0\0\0\0\1" + ethertype.to_bytes(2, "big") + octets
    survives(frames.decode, frame, vlan)
    survives(frames.decode, memoryview(frame), vlan)


@given(st.lists(records, max_size=30), st.integers(200, 1500), places)
def test_reports_split_at_the_mtu_lose_nothing_but_long_exclude_lists(listed, mtu, place):
    sent = frames.report_frames(3, listed, place.mac, HOST, mtu, place)
    link = len(ethernet.encode(place.mac, HOST, ROUTERS, b"", place)) - 48
    assert all(len(octets) <= link + mtu for octets in sent)
    got = [record for octets in sent for record in frames.decode(octets).message.records]
    assert {record.group for record in got} == {record.group for record in listed}
    if all(len(record.sources) <= (mtu - 56 - 20) // 16 for record in listed):
        assert got == listed

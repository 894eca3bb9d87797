"""The wire of the channel and of hellos: identity, any split, and one error out of garbage."""

from ipaddress import IPv4Address, IPv6Address

from hypothesis import given
from hypothesis import strategies as st

from dataplane.config import Role
from dataplane.packets.ethernet import Subscriber
from dataplane.packets.wire import DecodeError
from dataplane.replication.messages import (
    Ack,
    BatchBegin,
    BatchEnd,
    BatchRequest,
    Close,
    Deframer,
    Heartbeat,
    Open,
    encode,
    encode_records,
)
from dataplane.replication.records import (
    FilterMode,
    Record,
    RecordBuffer,
    RecordDecoder,
    RecordKind,
    SourceLifetime,
    SubscriberType,
    pack,
)
from dataplane.roles.hello import Hello, HelloError, Stamp, decode
from dataplane.roles.hello import encode as encode_hello

u8, u16, u32, u64, u128 = (st.integers(0, 2**bits - 1) for bits in (8, 16, 32, 64, 128))
addresses = u32.map(IPv4Address)
vlans = st.integers(1, 0x0FFF)
tags = st.one_of(st.just((0, 0)), st.tuples(vlans, st.just(0)), st.tuples(vlans, vlans))
macs = st.binary(min_size=6, max_size=6).filter(lambda mac: any(mac) and not mac[0] & 1)
subscribers = st.builds(
    lambda tags, session, mac: Subscriber(*tags, session, mac), tags, st.integers(0, 0xFFFE), macs
)
hosts = st.integers(1, 0x7EFFFFFF).map(IPv4Address)
hosts_of_ipv6 = st.integers(2, (0xFF << 120) - 1).map(IPv6Address)


def _records(groups, addresses, hosts):
    return st.builds(
        Record,
        st.sampled_from([RecordKind.UPDATE, RecordKind.LEAVE]),
        u16,
        u16,
        subscribers,
        st.sampled_from(SubscriberType),
        groups,
        st.sampled_from(FilterMode),
        u32,
        st.lists(st.builds(SourceLifetime, hosts, u32), max_size=5).map(tuple),
        addresses,
        st.booleans(),
        st.booleans(),
        u64,
    )


records = st.one_of(
    _records(st.integers(0xE0000100, 0xEFFFFFFF).map(IPv4Address), addresses, hosts),
    _records(
        st.integers(0xFF030000 << 96, (0xFF0F0000 << 96) + 2**64).map(IPv6Address),
        u128.map(IPv6Address),
        hosts_of_ipv6,
    ).filter(lambda record: record.group.packed[1] & 0x0F > 2),
)
controls = st.one_of(
    st.builds(Open, u64, u64, u32, u16, u16),
    st.builds(Ack, st.lists(st.tuples(u16, u64), max_size=9).map(tuple)),
    st.builds(BatchBegin, u16, u32, u64),
    st.builds(BatchEnd, u16, u32, u64, u32),
    st.builds(BatchRequest, u16, st.booleans()),
    st.just(Heartbeat()),
    st.builds(Close, st.text("abcdefgh-", max_size=40)),
)
hellos = st.builds(
    Hello,
    u16,
    u16,
    st.sampled_from(Role),
    u8,
    st.booleans(),
    st.booleans(),
    st.booleans(),
    u32,
    st.builds(Stamp, u64, u64),
    st.builds(Stamp, u64, u64),
)


def packed(batch):
    buffer = RecordBuffer()
    for each in batch:
        buffer.add(*pack(each, each.sequence, batch=each.batch))
    return buffer.take()


def messages(octets, cuts):
    deframer = Deframer()
    found = []
    start = 0
    for cut in [*sorted(cuts), len(octets)]:
        found += deframer.feed(octets[start:cut])
        start = max(start, cut)
    return found


@given(st.lists(records, min_size=1, max_size=20))
def test_records_are_what_they_were(batch):
    decoded = RecordDecoder().decode(packed(batch))
    assert decoded == tuple(batch)
    assert repr(decoded)


@given(st.lists(controls | st.lists(records, min_size=1, max_size=4), max_size=8), st.data())
def test_any_split_gives_the_same_messages(items, data):
    octets = b"".join(
        encode_records(packed(each)) if isinstance(each, list) else encode(each) for each in items
    )
    cuts = data.draw(st.lists(st.integers(0, len(octets)), max_size=12))
    whole = messages(octets, [])
    assert len(whole) == len(items)
    assert [each for each in whole if not hasattr(each, "records")] == [
        each for each in items if not isinstance(each, list)
    ]
    assert messages(octets, cuts) == whole


@given(st.binary(max_size=300), st.integers(0, 10))
def test_garbage_gives_messages_or_a_decode_error(garbage, kind):
    for octets in (garbage, len(garbage).to_bytes(4, "big") + bytes((kind, 0, 0, 0)) + garbage):
        try:
            list(Deframer().feed(octets))
        except DecodeError:
            continue


@given(st.lists(records, min_size=1, max_size=3), st.data())
def test_a_damaged_batch_gives_records_or_a_decode_error(batch, data):
    octets = bytearray(packed(batch))
    octets[data.draw(st.integers(0, len(octets) - 1))] = data.draw(u8)
    try:
        RecordDecoder().decode(bytes(octets[: data.draw(st.integers(0, len(octets)))]))
    except DecodeError:
        return


@given(hellos, st.binary(max_size=40), addresses)
def test_hellos_are_what_they_were(hello, key, sender):
    assert decode(encode_hello(hello, key, sender), key, sender) == hello


@given(st.binary(max_size=600), st.binary(max_size=8))
def test_garbage_is_no_hello(garbage, key):
    for datagram in (garbage, b"TCEH\x01" + garbage):
        try:
            decode(datagram, key, IPv4Address(1))
        except HelloError:
            continue
        raise AssertionError("garbage was believed")

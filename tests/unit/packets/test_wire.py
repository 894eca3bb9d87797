"""The cursor refuses, and never reads past the end."""

from ipaddress import IPv4Address

import pytest

from dataplane.packets.wire import DecodeError, DropReason, Reader, checksum, ones_sum_is_zero


def test_reads_in_network_order():
    reader = Reader(b"\x01\x02\x03\x04\x05\x06\x07\x0a\x00\x00\x01zz")
    assert reader.u8() == 1
    assert reader.u16() == 0x0203
    assert reader.u32() == 0x04050607
    assert reader.ipv4() == IPv4Address("10.0.0.1")
    assert bytes(reader.take(2)) == b"zz"
    reader.end()


@pytest.mark.parametrize("read", [Reader.u8, Reader.u16, Reader.u32, Reader.ipv4])
def test_past_the_end_is_too_short(read):
    with pytest.raises(DecodeError) as caught:
        read(Reader(b""))
    assert caught.value.reason is DropReason.TOO_SHORT


def test_a_refused_read_moves_nothing():
    reader = Reader(b"\x01\x02")
    with pytest.raises(DecodeError):
        reader.take(3)
    assert reader.remaining == 2


def test_left_over_octets_are_malformed():
    with pytest.raises(DecodeError) as caught:
        Reader(b"\x00").end()
    assert caught.value.reason is DropReason.MALFORMED


def slow_checksum(data):
    """RFC 1071 as it is written: add words, fold carries, complement."""
    data = data + b"\0" * (len(data) % 2)
    total = sum(int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data), 2))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


@pytest.mark.parametrize(
    "data",
    [b"\x16\x00\x00\x00\xef\x01\x02\x03", b"\xff\xff", b"\x00\x01\xff\xfe", b"odd", b"\xff" * 41],
)
def test_checksum_agrees_with_the_loop(data):
    assert checksum(data) in (slow_checksum(data), slow_checksum(data) ^ 0xFFFF)
    whole = data + b"\0" * (len(data) % 2)
    assert ones_sum_is_zero(whole + checksum(data).to_bytes(2, "big"))
    assert not ones_sum_is_zero(whole + ((checksum(data) + 1) % 0xFFFF).to_bytes(2, "big"))


def test_reasons_are_counter_names():
    assert all(reason.value == reason.value.lower().replace("_", "-") for reason in DropReason)

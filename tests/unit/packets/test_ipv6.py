"""IPv6 headers around MLD: every rule that refuses a packet, and a packet as RFC 3810 section 5 sends it."""

from ipaddress import IPv6Address

import pytest

from dataplane.packets import ipv6
from dataplane.packets.wire import DecodeError, DropReason

HOST = IPv6Address("fe80::2")
GROUP = IPv6Address("ff3e::8001:203")
MESSAGE = b"\x8f" + bytes(7)
PACKET = ipv6.encode(HOST, GROUP, MESSAGE)


def changed(*changes, packet=PACKET):
    octets = bytearray(packet)
    for at, value in changes:
        octets[at : at + len(value)] = value
    return bytes(octets)


def with_options(options, length=0, following=58):
    header = bytes([following, length]) + options
    packet = PACKET[:40] + header + MESSAGE
    return changed((4, (len(header) + len(MESSAGE)).to_bytes(2, "big")), packet=packet)


def test_a_packet_as_rfc_3810_sends_it():
    assert PACKET[:8].hex() == "6c00000000100001"
    assert PACKET[40:48].hex() == "3a00050200000100"
    assert ipv6.decode(PACKET, 0, len(PACKET)) == (HOST, GROUP, True, MESSAGE)
    assert ipv6.decode(b"\xaa" * 9 + PACKET + b"\xbb" * 9, 9, 18 + len(PACKET))[3] == MESSAGE


@pytest.mark.parametrize(
    ("packet", "reason"),
    [
        (PACKET[:39], DropReason.TOO_SHORT),
        (PACKET[:-1], DropReason.TOO_SHORT),
        (changed((0, b"\x45")), DropReason.BAD_IP_HEADER),
        (changed((4, b"\x00\x07")), DropReason.BAD_IP_HEADER),
        (changed((4, b"\x00\x00")), DropReason.BAD_IP_HEADER),
        (changed((6, b"\x3a")), DropReason.MISSING_ROUTER_ALERT),
        (changed((6, b"\x2c")), DropReason.FRAGMENT),
        (changed((6, b"\x11")), DropReason.NOT_MLD),
        (changed((7, b"\x02")), DropReason.BAD_TTL),
        (changed((7, b"\xff")), DropReason.BAD_TTL),
        (changed((8, IPv6Address("2001:db8::1").packed)), DropReason.BAD_SOURCE_ADDRESS),
        (changed((8, IPv6Address("fec0::1").packed)), DropReason.BAD_SOURCE_ADDRESS),
        (changed((8, IPv6Address("ff02::1").packed)), DropReason.BAD_SOURCE_ADDRESS),
        (changed((8, bytes(16))), DropReason.BAD_SOURCE_ADDRESS),
        (changed((41, b"\x02")), DropReason.BAD_IP_HEADER),
        (with_options(bytes(6)), DropReason.MISSING_ROUTER_ALERT),
        (with_options(b"\x05\x02\x00\x01\x01\x00"), DropReason.MISSING_ROUTER_ALERT),
        (with_options(b"\x05\x02\x00\x00\x01\x00", following=44), DropReason.FRAGMENT),
        (with_options(b"\x05\x02\x00\x00\x01\x00", following=6), DropReason.NOT_MLD),
        (with_options(b"\x05\x02\x00\x00\x01\x01"), DropReason.BAD_IP_HEADER),
        (with_options(b"\x05\x02\x00\x00\x00\x01"), DropReason.BAD_IP_HEADER),
        (with_options(b"\xc2\x04\x00\x00\x00\x00" + PACKET[42:48] + b"\0\0", 1), DropReason.BAD_IP_HEADER),
    ],
)
def test_what_is_refused_and_why(packet, reason):
    with pytest.raises(DecodeError) as caught:
        ipv6.decode(packet, 0, len(packet))
    assert caught.value.reason is reason


@pytest.mark.parametrize(
    "packet",
    [
        with_options(b"\x05\x02\x00\x00\x00\x00"),
        with_options(b"\x00\x00\x05\x02\x00\x00"),
        with_options(b"\x01\x00\x05\x02\x00\x00"),
        with_options(b"\x1e\x04\xaa\xbb\xcc\xdd\x05\x02\x00\x00\x01\x02\x00\x00", 1),
    ],
)
def test_the_alert_may_stand_anywhere_among_the_options(packet):
    assert ipv6.decode(packet, 0, len(packet))[3] == MESSAGE


def test_multicast_mac_keeps_32_bits():
    assert ipv6.multicast_mac(GROUP) == bytes.fromhex("333380010203")


def test_the_pseudo_header_of_rfc_8200():
    octets = ipv6.pseudo_header(HOST, GROUP, 0x1234)
    assert octets == HOST.packed + GROUP.packed + bytes.fromhex("00001234 0000003a")

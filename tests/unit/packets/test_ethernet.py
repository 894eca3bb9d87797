"""Headers around IGMP: every rule that refuses a frame, and the subscriber that a good one names."""

from ipaddress import IPv4Address

import pytest

from dataplane.packets import ethernet
from dataplane.packets.ethernet import Subscriber
from dataplane.packets.wire import DecodeError, DropReason, checksum

MAC = bytes.fromhex("020000000001")
HOST = IPv4Address("10.0.0.2")
GROUP = IPv4Address("239.1.2.3")
PAYLOAD = b"\x16\x00\x00\x00\xef\x01\x02\x03"
FRAME = ethernet.encode(MAC, HOST, GROUP, PAYLOAD)


def with_ip(**fields):
    """The frame with some octets of its IPv4 header changed and the checksum right again."""
    frame = bytearray(FRAME)
    for name, value in fields.items():
        at = {"version": 0, "fragment": 6, "offset": 7, "ttl": 8, "protocol": 9, "source": 12, "option": 20}[
            name
        ]
        frame[14 + at] = value
    frame[24:26] = b"\0\0"
    frame[24:26] = checksum(bytes(frame[14:38])).to_bytes(2, "big")
    return bytes(frame)


def tagged(*tags, frame=FRAME):
    return (
        frame[:12]
        + b"".join(kind.to_bytes(2, "big") + tci.to_bytes(2, "big") for kind, tci in tags)
        + frame[12:]
    )


def refused(frame, outer_vlan=0):
    with pytest.raises(DecodeError) as caught:
        ethernet.decode(frame, outer_vlan)
    return caught.value.reason


def test_a_frame_as_rfc_3376_sends_it():
    assert FRAME[:6] == bytes.fromhex("01005e010203")
    assert FRAME[15] == 0xC0
    assert FRAME[22] == 1
    packet = ethernet.decode(FRAME)
    assert packet.subscriber == Subscriber(0, 0, 0, MAC)
    assert (packet.source, packet.destination) == (HOST, GROUP)
    assert packet.router_alert
    assert bytes(packet.payload) == PAYLOAD


def test_multicast_mac_keeps_23_bits():
    assert ethernet.multicast_mac(IPv4Address("239.129.2.3")) == bytes.fromhex("01005e010203")


def test_ethernet_padding_is_cut_off():
    assert bytes(ethernet.decode(FRAME + b"\xaa" * 20).payload) == PAYLOAD


@pytest.mark.parametrize(
    ("frame", "outer_vlan", "vlan"),
    [
        (FRAME, 100, 100),
        (FRAME, 0xE064, 100),
        (tagged((0x8100, 100)), 0, 100),
        (tagged((0x88A8, 0xA064)), 0, 100),
        (tagged((0x8100, 0xE000)), 0, 0),
        (ethernet.encode(MAC, HOST, GROUP, PAYLOAD, vlan=7), 0, 7),
    ],
)
def test_one_tag_stripped_or_inline(frame, outer_vlan, vlan):
    assert ethernet.decode(frame, outer_vlan).subscriber == Subscriber(vlan, 0, 0, MAC)


@pytest.mark.parametrize(
    ("frame", "outer_vlan", "reason"),
    [
        (FRAME[:33], 0, DropReason.TOO_SHORT),
        (FRAME[:-1], 0, DropReason.TOO_SHORT),
        (tagged((0x8100, 100)), 5, DropReason.UNSUPPORTED_QINQ),
        (tagged((0x88A8, 5), (0x8100, 100)), 0, DropReason.UNSUPPORTED_QINQ),
        (FRAME[:12] + b"\x88\x64" + FRAME[14:], 0, DropReason.UNSUPPORTED_PPPOE),
        (tagged((0x8100, 9))[:16] + b"\x88\x63" + FRAME[14:], 0, DropReason.UNSUPPORTED_PPPOE),
        (FRAME[:12] + b"\x86\xdd" + FRAME[14:], 0, DropReason.NOT_IPV4),
        (FRAME[:12] + b"\x00\x2e" + FRAME[14:], 0, DropReason.NOT_IPV4),
        (FRAME[:6] + b"\x01" + FRAME[7:], 0, DropReason.BAD_SUBSCRIBER_MAC),
        (FRAME[:6] + bytes(6) + FRAME[12:], 0, DropReason.BAD_SUBSCRIBER_MAC),
        (with_ip(version=0x66), 0, DropReason.BAD_IP_HEADER),
        (with_ip(version=0x44), 0, DropReason.BAD_IP_HEADER),
        (with_ip(version=0x4F), 0, DropReason.BAD_IP_HEADER),
        (FRAME[:24] + b"\xff" + FRAME[25:], 0, DropReason.BAD_IP_HEADER),
        (with_ip(option=0x07), 0, None),
        (with_ip(protocol=17), 0, DropReason.NOT_IGMP),
        (with_ip(fragment=0x20), 0, DropReason.FRAGMENT),
        (with_ip(offset=1), 0, DropReason.FRAGMENT),
        (with_ip(ttl=2), 0, DropReason.BAD_TTL),
        (with_ip(source=224), 0, DropReason.BAD_SOURCE_ADDRESS),
        (with_ip(source=127), 0, DropReason.BAD_SOURCE_ADDRESS),
    ],
)
def test_what_is_refused_and_why(frame, outer_vlan, reason):
    if reason is None:
        assert not ethernet.decode(frame, outer_vlan).router_alert
    else:
        assert refused(frame, outer_vlan) is reason


def test_an_option_longer_than_the_header():
    frame = bytearray(with_ip(option=0x07))
    frame[35] = 9
    frame[24:26] = b"\0\0"
    frame[24:26] = checksum(bytes(frame[14:38])).to_bytes(2, "big")
    assert refused(bytes(frame)) is DropReason.BAD_IP_HEADER


def test_source_0_0_0_0_is_a_host_without_an_address():
    frame = ethernet.encode(MAC, IPv4Address(0), GROUP, PAYLOAD)
    assert ethernet.decode(frame).source == IPv4Address(0)


@pytest.mark.parametrize(
    ("subscriber", "text"),
    [
        (Subscriber(0, 0, 0, MAC), "02:00:00:00:00:01"),
        (Subscriber(100, 0, 0, MAC), "02:00:00:00:00:01@100"),
        (Subscriber(100, 200, 0, MAC), "02:00:00:00:00:01@100.200"),
        (Subscriber(0, 0, 7, MAC), "02:00:00:00:00:01/7"),
        (Subscriber(100, 200, 65535, MAC), "02:00:00:00:00:01@100.200/65535"),
    ],
)
def test_subscriber_text(subscriber, text):
    assert subscriber.text() == text
    assert Subscriber.parse(text) == subscriber
    assert Subscriber.parse(text.upper()) == subscriber


@pytest.mark.parametrize(
    "text", ["", "02:00:00:00:00", "02:00:00:00:00:01@4096", "02:00:00:00:00:01/70000", "x"]
)
def test_subscriber_text_refused(text):
    with pytest.raises(ValueError, match="not a subscriber"):
        Subscriber.parse(text)

"""Headers around IGMP: every rule that refuses a frame, and the subscriber that a good one names."""

from ipaddress import IPv4Address, IPv6Address

import pytest

from dataplane.packets import ethernet
from dataplane.packets.ethernet import Subscriber
from dataplane.packets.wire import DecodeError, DropReason, checksum

MAC = bytes.fromhex("020000000001")
ROUTER_MAC = bytes.fromhex("0200000000fe")
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


def in_session(version=0x11, code=0, session=7, length=34, protocol=0x0021, packet=FRAME[14:]):
    """The frame's packet in a PPPoE session."""
    numbers = session.to_bytes(2, "big") + length.to_bytes(2, "big") + protocol.to_bytes(2, "big")
    return ROUTER_MAC + FRAME[6:12] + b"\x88\x64" + bytes([version, code]) + numbers + packet


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
        (ethernet.encode(MAC, HOST, GROUP, PAYLOAD, Subscriber(7, 0, 0, b"")), 0, 7),
    ],
)
def test_one_tag_stripped_or_inline(frame, outer_vlan, vlan):
    assert ethernet.decode(frame, outer_vlan).subscriber == Subscriber(vlan, 0, 0, MAC)


@pytest.mark.parametrize(
    ("frame", "outer_vlan", "reason"),
    [
        (FRAME[:33], 0, DropReason.TOO_SHORT),
        (FRAME[:-1], 0, DropReason.TOO_SHORT),
        (tagged((0x8100, 100), (0x8100, 7)), 5, DropReason.TOO_MANY_TAGS),
        (tagged((0x88A8, 5), (0x8100, 100), (0x8100, 7)), 0, DropReason.TOO_MANY_TAGS),
        (FRAME[:12] + b"\x88\x63" + FRAME[14:], 0, DropReason.NOT_IP),
        (FRAME[:12] + b"\x86\xdd" + FRAME[14:] + bytes(40), 0, DropReason.BAD_IP_HEADER),
        (FRAME[:12] + b"\x00\x2e" + FRAME[14:], 0, DropReason.NOT_IP),
        (in_session(version=0x12), 0, DropReason.BAD_PPPOE_HEADER),
        (in_session(code=9), 0, DropReason.BAD_PPPOE_HEADER),
        (in_session(session=0), 0, DropReason.BAD_PPPOE_HEADER),
        (in_session(session=0xFFFF), 0, DropReason.BAD_PPPOE_HEADER),
        (in_session(length=1), 0, DropReason.BAD_PPPOE_HEADER),
        (FRAME[:6] + in_session()[6:], 0, DropReason.BAD_PPPOE_HEADER),
        (b"\xff" * 6 + in_session()[6:], 7, DropReason.BAD_PPPOE_HEADER),
        (in_session(length=len(FRAME)), 0, DropReason.TOO_SHORT),
        (in_session(length=20), 0, DropReason.TOO_SHORT),
        (in_session(length=2 + 30), 0, DropReason.TOO_SHORT),
        (in_session(protocol=0xC021), 0, DropReason.NOT_IP),
        (in_session(protocol=0x2145), 0, DropReason.NOT_IP),
        (in_session(protocol=0x0057), 0, DropReason.TOO_SHORT),
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


@pytest.mark.parametrize(
    ("frame", "outer_vlan", "subscriber"),
    [
        (tagged((0x8100, 200)), 100, Subscriber(100, 200, 0, MAC)),
        (tagged((0x88A8, 100), (0x8100, 200)), 0, Subscriber(100, 200, 0, MAC)),
        (tagged((0x8100, 100), (0x8100, 0x6000 | 200)), 0, Subscriber(100, 200, 0, MAC)),
        (tagged((0x8100, 0xE000), (0x8100, 200)), 100, Subscriber(100, 200, 0, MAC)),
        (tagged((0x8100, 200)), 0xE000, Subscriber(200, 0, 0, MAC)),
        (in_session(), 0, Subscriber(0, 0, 7, MAC)),
        (in_session() + b"\xaa" * 20, 100, Subscriber(100, 0, 7, MAC)),
        (tagged((0x8100, 200), frame=in_session(session=0xFFFE)), 100, Subscriber(100, 200, 0xFFFE, MAC)),
    ],
)
def test_tags_and_session_name_the_subscriber(frame, outer_vlan, subscriber):
    packet = ethernet.decode(frame, outer_vlan)
    assert packet.subscriber == subscriber
    assert bytes(packet.payload) == PAYLOAD


@pytest.mark.parametrize(
    ("to", "outer_type", "link"),
    [
        (Subscriber(0, 0, 0, b""), 0x8100, "01005e010203 020000000001 0800"),
        (Subscriber(100, 0, 0, b""), 0x8100, "01005e010203 020000000001 81000064 0800"),
        (Subscriber(100, 0, 0, b""), 0x88A8, "01005e010203 020000000001 88a80064 0800"),
        (Subscriber(100, 200, 0, b""), 0x8100, "01005e010203 020000000001 81000064 810000c8 0800"),
        (Subscriber(100, 200, 0, b""), 0x88A8, "01005e010203 020000000001 88a80064 810000c8 0800"),
        (Subscriber(0, 0, 7, b"\x02\0\0\0\0\7"), 0x8100, "020000000007 020000000001 8864 11000007 0022 0021"),
        (
            Subscriber(100, 200, 7, b"\x02\0\0\0\0\7"),
            0x88A8,
            "020000000007 020000000001 88a80064 810000c8 8864 11000007 0022 0021",
        ),
    ],
)
def test_what_a_frame_to_a_subscriber_carries(to, outer_type, link):
    octets = bytes.fromhex(link)
    frame = ethernet.encode(MAC, HOST, GROUP, PAYLOAD, to, outer_type)
    assert frame == octets + FRAME[14:]


def test_addresses_of_two_families_in_one_packet():
    with pytest.raises(TypeError, match="different families"):
        ethernet.encode(MAC, HOST, IPv6Address("ff3e::1"), PAYLOAD)


def test_what_one_multicast_frame_reaches():
    assert Subscriber(100, 200, 0, MAC).circuit == Subscriber(100, 200, 0, bytes(6))
    assert Subscriber(0, 0, 0, MAC).circuit == ethernet.UNTAGGED
    assert Subscriber(100, 0, 7, MAC).circuit == Subscriber(100, 0, 7, MAC)


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
    "text",
    [
        "",
        "02:00:00:00:00",
        "02:00:00:00:00:01@4096",
        "02:00:00:00:00:01/70000",
        "02:00:00:00:00:01@\u0661",
        "x",
    ],
)
def test_subscriber_text_refused(text):
    with pytest.raises(ValueError, match="not a subscriber"):
        Subscriber.parse(text)

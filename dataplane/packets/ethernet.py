"""Ethernet and IPv4 around an IGMP message: who sent it, and whether the headers are right.

Owns the subscriber's identity (VLAN tags, PPPoE session, MAC) and the header checks of RFC 791; it does
not look into IGMP. QinQ and PPPoE access are recognised and refused with a reason of their own.
"""

import re
from ipaddress import IPv4Address
from struct import Struct

import msgspec

from dataplane.packets.wire import DecodeError, DropReason, Octets, checksum, ones_sum_is_zero

ETHERTYPE_IPV4 = 0x0800
ETHERTYPE_VLAN = 0x8100
_VLAN_TYPES = (ETHERTYPE_VLAN, 0x88A8)
_PPPOE_TYPES = (0x8863, 0x8864)
_IGMP = 2
_ROUTER_ALERT = b"\x94\x04\x00\x00"  # RFC 2113
_INTERNETWORK_CONTROL = 0xC0  # the TOS of all IGMPv3 messages (RFC 3376 section 4)

_TYPE = Struct("!H").unpack_from
_TAG = Struct("!HH").unpack_from
_IP_HEADER = Struct("!BxHxxHBBxxII").unpack_from
_IP_BUILD = Struct("!BBHHHBBH4s4s4s").pack
_VLAN_ID = 0x0FFF
_MORE_OR_OFFSET = 0x3FFF
_MULTICAST_START = 0xE0000000
_LOOPBACK = 127

_TEXT = re.compile(r"((?:[0-9a-f]{2}:){5}[0-9a-f]{2})(?:@(\d{1,4})(?:\.(\d{1,4}))?)?(?:/(\d{1,5}))?")


class Subscriber(msgspec.Struct, frozen=True, gc=False, order=True):
    """Who is behind an access interface: VLAN tags, PPPoE session and MAC (6 octets); 0 means none."""

    outer_vlan: int
    inner_vlan: int
    pppoe_session: int
    mac: bytes

    @property
    def tagged(self) -> bool:
        """Whether packets to it need a header that the kernel's multicast routing does not add."""
        return bool(self.outer_vlan or self.inner_vlan or self.pppoe_session)

    def text(self) -> str:
        """`02:00:00:00:00:01@100.200/7`: MAC, then VLAN tags outer first, then PPPoE session, if any."""
        tags = f"@{self.outer_vlan}" if self.outer_vlan or self.inner_vlan else ""
        inner = f".{self.inner_vlan}" if self.inner_vlan else ""
        session = f"/{self.pppoe_session}" if self.pppoe_session else ""
        return f"{self.mac.hex(':')}{tags}{inner}{session}"

    @classmethod
    def parse(cls, text: str) -> "Subscriber":
        """The inverse of `text`; raises ValueError."""
        match = _TEXT.fullmatch(text.lower())
        if match is None:
            raise ValueError(f"not a subscriber: {text!r}")
        outer, inner, session = (int(part or 0) for part in match.groups()[1:])
        if outer > _VLAN_ID or inner > _VLAN_ID or session > 0xFFFF:
            raise ValueError(f"not a subscriber: {text!r}")
        return cls(outer, inner, session, bytes.fromhex(match[1].replace(":", "")))


class IpFrame(msgspec.Struct, frozen=True, gc=False):
    """The IGMP payload of one frame, cut to the datagram's length, with the addresses around it."""

    subscriber: Subscriber
    source: IPv4Address
    destination: IPv4Address
    router_alert: bool
    payload: Octets


def decode(frame: Octets, outer_vlan: int = 0) -> IpFrame:
    """Ethernet II and IPv4 of one frame that carries IGMP; raises DecodeError.

    `outer_vlan` is the tag that the kernel stripped (its VID, or the whole TCI; 0 for none). The TTL must
    be 1 (RFC 3376 section 4): a message with another has been routed, or wants to be.
    """
    if len(frame) < 34:
        raise DecodeError(DropReason.TOO_SHORT)
    vlan, start = _network_header(frame, outer_vlan & _VLAN_ID)
    mac = bytes(frame[6:12])
    if mac[0] & 1 or mac == b"\0\0\0\0\0\0":
        raise DecodeError(DropReason.BAD_SUBSCRIBER_MAC)
    return _ip(frame, start, Subscriber(vlan, 0, 0, mac))


def _network_header(frame: Octets, vlan: int) -> tuple[int, int]:
    """The one VLAN tag in force and where the IPv4 header starts; a tag with VID 0 is a priority only."""
    (ethertype,) = _TYPE(frame, 12)
    if ethertype == ETHERTYPE_IPV4:
        return vlan, 14
    if ethertype in _VLAN_TYPES:
        tag, ethertype = _TAG(frame, 14)
        if vlan or ethertype in _VLAN_TYPES:
            raise DecodeError(DropReason.UNSUPPORTED_QINQ)
        vlan = tag & _VLAN_ID
    if ethertype in _PPPOE_TYPES:
        raise DecodeError(DropReason.UNSUPPORTED_PPPOE)
    if ethertype != ETHERTYPE_IPV4:
        raise DecodeError(DropReason.NOT_IPV4)
    return vlan, 18


def _ip(frame: Octets, start: int, subscriber: Subscriber) -> IpFrame:
    if len(frame) < start + 20:
        raise DecodeError(DropReason.TOO_SHORT)
    version, total, fragment, ttl, protocol, source, destination = _IP_HEADER(frame, start)
    payload = start + (version & 0x0F) * 4
    end = start + total
    if version >> 4 != 4 or payload < start + 20 or end < payload:
        raise DecodeError(DropReason.BAD_IP_HEADER)
    if end > len(frame):
        raise DecodeError(DropReason.TOO_SHORT)
    if not ones_sum_is_zero(frame[start:payload]):
        raise DecodeError(DropReason.BAD_IP_HEADER)
    _check_delivery(protocol, fragment, ttl, source)
    options = bytes(frame[start + 20 : payload])
    alert = options == _ROUTER_ALERT or _has_router_alert(options)
    return IpFrame(subscriber, IPv4Address(source), IPv4Address(destination), alert, frame[payload:end])


def _check_delivery(protocol: int, fragment: int, ttl: int, source: int) -> None:
    if protocol != _IGMP:
        raise DecodeError(DropReason.NOT_IGMP)
    if fragment & _MORE_OR_OFFSET:
        raise DecodeError(DropReason.FRAGMENT)
    if ttl != 1:
        raise DecodeError(DropReason.BAD_TTL)
    if source >= _MULTICAST_START or source >> 24 == _LOOPBACK:
        raise DecodeError(DropReason.BAD_SOURCE_ADDRESS)


def _has_router_alert(options: bytes) -> bool:
    """Walk the options of RFC 791 section 3.1; a length that leaves the header is BAD_IP_HEADER."""
    position = 0
    while position < len(options) and options[position] != 0:
        if options[position] == 1:
            position += 1
            continue
        length = options[position + 1] if position + 1 < len(options) else 0
        if length < 2 or position + length > len(options):
            raise DecodeError(DropReason.BAD_IP_HEADER)
        if options[position : position + length] == _ROUTER_ALERT:
            return True
        position += length
    return False


def multicast_mac(group: IPv4Address) -> bytes:
    """The Ethernet address of an IPv4 multicast group (RFC 1112 section 6.4)."""
    return b"\x01\x00\x5e" + (int(group) & 0x7FFFFF).to_bytes(3, "big")


def encode(
    source_mac: bytes, source: IPv4Address, group: IPv4Address, payload: bytes, vlan: int = 0
) -> bytes:
    """A frame to a multicast group with TTL 1, TOS 0xc0 and Router Alert (RFC 3376 section 4)."""
    tag = b"" if vlan == 0 else ETHERTYPE_VLAN.to_bytes(2, "big") + vlan.to_bytes(2, "big")
    head = _ip_header(source, group, len(payload), 0)
    head = _ip_header(source, group, len(payload), checksum(head))
    ethertype = ETHERTYPE_IPV4.to_bytes(2, "big")
    return b"".join((multicast_mac(group), source_mac, tag, ethertype, head, payload))


def _ip_header(source: IPv4Address, destination: IPv4Address, length: int, header_checksum: int) -> bytes:
    dont_fragment = 0x4000
    return _IP_BUILD(
        0x46,
        _INTERNETWORK_CONTROL,
        24 + length,
        0,
        dont_fragment,
        1,
        _IGMP,
        header_checksum,
        source.packed,
        destination.packed,
        _ROUTER_ALERT,
    )

"""Ethernet, VLAN tags and PPPoE around an IP packet: who sent it, and what a frame to it must carry.

Owns the subscriber's identity (VLAN tags, PPPoE session, MAC). The IP headers are read by `ipv4` and `ipv6`;
nothing here looks into IGMP or MLD.
"""

import re
from ipaddress import IPv4Address, IPv6Address
from struct import Struct
from typing import TypeAlias

import msgspec

from dataplane.packets import ipv4, ipv6
from dataplane.packets.messages import Address
from dataplane.packets.wire import DecodeError, DropReason, Octets

ETHERTYPE_IPV4 = 0x0800
ETHERTYPE_IPV6 = 0x86DD
ETHERTYPE_VLAN = 0x8100
ETHERTYPE_SERVICE_VLAN = 0x88A8
ETHERTYPE_PPPOE = 0x8864  # the session stage of RFC 2516; the discovery stage carries no IP
VLAN_TYPES = (ETHERTYPE_VLAN, ETHERTYPE_SERVICE_VLAN)
PPP_IPV4 = 0x0021
PPP_IPV6 = 0x0057

_PPPOE_VERSION = 0x11
_PPPOE_OCTETS = 6
_PPP_OCTETS = 2
PPPOE_OVERHEAD = _PPPOE_OCTETS + _PPP_OCTETS
"""Octets by which an IP packet in a session must be shorter (RFC 2516 section 7)."""
TAG_OCTETS = 4
_LAST_SESSION = 0xFFFE  # 0 belongs to the discovery stage, 0xffff is reserved (RFC 2516 section 4)
_NETWORK_TYPES = {ETHERTYPE_IPV4: 4, ETHERTYPE_IPV6: 6}
_PPP_TYPES = {PPP_IPV4: 4, PPP_IPV6: 6}

_TYPE = Struct("!H").unpack_from
_TAG = Struct("!HH").unpack_from
_PPPOE = Struct("!BBHHH").unpack_from
_BUILD_TYPE = Struct("!H").pack
_BUILD_TAG = Struct("!HH").pack
_BUILD_PPPOE = Struct("!HBBHHH").pack
_VLAN_ID = 0x0FFF
_MAX_TAGS = 2
_NO_MAC = bytes(6)
_SHORTEST = 34  # an IPv4 header, or two tags, PPPoE and PPP headers: all that is read before the next check

_TEXT = re.compile(
    r"((?:[0-9a-f]{2}:){5}[0-9a-f]{2})(?:@(\d{1,4})(?:\.(\d{1,4}))?)?(?:/(\d{1,5}))?", re.ASCII
)


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

    @property
    def circuit(self) -> "Subscriber":
        """What a multicast frame reaches together with it: its VLAN without a MAC; a PPPoE session alone."""
        return self if self.pppoe_session else Subscriber(self.outer_vlan, self.inner_vlan, 0, _NO_MAC)

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


UNTAGGED = Subscriber(0, 0, 0, _NO_MAC)
"""The circuit of everyone who needs neither a tag nor a session."""


class IpFrame(msgspec.Struct, frozen=True, gc=False):
    """The IGMP or MLD message of one frame, cut to the packet's length, with the addresses around it."""

    subscriber: Subscriber
    source: Address
    destination: Address
    router_alert: bool
    payload: Octets


_Headers: TypeAlias = tuple[int, int, int, int, int, int]
"""Outer and inner VLAN, PPPoE session and IP version; where the IP header begins, and where it all ends."""


def decode(frame: Octets, outer_vlan: int = 0) -> IpFrame:
    """Ethernet II and IP of one frame that carries IGMP or MLD; raises DecodeError.

    `outer_vlan` is the tag that the kernel stripped (its VID, or the whole TCI; 0 for none). A tag with
    VID 0 is a priority only.
    """
    if len(frame) < _SHORTEST:
        raise DecodeError(DropReason.TOO_SHORT)
    mac = bytes(frame[6:12])
    if mac[0] & 1 or mac == _NO_MAC:
        raise DecodeError(DropReason.BAD_SUBSCRIBER_MAC)
    outer = outer_vlan & _VLAN_ID
    (ethertype,) = _TYPE(frame, 12)
    if ethertype == ETHERTYPE_IPV4:
        return IpFrame(Subscriber(outer, 0, 0, mac), *ipv4.decode(frame, 14, len(frame)))
    outer, inner, session, version, start, end = _headers(frame, ethertype, outer)
    network = ipv4.decode if version == 4 else ipv6.decode
    return IpFrame(Subscriber(outer, inner, session, mac), *network(frame, start, end))


def _headers(frame: Octets, ethertype: int, outer: int) -> _Headers:
    vlans = [outer] if outer else []
    ethertype, start = _tags(frame, ethertype, vlans)
    outer, inner = (*vlans, 0, 0)[:2]
    if ethertype == ETHERTYPE_PPPOE:
        return _session(frame, start, outer, inner)
    version = _NETWORK_TYPES.get(ethertype)
    if version is None:
        raise DecodeError(DropReason.NOT_IP)
    return outer, inner, 0, version, start, len(frame)


def _tags(frame: Octets, ethertype: int, vlans: list[int]) -> tuple[int, int]:
    """Add the VIDs of the frame's own tags to `vlans`; the ethertype behind them and where that ends."""
    start = 14
    while ethertype in VLAN_TYPES:
        if start == 14 + TAG_OCTETS * _MAX_TAGS:
            raise DecodeError(DropReason.TOO_MANY_TAGS)
        tag, ethertype = _TAG(frame, start)
        start += TAG_OCTETS
        if tag & _VLAN_ID:
            vlans.append(tag & _VLAN_ID)
    if len(vlans) > _MAX_TAGS:
        raise DecodeError(DropReason.TOO_MANY_TAGS)
    return ethertype, start


def _session(frame: Octets, start: int, outer: int, inner: int) -> _Headers:
    """The PPPoE session stage (RFC 2516 section 5.2) with IPv4 or IPv6 in PPP (RFC 1332, RFC 5072).

    It is unicast (section 4): what comes to a group address belongs to no session of ours, and queries would
    be sent from that address.
    """
    version, code, session, length, protocol = _PPPOE(frame, start)
    wrong = version != _PPPOE_VERSION or code or not 0 < session <= _LAST_SESSION or length < _PPP_OCTETS
    if wrong or frame[0] & 1:
        raise DecodeError(DropReason.BAD_PPPOE_HEADER)
    end = start + _PPPOE_OCTETS + length
    if end > len(frame):
        raise DecodeError(DropReason.TOO_SHORT)
    family = _PPP_TYPES.get(protocol)
    if family is None:
        raise DecodeError(DropReason.NOT_IP)
    return outer, inner, session, family, start + _PPPOE_OCTETS + _PPP_OCTETS, end


def multicast_mac(group: Address) -> bytes:
    """The Ethernet address of a multicast group."""
    return ipv4.multicast_mac(group) if isinstance(group, IPv4Address) else ipv6.multicast_mac(group)


def encode(
    source_mac: bytes,
    source: Address,
    group: Address,
    payload: bytes,
    to: Subscriber = UNTAGGED,
    tag_type: int = ETHERTYPE_VLAN,
) -> bytes:
    """A frame to a multicast group with all that IGMP or MLD asks of the IP header.

    It carries the tags of `to`; in a PPPoE session it is unicast to the session's MAC. `tag_type` is the
    ethertype of the first tag. Raises TypeError for addresses of different families.
    """
    packet = _packet(source, group, payload)
    head = _link_header(to, source.version, len(packet), tag_type)
    destination = to.mac if to.pppoe_session else multicast_mac(group)
    return b"".join((destination, source_mac, head, packet))


def _packet(source: Address, group: Address, payload: bytes) -> bytes:
    if isinstance(source, IPv4Address) and isinstance(group, IPv4Address):
        return ipv4.encode(source, group, payload)
    if isinstance(source, IPv6Address) and isinstance(group, IPv6Address):
        return ipv6.encode(source, group, payload)
    raise TypeError(f"{source} and {group} are of different families")


def _link_header(to: Subscriber, version: int, length: int, tag_type: int) -> bytes:
    """From the first tag, if any, to the header that says which IP version follows."""
    tags = b""
    if to.outer_vlan:
        tags = _BUILD_TAG(tag_type, to.outer_vlan)
    if to.inner_vlan:
        tags += _BUILD_TAG(ETHERTYPE_VLAN, to.inner_vlan)
    if not to.pppoe_session:
        return tags + _BUILD_TYPE(ETHERTYPE_IPV4 if version == 4 else ETHERTYPE_IPV6)
    protocol = PPP_IPV4 if version == 4 else PPP_IPV6
    return tags + _BUILD_PPPOE(
        ETHERTYPE_PPPOE, _PPPOE_VERSION, 0, to.pppoe_session, _PPP_OCTETS + length, protocol
    )

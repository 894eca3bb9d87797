"""The IPv6 and Hop-by-Hop Options headers around an MLD message (RFC 8200, RFC 2711), both ways."""

from ipaddress import IPv6Address
from struct import Struct

from dataplane.packets.messages import Address
from dataplane.packets.wire import DecodeError, DropReason, Octets

_HOP_BY_HOP = 0
_FRAGMENT = 44
_ICMPV6 = 58
_INTERNETWORK_CONTROL = 0xC0  # RFC 3810 asks for no class; the one that IGMPv3 has

_PAD_1 = 0
_ALERT_FOR_MLD = b"\x05\x02\x00\x00"  # RFC 2711 section 2.1: value 0
_ALERT_OPTIONS = _ALERT_FOR_MLD + b"\x01\x00"  # and PadN, which makes it eight octets with the header
_OTHERWISE_DISCARD = 0xC0  # the two bits of an option's type that say so (RFC 8200 section 4.2)

_HEADER = Struct("!IHBBQQQQ").unpack_from
_BUILD = Struct("!IHBB16s16s").pack
_BUILD_OPTIONS = Struct("!BB6s").pack
_BUILD_PSEUDO = Struct("!16s16sIxxxB").pack
_HEADER_END = 40
_LINK_LOCAL = 0xFE80 >> 6

HEADER_OCTETS = 48
"""Of what `encode` puts before the message: the header and the options with Router Alert."""


def decode(frame: Octets, start: int, limit: int) -> tuple[IPv6Address, IPv6Address, bool, Octets]:
    """Source, destination, True for the Router Alert, and the ICMPv6 message; raises DecodeError.

    The header begins at `start` and the packet may not pass `limit`. What RFC 3810 section 7.4 has a
    router drop is dropped: a hop limit other than 1, a source that is not link-local (the unspecified
    address of a host that has none yet included), and a packet without a Router Alert.
    """
    if limit < start + _HEADER_END:
        raise DecodeError(DropReason.TOO_SHORT)
    first, length, following, hops, high, low, group_high, group_low = _HEADER(frame, start)
    end = start + _HEADER_END + length
    if first >> 28 != 6:
        raise DecodeError(DropReason.BAD_IP_HEADER)
    if end > limit:
        raise DecodeError(DropReason.TOO_SHORT)
    _check_delivery(following, hops, high)
    payload = _options_end(frame, start + _HEADER_END, end)
    return IPv6Address(high << 64 | low), IPv6Address(group_high << 64 | group_low), True, frame[payload:end]


def _check_delivery(following: int, hops: int, source_high: int) -> None:
    if following == _ICMPV6:
        raise DecodeError(DropReason.MISSING_ROUTER_ALERT)
    if following != _HOP_BY_HOP:
        raise DecodeError(DropReason.FRAGMENT if following == _FRAGMENT else DropReason.NOT_MLD)
    if hops != 1:
        raise DecodeError(DropReason.BAD_TTL)
    if source_high >> 54 != _LINK_LOCAL:
        raise DecodeError(DropReason.BAD_SOURCE_ADDRESS)


def _options_end(frame: Octets, start: int, limit: int) -> int:
    """Where the message begins behind the Hop-by-Hop Options header, which must have the alert."""
    if limit < start + 8:
        raise DecodeError(DropReason.BAD_IP_HEADER)
    end = start + 8 * (frame[start + 1] + 1)
    if end > limit:
        raise DecodeError(DropReason.BAD_IP_HEADER)
    if frame[start] != _ICMPV6:
        raise DecodeError(DropReason.FRAGMENT if frame[start] == _FRAGMENT else DropReason.NOT_MLD)
    options = bytes(frame[start + 2 : end])
    if options != _ALERT_OPTIONS and not _has_router_alert(options):
        raise DecodeError(DropReason.MISSING_ROUTER_ALERT)
    return end


def _has_router_alert(options: bytes) -> bool:
    """Walk the options of RFC 8200 section 4.2; BAD_IP_HEADER where a node must discard the packet."""
    position, found = 0, False
    while position < len(options):
        if options[position] == _PAD_1:
            position += 1
            continue
        end = position + 2 + options[position + 1] if position + 1 < len(options) else len(options) + 1
        if end > len(options) or options[position] & _OTHERWISE_DISCARD:
            raise DecodeError(DropReason.BAD_IP_HEADER)
        found = found or options[position:end] == _ALERT_FOR_MLD
        position = end
    return found


def encode(source: IPv6Address, destination: IPv6Address, message: bytes) -> bytes:
    """A packet with hop limit 1 and Router Alert (RFC 3810 section 5)."""
    first = 6 << 28 | _INTERNETWORK_CONTROL << 20
    head = _BUILD(first, 8 + len(message), _HOP_BY_HOP, 1, source.packed, destination.packed)
    return head + _BUILD_OPTIONS(_ICMPV6, 0, _ALERT_OPTIONS) + message


def pseudo_header(source: Address, destination: Address, length: int) -> bytes:
    """What the ICMPv6 checksum covers besides a message of `length` octets (RFC 8200 section 8.1)."""
    return _BUILD_PSEUDO(source.packed, destination.packed, length, _ICMPV6)


def multicast_mac(group: IPv6Address) -> bytes:
    """The Ethernet address of an IPv6 multicast group (RFC 2464 section 7)."""
    return b"\x33\x33" + group.packed[12:]

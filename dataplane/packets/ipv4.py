"""The IPv4 header around an IGMP message (RFC 791, RFC 3376 section 4), both ways."""

from ipaddress import IPv4Address
from struct import Struct

from dataplane.packets.wire import DecodeError, DropReason, Octets, checksum, ones_sum_is_zero

_IGMP = 2
_ROUTER_ALERT = b"\x94\x04\x00\x00"  # RFC 2113
_INTERNETWORK_CONTROL = 0xC0  # the TOS of all IGMPv3 messages (RFC 3376 section 4)

_HEADER = Struct("!BxHxxHBBxxII").unpack_from
_BUILD = Struct("!BBHHHBBH4s4s4s").pack
_MORE_OR_OFFSET = 0x3FFF
_NO_SENDERS = frozenset({127, *range(224, 256)})  # first octets: loopback, and multicast and beyond

HEADER_OCTETS = 24
"""Of what `encode` puts before the message: the header with Router Alert."""


def decode(frame: Octets, start: int, limit: int) -> tuple[IPv4Address, IPv4Address, bool, Octets]:
    """Source, destination, whether there is a Router Alert, and the IGMP message; raises DecodeError.

    The header begins at `start` and the datagram may not pass `limit`. The TTL must be 1 (RFC 3376
    section 4): a message with another has been routed, or wants to be.
    """
    if limit < start + 20:
        raise DecodeError(DropReason.TOO_SHORT)
    version, total, fragment, ttl, protocol, source, destination = _HEADER(frame, start)
    payload = start + (version & 0x0F) * 4
    end = start + total
    if version >> 4 != 4 or payload < start + 20 or end < payload:
        raise DecodeError(DropReason.BAD_IP_HEADER)
    if end > limit:
        raise DecodeError(DropReason.TOO_SHORT)
    if not ones_sum_is_zero(frame[start:payload]):
        raise DecodeError(DropReason.BAD_IP_HEADER)
    if protocol != _IGMP or ttl != 1 or fragment & _MORE_OR_OFFSET or source >> 24 in _NO_SENDERS:
        raise DecodeError(_delivery_fault(protocol, fragment, ttl))
    options = frame[start + 20 : payload]
    alert = options == _ROUTER_ALERT or _has_router_alert(bytes(options))
    return IPv4Address(source), IPv4Address(destination), alert, frame[payload:end]


def _delivery_fault(protocol: int, fragment: int, ttl: int) -> DropReason:
    if protocol != _IGMP:
        return DropReason.NOT_IGMP
    if fragment & _MORE_OR_OFFSET:
        return DropReason.FRAGMENT
    return DropReason.BAD_TTL if ttl != 1 else DropReason.BAD_SOURCE_ADDRESS


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


def encode(source: IPv4Address, destination: IPv4Address, message: bytes) -> bytes:
    """A datagram with TTL 1, TOS 0xc0 and Router Alert (RFC 3376 section 4)."""
    head = _header(source, destination, len(message), 0)
    return _header(source, destination, len(message), checksum(head)) + message


def _header(source: IPv4Address, destination: IPv4Address, length: int, header_checksum: int) -> bytes:
    dont_fragment = 0x4000
    return _BUILD(
        0x46,
        _INTERNETWORK_CONTROL,
        HEADER_OCTETS + length,
        0,
        dont_fragment,
        1,
        _IGMP,
        header_checksum,
        source.packed,
        destination.packed,
        _ROUTER_ALERT,
    )


def multicast_mac(group: IPv4Address) -> bytes:
    """The Ethernet address of an IPv4 multicast group (RFC 1112 section 6.4)."""
    return b"\x01\x00\x5e" + (int(group) & 0x7FFFFF).to_bytes(3, "big")

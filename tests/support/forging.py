"""A forged TCP reset for a frame that was seen: what somebody on the path can do to any connection."""

from struct import pack, unpack_from

_TCP, _RST, _ACK = 6, 0x04, 0x10
_ETHERNET, _TCP_HEADER = 14, 20
_LENGTHS = {0x0800: 20, 0x86DD: 40}
"""Octets of an IP header without options, by ethertype."""


def reset_for(frame: bytes) -> bytes | None:
    """Return the frame that resets the connection of its sender; None for what is no TCP segment."""
    (ethertype,) = unpack_from("!H", frame, 12)
    length = _LENGTHS.get(ethertype)
    if length is None or len(frame) < _ETHERNET + length + _TCP_HEADER:
        return None
    header, segment = frame[_ETHERNET : _ETHERNET + length], frame[_ETHERNET + length :]
    if header[9 if length == 20 else 6] != _TCP or not segment[13] & _ACK:
        return None
    source, target, _, acknowledged = unpack_from("!HHII", segment)
    reset = pack("!HHIIBBHHH", target, source, acknowledged, 0, 5 << 4, _RST, 0, 0, 0)
    ethernet = frame[6:12] + frame[:6] + frame[12:14]
    return ethernet + (_ipv4(header, reset) if length == 20 else _ipv6(header, reset))


def _ipv4(header: bytes, segment: bytes) -> bytes:
    addresses = header[16:20] + header[12:16]
    plain = pack("!BBHHHBBH", 0x45, 0, 20 + len(segment), 0, 0, 64, _TCP, 0) + addresses
    with_sum = plain[:10] + pack("!H", _checksum(plain)) + plain[12:]
    return with_sum + _summed(segment, addresses + pack("!HH", _TCP, len(segment)))


def _ipv6(header: bytes, segment: bytes) -> bytes:
    addresses = header[24:40] + header[8:24]
    plain = pack("!IHBB", 6 << 28, len(segment), _TCP, 64) + addresses
    return plain + _summed(segment, addresses + pack("!II", len(segment), _TCP))


def _summed(segment: bytes, pseudo_header: bytes) -> bytes:
    return segment[:16] + pack("!H", _checksum(pseudo_header + segment)) + segment[18:]


def _checksum(octets: bytes) -> int:
    """RFC 1071."""
    total: int = sum(unpack_from(f"!{len(octets) // 2}H", octets))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF

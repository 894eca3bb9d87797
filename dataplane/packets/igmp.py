"""IGMP messages: versions 1 (RFC 1112), 2 (RFC 2236) and 3 (RFC 3376 section 4), both ways.

A payload is one message with its checksum, without the IP header. Times are seconds here and tenths of
a second at the wire; the conversion is made once, in this module.
"""

from ipaddress import IPv4Address
from struct import Struct

from dataplane.packets.messages import GroupRecord, Query, RecordType, Report
from dataplane.packets.wire import DecodeError, DropReason, Octets, Reader, checksum, ones_sum_is_zero

MAX_PAYLOAD = 9216
"""Octets of the longest message we read: a jumbo frame's worth, and the bound on records and sources."""

QUERY = 0x11
V1_REPORT = 0x12
V2_REPORT = 0x16
V2_LEAVE = 0x17
V3_REPORT = 0x22

_GROUP = Struct("!xxxxI").unpack_from
_REPORT_HEAD = Struct("!xxxxxxH").unpack_from
_RECORD_HEAD = Struct("!BBHI").unpack_from
_BUILD_SHORT = Struct("!BBH4s").pack
_BUILD_REPORT = Struct("!BxHxxH").pack
_BUILD_RECORD = Struct("!BBH4s").pack

_UNICAST_END = _MULTICAST_START = 0xE0000000
_MULTICAST_END = 0xF0000000
_LINK_LOCAL = _MULTICAST_START >> 8
_LOOPBACK = 127
_SUPPRESS = 0x08
_V1_RESPONSE = 10.0  # a version 1 host answers within 10 s (RFC 3376 section 7.2.1)
_ANY = IPv4Address(0)
_RECORD_TYPES = (None, *RecordType)


def from_code(code: int) -> int:
    """The number that a Max Resp Code or QQIC octet stands for (RFC 3376 sections 4.1.1 and 4.1.7)."""
    return code if code < 128 else (code & 0x0F | 0x10) << ((code >> 4 & 7) + 3)


def to_code(value: int) -> int:
    """The octet for the largest number not above `value` that an octet can stand for."""
    if value < 128:
        return max(value, 0)
    value = min(value, 31744)
    shift = value.bit_length() - 5
    return 0x80 | (shift - 3) << 4 | value >> shift & 0x0F


def decode(payload: Octets) -> Query | Report:
    """One IGMP message, checksum included; raises DecodeError.

    Octets after the part that the message's type defines are ignored, as RFC 3376 sections 4.1.10 and
    4.2.11 ask, but belong to the checksum.
    """
    if len(payload) < 8:
        raise DecodeError(DropReason.TOO_SHORT)
    if len(payload) > MAX_PAYLOAD:
        raise DecodeError(DropReason.MALFORMED)
    if not ones_sum_is_zero(payload):
        raise DecodeError(DropReason.BAD_CHECKSUM)
    kind = payload[0]
    if kind == V3_REPORT:
        return _decode_v3_report(payload)
    if kind == QUERY:
        return _decode_query(payload)
    return _decode_short_report(kind, payload)


def _decode_short_report(kind: int, payload: Octets) -> Report:
    group: int = _GROUP(payload)[0]
    if kind not in (V1_REPORT, V2_REPORT, V2_LEAVE):
        raise DecodeError(DropReason.UNKNOWN_TYPE)
    reason = _bad_group(group)
    if reason is not None:
        raise DecodeError(reason)
    record_type = RecordType.CHANGE_TO_INCLUDE_MODE if kind == V2_LEAVE else RecordType.MODE_IS_EXCLUDE
    return Report(1 if kind == V1_REPORT else 2, (GroupRecord(record_type, IPv4Address(group)),))


def _decode_v3_report(payload: Octets) -> Report:
    (count,) = _REPORT_HEAD(payload)
    if count * 8 > len(payload) - 8:
        raise DecodeError(DropReason.TOO_SHORT)
    records: list[GroupRecord] = []
    refused: list[DropReason] = []
    position = 8
    for _ in range(count):
        record, position = _decode_record(payload, position)
        if isinstance(record, GroupRecord):
            records.append(record)
        else:
            refused.append(record)
    if refused and not records:
        raise DecodeError(refused[0])
    return Report(3, tuple(records), tuple(refused))


def _decode_record(payload: Octets, start: int) -> tuple[GroupRecord | DropReason, int]:
    """One record and where the next begins. What is wrong with one does not spoil the others."""
    if start + 8 > len(payload):
        raise DecodeError(DropReason.TOO_SHORT)
    kind, auxiliary, count, group = _RECORD_HEAD(payload, start)
    end = start + 8 + 4 * (count + auxiliary)
    if end > len(payload):
        raise DecodeError(DropReason.TOO_SHORT)
    record_type = _RECORD_TYPES[kind] if kind < len(_RECORD_TYPES) else None
    if record_type is None:
        return DropReason.UNKNOWN_RECORD_TYPE, end
    reason = _bad_group(group)
    if reason is not None:
        return reason, end
    if count == 0:
        return GroupRecord(record_type, IPv4Address(group)), end
    sources = Struct(f"!{count}I").unpack_from(payload, start + 8)
    if not all(map(_is_host, sources)):
        return DropReason.BAD_SOURCE_ADDRESS, end
    return GroupRecord(record_type, IPv4Address(group), tuple(map(IPv4Address, sources))), end


def _bad_group(group: int) -> DropReason | None:
    if group >> 8 == _LINK_LOCAL:
        return DropReason.LINK_LOCAL_GROUP
    if _MULTICAST_START <= group < _MULTICAST_END:
        return None
    return DropReason.NOT_MULTICAST_GROUP


def _is_host(address: int) -> bool:
    return 0 < address < _UNICAST_END and address >> 24 != _LOOPBACK


def _decode_query(payload: Octets) -> Query:
    """Told apart by length and code as in RFC 3376 section 7.1."""
    if len(payload) == 8:
        if payload[1] == 0:
            return Query(1, max_response=_V1_RESPONSE)
        return Query(2, _query_group(_GROUP(payload)[0]), max_response=payload[1] / 10)
    if len(payload) < 12:
        raise DecodeError(DropReason.MALFORMED)
    reader = Reader(payload)
    reader.take(4)
    group = _query_group(reader.u32())
    flags = reader.u8()
    interval = from_code(reader.u8())
    sources = _query_sources(reader, group)
    response = from_code(payload[1]) / 10
    return Query(3, group, sources, response, bool(flags & _SUPPRESS), flags & 7, interval)


def _query_group(group: int) -> IPv4Address | None:
    if group == 0:
        return None
    if not _MULTICAST_START <= group < _MULTICAST_END:
        raise DecodeError(DropReason.NOT_MULTICAST_GROUP)
    return IPv4Address(group)


def _query_sources(reader: Reader, group: IPv4Address | None) -> tuple[IPv4Address, ...]:
    count = reader.u16()
    if count * 4 > reader.remaining:
        raise DecodeError(DropReason.TOO_SHORT)
    if count and group is None:
        raise DecodeError(DropReason.MALFORMED)
    sources = tuple(reader.ipv4() for _ in range(count))
    if not all(_is_host(int(source)) for source in sources):
        raise DecodeError(DropReason.BAD_SOURCE_ADDRESS)
    return sources


def encode(message: Query | Report) -> bytes:
    """The octets of one message with its checksum.

    The inverse of `decode` where the values have a code of their own; else the next lower code is sent.
    """
    body = _query_body(message) if isinstance(message, Query) else _report_body(message)
    return body[:2] + checksum(body).to_bytes(2, "big") + body[4:]


def _query_body(query: Query) -> bytes:
    group = (query.group or _ANY).packed
    tenths = round(query.max_response * 10)
    if query.version == 1:
        return _BUILD_SHORT(QUERY, 0, 0, _ANY.packed)
    if query.version == 2:
        return _BUILD_SHORT(QUERY, min(max(tenths, 1), 255), 0, group)
    robustness = query.robustness if query.robustness <= 7 else 0
    flags = robustness | (_SUPPRESS if query.suppress else 0)
    tail = bytes((flags, to_code(query.query_interval))) + len(query.sources).to_bytes(2, "big")
    sources = b"".join(source.packed for source in query.sources)
    return _BUILD_SHORT(QUERY, to_code(tenths), 0, group) + tail + sources


def _report_body(report: Report) -> bytes:
    if report.version == 3:
        return _BUILD_REPORT(V3_REPORT, 0, len(report.records)) + b"".join(map(_record_body, report.records))
    (record,) = report.records
    kind = V1_REPORT if report.version == 1 else V2_LEAVE if report.is_leave else V2_REPORT
    return _BUILD_SHORT(kind, 0, 0, record.group.packed)


def _record_body(record: GroupRecord) -> bytes:
    head = _BUILD_RECORD(record.type, 0, len(record.sources), record.group.packed)
    return head + b"".join([source.packed for source in record.sources]) if record.sources else head

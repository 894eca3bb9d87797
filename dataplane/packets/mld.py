"""MLD messages: versions 1 (RFC 2710) and 2 (RFC 3810 section 5), both ways.

A payload is one ICMPv6 message with its checksum, without the IPv6 header, whose addresses the checksum
covers. Times are seconds here and milliseconds at the wire. Versions are counted as in `messages`: MLDv1 is
2, MLDv2 is 3.
"""

from ipaddress import IPv6Address
from struct import Struct

from dataplane.packets.igmp import MAX_PAYLOAD, from_code, to_code
from dataplane.packets.ipv6 import pseudo_header
from dataplane.packets.messages import Address, GroupRecord, Query, RecordType, Report
from dataplane.packets.wire import DecodeError, DropReason, Octets, Reader, checksum, ones_sum_is_zero

QUERY = 130
V1_REPORT = 131
V1_DONE = 132
V2_REPORT = 143
TYPES = (QUERY, V1_REPORT, V1_DONE, V2_REPORT)

_V1_OCTETS = 24
_V2_QUERY_OCTETS = 28

_GROUP = Struct("!8xQQ").unpack_from
_RESPONSE = Struct("!4xH").unpack_from
_REPORT_HEAD = Struct("!6xH").unpack_from
_RECORD_HEAD = Struct("!BBHQQ").unpack_from
_BUILD_SHORT = Struct("!BxxxHxx16s").pack
_BUILD_TAIL = Struct("!BBH").pack
_BUILD_REPORT = Struct("!BxxxxxH").pack
_BUILD_RECORD = Struct("!BBH16s").pack

_MULTICAST = 0xFF
_LINK_LOCAL_SCOPE = 2  # and below it interface-local and reserved (RFC 4291 section 2.7)
_LOOPBACK = 1
_SUPPRESS = 0x08
_LARGEST_PLAIN = 0x7FFF
_LARGEST_RESPONSE = 0x1FFF << 10
_ANY = IPv6Address(0)
_RECORD_TYPES = (None, *RecordType)


def from_response_code(code: int) -> int:
    """The milliseconds that a Maximum Response Code stands for (RFC 3810 section 5.1.3)."""
    return code if code <= _LARGEST_PLAIN else (code & 0x0FFF | 0x1000) << ((code >> 12 & 7) + 3)


def to_response_code(value: int) -> int:
    """The code for the largest number of milliseconds not above `value` that a code can stand for."""
    if value <= _LARGEST_PLAIN:
        return max(value, 0)
    value = min(value, _LARGEST_RESPONSE)
    shift = value.bit_length() - 13
    return 0x8000 | (shift - 3) << 12 | value >> shift & 0x0FFF


def decode(payload: Octets, source: Address, destination: Address) -> Query | Report:
    """One MLD message, checksum included; raises DecodeError.

    Octets after the part that the message's type defines are ignored, as RFC 3810 sections 5.1.12 and
    5.2.11 ask, but belong to the checksum; so is the ICMPv6 code, of which every version says so.
    """
    if len(payload) < 8:
        raise DecodeError(DropReason.TOO_SHORT)
    if len(payload) > MAX_PAYLOAD:
        raise DecodeError(DropReason.MALFORMED)
    if not ones_sum_is_zero(pseudo_header(source, destination, len(payload)) + payload):
        raise DecodeError(DropReason.BAD_CHECKSUM)
    kind = payload[0]
    if kind not in TYPES:
        raise DecodeError(DropReason.UNKNOWN_TYPE)
    if kind == V2_REPORT:
        return _decode_v2_report(payload)
    if len(payload) < _V1_OCTETS:
        raise DecodeError(DropReason.TOO_SHORT)
    return _decode_query(payload) if kind == QUERY else _decode_v1_report(kind, payload)


def _decode_v1_report(kind: int, payload: Octets) -> Report:
    high, low = _GROUP(payload)
    group = high << 64 | low
    reason = _bad_group(group)
    if reason is not None:
        raise DecodeError(reason)
    record_type = RecordType.CHANGE_TO_INCLUDE_MODE if kind == V1_DONE else RecordType.MODE_IS_EXCLUDE
    return Report(2, (GroupRecord(record_type, IPv6Address(group)),))


def _decode_v2_report(payload: Octets) -> Report:
    (count,) = _REPORT_HEAD(payload)
    if count * 20 > len(payload) - 8:
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
    if start + 20 > len(payload):
        raise DecodeError(DropReason.TOO_SHORT)
    kind, auxiliary, count, high, low = _RECORD_HEAD(payload, start)
    end = start + 20 + 16 * count + 4 * auxiliary
    if end > len(payload):
        raise DecodeError(DropReason.TOO_SHORT)
    record_type = _RECORD_TYPES[kind] if kind < len(_RECORD_TYPES) else None
    if record_type is None:
        return DropReason.UNKNOWN_RECORD_TYPE, end
    group = high << 64 | low
    reason = _bad_group(group)
    if reason is not None:
        return reason, end
    sources = _sources(payload, start + 20, count) if count else ()
    if sources is None:
        return DropReason.BAD_SOURCE_ADDRESS, end
    return GroupRecord(record_type, IPv6Address(group), sources), end


def _sources(payload: Octets, start: int, count: int) -> tuple[IPv6Address, ...] | None:
    """The listed sources; None where one of them is no host's address."""
    halves = Struct(f"!{2 * count}Q").unpack_from(payload, start)
    addresses = [high << 64 | low for high, low in zip(halves[::2], halves[1::2], strict=True)]
    return tuple(map(IPv6Address, addresses)) if all(map(_is_host, addresses)) else None


def _bad_group(group: int) -> DropReason | None:
    if group >> 120 != _MULTICAST:
        return DropReason.NOT_MULTICAST_GROUP
    if group >> 112 & 0x0F <= _LINK_LOCAL_SCOPE:
        return DropReason.LINK_LOCAL_GROUP
    return None


def _is_host(address: int) -> bool:
    return address > _LOOPBACK and address >> 120 != _MULTICAST


def _decode_query(payload: Octets) -> Query:
    """Told apart by length as in RFC 3810 section 8.1."""
    (code,) = _RESPONSE(payload)
    high, low = _GROUP(payload)
    group = _query_group(high << 64 | low)
    if len(payload) == _V1_OCTETS:
        return Query(2, group, max_response=code / 1000)
    if len(payload) < _V2_QUERY_OCTETS:
        raise DecodeError(DropReason.MALFORMED)
    reader = Reader(payload)
    reader.take(_V1_OCTETS)
    flags = reader.u8()
    interval = from_code(reader.u8())
    sources = _query_sources(payload, reader.u16(), group)
    response = from_response_code(code) / 1000
    return Query(3, group, sources, response, bool(flags & _SUPPRESS), flags & 7, interval)


def _query_group(group: int) -> IPv6Address | None:
    if group == 0:
        return None
    if group >> 120 != _MULTICAST:
        raise DecodeError(DropReason.NOT_MULTICAST_GROUP)
    return IPv6Address(group)


def _query_sources(payload: Octets, count: int, group: IPv6Address | None) -> tuple[IPv6Address, ...]:
    if count * 16 > len(payload) - _V2_QUERY_OCTETS:
        raise DecodeError(DropReason.TOO_SHORT)
    if count and group is None:
        raise DecodeError(DropReason.MALFORMED)
    sources = _sources(payload, _V2_QUERY_OCTETS, count)
    if sources is None:
        raise DecodeError(DropReason.BAD_SOURCE_ADDRESS)
    return sources


def encode(message: Query | Report, source: IPv6Address, destination: IPv6Address) -> bytes:
    """The octets of one message with its checksum, as it goes from `source` to `destination`.

    The inverse of `decode` where the values have a code of their own; else the next lower code is sent.
    """
    body = _query_body(message) if isinstance(message, Query) else _report_body(message)
    covered = pseudo_header(source, destination, len(body)) + body
    return body[:2] + checksum(covered).to_bytes(2, "big") + body[4:]


def _query_body(query: Query) -> bytes:
    group = (query.group or _ANY).packed
    milliseconds = round(query.max_response * 1000)
    if query.version < 3:
        return _BUILD_SHORT(QUERY, min(max(milliseconds, 0), 0xFFFF), group)
    robustness = query.robustness if query.robustness <= 7 else 0
    flags = robustness | (_SUPPRESS if query.suppress else 0)
    tail = _BUILD_TAIL(flags, to_code(query.query_interval), len(query.sources))
    sources = b"".join([source.packed for source in query.sources])
    return _BUILD_SHORT(QUERY, to_response_code(milliseconds), group) + tail + sources


def _report_body(report: Report) -> bytes:
    if report.version == 3:
        return _BUILD_REPORT(V2_REPORT, len(report.records)) + b"".join(map(_record_body, report.records))
    (record,) = report.records
    return _BUILD_SHORT(V1_DONE if report.is_leave else V1_REPORT, 0, record.group.packed)


def _record_body(record: GroupRecord) -> bytes:
    head = _BUILD_RECORD(record.type, 0, len(record.sources), record.group.packed)
    return head + b"".join([source.packed for source in record.sources]) if record.sources else head

"""Whole messages: what arrives on an access interface decoded, and what we send as octets.

Puts ethernet and igmp together and knows the destinations of RFC 3376 sections 4.1.12 and 4.2.14.
"""

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address

import msgspec

from dataplane.packets import ethernet, igmp
from dataplane.packets.ethernet import Subscriber
from dataplane.packets.messages import Address, GroupRecord, Query, RecordType, Report
from dataplane.packets.wire import DecodeError, DropReason, Octets

ALL_HOSTS = IPv4Address("224.0.0.1")
ALL_ROUTERS = IPv4Address("224.0.0.2")
ALL_V3_ROUTERS = IPv4Address("224.0.0.22")

_IP_HEADER = 24  # with Router Alert
_REPORT_HEADER = _RECORD_HEADER = 8
_SOURCE = 4
_TRUNCATABLE = (RecordType.MODE_IS_EXCLUDE, RecordType.CHANGE_TO_EXCLUDE_MODE)


class AccessMessage(msgspec.Struct, frozen=True, gc=False):
    """One IGMP message with who sent it: `source` is the IP source, 0.0.0.0 included."""

    subscriber: Subscriber
    source: Address
    message: Query | Report


def decode(frame: Octets, outer_vlan: int = 0, *, require_router_alert: bool = False) -> AccessMessage:
    """Ethernet, IPv4 and IGMP of one captured frame; raises DecodeError with the DropReason.

    `outer_vlan` is the tag that the kernel stripped (0 for none). RFC 3376 section 4 has every message
    carry Router Alert, and section 9 lets a router insist on it against forgers beyond the link. Version
    1 hosts and some set-top boxes leave it out; losing their picture costs more than the check brings
    next to the TTL, so it is only asked for (MISSING_ROUTER_ALERT) where the caller wants it.
    """
    packet = ethernet.decode(frame, outer_vlan)
    if require_router_alert and not packet.router_alert:
        raise DecodeError(DropReason.MISSING_ROUTER_ALERT)
    return AccessMessage(packet.subscriber, packet.source, igmp.decode(packet.payload))


def query_frame(query: Query, source_mac: bytes, source: Address, vlan: int = 0) -> bytes:
    """An Ethernet frame with a query: TTL 1, TOS 0xc0, Router Alert; tagged when `vlan` is not 0."""
    return ethernet.encode(
        source_mac, _ipv4(source), _ipv4(query.group or ALL_HOSTS), igmp.encode(query), vlan
    )


def report_frames(
    version: int, records: Iterable[GroupRecord], source_mac: bytes, source: Address, mtu: int = 1500
) -> list[bytes]:
    """Ethernet frames that report `records` upstream, in as few as fit the MTU (IP datagram's octets)."""
    return [
        ethernet.encode(source_mac, _ipv4(source), _ipv4(destination), payload)
        for destination, payload in report_payloads(version, records, mtu)
    ]


def report_payloads(
    version: int, records: Iterable[GroupRecord], mtu: int = 1500
) -> list[tuple[Address, bytes]]:
    """The same as (IP destination, IGMP payload) pairs, for a raw IP socket.

    Version 1 and 2 know groups only: a record that ends in wanting nothing becomes a leave (version 2)
    or is left out (version 1), every other a report.
    """
    if version == 3:
        reports = (Report(3, tuple(batch)) for batch in _batches(records, mtu))
        return [(ALL_V3_ROUTERS, igmp.encode(report)) for report in reports]
    pairs = (_short_report(version, record) for record in records)
    return [pair for pair in pairs if pair is not None]


def _ipv4(address: Address) -> IPv4Address:
    if not isinstance(address, IPv4Address):
        raise TypeError(f"not an IPv4 address: {address}")
    return address


def _short_report(version: int, record: GroupRecord) -> tuple[Address, bytes] | None:
    if record.type is RecordType.BLOCK_OLD_SOURCES:
        return None
    if record.type is RecordType.CHANGE_TO_INCLUDE_MODE and not record.sources:
        leave = Report(2, (GroupRecord(RecordType.CHANGE_TO_INCLUDE_MODE, record.group),))
        return (ALL_ROUTERS, igmp.encode(leave)) if version == 2 else None
    report = Report(version, (GroupRecord(RecordType.MODE_IS_EXCLUDE, record.group),))
    return record.group, igmp.encode(report)


def _batches(records: Iterable[GroupRecord], mtu: int) -> Iterator[list[GroupRecord]]:
    """Records in order, as many to a report as fit (RFC 3376 section 4.2.16)."""
    space = mtu - _IP_HEADER - _REPORT_HEADER
    most = (space - _RECORD_HEADER) // _SOURCE
    batch: list[GroupRecord] = []
    used = 0
    for record in records:
        for part in (record,) if len(record.sources) <= most else _fit(record, most):
            size = _RECORD_HEADER + _SOURCE * len(part.sources)
            if batch and used + size > space:
                yield batch
                batch, used = [], 0
            batch.append(part)
            used += size
    if batch:
        yield batch


def _fit(record: GroupRecord, most: int) -> Iterator[GroupRecord]:
    """A record too large for one report: EXCLUDE lists are cut, the others continue in another record."""
    if record.type in _TRUNCATABLE:
        yield GroupRecord(record.type, record.group, record.sources[:most])
    else:
        for start in range(0, len(record.sources), most):
            yield GroupRecord(record.type, record.group, record.sources[start : start + most])

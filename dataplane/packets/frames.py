"""Whole messages: what arrives on an interface decoded, and what we send as octets.

Puts ethernet, igmp and mld together and knows the destinations of RFC 3376 sections 4.1.12 and 4.2.14 and
of RFC 3810 sections 5.1.15 and 5.2.14.
"""

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv6Address
from typing import Final

import msgspec

from dataplane.packets import ethernet, igmp, ipv4, ipv6, mld
from dataplane.packets.ethernet import (
    ETHERTYPE_VLAN,
    PPPOE_OVERHEAD,
    TAG_OCTETS,
    UNTAGGED,
    IpFrame,
    Subscriber,
)
from dataplane.packets.messages import Address, GroupRecord, Query, RecordType, Report
from dataplane.packets.wire import DecodeError, DropReason, Octets

ALL_HOSTS = IPv4Address("224.0.0.1")
ALL_ROUTERS = IPv4Address("224.0.0.2")
ALL_V3_ROUTERS = IPv4Address("224.0.0.22")
ALL_NODES = IPv6Address("ff02::1")
ALL_IPV6_ROUTERS = IPv6Address("ff02::2")
ALL_MLDV2_ROUTERS = IPv6Address("ff02::16")

_QUERY, _REPORT, _LEAVE = "query", "report", "leave"
_KINDS: Final = {
    4: {
        igmp.QUERY: _QUERY,
        igmp.V1_REPORT: _REPORT,
        igmp.V2_REPORT: _REPORT,
        igmp.V3_REPORT: _REPORT,
        igmp.V2_LEAVE: _LEAVE,
    },
    6: {mld.QUERY: _QUERY, mld.V1_REPORT: _REPORT, mld.V2_REPORT: _REPORT, mld.V1_DONE: _LEAVE},
}
_TRUNCATABLE = (RecordType.MODE_IS_EXCLUDE, RecordType.CHANGE_TO_EXCLUDE_MODE)


class AccessMessage(msgspec.Struct, frozen=True, gc=False):
    """One message with who sent it: `source` is the IP source, 0.0.0.0 included; its version the protocol."""

    subscriber: Subscriber
    source: Address
    message: Query | Report


class PayloadError(DecodeError):
    """The headers are right and tell who sent it, the message in it is not one we accept.

    `kind` is what its type says it is: query, report or leave, "" for no type that we know.
    """

    def __init__(self, reason: DropReason, subscriber: Subscriber, source: Address, kind: str) -> None:
        super().__init__(reason)
        self.subscriber = subscriber
        self.source = source
        self.kind = kind


class _Protocol(msgspec.Struct, frozen=True, gc=False):
    """What differs between IGMP and MLD: destinations, and octets of the parts of a message.

    `headers` are the IP header and the first eight octets of the message, `query` what a query has besides.
    """

    all_hosts: Address
    all_routers: Address
    all_report_routers: Address
    headers: int
    query: int
    record: int
    source: int


_PROTOCOLS: Final = {
    4: _Protocol(ALL_HOSTS, ALL_ROUTERS, ALL_V3_ROUTERS, ipv4.HEADER_OCTETS + 8, 4, 8, 4),
    6: _Protocol(ALL_NODES, ALL_IPV6_ROUTERS, ALL_MLDV2_ROUTERS, ipv6.HEADER_OCTETS + 8, 20, 20, 16),
}


def decode(frame: Octets, outer_vlan: int = 0, *, require_router_alert: bool = False) -> AccessMessage:
    """Ethernet, IP and IGMP or MLD of one captured frame; raises DecodeError with the DropReason.

    It is a PayloadError where the sender is known.

    `outer_vlan` is the tag that the kernel stripped (0 for none). RFC 3376 section 4 has every message
    carry Router Alert, and section 9 lets a router insist on it against forgers beyond the link. Version
    1 hosts and some set-top boxes leave it out; losing their picture costs more than the check brings
    next to the TTL, so it is only asked for (MISSING_ROUTER_ALERT) where the caller wants it. MLD leaves
    no choice: without it a message is dropped (RFC 3810 section 7.4).
    """
    return read(unwrap(frame, outer_vlan, require_router_alert=require_router_alert))


def unwrap(frame: Octets, outer_vlan: int = 0, *, require_router_alert: bool = False) -> IpFrame:
    """The first half of `decode`: who sent a message, which is not looked into."""
    packet = ethernet.decode(frame, outer_vlan)
    if require_router_alert and not packet.router_alert:
        raise DecodeError(DropReason.MISSING_ROUTER_ALERT)
    return packet


def read(packet: IpFrame) -> AccessMessage:
    """The second half: the message itself; raises PayloadError."""
    source = packet.source
    try:
        if isinstance(source, IPv4Address):
            return AccessMessage(packet.subscriber, source, igmp.decode(packet.payload))
        return AccessMessage(
            packet.subscriber, source, mld.decode(packet.payload, source, packet.destination)
        )
    except DecodeError as error:
        raise payload_error(error.reason, packet) from error


def payload_error(reason: DropReason, packet: IpFrame) -> PayloadError:
    """What to raise for a message that is not accepted."""
    source = packet.source
    kind = _KINDS[source.version].get(packet.payload[0], "") if packet.payload else ""
    return PayloadError(reason, packet.subscriber, source, kind)


def records_in(packet: IpFrame) -> int:
    """How many records there is room for in a message, one at least; what it holds is not looked at."""
    return max(len(packet.payload) // _PROTOCOLS[packet.source.version].record, 1)


def query_frame(
    query: Query,
    source_mac: bytes,
    source: Address,
    to: Subscriber = UNTAGGED,
    tag_type: int = ETHERTYPE_VLAN,
) -> bytes:
    """An Ethernet frame with a query of the source's family, with the tags and the PPPoE session of `to`.

    `tag_type` is the ethertype of the first tag.
    """
    destination = query.group or _PROTOCOLS[source.version].all_hosts
    return _frame(query, source_mac, source, destination, to, tag_type)


def query_frames(
    query: Query,
    source_mac: bytes,
    source: Address,
    mtu: int,
    to: Subscriber = UNTAGGED,
    tag_type: int = ETHERTYPE_VLAN,
) -> list[bytes]:
    """The same for an interface with this MTU: a query of too many sources becomes several of some each.

    RFC 3376 section 4.1.8 and RFC 3810 section 5.1.10 leave the number to the MTU; a member answers each for
    the sources that it lists. A PPPoE session takes PPPOE_OVERHEAD of the MTU, and so does each tag: a packet
    socket sends no frame that is longer than an untagged one may be, but for one tag of type 0x8100.
    """
    protocol = _PROTOCOLS[source.version]
    space = _space(mtu - _overhead(to), protocol) - protocol.query
    most = max(space // protocol.source, 1)
    starts = range(0, len(query.sources), most) or (0,)
    parts = (msgspec.structs.replace(query, sources=query.sources[at : at + most]) for at in starts)
    return [query_frame(part, source_mac, source, to, tag_type) for part in parts]


def _overhead(to: Subscriber) -> int:
    tags = (to.outer_vlan > 0) + (to.inner_vlan > 0)
    return TAG_OCTETS * tags + (PPPOE_OVERHEAD if to.pppoe_session else 0)


def _space(mtu: int, protocol: _Protocol) -> int:
    """Octets of a message behind its first eight, for as much as a reader has to take."""
    return min(mtu - protocol.headers, igmp.MAX_PAYLOAD - 8)


def report_frames(
    version: int,
    records: Iterable[GroupRecord],
    source_mac: bytes,
    source: Address,
    mtu: int = 1500,
    to: Subscriber = UNTAGGED,
) -> list[bytes]:
    """Ethernet frames that report `records`, in as few as fit the MTU (octets of an IP packet)."""
    return [
        _frame(report, source_mac, source, destination, to)
        for destination, report in reports(version, records, source.version, mtu)
    ]


def _frame(
    message: Query | Report,
    source_mac: bytes,
    source: Address,
    destination: Address,
    to: Subscriber,
    tag_type: int = ETHERTYPE_VLAN,
) -> bytes:
    if isinstance(source, IPv6Address) and isinstance(destination, IPv6Address):
        payload = mld.encode(message, source, destination)
    else:
        payload = igmp.encode(message)
    return ethernet.encode(source_mac, source, destination, payload, to, tag_type)


def reports(
    version: int, records: Iterable[GroupRecord], family: int = 4, mtu: int = 1500
) -> list[tuple[Address, Report]]:
    """The messages that report `records`, each with its IP destination; `family` is the IP version.

    Version 1 and 2 know groups only: a record that ends in wanting nothing becomes a leave (version 2)
    or is left out (version 1), every other a report.
    """
    protocol = _PROTOCOLS[family]
    if version == 3:
        return [
            (protocol.all_report_routers, Report(3, tuple(batch)))
            for batch in _batches(records, protocol, mtu)
        ]
    pairs = (_short_report(version, record, protocol) for record in records)
    return [pair for pair in pairs if pair is not None]


def _short_report(version: int, record: GroupRecord, protocol: _Protocol) -> tuple[Address, Report] | None:
    if record.type is RecordType.BLOCK_OLD_SOURCES:
        return None
    if record.type is RecordType.CHANGE_TO_INCLUDE_MODE and not record.sources:
        leave = Report(2, (GroupRecord(RecordType.CHANGE_TO_INCLUDE_MODE, record.group),))
        return (protocol.all_routers, leave) if version == 2 else None
    return record.group, Report(version, (GroupRecord(RecordType.MODE_IS_EXCLUDE, record.group),))


def _batches(records: Iterable[GroupRecord], protocol: _Protocol, mtu: int) -> Iterator[list[GroupRecord]]:
    """Records in order, as many to a report as fit (RFC 3376 section 4.2.16, RFC 3810 section 5.2.15)."""
    space = _space(mtu, protocol)
    most = (space - protocol.record) // protocol.source
    batch: list[GroupRecord] = []
    used = 0
    for record in records:
        for part in (record,) if len(record.sources) <= most else _fit(record, most):
            size = protocol.record + protocol.source * len(part.sources)
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

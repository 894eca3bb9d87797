"""Whole frames: what arrives on an access interface decoded, and what we send as octets."""

from ipaddress import IPv4Address

import msgspec

from dataplane.packets.ethernet import Subscriber
from dataplane.packets.igmp import GroupRecord, Query, Report
from dataplane.packets.wire import Octets


class AccessMessage(msgspec.Struct, frozen=True):
    """One IGMP message with who sent it: `source` is the IP source, 0.0.0.0 included."""

    subscriber: Subscriber
    source: IPv4Address
    message: Query | Report


def decode(frame: Octets, outer_vlan: int = 0, *, require_router_alert: bool = False) -> AccessMessage:
    """Ethernet, IPv4 and IGMP of one captured frame; raises DecodeError with the DropReason.

    `outer_vlan` is the tag the kernel stripped (0 for none).
    """
    raise NotImplementedError


def query_frame(query: Query, source_mac: bytes, source: IPv4Address, vlan: int = 0) -> bytes:
    """An Ethernet frame with a query: TTL 1, TOS 0xc0, Router Alert; tagged when `vlan` is not 0."""
    raise NotImplementedError


def report_frames(
    version: int, records: tuple[GroupRecord, ...], source_mac: bytes, source: IPv4Address, mtu: int = 1500
) -> list[bytes]:
    """Ethernet frames that report `records` upstream, in as few frames as fit the MTU."""
    raise NotImplementedError


def report_payloads(version: int, records: tuple[GroupRecord, ...], mtu: int = 1500) -> list[tuple[IPv4Address, bytes]]:
    """The same as (IP destination, IGMP payload), for a raw IP socket."""
    raise NotImplementedError

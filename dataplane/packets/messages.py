"""Membership messages of either family: what IGMP and MLD say alike (RFC 3376, RFC 3810), without octets.

The codecs `igmp` and `mld` make these of a payload and back. The family of a message is the IP version of
its addresses; where it has none (a general query) the caller knows it from the address it came from.
Versions are counted as IGMP's in both families, whose state machines are the same: MLDv1 is 2, MLDv2 is 3.
"""

from enum import IntEnum
from ipaddress import IPv4Address, IPv6Address
from typing import TypeAlias

import msgspec

from dataplane.packets.wire import DropReason

Address: TypeAlias = IPv4Address | IPv6Address


class RecordType(IntEnum):
    """RFC 3376 section 4.2.12."""

    MODE_IS_INCLUDE = 1
    MODE_IS_EXCLUDE = 2
    CHANGE_TO_INCLUDE_MODE = 3
    CHANGE_TO_EXCLUDE_MODE = 4
    ALLOW_NEW_SOURCES = 5
    BLOCK_OLD_SOURCES = 6


class GroupRecord(msgspec.Struct, frozen=True, gc=False):
    """One group of a report (RFC 3376 section 4.2.4)."""

    type: RecordType
    group: Address
    sources: tuple[Address, ...] = ()


class Report(msgspec.Struct, frozen=True, gc=False):
    """A report or a leave of any version.

    A v1 or v2 report is one MODE_IS_EXCLUDE record without sources, a v2 leave one
    CHANGE_TO_INCLUDE_MODE record without sources (RFC 3376 section 7.3.2).
    `refused` has a reason for every record of a v3 report that was left out.
    """

    version: int
    records: tuple[GroupRecord, ...]
    refused: tuple[DropReason, ...] = ()

    @property
    def is_leave(self) -> bool:
        """Whether this is a version 2 leave message."""
        return self.version == 2 and self.records[0].type is RecordType.CHANGE_TO_INCLUDE_MODE


class Query(msgspec.Struct, frozen=True, gc=False):
    """A query; `group` None is a general query. Times in seconds.

    `robustness` and `query_interval` are 0 where the querier does not say (versions 1 and 2).
    """

    version: int
    group: Address | None = None
    sources: tuple[Address, ...] = ()
    max_response: float = 10.0
    suppress: bool = False
    robustness: int = 0
    query_interval: int = 0

"""IGMP messages: versions 1 (RFC 1112), 2 (RFC 2236) and 3 (RFC 3376 section 4), both ways."""

from enum import IntEnum
from ipaddress import IPv4Address

import msgspec

from dataplane.packets.wire import DropReason, Octets


class RecordType(IntEnum):
    """RFC 3376 section 4.2.12."""

    MODE_IS_INCLUDE = 1
    MODE_IS_EXCLUDE = 2
    CHANGE_TO_INCLUDE_MODE = 3
    CHANGE_TO_EXCLUDE_MODE = 4
    ALLOW_NEW_SOURCES = 5
    BLOCK_OLD_SOURCES = 6


class GroupRecord(msgspec.Struct, frozen=True):
    """One group of a report (RFC 3376 section 4.2.4)."""

    type: RecordType
    group: IPv4Address
    sources: tuple[IPv4Address, ...] = ()


class Report(msgspec.Struct, frozen=True):
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
        """Whether this is a version 2 leave."""
        raise NotImplementedError


class Query(msgspec.Struct, frozen=True):
    """A query; `group` None is a general query. Times in seconds.

    `robustness` and `query_interval` are 0 where the querier does not say (versions 1 and 2).
    """

    version: int
    group: IPv4Address | None = None
    sources: tuple[IPv4Address, ...] = ()
    max_response: float = 10.0
    suppress: bool = False
    robustness: int = 0
    query_interval: int = 0


def decode(payload: Octets) -> Query | Report:
    """One IGMP message, checksum included; raises DecodeError."""
    raise NotImplementedError


def encode(message: Query | Report) -> bytes:
    """The octets of one message with its checksum; the inverse of `decode`."""
    raise NotImplementedError

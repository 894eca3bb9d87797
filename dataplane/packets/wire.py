"""Reading octets safely: the cursor, the reasons for refusing a message, and the Internet checksum.

Owns what every codec shares. A codec raises nothing but `DecodeError`, whatever the octets are.
"""

from enum import StrEnum
from ipaddress import IPv4Address
from struct import Struct
from typing import TypeAlias

Octets: TypeAlias = bytes | bytearray | memoryview

_U16 = Struct("!H").unpack_from
_U32 = Struct("!I").unpack_from


class DropReason(StrEnum):
    """Why a message, or one record of it, was refused; each value is also the name of a counter."""

    TOO_SHORT = "too-short"
    BAD_CHECKSUM = "bad-checksum"
    BAD_IP_HEADER = "bad-ip-header"
    FRAGMENT = "fragment"
    BAD_TTL = "bad-ttl"
    MISSING_ROUTER_ALERT = "missing-router-alert"
    NOT_IP = "not-ip"
    NOT_IGMP = "not-igmp"
    NOT_MLD = "not-mld"
    UNKNOWN_TYPE = "unknown-type"
    UNKNOWN_RECORD_TYPE = "unknown-record-type"
    MALFORMED = "malformed"
    NOT_MULTICAST_GROUP = "not-multicast-group"
    LINK_LOCAL_GROUP = "link-local-group"
    BAD_SOURCE_ADDRESS = "bad-source-address"
    BAD_SUBSCRIBER_MAC = "bad-subscriber-mac"
    TOO_MANY_TAGS = "too-many-tags"
    OTHER_INTERFACE = "other-interface"
    BAD_PPPOE_HEADER = "bad-pppoe-header"
    UNSUPPORTED_VERSION = "unsupported-version"
    GROUP_DENIED = "group-denied"
    SOURCE_DENIED = "source-denied"
    TOO_MANY_GROUPS = "too-many-groups"
    TOO_MANY_SUBSCRIBER_GROUPS = "too-many-subscriber-groups"
    TOO_MANY_SOURCES = "too-many-sources"
    TOO_MANY_ENTRIES = "too-many-entries"
    RATE_LIMITED = "rate-limited"
    FOREIGN_QUERY = "foreign-query"


class DecodeError(Exception):
    """The octets are not a message we accept; `reason` says why and names the counter."""

    def __init__(self, reason: DropReason) -> None:
        super().__init__(reason.value)
        self.reason = reason


class Reader:
    """A cursor over octets in network byte order; reading past the end is `TOO_SHORT`."""

    __slots__ = ("_data", "_end", "_position")

    def __init__(self, data: Octets) -> None:
        self._data = memoryview(data)
        self._end = len(data)
        self._position = 0

    def _advance(self, count: int) -> int:
        start = self._position
        if count < 0 or start + count > self._end:
            raise DecodeError(DropReason.TOO_SHORT)
        self._position = start + count
        return start

    @property
    def remaining(self) -> int:
        """How many octets have not been read yet."""
        return self._end - self._position

    def u8(self) -> int:
        """One octet."""
        return self._data[self._advance(1)]

    def u16(self) -> int:
        """Two octets."""
        value: int = _U16(self._data, self._advance(2))[0]
        return value

    def u32(self) -> int:
        """Four octets."""
        value: int = _U32(self._data, self._advance(4))[0]
        return value

    def ipv4(self) -> IPv4Address:
        """Four octets as an address."""
        return IPv4Address(self.u32())

    def take(self, count: int) -> memoryview:
        """The next `count` octets, not copied."""
        start = self._advance(count)
        return self._data[start : start + count]

    def end(self) -> None:
        """Refuse what is left over as `MALFORMED`."""
        if self._position != self._end:
            raise DecodeError(DropReason.MALFORMED)


def ones_sum_is_zero(data: Octets) -> bool:
    """True when the octets, their checksum field included, carry a right Internet checksum (RFC 1071).

    One's complement addition of 16-bit words is addition modulo 0xffff, and so is the remainder of the
    whole taken as one number: one division in C in place of a loop.
    """
    if len(data) % 2:
        data = bytes(data) + b"\0"
    return int.from_bytes(data, "big") % 0xFFFF == 0


def checksum(data: Octets) -> int:
    """The Internet checksum of octets whose checksum field is zero (RFC 1071)."""
    if len(data) % 2:
        data = bytes(data) + b"\0"
    return 0xFFFF - int.from_bytes(data, "big") % 0xFFFF

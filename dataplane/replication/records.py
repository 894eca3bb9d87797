"""What crosses the replication channel about one subscriber and one group: the record and its codec.

Pure. A record names a profile by its backup-id and an access interface by its access-id; neither clock
values nor interface or profile names cross the channel. A batch of records is `count` fixed structs of
`size` octets followed by the sources of each record, in the order of the records:

     0      1      2        4          6            8            10             12     18
    +------+------+--------+----------+------------+------------+--------------+------+
    | kind | flags| backup | access   | outer VLAN | inner VLAN | PPPoE        | MAC  |
    |  8   |  8   | id 16  | id 16    | 16         | 16         | session 16   | 48   |
    +------+------+--------+----------+------------+------------+--------------+------+
    18                34          35           36          38          40       44          60
    +-----------------+-----------+------------+-----------+-----------+--------+-----------+----------+
    | group address   | family 8  | subscriber | filter    | source    | life-  | reporter  | sequence |
    | 128             | (4)       | type 8     | mode 8, 0 | count 16  | time 32| 128       | 64       |
    +-----------------+-----------+------------+-----------+-----------+--------+-----------+----------+

An IPv4 address fills the first four octets of its field. A source is address and remaining lifetime in
milliseconds: 8 octets for IPv4. A reader skips octets of a struct beyond those that it knows.
"""

from collections.abc import Iterator
from enum import StrEnum
from ipaddress import IPv4Address
from struct import Struct
from typing import NamedTuple

import msgspec

from dataplane.packets.ethernet import Subscriber
from dataplane.packets.wire import DecodeError, DropReason

MAX_SOURCES = 4096
"""Sources a record may carry; RFC 3376 allows 65,535, an Ethernet frame holds about 365."""

MAX_LIFETIME_MS = 0xFFFF_FFFF

_FIXED = Struct("!BBHHHHH6s16sBBBxHI16sQ")
_SOURCE = Struct("!II")
_KEY_START, _KEY_END = 4, 34
_V4_TAIL = bytes(12)
_NOBODY = IPv4Address(0)

RECORD_SIZE = _FIXED.size


class RecordKind(StrEnum):
    """What happened to the membership."""

    UPDATE = "update"
    LEAVE = "leave"


class SubscriberType(StrEnum):
    """How the STB reaches the network; the names are those of the YANG module."""

    DHCP_STB = "dhcp-stb"
    PPPOE_STB = "pppoe-stb"


class FilterMode(StrEnum):
    """RFC 3376 section 3.1; the names are those of RFC 8652."""

    INCLUDE = "include"
    EXCLUDE = "exclude"


class SourceLifetime(NamedTuple):
    """One source of a record and how long it has still to live, in milliseconds."""

    address: IPv4Address
    lifetime_ms: int


class Record(msgspec.Struct, frozen=True):
    """The membership of one subscriber in one group, as the sender of the record holds it.

    `lifetime_ms` is the remaining group timer (0 in INCLUDE mode, where only sources have timers). For a
    LEAVE the filter fields say nothing. `batch` marks a record of a batch, which never lengthens a timer;
    `returned` one that the receiver itself had originated and asked back after its restart. `sequence` and
    `batch` are set by the channel; a sender leaves them alone.
    """

    kind: RecordKind
    backup_id: int
    access_id: int
    subscriber: Subscriber
    subscriber_type: SubscriberType
    group: IPv4Address
    filter_mode: FilterMode = FilterMode.EXCLUDE
    lifetime_ms: int = 0
    sources: tuple[SourceLifetime, ...] = ()
    reporter: IPv4Address = _NOBODY
    returned: bool = False
    batch: bool = False
    sequence: int = 0

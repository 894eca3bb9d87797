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
    | 128             | (4 or 6)  | type 8     | mode 8, 0 | count 16  | time 32| 128       | 64       |
    +-----------------+-----------+------------+-----------+-----------+--------+-----------+----------+

The family is the IP version of the group, its sources and the reporter: 4 is a membership of IGMP, 6 one
of MLD. An IPv4 address fills the first four octets of its field, the others are 0. A source is address and
remaining lifetime in milliseconds: 8 octets for IPv4, 20 for IPv6. A reader skips octets of a struct beyond
those that it knows. A record of a kind, family, subscriber type or filter mode that a reader does not know
has its place in the sequence and no other meaning; sources of a family that it does not know have 20 octets.
"""

from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address
from struct import Struct
from struct import error as StructError  # noqa: N812
from typing import Final, NamedTuple

import msgspec

from dataplane.packets.ethernet import Subscriber
from dataplane.packets.messages import Address
from dataplane.packets.wire import DecodeError, DropReason

MAX_RECORDS = 256
"""Records in one message: a larger one gains no speed and costs latency."""

MAX_SOURCES = 4096
"""Sources a record may carry; RFC 3376 allows 65,535, an Ethernet frame holds about 365."""

SOURCES_OCTETS = 4_096
"""Octets of sources after which a message is full: 512 of IPv4, which take the reader 10 ms to apply."""

MAX_LIFETIME_MS = 0xFFFF_FFFF

_FIXED = Struct("!BBHHHHH6s16sBBBxHI16sQ")
_SOURCES: Final = {4: Struct("!4sI"), 6: Struct("!16sI")}
_COUNTS = Struct("!HH")
_KEY = slice(4, 34)
_NOBODY = IPv4Address(0)
_NO_SUBSCRIBER: Final = Subscriber(0, 0, 0, bytes(6))
_RETURNED, _BATCH = 1, 2
_LINK_LOCAL = IPv4Address("224.0.0.0").packed[:3]
_LINK_SCOPE = 2  # RFC 4291 section 2.7: reserved, interface-local, link-local
_MULTICAST_IPV4, _LOOPBACK_IPV4, _MULTICAST_IPV6 = 224, 127, 0xFF  # the first octets
_ANY_IPV4 = bytes(4)
_NO_HOSTS_IPV6 = (bytes(16), bytes(15) + b"\1")
_NO_MAC = bytes(6)
_LAST_VLAN, _LAST_SESSION = 0x0FFF, 0xFFFE
_CACHE_LIMIT = 65_536

RECORD_SIZE = _FIXED.size

_Row = tuple[int, int, int, int, int, int, int, bytes, bytes, int, int, int, int, int, bytes, int]


class RecordKind(StrEnum):
    """What happened to the membership."""

    UPDATE = "update"
    LEAVE = "leave"
    UNKNOWN = "unknown"


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

    address: Address
    lifetime_ms: int


class Record(msgspec.Struct, frozen=True, gc=False):
    """The membership of one subscriber in one group, as the sender of the record holds it.

    `lifetime_ms` is what remains of the group timer in EXCLUDE mode; in INCLUDE mode the sources alone have
    timers, and it says nothing. For a LEAVE the filter fields say nothing. `batch` marks a record of a
    batch, which never lengthens a timer; `returned` one that the receiver itself had originated and asked
    back after its restart. `sequence` and `batch` are set by the channel; a sender leaves them alone. UNKNOWN
    is for reading only.
    """

    kind: RecordKind
    backup_id: int
    access_id: int
    subscriber: Subscriber
    subscriber_type: SubscriberType
    group: Address
    filter_mode: FilterMode = FilterMode.EXCLUDE
    lifetime_ms: int = 0
    sources: tuple[SourceLifetime, ...] = ()
    reporter: Address = _NOBODY
    returned: bool = False
    batch: bool = False
    sequence: int = 0


_KINDS = {1: RecordKind.UPDATE, 2: RecordKind.LEAVE}
_TYPES = {1: SubscriberType.DHCP_STB, 2: SubscriberType.PPPOE_STB}
_MODES = {1: FilterMode.INCLUDE, 2: FilterMode.EXCLUDE}
_KIND_CODES = {value: code for code, value in _KINDS.items()}
_TYPE_CODES = {value: code for code, value in _TYPES.items()}
_MODE_CODES = {value: code for code, value in _MODES.items()}


def pack(record: Record, sequence: int, *, batch: bool = False) -> tuple[bytes, bytes]:
    """One record as its fixed struct and its sources.

    Raises ValueError when a field does not fit (a lifetime beyond 49 days is cut, too many sources are not).
    """
    subscriber = record.subscriber
    if len(record.sources) > MAX_SOURCES or len(subscriber.mac) != 6:
        raise ValueError("a record holds at most 4,096 sources and a MAC of 6 octets")
    try:
        fixed = _FIXED.pack(
            _KIND_CODES[record.kind],
            record.returned * _RETURNED + batch * _BATCH,
            record.backup_id,
            record.access_id,
            subscriber.outer_vlan,
            subscriber.inner_vlan,
            subscriber.pppoe_session,
            subscriber.mac,
            record.group.packed,
            record.group.version,
            _TYPE_CODES[record.subscriber_type],
            _MODE_CODES[record.filter_mode],
            len(record.sources),
            min(record.lifetime_ms, MAX_LIFETIME_MS),
            record.reporter.packed,
            sequence,
        )
        return fixed, _pack_sources(record) if record.sources else b""
    except StructError as error:
        raise ValueError(f"record does not fit: {error}") from error


def _pack_sources(record: Record) -> bytes:
    pack_source = _SOURCES[record.group.version].pack
    return b"".join(
        [pack_source(address.packed, min(rest, MAX_LIFETIME_MS)) for address, rest in record.sources]
    )


def key_of(fixed: bytes) -> bytes:
    """What identifies the entry within its profile: access-id, subscriber and group of a packed record."""
    return fixed[_KEY]


def aged(record: Record, seconds: float) -> Record | None:
    """The record as it is after waiting: its lifetimes reduced, or None when an UPDATE has run out.

    In INCLUDE mode sources that ran out go; in EXCLUDE mode they stay with 0, which means excluded
    (RFC 3376 section 6.2.3).
    """
    if record.kind is RecordKind.LEAVE or seconds <= 0:
        return record
    passed = int(seconds * 1000)
    exclude = record.filter_mode is FilterMode.EXCLUDE
    left = ((address, max(0, rest - passed)) for address, rest in record.sources)
    sources = tuple(SourceLifetime(address, rest) for address, rest in left if rest or exclude)
    lifetime = max(0, record.lifetime_ms - passed)
    if not (lifetime if exclude else sources):
        return None
    return msgspec.structs.replace(record, lifetime_ms=lifetime, sources=sources)


class RecordBuffer:
    """Packed records on their way into one message; the bound is on records and on octets."""

    def __init__(self, octets: int = SOURCES_OCTETS) -> None:
        self._limit = octets
        self._fixed: list[bytes] = []
        self._sources: list[bytes] = []
        self._octets = 0

    def __len__(self) -> int:
        return len(self._fixed)

    @property
    def full(self) -> bool:
        """True when the next record belongs into another message."""
        return len(self._fixed) >= MAX_RECORDS or self._octets >= self._limit

    def add(self, fixed: bytes, sources: bytes) -> None:
        """Append what `pack` gave."""
        self._fixed.append(fixed)
        if sources:
            self._sources.append(sources)
            self._octets += len(sources)

    def take(self) -> bytes:
        """The body of a RECORDS message; the buffer is empty afterwards."""
        body = b"".join((_COUNTS.pack(len(self._fixed), RECORD_SIZE), *self._fixed, *self._sources))
        self._fixed.clear()
        self._sources.clear()
        self._octets = 0
        return body


class _Family:
    """What is remembered of the addresses of one IP version."""

    __slots__ = ("addresses", "groups", "source", "version")

    def __init__(self, version: int) -> None:
        self.version = version
        self.addresses: dict[bytes, Address] = {}
        self.groups: dict[bytes, Address] = {}
        self.source = _SOURCES[version]

    def new_address(self, field: bytes) -> Address:
        address = self.addresses[field] = self.unpacked(field)
        return address

    def new_group(self, field: bytes) -> Address:
        """Raises DecodeError for what is no group, or one of link scope, which is never copied."""
        group = self.unpacked(field)
        if not group.is_multicast:
            raise DecodeError(DropReason.NOT_MULTICAST_GROUP)
        if (field[1] & 0x0F) <= _LINK_SCOPE if self.version == 6 else field[:3] == _LINK_LOCAL:
            raise DecodeError(DropReason.LINK_LOCAL_GROUP)
        self.groups[field] = group
        return group

    def new_source(self, field: bytes) -> Address:
        """Raises DecodeError for what is no address of a host: to a plane 0 is any source."""
        first = field[0]
        if self.version == 4:
            host = first < _MULTICAST_IPV4 and first != _LOOPBACK_IPV4 and field != _ANY_IPV4
        else:
            host = first != _MULTICAST_IPV6 and field not in _NO_HOSTS_IPV6
        if not host:
            raise DecodeError(DropReason.BAD_SOURCE_ADDRESS)
        return self.unpacked(field)

    def unpacked(self, field: bytes) -> Address:
        return IPv4Address(field[:4]) if self.version == 4 else IPv6Address(field)


class RecordDecoder:
    """Unpacks the body of RECORDS messages; remembers addresses and subscribers, which repeat a lot."""

    def __init__(self) -> None:
        self._subscribers: dict[tuple[int, int, int, bytes], Subscriber] = {}
        self._families = {version: _Family(version) for version in _SOURCES}

    def decode(self, body: bytes) -> tuple[Record, ...]:
        """The records of one body; octets after the last source are skipped. Raises DecodeError."""
        self._bound_caches()
        try:
            return self._decode(memoryview(body))
        except (StructError, KeyError) as error:
            raise DecodeError(DropReason.MALFORMED) from error

    def _decode(self, body: memoryview) -> tuple[Record, ...]:
        count, size = _COUNTS.unpack_from(body)
        end = _COUNTS.size + count * size
        if not 0 < count <= MAX_RECORDS or size < RECORD_SIZE or len(body) < end:
            raise DecodeError(DropReason.MALFORMED)
        starts = range(_COUNTS.size, end, size)
        rows = [_FIXED.unpack_from(body, start) for start in starts]
        if any(row[12] for row in rows):
            return self._with_sources(rows, body[end:])
        return tuple([self._record(row, ()) for row in rows])

    def _with_sources(self, rows: list[_Row], tail: memoryview) -> tuple[Record, ...]:
        records = []
        offset = 0
        for row in rows:
            family = self._families.get(row[9], self._families[6])
            octets = row[12] * family.source.size
            if row[12] > MAX_SOURCES or len(tail) < offset + octets:
                raise DecodeError(DropReason.MALFORMED)
            pairs = family.source.iter_unpack(tail[offset : offset + octets])
            says_something = _KINDS.get(row[0]) is RecordKind.UPDATE and row[9] in self._families
            take = family.new_source if says_something else family.unpacked
            sources = tuple([SourceLifetime(take(field), rest) for field, rest in pairs])
            records.append(self._record(row, sources))
            offset += octets
        return tuple(records)

    def _record(self, row: _Row, sources: tuple[SourceLifetime, ...]) -> Record:
        kind, flags, backup, access, outer, inner, session, mac, group = row[:9]
        version, subscriber_type, mode, _, lifetime, reporter, sequence = row[9:]
        try:
            known, type_of_stb, filter_mode = _KINDS[kind], _TYPES[subscriber_type], _MODES[mode]
            family = self._families[version]
        except KeyError:  # of a later version
            return _unknown(backup, access, flags, sequence)
        identity = (outer, inner, session, mac)
        return Record(
            known,
            backup,
            access,
            self._subscribers.get(identity) or self._new_subscriber(identity),
            type_of_stb,
            family.groups.get(group) or family.new_group(group),
            filter_mode,
            lifetime,
            sources,
            family.addresses.get(reporter) or family.new_address(reporter),
            bool(flags & _RETURNED),
            bool(flags & _BATCH),
            sequence,
        )

    def _new_subscriber(self, identity: tuple[int, int, int, bytes]) -> Subscriber:
        """Raises DecodeError for what no frame of a subscriber can hold."""
        outer, inner, session, mac = identity
        if mac[0] & 1 or mac == _NO_MAC:
            raise DecodeError(DropReason.BAD_SUBSCRIBER_MAC)
        if max(outer, inner) > _LAST_VLAN or (inner and not outer) or session > _LAST_SESSION:
            raise DecodeError(DropReason.MALFORMED)
        subscriber = self._subscribers[identity] = Subscriber(*identity)
        return subscriber

    def _bound_caches(self) -> None:
        if len(self._subscribers) > _CACHE_LIMIT:
            self._subscribers.clear()
        for family in self._families.values():
            for cache in (family.addresses, family.groups):
                if len(cache) > _CACHE_LIMIT:
                    cache.clear()


def _unknown(backup_id: int, access_id: int, flags: int, sequence: int) -> Record:
    """Return a record that says nothing but where it stands."""
    return Record(
        RecordKind.UNKNOWN,
        backup_id,
        access_id,
        _NO_SUBSCRIBER,
        SubscriberType.DHCP_STB,
        _NOBODY,
        batch=bool(flags & _BATCH),
        sequence=sequence,
    )

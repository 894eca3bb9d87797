"""The messages of the replication channel and how they are told apart on a stream of octets. Pure.

Every message is a header of 8 octets and a body:

     0                    4         5         6              8
    +--------------------+---------+---------+--------------+------
    | length of the body | type    | flags   | 0            | body ...
    | 32                 | 8       | 8       | 16           |
    +--------------------+---------+---------+--------------+------

    1 OPEN           version major 16, minor 16; epoch 64; the peer's epoch as known here 64 (0: none);
                     heartbeat interval in ms 32; capabilities 64 (mld 1)
    2 SETTINGS       count 16, then per profile a block: its length 16, backup-id 16, flags 8 (multicast 1,
                     igmp-copy 2, removed 4, pull 8, mld-copy 16), role 8, last sequence received 64,
                     count 16, access-ids 16 each; arbitration 8 (1 none, 2 static, 3 vrrp, 4 e-trunk), 0 8,
                     vrid or e-trunk id 16, hello interval in centiseconds 16. Flag FULL: the first part of a
                     complete list; MORE: another follows
    3 RECORDS        see `records`
    4 ACK            count 16, then backup-id 16 and sequence 64 each: cumulative per profile
    5 BATCH-BEGIN    backup-id 16, 0 16, batch-id 32, sequence of the next record 64
    6 BATCH-END      backup-id 16, 0 16, batch-id 32, its own sequence 64, number of records 32
    7 BATCH-REQUEST  backup-id 16, 0 16. Flag RETURNED: with the entries that the requester had originated
    8 HEARTBEAT      nothing
    9 CLOSE          the reason in UTF-8

A reader skips messages of a type that it does not know and octets after the last field that it knows; a
different major version ends the connection.
"""

from collections.abc import Iterable, Iterator
from enum import IntFlag
from struct import Struct
from struct import error as StructError  # noqa: N812

import msgspec

from dataplane.config import Role
from dataplane.packets.wire import DecodeError, DropReason
from dataplane.replication.records import Record, RecordDecoder
from dataplane.replication.settings import ArbitrationKind, ArbitrationSettings, ProfileSettings

VERSION_MAJOR = 1
VERSION_MINOR = 0

MAX_BODY = 262_144
"""The largest body that is read; what we send is much smaller."""

_HEADER = Struct("!IBBH")
_OPEN = Struct("!HHQQIQ")
_COUNT = Struct("!H")
_BLOCK = Struct("!HBBQH")
_ARBITRATION = Struct("!BxHH")
_ACKED = Struct("!HQ")
_BEGIN = Struct("!HxxIQ")
_END = Struct("!HxxIQI")
_REQUEST = Struct("!Hxx")

_OPEN_TYPE, _SETTINGS_TYPE, _RECORDS_TYPE, _ACK_TYPE, _BEGIN_TYPE = 1, 2, 3, 4, 5
_END_TYPE, _REQUEST_TYPE, _HEARTBEAT_TYPE, _CLOSE_TYPE = 6, 7, 8, 9
_FULL, _MORE = 1, 2
_RETURNED = 1
_MULTICAST, _IGMP_COPY, _REMOVED, _PULL, _MLD_COPY = 1, 2, 4, 8, 16
_ROLES = {0: Role.INIT, 1: Role.BACKUP, 2: Role.MASTER}
_ROLE_CODES = {role: code for code, role in _ROLES.items()}
_ARBITRATIONS = dict(enumerate(ArbitrationKind))
_ARBITRATION_CODES = {kind: code for code, kind in _ARBITRATIONS.items()}
_PART_OCTETS = 32_768
_MAX_REASON = 128


class Capability(IntFlag):
    """What an end can do beyond the first version; a bit that a reader does not know means nothing to it."""

    MLD = 1
    """Records of IPv6 groups; they are not sent to a peer without it."""


CAPABILITIES = Capability.MLD
"""Our own."""


class Open(msgspec.Struct, frozen=True, gc=False):
    """The first message of each side."""

    epoch: int
    known_epoch: int
    heartbeat_ms: int
    major: int = VERSION_MAJOR
    minor: int = VERSION_MINOR
    capabilities: int = 0


class Announcement(msgspec.Struct, frozen=True, gc=False):
    """One profile in SETTINGS.

    `received`: the last sequence that came from the peer in the epoch which OPEN names; the peer need not
    send those again. `pull`: the sender restarted and wants back the entries it had originated.
    """

    settings: ProfileSettings
    received: int = 0
    pull: bool = False
    removed: bool = False


class SettingsPart(msgspec.Struct, frozen=True, gc=False):
    """Some profiles; `full` starts a complete list, `more` says that another part follows."""

    announcements: tuple[Announcement, ...]
    full: bool = False
    more: bool = False


class Records(msgspec.Struct, frozen=True, gc=False):
    """Records in the order in which they are to be applied."""

    records: tuple[Record, ...]


class Ack(msgspec.Struct, frozen=True, gc=False):
    """Everything up to this sequence was taken, per backup-id."""

    sequences: tuple[tuple[int, int], ...]


class BatchBegin(msgspec.Struct, frozen=True, gc=False):
    """A batch of a profile begins; the next record of the profile has `sequence`."""

    backup_id: int
    batch_id: int
    sequence: int


class BatchEnd(msgspec.Struct, frozen=True, gc=False):
    """The batch held `entries` records; `sequence` is the end's own."""

    backup_id: int
    batch_id: int
    sequence: int
    entries: int


class BatchRequest(msgspec.Struct, frozen=True, gc=False):
    """The sender wants a batch of this profile."""

    backup_id: int
    returned: bool = False


class Heartbeat(msgspec.Struct, frozen=True, gc=False):
    """The sender lives."""


class Close(msgspec.Struct, frozen=True, gc=False):
    """The sender is about to close the connection."""

    reason: str


Message = Open | SettingsPart | Records | Ack | BatchBegin | BatchEnd | BatchRequest | Heartbeat | Close


def encode_records(body: bytes) -> bytes:
    """A RECORDS message around a body from `RecordBuffer.take`."""
    return _frame(_RECORDS_TYPE, body)


def encode_settings(announcements: Iterable[Announcement], *, full: bool) -> bytes:
    """SETTINGS in as many parts as its size asks for; at least one."""
    parts: list[list[bytes]] = [[]]
    octets = 0
    for announcement in announcements:
        block = _encode_block(announcement)
        if octets + len(block) > _PART_OCTETS:
            parts.append([])
            octets = 0
        parts[-1].append(block)
        octets += len(block)
    last = len(parts) - 1
    return b"".join(
        _frame(
            _SETTINGS_TYPE,
            _COUNT.pack(len(part)) + b"".join(part),
            (_FULL if full and not index else 0) | (_MORE if index < last else 0),
        )
        for index, part in enumerate(parts)
    )


def encode(message: Open | Ack | BatchBegin | BatchEnd | BatchRequest | Heartbeat | Close) -> bytes:
    """Any other message as octets."""
    match message:
        case Open(epoch, known_epoch, heartbeat_ms, major, minor, capabilities):
            body = _OPEN.pack(major, minor, epoch, known_epoch, heartbeat_ms, capabilities)
            return _frame(_OPEN_TYPE, body)
        case Ack(sequences):
            return _frame(
                _ACK_TYPE, _COUNT.pack(len(sequences)) + b"".join(_ACKED.pack(*s) for s in sequences)
            )
        case BatchBegin(backup_id, batch_id, sequence):
            return _frame(_BEGIN_TYPE, _BEGIN.pack(backup_id, batch_id, sequence))
        case BatchEnd(backup_id, batch_id, sequence, entries):
            return _frame(_END_TYPE, _END.pack(backup_id, batch_id, sequence, entries))
        case BatchRequest(backup_id, returned):
            return _frame(_REQUEST_TYPE, _REQUEST.pack(backup_id), _RETURNED if returned else 0)
        case Heartbeat():
            return _frame(_HEARTBEAT_TYPE, b"")
        case Close(reason):
            return _frame(_CLOSE_TYPE, reason.encode()[:_MAX_REASON])


def _frame(kind: int, body: bytes, flags: int = 0) -> bytes:
    return _HEADER.pack(len(body), kind, flags, 0) + body


def _encode_block(announcement: Announcement) -> bytes:
    settings = announcement.settings
    flags = (
        settings.multicast * _MULTICAST
        | settings.igmp_copy * _IGMP_COPY
        | settings.mld_copy * _MLD_COPY
        | announcement.removed * _REMOVED
        | announcement.pull * _PULL
    )
    access_ids = sorted(settings.access_ids)
    head = _BLOCK.pack(
        settings.backup_id, flags, _ROLE_CODES[settings.role], announcement.received, len(access_ids)
    )
    told = settings.arbitration
    arbitration = _ARBITRATION.pack(_ARBITRATION_CODES[told.kind], told.id, told.hello_interval)
    block = head + Struct(f"!{len(access_ids)}H").pack(*access_ids) + arbitration
    return _COUNT.pack(len(block)) + block


class Deframer:
    """Octets in, messages out, however the octets were split."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._records = RecordDecoder()

    def feed(self, data: bytes) -> Iterator[Message]:
        """The messages that are complete now. Raises DecodeError; the stream cannot be read on after it."""
        self._buffer += data
        position = 0
        try:
            while len(self._buffer) - position >= _HEADER.size:
                length, kind, flags, _ = _HEADER.unpack_from(self._buffer, position)
                if length > MAX_BODY:
                    raise DecodeError(DropReason.MALFORMED)
                start = position + _HEADER.size
                if len(self._buffer) < start + length:
                    break
                position = start + length
                message = self._decode(kind, flags, bytes(self._buffer[start:position]))
                if message is not None:
                    yield message
        finally:
            del self._buffer[:position]

    def _decode(self, kind: int, flags: int, body: bytes) -> Message | None:
        try:
            if kind == _RECORDS_TYPE:
                return Records(self._records.decode(body))
            return _decode_control(kind, flags, body)
        except (StructError, KeyError, UnicodeDecodeError) as error:
            raise DecodeError(DropReason.MALFORMED) from error


def _decode_control(kind: int, flags: int, body: bytes) -> Message | None:
    match kind:
        case 1:
            major, minor, epoch, known_epoch, heartbeat_ms, capabilities = _OPEN.unpack_from(body)
            return Open(epoch, known_epoch, heartbeat_ms, major, minor, capabilities)
        case 2:
            return SettingsPart(tuple(_blocks(body)), bool(flags & _FULL), bool(flags & _MORE))
        case 4:
            count = _COUNT.unpack_from(body)[0]
            octets = body[_COUNT.size : _COUNT.size + count * _ACKED.size]
            if len(octets) < count * _ACKED.size:
                raise DecodeError(DropReason.TOO_SHORT)
            return Ack(tuple((backup_id, sequence) for backup_id, sequence in _ACKED.iter_unpack(octets)))
        case 5:
            return BatchBegin(*_BEGIN.unpack_from(body))
        case 6:
            return BatchEnd(*_END.unpack_from(body))
        case 7:
            return BatchRequest(_REQUEST.unpack_from(body)[0], bool(flags & _RETURNED))
        case 8:
            return Heartbeat()
        case 9:
            return Close(body[:_MAX_REASON].decode())
        case _:
            return None


def _blocks(body: bytes) -> Iterator[Announcement]:
    offset = _COUNT.size
    for _ in range(_COUNT.unpack_from(body)[0]):
        length = _COUNT.unpack_from(body, offset)[0]
        start = offset + _COUNT.size
        offset = start + length
        if len(body) < offset:
            raise DecodeError(DropReason.TOO_SHORT)
        yield _decode_block(body[start:offset])


def _decode_block(block: bytes) -> Announcement:
    backup_id, flags, role, received, count = _BLOCK.unpack_from(block)
    access_ids = Struct(f"!{count}H").unpack_from(block, _BLOCK.size)
    settings = ProfileSettings(
        backup_id,
        bool(flags & _MULTICAST),
        bool(flags & _IGMP_COPY),
        frozenset(access_ids),
        _ROLES.get(role, Role.INIT),
        bool(flags & _MLD_COPY),
        _arbitration(block, _BLOCK.size + _COUNT.size * count),
    )
    return Announcement(settings, received, bool(flags & _PULL), bool(flags & _REMOVED))


def _arbitration(block: bytes, offset: int) -> ArbitrationSettings:
    code, identity, hello_interval = _ARBITRATION.unpack_from(block, offset)
    return ArbitrationSettings(_ARBITRATIONS.get(code, ArbitrationKind.NOT_TOLD), identity, hello_interval)

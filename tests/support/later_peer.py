"""The other end of a channel as docs/channel.md tells it, of a later minor version; nothing of ours is used.

It says more than the first version knows: longer bodies, blocks and records, messages and records of unknown
kinds, unknown flags, roles and capabilities.
"""

import struct

OPEN, SETTINGS, RECORDS, ACK, BATCH_BEGIN, BATCH_END, CLOSE, NEWS = 1, 2, 3, 4, 5, 6, 9, 77
FULL, MORE, UNKNOWN_FLAGS = 1, 2, 0xF0
BACKUP_ID, ACCESS_ID = 1, 1
EXTRA = b"\xde\xad\xbe\xef\x00\x01\x02\x03"
RECORD = struct.Struct("!BBHHHHH6s16sBBBBHI16sQ")


def message(kind: int, body: bytes, flags: int = 0) -> bytes:
    return struct.pack("!IBBH", len(body), kind, flags, 0) + body


class LaterPeer:
    """Answers what it is told; `heard` are the groups of the records that it took."""

    def __init__(self, minor: int = 7, major: int = 1) -> None:
        self.minor, self.major = minor, major
        self.heard: list[bytes] = []
        self.closed = ""
        self.received = 0
        self._waiting = b""

    def begin(self) -> bytes:
        """OPEN, a message of a later version, and SETTINGS in two parts."""
        opened = struct.pack("!HHQQIQ", self.major, self.minor, 4711, 0, 500, 0xFFFF_0000_0000_0001)
        head = struct.pack("!HBBQHH", BACKUP_ID, 1 | 2 | 16 | 0x60, 9, 0, 1, ACCESS_ID)
        head += struct.pack("!BBHH", 200, 0, 1, 5) + EXTRA
        return (
            message(OPEN, opened + EXTRA, UNKNOWN_FLAGS)
            + message(NEWS, EXTRA * 100)
            + message(SETTINGS, struct.pack("!H", 0), FULL | MORE | UNKNOWN_FLAGS)
            + message(SETTINGS, struct.pack("!HH", 1, len(head)) + head)
        )

    def hear(self, data: bytes) -> bytes:
        """Take what the other end says and return the answer."""
        self._waiting += data
        answer = b""
        while len(self._waiting) >= 8:
            length, kind, flags = struct.unpack_from("!IBB", self._waiting)
            if len(self._waiting) < 8 + length:
                break
            body, self._waiting = self._waiting[8 : 8 + length], self._waiting[8 + length :]
            answer += self._answer(kind, flags, body)
        return answer

    def _answer(self, kind: int, flags: int, body: bytes) -> bytes:
        if kind == SETTINGS and flags & FULL:
            return self._batch()
        if kind == RECORDS:
            self._take(body)
        elif kind == BATCH_END:
            (self.received,) = struct.unpack_from("!Q", body, 8)
        elif kind == CLOSE:
            self.closed = body.decode()
        if kind in (RECORDS, BATCH_END):
            return message(ACK, struct.pack("!HHQ", 1, BACKUP_ID, self.received) + EXTRA)
        return b""

    def _take(self, body: bytes) -> None:
        count, size = struct.unpack_from("!HH", body)
        for number in range(count):
            fields = RECORD.unpack_from(body, 4 + number * size)
            self.heard.append(fields[8][:4])
            self.received = fields[-1]

    def _batch(self) -> bytes:
        """A batch of three records, of which the first version understands one."""
        records = [self._record(1, kind=1), self._record(2, kind=200), self._record(3, kind=1, family=99)]
        sources = bytes(20) * 2
        size = RECORD.size + len(EXTRA)
        body = struct.pack("!HH", len(records), size) + b"".join(each + EXTRA for each in records) + sources
        return (
            message(BATCH_BEGIN, struct.pack("!HHIQ", BACKUP_ID, 0, 1, 1) + EXTRA)
            + message(RECORDS, body + EXTRA)
            + message(NEWS, b"")
            + message(BATCH_END, struct.pack("!HHIQI", BACKUP_ID, 0, 1, 4, 3) + EXTRA)
        )

    @staticmethod
    def _record(number: int, *, kind: int, family: int = 4) -> bytes:
        group, mac = bytes([239, 9, 9, number]).ljust(16, b"\0"), b"\2\0\0\0\0" + bytes([number])
        sources = 2 if family == 99 else 0
        fields = (BACKUP_ID, ACCESS_ID, 0, 0, 0, mac, group, family, 1, 2, 0, sources, 260_000, bytes(16))
        return RECORD.pack(kind, 2 | 0x80, *fields, number)

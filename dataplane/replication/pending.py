"""What is known about one profile's records on their way to the peer. Pure.

A record is kept until the peer has acknowledged it. What a broken connection left unacknowledged, and what
was published before the first batch of a connection, waits in `replay` until that batch has gone.
"""

from collections import OrderedDict, deque
from collections.abc import Sequence
from itertools import islice, takewhile
from typing import Protocol

import msgspec

from dataplane.replication.outputs import SnapshotNeeded
from dataplane.replication.records import Record, RecordKind


class BatchSource(Protocol):
    """Where the records of a batch come from, a part at a time."""

    def next_part(self, now: float) -> Sequence[Record] | None:
        """At most MAX_RECORDS records as they are at `now`; None after the last. A part may be empty."""


class Waiting(msgspec.Struct, frozen=True, gc=False):
    """A record that the peer has not acknowledged. `leave`: the one it replaced, which may be lacking too."""

    record: Record
    sequence: int
    published: float
    leave: Record | None = None


class Batch:
    """A batch on its way. `end_sequence` is None until all of it was sent."""

    __slots__ = ("batch_id", "end_sequence", "entries", "source")

    def __init__(self, batch_id: int, source: BatchSource) -> None:
        self.batch_id = batch_id
        self.source = source
        self.entries = 0
        self.end_sequence: int | None = None


class Pending:
    """One profile's sequence, its batch, and its records that the peer may not have."""

    def __init__(self) -> None:
        self.sequence = 0
        self.acknowledged = 0
        self.begun = False
        self.synchronized = False
        self.lost = False
        self.returning = False
        """The peer has asked for its own entries, and the batch with them has not come to its end."""
        self.wanted: SnapshotNeeded | None = None
        """A batch that was asked for while another was on its way."""
        self.batch: Batch | None = None
        self.markers: deque[int] = deque()
        """Sequences on the wire that are not records: batch ends and declared gaps."""
        self.unacknowledged: OrderedDict[bytes, Waiting] = OrderedDict()
        self.replay: OrderedDict[bytes, Waiting] = OrderedDict()

    def next_sequence(self) -> int:
        """Take the next number."""
        self.sequence += 1
        return self.sequence

    def remember(self, key: bytes, waiting: Waiting) -> None:
        """Keep the newest record of an entry until it is acknowledged."""
        waiting = self._instead(key, waiting)
        self.unacknowledged.pop(key, None)
        self.unacknowledged[key] = waiting
        if self.replay:
            self.replay.pop(key, None)

    def hold(self, key: bytes, waiting: Waiting) -> None:
        """Keep the newest record of an entry until the first batch has gone."""
        self.replay[key] = self._instead(key, waiting)
        self.replay.move_to_end(key)

    def _instead(self, key: bytes, waiting: Waiting) -> Waiting:
        """An update takes the place of a leave that still has to arrive if the update is taken back."""
        before = self.unacknowledged.get(key) or self.replay.get(key)
        if before is None or waiting.leave is not None or waiting.record.kind is RecordKind.LEAVE:
            return waiting
        leave = before.record if before.record.kind is RecordKind.LEAVE else before.leave
        return waiting if leave is None else msgspec.structs.replace(waiting, leave=leave)

    @property
    def waiting(self) -> bool:
        """Whether there is any record that the peer may not have."""
        return bool(self.unacknowledged or self.replay)

    def withdraw(self, key: bytes) -> None:
        """Send an update of this entry no second time; a leave that waits is as true as before.

        So is a leave that the update had replaced: it is in its place again.
        """
        for records in (self.unacknowledged, self.replay):
            waiting = records.get(key)
            if waiting is None or waiting.record.kind is RecordKind.LEAVE:
                continue
            if waiting.leave is None:
                del records[key]
            else:
                records[key] = Waiting(waiting.leave, waiting.sequence, waiting.published)

    def held(self, most: int) -> list[Waiting]:
        """Take the oldest records that wait to be sent again."""
        keys = list(islice(self.replay, most))
        return [self.replay.pop(key) for key in keys]

    def mark(self) -> int:
        """A sequence number that no record has."""
        self.markers.append(self.next_sequence())
        return self.sequence

    def acknowledge(self, sequence: int) -> int:
        """Everything up to `sequence` has arrived; the number of records among what is new."""
        records = sequence - self.acknowledged
        while self.markers and self.markers[0] <= sequence:
            self.markers.popleft()
            records -= 1
        self.acknowledged = sequence
        arrived = takewhile(lambda each: each[1].sequence <= sequence, self.unacknowledged.items())
        for key, _ in list(arrived):
            del self.unacknowledged[key]
        return records

    def interrupt(self) -> None:
        """The connection is gone: what it left open is for the next one."""
        if self.replay:
            for key, waiting in self.unacknowledged.items():
                self.hold(key, waiting)
            self.unacknowledged.clear()
        else:
            self.replay, self.unacknowledged = self.unacknowledged, self.replay
        self.markers.clear()
        self.acknowledged = self.sequence
        self.begun = self.synchronized = self.lost = self.returning = False
        self.batch = self.wanted = None

    def resume(self, received: int) -> int:
        """The peer says after a reconnect what it has; the number of records that need no second way."""
        arrived = [key for key, waiting in self.replay.items() if 0 < waiting.sequence <= received]
        for key in arrived:
            del self.replay[key]
        return len(arrived)

    def forget(self) -> None:
        """The profile is gone here: nothing of it is sent again."""
        self.unacknowledged.clear()
        self.replay.clear()

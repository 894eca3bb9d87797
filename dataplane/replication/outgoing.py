"""The sending half of a channel: sequence, acknowledgement, batches and their pace. Pure.

Each profile has its own sequence, which goes on over connections. A record stays here until the peer has
acknowledged it; what a broken connection left unacknowledged is sent again after the next batch, aged by
the time it waited, unless the batch or a newer record names the same entry. The number of records on the
wire is bounded: beyond it a profile is out of sync, its records are dropped and counted, and a batch makes
up for them when the peer has caught up.
"""

from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice, takewhile

import msgspec

from dataplane.replication.messages import BatchBegin, BatchEnd, encode, encode_records
from dataplane.replication.outputs import (
    BatchCompleted,
    BatchStarted,
    Direction,
    Limits,
    LossReason,
    OutOfSync,
    Outputs,
    Send,
    SentStatistics,
    SnapshotNeeded,
)
from dataplane.replication.records import MAX_RECORDS, Record, RecordBuffer, aged, key_of, pack

_NEVER = float("-inf")


class _Waiting(msgspec.Struct, frozen=True, gc=False):
    """A record that the peer has not acknowledged."""

    record: Record
    sequence: int
    published: float


class _Batch:
    """A batch on its way: what is left of it, and what newer records have made stale."""

    __slots__ = ("batch_id", "end_sequence", "entries", "records", "started", "superseded")

    def __init__(self, batch_id: int, records: Iterable[Record], now: float) -> None:
        self.batch_id = batch_id
        self.records: Iterator[Record] = iter(tuple(records))
        self.started = now
        self.superseded: set[bytes] = set()
        self.entries = 0
        self.end_sequence: int | None = None


class _Profile:
    """What is known about one profile's records on their way to the peer."""

    def __init__(self) -> None:
        self.sequence = 0
        self.acknowledged = 0
        self.begun = False
        self.synchronized = False
        self.lost = False
        self.wanted: SnapshotNeeded | None = None
        """A batch that was asked for while another was on its way."""
        self.batch: _Batch | None = None
        self.markers: deque[int] = deque()
        """Sequences on the wire that are not records: batch ends and declared gaps."""
        self.unacknowledged: OrderedDict[bytes, _Waiting] = OrderedDict()
        self.replay: OrderedDict[bytes, _Waiting] = OrderedDict()

    def next_sequence(self) -> int:
        self.sequence += 1
        return self.sequence

    def remember(self, key: bytes, waiting: _Waiting) -> None:
        """Keep the newest record of an entry until it is acknowledged."""
        self.unacknowledged.pop(key, None)
        self.unacknowledged[key] = waiting
        if self.replay:
            self.replay.pop(key, None)
        if self.batch is not None and self.batch.end_sequence is None:
            self.batch.superseded.add(key)

    def forget(self, sequence: int) -> None:
        """Let go of what the peer has."""
        arrived = takewhile(lambda each: each[1].sequence <= sequence, self.unacknowledged.items())
        for key, _ in list(arrived):
            del self.unacknowledged[key]

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
        self.forget(sequence)
        return records

    def interrupt(self) -> None:
        """The connection is gone: what it left open is for the next one."""
        for key, waiting in self.unacknowledged.items():
            self.replay[key] = waiting
            self.replay.move_to_end(key)
        self.unacknowledged.clear()
        self.markers.clear()
        self.acknowledged = self.sequence
        self.begun = self.synchronized = self.lost = False
        self.batch = self.wanted = None

    def resume(self, received: int) -> int:
        """The peer says after a reconnect what it has; the number of records that need no second way."""
        arrived = [key for key, waiting in self.replay.items() if 0 < waiting.sequence <= received]
        for key in arrived:
            del self.replay[key]
        return len(arrived)


class Outgoing:
    """All profiles of one channel in the direction to the peer."""

    def __init__(self, limits: Limits) -> None:
        self.statistics = SentStatistics()
        self._limits = limits
        self._profiles: dict[int, _Profile] = {}
        self._mapped: frozenset[int] = frozenset()
        self._snapshots_due: set[int] = set()
        self._batching: dict[int, _Profile] = {}
        self._buffer = RecordBuffer()
        self._in_flight = 0
        self._last_batch_id = 0
        self._last_flush = _NEVER
        self.flush_at: float | None = None
        self.waiting_since: float | None = None
        """When the peer last acknowledged something, or should have begun to; None: it has everything."""

    @property
    def synchronized(self) -> bool:
        """True when the peer has acknowledged a batch of every mapped profile on this connection."""
        return all(self._profiles[backup_id].synchronized for backup_id in self._mapped)

    def has_synchronized(self, backup_id: int) -> bool:
        """True when the peer has acknowledged a batch of this profile on this connection."""
        profile = self._profiles.get(backup_id)
        return profile is not None and profile.synchronized

    @property
    def lost(self) -> bool:
        """True when records of a mapped profile were dropped and no batch has begun yet."""
        return any(self._profiles[backup_id].lost for backup_id in self._mapped)

    @property
    def batching(self) -> bool:
        """True while a batch is not acknowledged to its end."""
        return bool(self._batching)

    def resume(self, received: Mapping[int, int]) -> None:
        """A new connection: `received` is what the peer already has, per backup-id."""
        for backup_id, sequence in received.items():
            profile = self._profiles.get(backup_id)
            if profile is not None:
                self.statistics.acknowledged += profile.resume(sequence)

    def map(self, backup_ids: frozenset[int], returned: frozenset[int]) -> Outputs:
        """These profiles are known on both sides now; new ones need a batch first."""
        outputs: Outputs = []
        for backup_id in self._mapped - backup_ids:
            self._interrupt(backup_id, self._profiles[backup_id])
        added = backup_ids - self._mapped
        self._mapped = backup_ids
        for backup_id in sorted(added):
            self._profiles.setdefault(backup_id, _Profile())
            outputs.append(SnapshotNeeded(backup_id, backup_id in returned))
        return outputs

    def forget(self, backup_id: int) -> None:
        """The profile is gone here: nothing of it is sent again."""
        profile = self._profiles.get(backup_id)
        if profile is not None:
            profile.unacknowledged.clear()
            profile.replay.clear()

    def disconnected(self) -> None:
        """The connection is gone."""
        for backup_id, profile in self._profiles.items():
            self._interrupt(backup_id, profile)
        self._mapped = frozenset()
        self._buffer = RecordBuffer()
        self._in_flight = 0
        self.flush_at = self.waiting_since = None

    def _interrupt(self, backup_id: int, profile: _Profile) -> None:
        self._in_flight -= profile.sequence - profile.acknowledged
        if not self._in_flight:
            self.waiting_since = None
        self._batching.pop(backup_id, None)
        self._snapshots_due.discard(backup_id)
        profile.interrupt()

    def publish(self, record: Record, now: float) -> Outputs:
        """One record in real time; one that does not fit the wire is counted as failed."""
        self.statistics.total += 1
        profile = self._profiles.get(record.backup_id)
        if profile is None or record.backup_id not in self._mapped:
            self.statistics.fail += 1
            return []
        if profile.lost or self._in_flight >= self._limits.unacknowledged:
            return self._lose(record.backup_id, profile)
        if not profile.begun:
            return self._hold(record, profile, now)
        self._enqueue(record, profile, now)
        if self._buffer.full or now - self._last_flush >= self._limits.flush_interval:
            return self.flush(now)
        if self.flush_at is None and self._buffer:
            self.flush_at = self._last_flush + self._limits.flush_interval
        return []

    def _enqueue(self, record: Record, profile: _Profile, now: float) -> None:
        packed = self._pack(record, profile.sequence + 1, batch=False)
        if packed is not None:
            profile.remember(key_of(packed[0]), _Waiting(record, profile.next_sequence(), now))
            self._in_flight += 1
            self._buffer.add(*packed)

    def _pack(self, record: Record, sequence: int, *, batch: bool) -> tuple[bytes, bytes] | None:
        try:
            return pack(record, sequence, batch=batch)
        except ValueError:
            self.statistics.fail += 1
            return None

    def _hold(self, record: Record, profile: _Profile, now: float) -> Outputs:
        """Keep what comes before the profile's first batch: it goes out after it."""
        if len(profile.replay) >= self._limits.unacknowledged:
            return self._lose(record.backup_id, profile)
        packed = self._pack(record, 0, batch=False)
        if packed is not None:
            key = key_of(packed[0])
            profile.replay[key] = _Waiting(record, 0, now)
            profile.replay.move_to_end(key)
            self.statistics.total -= 1
        return []

    def _lose(self, backup_id: int, profile: _Profile) -> Outputs:
        self.statistics.fail += 1
        self.statistics.queue_dropped += 1
        if profile.lost:
            return []
        profile.lost = True
        profile.batch = None
        self._snapshots_due.add(backup_id)
        self._batching.pop(backup_id, None)
        return [OutOfSync(backup_id, LossReason.QUEUE_OVERFLOW)]

    def flush(self, now: float) -> Outputs:
        """Send what was collected."""
        self.flush_at = None
        if not self._buffer:
            return []
        self._last_flush = now
        self._expect(now)
        self.statistics.success += len(self._buffer)
        return [Send(encode_records(self._buffer.take()))]

    def _expect(self, now: float) -> None:
        if self.waiting_since is None:
            self.waiting_since = now

    def start_batch(self, backup_id: int, records: Iterable[Record], now: float) -> Outputs:
        """Send a batch of one mapped profile; while one is on its way, ask for a newer snapshot after it."""
        profile = self._profiles.get(backup_id)
        if profile is None or backup_id not in self._mapped:
            return []
        if profile.batch is not None:
            return self.request(backup_id, returned=False)
        outputs = self.flush(now)
        if profile.lost:
            profile.mark()
            self._in_flight += 1
        self._snapshots_due.discard(backup_id)
        profile.lost = False
        profile.begun = True
        self._last_batch_id += 1
        profile.batch = _Batch(self._last_batch_id, records, now)
        self._batching[backup_id] = profile
        outputs.append(Send(encode(BatchBegin(backup_id, self._last_batch_id, profile.sequence + 1))))
        outputs.append(BatchStarted(backup_id, self._last_batch_id))
        return outputs + self.pump(now)

    def request(self, backup_id: int, *, returned: bool) -> Outputs:
        """The peer asks for a batch; one that is on its way is finished first."""
        profile = self._profiles.get(backup_id)
        if profile is None or backup_id not in self._mapped or profile.lost:
            return []
        if profile.batch is None:
            return [SnapshotNeeded(backup_id, returned)]
        already = profile.wanted is not None and profile.wanted.returned
        profile.wanted = SnapshotNeeded(backup_id, returned or already)
        return []

    def pump(self, now: float) -> Outputs:
        """Go on with the batches as far as the window allows, each in turn."""
        outputs: Outputs = []
        going = True
        while going and self._in_flight < self._limits.batch_window:
            going = False
            for backup_id, profile in self._batching.items():
                if profile.batch is not None and profile.batch.end_sequence is None:
                    outputs += self._batch_part(backup_id, profile, profile.batch, now)
                    going = True
        return outputs

    def _batch_part(self, backup_id: int, profile: _Profile, batch: _Batch, now: float) -> Outputs:
        """The next message of a batch; after the last one its end, and what is to be sent again."""
        outputs: Outputs = []
        part = list(islice(batch.records, MAX_RECORDS))
        for record in part:
            self._batch_record(record, profile, batch, now)
            if self._buffer.full:
                outputs += self.flush(now)
        outputs += self.flush(now)
        if len(part) < MAX_RECORDS:
            batch.end_sequence = profile.mark()
            batch.superseded.clear()
            self._in_flight += 1
            self._expect(now)
            end = BatchEnd(backup_id, batch.batch_id, batch.end_sequence, batch.entries)
            outputs.append(Send(encode(end)))
            outputs += self._send_again(profile, now)
        return outputs

    def _batch_record(self, record: Record, profile: _Profile, batch: _Batch, now: float) -> None:
        rest = aged(record, now - batch.started)
        if rest is None:
            return
        packed = self._pack(rest, profile.sequence + 1, batch=True)
        key = key_of(packed[0]) if packed else b""
        if packed is None or key in batch.superseded:
            return
        if profile.replay:
            profile.replay.pop(key, None)
        profile.next_sequence()
        batch.entries += 1
        self.statistics.total += 1
        self._in_flight += 1
        self._buffer.add(*packed)

    def _send_again(self, profile: _Profile, now: float) -> Outputs:
        outputs: Outputs = []
        waiting = list(profile.replay.values())
        profile.replay.clear()
        for each in waiting:
            rest = aged(each.record, now - each.published)
            if rest is not None:
                self.statistics.total += 1
                self.statistics.retransmitted += each.sequence > 0
                self._enqueue(rest, profile, now)
            if self._buffer.full:
                outputs += self.flush(now)
        return outputs + self.flush(now)

    def acknowledge(self, sequences: Iterable[tuple[int, int]], now: float) -> Outputs:
        """The peer has everything up to these sequences, per backup-id."""
        outputs: Outputs = []
        for backup_id, sequence in sequences:
            profile = self._profiles.get(backup_id)
            if profile is not None and profile.acknowledged < sequence <= profile.sequence:
                outputs += self._acknowledged(backup_id, profile, sequence, now)
        if self._snapshots_due and self._in_flight <= self._limits.unacknowledged // 2:
            outputs += [SnapshotNeeded(each, returned=False) for each in sorted(self._snapshots_due)]
            self._snapshots_due.clear()
        return outputs + self.pump(now)

    def _acknowledged(self, backup_id: int, profile: _Profile, sequence: int, now: float) -> Outputs:
        self._in_flight -= sequence - profile.acknowledged
        self.waiting_since = now if self._in_flight else None
        self.statistics.acknowledged += profile.acknowledge(sequence)
        batch = profile.batch
        if batch is None or batch.end_sequence is None or batch.end_sequence > sequence:
            return []
        profile.batch = None
        profile.synchronized = True
        del self._batching[backup_id]
        outputs: Outputs = [BatchCompleted(backup_id, batch.batch_id, batch.entries, Direction.SENT)]
        if profile.wanted is not None:
            outputs.append(profile.wanted)
            profile.wanted = None
        return outputs

"""The sending half of a channel: sequence, acknowledgement, batches and their pace. Pure.

Each profile has its own sequence, which goes on over connections. A record stays here until the peer has
acknowledged it; what a broken connection left unacknowledged is sent again after the next batch, aged by
the time it waited, unless the batch or a newer record names the same entry. If its subscriber has left
meanwhile an update is not sent again either: the leave itself is not copied while there is no channel, and
an update behind it would start what nobody wants, at the peer or, by the peer's batch, here. The number of
records on the wire is bounded: beyond it a profile is out of sync, its records are dropped and counted, and
a batch makes up for them when the peer has caught up.

A batch is read and sent a part at a time, so that nothing else waits behind it. Each record is the entry as
it is when the record gets its sequence: whatever was published before came before, and what comes later has
a higher sequence, so no record of a batch is older than one that the peer has already.
"""

from collections.abc import Iterable, Mapping

from dataplane.replication.messages import (
    CAPABILITIES,
    BatchBegin,
    BatchEnd,
    Capability,
    encode,
    encode_records,
)
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
from dataplane.replication.pending import Batch, BatchSource, Pending, Waiting
from dataplane.replication.records import MAX_RECORDS, Record, RecordBuffer, aged, key_of, pack

_NEVER = float("-inf")
_AT_ONCE = 0.0


class Outgoing:
    """All profiles of one channel in the direction to the peer."""

    def __init__(self, limits: Limits, batches: int = 0) -> None:
        self.statistics = SentStatistics()
        self.capabilities = CAPABILITIES
        """What the peer understands."""
        self._limits = limits
        self._profiles: dict[int, Pending] = {}
        self._mapped: frozenset[int] = frozenset()
        self._snapshots_due: set[int] = set()
        self._batching: dict[int, Pending] = {}
        self._sending: dict[int, Pending] = {}
        """Profiles with a part of a batch, or of what follows it, still to send; the first is next."""
        self._buffer = RecordBuffer()
        self._in_flight = 0
        self._last_batch_id = batches
        self._last_flush = _NEVER
        self.flush_at: float | None = None
        self.pump_at: float | None = None
        """When the next part of a batch may leave; None: there is none, or the window is full."""
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

    def reserve_batch_id(self) -> int:
        """An id that no batch has; those that begin later have higher ones."""
        self._last_batch_id += 1
        return self._last_batch_id

    def resume(self, received: Mapping[int, int]) -> None:
        """A new connection: `received` is what the peer already has, per backup-id."""
        for backup_id, sequence in received.items():
            profile = self._profiles.get(backup_id)
            if profile is not None:
                self.statistics.acknowledged += profile.resume(sequence)

    def map(self, backup_ids: frozenset[int], returned: frozenset[int]) -> Outputs:
        """These profiles are known on both sides now; new ones need a batch first.

        What was on its way to a profile that the peer has deleted is not for the next one of its number.
        """
        outputs: Outputs = []
        for backup_id in self._mapped - backup_ids:
            self._interrupt(backup_id, self._profiles[backup_id])
        for backup_id in self._profiles.keys() - backup_ids:
            self._profiles[backup_id].forget()
        added = backup_ids - self._mapped
        self._mapped = backup_ids
        for backup_id in sorted(added):
            profile = self._profiles.setdefault(backup_id, Pending())
            outputs.append(self._snapshot(backup_id, profile, returned=backup_id in returned))
        self._pace(_AT_ONCE)
        return outputs + self._overdue()

    @staticmethod
    def _snapshot(backup_id: int, profile: Pending, *, returned: bool = False) -> SnapshotNeeded:
        """Ask for a snapshot; the peer's own entries are in it until a batch with them has arrived."""
        profile.returning = profile.returning or returned
        return SnapshotNeeded(backup_id, profile.returning)

    def _overdue(self) -> Outputs:
        """Ask for the snapshots of lost profiles, once the peer has caught up."""
        if not self._snapshots_due or self._in_flight > self._limits.unacknowledged // 2:
            return []
        due, self._snapshots_due = self._snapshots_due, set()
        return [self._snapshot(each, self._profiles[each]) for each in sorted(due)]

    def forget(self, backup_id: int) -> None:
        """The profile is gone here: nothing of it is sent again."""
        profile = self._profiles.get(backup_id)
        if profile is not None:
            profile.forget()

    def disconnected(self) -> None:
        """The connection is gone."""
        for backup_id, profile in self._profiles.items():
            self._interrupt(backup_id, profile)
        self._mapped = frozenset()
        self.statistics.fail += len(self._buffer)
        self._buffer = RecordBuffer()
        self._in_flight = 0
        self.flush_at = self.pump_at = self.waiting_since = None

    def _interrupt(self, backup_id: int, profile: Pending) -> None:
        self._in_flight -= profile.sequence - profile.acknowledged
        if not self._in_flight:
            self.waiting_since = None
        self._batching.pop(backup_id, None)
        self._sending.pop(backup_id, None)
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

    def withdraw(self, leave: Record) -> None:
        """The subscriber left and the peer is not told: an older update of the entry is not sent again."""
        profile = self._profiles.get(leave.backup_id)
        if profile is not None and profile.waiting:
            profile.withdraw(key_of(pack(leave, 0, batch=False)[0]))

    def _enqueue(self, record: Record, profile: Pending, now: float, leave: Record | None = None) -> None:
        packed = self._pack(record, profile.sequence + 1, batch=False)
        if packed is not None:
            profile.remember(key_of(packed[0]), Waiting(record, profile.next_sequence(), now, leave))
            self._in_flight += 1
            self._buffer.add(*packed)

    def _pack(self, record: Record, sequence: int, *, batch: bool) -> tuple[bytes, bytes] | None:
        if record.group.version == 6 and Capability.MLD not in self.capabilities:
            self.statistics.fail += 1
            return None
        try:
            return pack(record, sequence, batch=batch)
        except ValueError:
            self.statistics.fail += 1
            return None

    def _hold(self, record: Record, profile: Pending, now: float) -> Outputs:
        """Keep what comes before the profile's first batch: it goes out after it."""
        if len(profile.replay) >= self._limits.unacknowledged:
            return self._lose(record.backup_id, profile)
        packed = self._pack(record, 0, batch=False)
        if packed is not None:
            profile.hold(key_of(packed[0]), Waiting(record, 0, now))
            self.statistics.total -= 1
        return []

    def _lose(self, backup_id: int, profile: Pending) -> Outputs:
        self.statistics.fail += 1
        self.statistics.queue_dropped += 1
        if profile.lost:
            return []
        profile.lost = True
        profile.batch = None
        self._snapshots_due.add(backup_id)
        self._batching.pop(backup_id, None)
        self._sending.pop(backup_id, None)
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

    def start_batch(self, backup_id: int, source: BatchSource, now: float) -> Outputs:
        """Begin a batch of one mapped profile; while one is on its way, ask for a newer one after it.

        Of a profile that has lost records one follows by itself, once the peer has caught up.
        """
        profile = self._profiles.get(backup_id)
        if profile is None or backup_id not in self._mapped or backup_id in self._snapshots_due:
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
        profile.batch = Batch(self._last_batch_id, source)
        self._batching[backup_id] = self._sending[backup_id] = profile
        self._pace(now)
        outputs.append(Send(encode(BatchBegin(backup_id, self._last_batch_id, profile.sequence + 1))))
        outputs.append(BatchStarted(backup_id, self._last_batch_id))
        return outputs

    def request(self, backup_id: int, *, returned: bool) -> Outputs:
        """The peer asks for a batch; one that is on its way is finished first."""
        profile = self._profiles.get(backup_id)
        if profile is None or backup_id not in self._mapped:
            return []
        if profile.lost:
            profile.returning = profile.returning or returned
            return []
        if profile.batch is None:
            return [self._snapshot(backup_id, profile, returned=returned)]
        already = profile.wanted is not None and profile.wanted.returned
        profile.wanted = SnapshotNeeded(backup_id, returned or already)
        return []

    def pump(self, now: float) -> Outputs:
        """Send the next part of one batch; the profiles take turns."""
        outputs: Outputs = []
        if self._sending and self._in_flight < self._limits.batch_window:
            backup_id = next(iter(self._sending))
            profile = self._sending.pop(backup_id)
            if profile.batch is not None and profile.batch.end_sequence is None:
                outputs = self._send_part(backup_id, profile, profile.batch, now)
            else:
                outputs = self._send_again(profile, now)
            outputs += self.flush(now)
            if profile.replay or (profile.batch is not None and profile.batch.end_sequence is None):
                self._sending[backup_id] = profile
        self._pace(now)
        return outputs

    def _pace(self, now: float) -> None:
        """Whoever waits for the caller's attention goes before the next part."""
        going = self._sending and self._in_flight < self._limits.batch_window
        self.pump_at = now if going else None

    def _send_part(self, backup_id: int, profile: Pending, batch: Batch, now: float) -> Outputs:
        part = batch.source.next_part(now)
        outputs: Outputs = []
        if part is not None:
            for record in part:
                self._send_batched(record, profile, batch, now)
                if self._buffer.full:
                    outputs += self.flush(now)
            return outputs
        batch.end_sequence = profile.mark()
        self._in_flight += 1
        self._expect(now)
        end = BatchEnd(backup_id, batch.batch_id, batch.end_sequence, batch.entries)
        return [*self.flush(now), Send(encode(end))]

    def _send_batched(self, record: Record, profile: Pending, batch: Batch, now: float) -> None:
        self.statistics.total += 1
        packed = self._pack(record, profile.sequence + 1, batch=True)
        if packed is None:
            return
        if profile.replay and self._instead(key_of(packed[0]), record, profile, now):
            return
        profile.next_sequence()
        batch.entries += 1
        self._in_flight += 1
        self._buffer.add(*packed)

    def _instead(self, key: bytes, record: Record, profile: Pending, now: float) -> bool:
        """A record that waits to be sent again gives way to the entry as it is now, which keeps its force.

        A record of a batch lengthens and lowers nothing; what waits here may be a leave.
        """
        waiting = profile.replay.pop(key, None)
        if waiting is None:
            return False
        self.statistics.retransmitted += waiting.sequence > 0
        self._enqueue(record, profile, now)
        return True

    def _send_again(self, profile: Pending, now: float) -> Outputs:
        outputs: Outputs = []
        for each in profile.held(MAX_RECORDS):
            rest = aged(each.record, now - each.published)
            if rest is not None:
                self.statistics.total += 1
                self.statistics.retransmitted += each.sequence > 0
                self._enqueue(rest, profile, now, each.leave)
            if self._buffer.full:
                outputs += self.flush(now)
        return outputs

    def acknowledge(self, sequences: Iterable[tuple[int, int]], now: float) -> Outputs:
        """The peer has everything up to these sequences, per backup-id."""
        outputs: Outputs = []
        for backup_id, sequence in sequences:
            profile = self._profiles.get(backup_id)
            if profile is not None and profile.acknowledged < sequence <= profile.sequence:
                outputs += self._acknowledged(backup_id, profile, sequence, now)
        outputs += self._overdue()
        self._pace(now)
        return outputs

    def _acknowledged(self, backup_id: int, profile: Pending, sequence: int, now: float) -> Outputs:
        self._in_flight -= sequence - profile.acknowledged
        self.waiting_since = now if self._in_flight else None
        self.statistics.acknowledged += profile.acknowledge(sequence)
        batch = profile.batch
        if batch is None or batch.end_sequence is None or batch.end_sequence > sequence:
            return []
        profile.batch = None
        profile.synchronized = True
        profile.returning = False
        del self._batching[backup_id]
        outputs: Outputs = [BatchCompleted(backup_id, batch.batch_id, batch.entries, Direction.SENT)]
        if profile.wanted is not None:
            outputs.append(self._snapshot(backup_id, profile, returned=profile.wanted.returned))
            profile.wanted = None
        return outputs

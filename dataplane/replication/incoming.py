"""The receiving half of a channel: order, duplicates, gaps, and what to acknowledge. Pure.

TCP keeps the order within a connection, so a gap means that the sender gave records up, and a duplicate
that it sent something again that had arrived. A gap is answered with a request for a batch. A peer with a
new epoch starts its sequences anew; what it had sent before stays applied.
"""

from typing import Final

from dataplane.replication.messages import Ack, Announcement, BatchBegin, BatchEnd, BatchRequest, encode
from dataplane.replication.outputs import (
    ApplyRecords,
    BatchCompleted,
    Direction,
    Limits,
    LossReason,
    OutOfSync,
    Outputs,
    ReceivedStatistics,
    Send,
)
from dataplane.replication.records import Record, RecordKind
from dataplane.replication.settings import ProfileSettings

_UNKNOWN: Final = RecordKind.UNKNOWN


class _Profile:
    """What is known about one profile's records that come from the peer."""

    __slots__ = ("access_ids", "batch_id", "complete", "entries", "received", "requested")

    def __init__(self) -> None:
        self.received = 0
        self.access_ids: frozenset[int] = frozenset()
        self.batch_id: int | None = None
        self.entries = 0
        self.requested = False
        self.complete = False


class Incoming:
    """All profiles of one channel in the direction from the peer."""

    def __init__(self, limits: Limits, *, pulling: bool = False) -> None:
        self.statistics = ReceivedStatistics()
        self.pulling = pulling
        """Whether batches are to bring what this router had originated before it restarted."""
        self._limits = limits
        self._restored: set[int] = set()
        self._profiles: dict[int, _Profile] = {}
        self._mapped: frozenset[int] = frozenset()
        self._to_acknowledge: set[int] = set()
        self._unacknowledged = 0
        self.acknowledge_at: float | None = None
        self.blocked = False
        """Records are taken in sequence, counted, and not given on."""

    @property
    def synchronized(self) -> bool:
        """True when a batch of every mapped profile came to its end on this connection."""
        return all(self._profiles[backup_id].complete for backup_id in self._mapped)

    def has_synchronized(self, backup_id: int) -> bool:
        """True when a batch of this profile came to its end on this connection."""
        profile = self._profiles.get(backup_id)
        return profile is not None and profile.complete

    @property
    def lost(self) -> bool:
        """True when a gap was found and the batch that mends it has not begun."""
        return any(self._profiles[backup_id].requested for backup_id in self._mapped)

    @property
    def batching(self) -> bool:
        """True while a batch is arriving."""
        return any(self._profiles[backup_id].batch_id is not None for backup_id in self._mapped)

    def pulls(self, backup_id: int) -> bool:
        """Return whether the entries of this profile that this router had originated have still to come."""
        return self.pulling and backup_id not in self._restored

    def received(self, backup_id: int) -> int:
        """The last sequence of this profile in the peer's epoch; 0 for none."""
        profile = self._profiles.get(backup_id)
        return profile.received if profile else 0

    def announcement(self, settings: ProfileSettings) -> Announcement:
        """Return what the peer is told of a profile on a new connection."""
        backup_id = settings.backup_id
        return Announcement(settings, self.received(backup_id), self.pulls(backup_id))

    def map(self, access_ids: dict[int, frozenset[int]]) -> None:
        """These profiles are known on both sides, with our own access-ids."""
        for backup_id in self._mapped - access_ids.keys():
            self._interrupt(self._profiles[backup_id])
        self._mapped = frozenset(access_ids)
        for backup_id, ids in access_ids.items():
            self._profiles.setdefault(backup_id, _Profile()).access_ids = ids

    def new_epoch(self) -> None:
        """The peer restarted: its sequences begin anew."""
        for profile in self._profiles.values():
            profile.received = 0

    def disconnected(self) -> None:
        """The connection is gone."""
        for profile in self._profiles.values():
            self._interrupt(profile)
        self._mapped = frozenset()
        self._to_acknowledge.clear()
        self._unacknowledged = 0
        self.acknowledge_at = None

    @staticmethod
    def _interrupt(profile: _Profile) -> None:
        profile.batch_id = None
        profile.requested = profile.complete = False

    def records(self, records: tuple[Record, ...], now: float) -> Outputs:
        """A RECORDS message."""
        outputs: Outputs = []
        accepted = []
        self.statistics.total += len(records)
        for record in records:
            profile = self._profiles.get(record.backup_id)
            if profile is None or record.backup_id not in self._mapped:
                self.statistics.unknown_profile += 1
            elif self._in_order(profile, record.backup_id, record.sequence, outputs):
                profile.entries += record.batch
                if record.kind is _UNKNOWN:
                    continue  # of a later version: in sequence, and of no meaning here
                if self.blocked:
                    self.statistics.blocked += 1
                elif record.access_id in profile.access_ids:
                    accepted.append(record)
                else:
                    self.statistics.unknown_access += 1
        self.statistics.success += len(accepted)
        self.statistics.fail += len(records) - len(accepted)
        if accepted:
            outputs.insert(0, ApplyRecords(tuple(accepted)))
        self._due(len(records), now)
        return outputs

    def _in_order(self, profile: _Profile, backup_id: int, sequence: int, outputs: Outputs) -> bool:
        expected = profile.received + 1
        if sequence < expected:
            self.statistics.duplicate += 1
            return False
        if sequence > expected:
            self.statistics.sequence_gap += 1
            outputs += self._out_of_sync(profile, backup_id, LossReason.SEQUENCE_GAP)
        profile.received = sequence
        self._to_acknowledge.add(backup_id)
        return True

    def _out_of_sync(self, profile: _Profile, backup_id: int, reason: LossReason) -> Outputs:
        if profile.requested:
            return []
        profile.requested = True
        return [OutOfSync(backup_id, reason), Send(encode(BatchRequest(backup_id, self.pulls(backup_id))))]

    def batch_begin(self, begin: BatchBegin) -> Outputs:
        """A batch begins; a jump of the sequence was declared by it, on a new connection without loss."""
        profile = self._profiles.get(begin.backup_id)
        if profile is None or begin.backup_id not in self._mapped:
            return []
        outputs: Outputs = []
        if begin.sequence > profile.received + 1 and profile.complete:
            self.statistics.sequence_gap += 1
            if not profile.requested:
                outputs.append(OutOfSync(begin.backup_id, LossReason.SEQUENCE_GAP))
        profile.received = max(profile.received, begin.sequence - 1)
        profile.batch_id = begin.batch_id
        profile.entries = 0
        profile.requested = False
        return outputs

    def batch_end(self, end: BatchEnd, now: float) -> Outputs:
        """A batch came to its end: acknowledged at once, so that the sender knows."""
        profile = self._profiles.get(end.backup_id)
        outputs: Outputs = []
        if profile is None or end.backup_id not in self._mapped:
            return outputs
        if not self._in_order(profile, end.backup_id, end.sequence, outputs):
            return outputs
        if profile.batch_id == end.batch_id and profile.entries == end.entries:
            profile.complete = True
            self._restored.add(end.backup_id)
            outputs.append(BatchCompleted(end.backup_id, end.batch_id, end.entries, Direction.RECEIVED))
        else:
            outputs += self._out_of_sync(profile, end.backup_id, LossReason.BATCH_INCOMPLETE)
        profile.batch_id = None
        self._due(self._limits.acknowledge_records, now)
        return outputs

    def _due(self, records: int, now: float) -> None:
        """Note when the next ACK is due."""
        if not self._to_acknowledge:
            return
        self._unacknowledged += records
        if self._unacknowledged >= self._limits.acknowledge_records:
            self.acknowledge_at = now
        elif self.acknowledge_at is None:
            self.acknowledge_at = now + self._limits.acknowledge_interval

    def acknowledge(self, now: float) -> Outputs:
        """The ACK that is due at `now`, if any."""
        if self.acknowledge_at is None or now < self.acknowledge_at:
            return []
        sequences = tuple((each, self._profiles[each].received) for each in sorted(self._to_acknowledge))
        self._to_acknowledge.clear()
        self._unacknowledged = 0
        self.acknowledge_at = None
        return [Send(encode(Ack(sequences)))]

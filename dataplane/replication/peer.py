"""The state of one replication channel: handshake, mapping, heartbeat, and both directions joined. Pure.

`PeerMachine` is one end of one service's channel. It reads and writes octets, never a socket; every
method returns the outputs that the caller performs in order. `messages` and `records` hold the wire,
`outgoing` and `incoming` the two directions.

Course of a connection: each side sends OPEN and its complete SETTINGS (`handshake`). A profile that both
have is mapped. For each mapped profile each side is asked for a snapshot and sends it as a batch
(`synchronizing`); records in real time keep their order with it. When every batch of both directions has
come to its end, the channel is `connected`. A side that restarted sets `pull` in its SETTINGS; the batch
that answers holds the entries that it had originated too.
"""

from collections.abc import Iterable

from dataplane.packets.wire import DecodeError
from dataplane.replication.handshake import Handshake, reason_of
from dataplane.replication.incoming import Incoming
from dataplane.replication.liveness import Liveness
from dataplane.replication.mapping import Mapping, named, pulled
from dataplane.replication.messages import (
    Ack,
    Announcement,
    BatchBegin,
    BatchEnd,
    BatchRequest,
    Close,
    Deframer,
    Heartbeat,
    Message,
    Open,
    Records,
    SettingsPart,
    encode,
    encode_settings,
)
from dataplane.replication.outgoing import Outgoing
from dataplane.replication.outputs import (
    TRANSITIONS,
    ApplyRecords,
    BatchCompleted,
    BatchStarted,
    ChannelState,
    Direction,
    Disconnect,
    Limits,
    LossReason,
    OutOfSync,
    Output,
    Outputs,
    PeerSettings,
    ReceivedStatistics,
    Send,
    SentStatistics,
    SnapshotNeeded,
    StateChanged,
    SyncState,
)
from dataplane.replication.pending import BatchSource
from dataplane.replication.records import Record
from dataplane.replication.settings import Mismatch, ProfileSettings

__all__ = [
    "ApplyRecords",
    "BatchCompleted",
    "BatchStarted",
    "ChannelState",
    "Direction",
    "Disconnect",
    "Limits",
    "OutOfSync",
    "Output",
    "Outputs",
    "PeerMachine",
    "PeerSettings",
    "Send",
    "SnapshotNeeded",
    "StateChanged",
    "SyncState",
]

_NOT_UP = (ChannelState.DOWN, ChannelState.CONNECTING)
_EXCHANGING = (ChannelState.CONNECTED, ChannelState.SYNCHRONIZING)


class PeerMachine:
    """One end of one service's channel.

    `epoch` is a random 64-bit number of this machine; `now` is monotonic seconds. `pulling`: ask for entries
    that this router had originated before, until the first synchronisation. `batches`: ids given before.
    """

    def __init__(
        self,
        epoch: int,
        profiles: Iterable[ProfileSettings] = (),
        limits: Limits | None = None,
        *,
        pulling: bool = True,
        batches: int = 0,
    ) -> None:
        self.state, self.down_reason = ChannelState.DOWN, ""
        self._limits = limits or Limits()
        self._handshake = Handshake(epoch, self._limits)
        self._mapping = Mapping(profiles)
        self._outgoing = Outgoing(self._limits, batches)
        self._incoming = Incoming(self._limits, pulling=pulling)
        self._deframer = Deframer()
        self._liveness = Liveness(self._limits)

    @property
    def sent(self) -> SentStatistics:
        """What went to the peer."""
        return self._outgoing.statistics

    @property
    def received(self) -> ReceivedStatistics:
        """What came from the peer."""
        return self._incoming.statistics

    @property
    def pulling(self) -> bool:
        """Whether the first synchronisation, which pulls, has still to come to its end."""
        return self._incoming.pulling

    @property
    def mismatches(self) -> tuple[Mismatch, ...]:
        """What the two routers have configured differently."""
        return self._mapping.mismatches

    def mismatches_of(self, backup_id: int) -> tuple[Mismatch, ...]:
        """Return what the two routers have configured differently of one profile."""
        return self._mapping.mismatches_of(backup_id)

    def block_receiving(self, *, blocked: bool) -> None:
        """Discard what the peer copies, or no longer; what was discarded comes back with a batch only."""
        self._incoming.blocked = blocked

    def reset_statistics(self) -> None:
        """All counters to zero."""
        self._outgoing.statistics = SentStatistics()
        self._incoming.statistics = ReceivedStatistics()

    @property
    def sync_state(self) -> SyncState:
        """sync-state of the service: out-of-sync also while there is no connection."""
        if self.state is ChannelState.SYNCHRONIZING:
            return SyncState.SYNCHRONIZING
        if self.state is not ChannelState.CONNECTED or self._outgoing.lost or self._incoming.lost:
            return SyncState.OUT_OF_SYNC
        if self._outgoing.batching or self._incoming.batching:
            return SyncState.SYNCHRONIZING
        return SyncState.IN_SYNC

    def accepts(self, backup_id: int) -> bool:
        """True when `publish` would send a record of this profile: the peer has told that it has it too."""
        return backup_id in self._mapping.common

    def synchronizing(self, backup_id: int) -> bool:
        """True while this mapped profile waits for the end of a batch, in either direction."""
        return backup_id in self._mapping.common and not (
            self._outgoing.has_synchronized(backup_id) and self._incoming.has_synchronized(backup_id)
        )

    def peer_settings(self, backup_id: int) -> ProfileSettings | None:
        """What the peer told on this connection about this profile (its role, for peer-role)."""
        return self._mapping.peer.get(backup_id)

    def connecting(self, now: float) -> Outputs:  # noqa: ARG002
        """The channel has begun to look for its peer."""
        return self._become(ChannelState.CONNECTING) if self.state is ChannelState.DOWN else []

    def connected(self, now: float) -> Outputs:
        """A connection with the configured peer exists; it may replace one that was there."""
        outputs = self.disconnected(now, "replaced") if self._up() else []
        self._deframer = Deframer()
        self._liveness.begin(now)
        outputs += self._become(ChannelState.HANDSHAKE)
        hello = self._handshake.begin()
        settings = encode_settings(
            [self._incoming.announcement(each) for each in self._mapping.local.values()], full=True
        )
        return self._noted([*outputs, Send(encode(hello) + settings)], now)

    def disconnected(self, now: float, reason: str) -> Outputs:  # noqa: ARG002
        """The connection ended, or an attempt failed."""
        if self._up():
            return self._down(reason)
        self.down_reason = reason
        return []

    def stop(self, now: float, reason: str) -> Outputs:  # noqa: ARG002
        """The service is disabled or deleted: say goodbye and go down."""
        if self._up():
            return self._fail(reason)
        return self._down(reason) if self.state is ChannelState.CONNECTING else []

    def configure(self, profiles: Iterable[ProfileSettings], now: float) -> Outputs:
        """These are our profiles now (also called when a role changed); unchanged settings cost nothing."""
        changed, removed = self._mapping.configure(profiles)
        for settings in removed:
            self._outgoing.forget(settings.backup_id)
        if not self._up() or not (removed or changed):
            return []
        announcements = [Announcement(each) for each in changed]
        announcements += [Announcement(each, removed=True) for each in removed]
        outputs: Outputs = [*self._outgoing.flush(now), Send(encode_settings(announcements, full=False))]
        if self.state is not ChannelState.HANDSHAKE:
            outputs += self._remap(each.backup_id for each in (*changed, *removed))
        return self._noted([*outputs, *self._settle(now)], now)

    def receive(self, data: bytes, now: float) -> Outputs:
        """Octets arrived on the connection, split anyhow."""
        if not self._up():
            return []
        self._liveness.heard(now)
        outputs: Outputs = []
        try:
            for message in self._deframer.feed(data):
                outputs += self._handle(message, now)
                if not self._up():
                    return outputs
        except DecodeError as error:
            self.received.decode_error += 1
            return outputs + self._fail(f"decode-error-{error.reason}")
        return self._noted([*outputs, *self._settle(now)], now)

    def publish(self, record: Record, now: float) -> Outputs:
        """Send one record in real time; the first after a pause leaves at once, others with `flush`."""
        return self._noted(self._outgoing.publish(record, now), now)

    def withdraw(self, record: Record) -> None:
        """A leave that is not copied: what waits to be sent again must not outlive it."""
        self._outgoing.withdraw(record)

    def flush(self, now: float) -> Outputs:
        """Send what `publish` has collected: call it at the end of a burst of messages."""
        return self._noted(self._outgoing.flush(now), now)

    def start_batch(self, backup_id: int, source: BatchSource, now: float) -> Outputs:
        """Begin a batch: the answer to `SnapshotNeeded`, a re-enable, or an operator's request.

        `source` is read when there is room on the wire and nothing else to do: see `next_deadline`. Without
        a mapping the batch of the next connection does it; after one on its way comes `SnapshotNeeded`.
        """
        return self._noted(self._outgoing.start_batch(backup_id, source, now), now)

    def reserve_batch_id(self) -> int:
        """An id for several batches together; each of them that begins later has a higher one."""
        return self._outgoing.reserve_batch_id()

    def request_batch(self, backup_id: int, now: float) -> Outputs:
        """Ask the peer for a batch of this profile."""
        known = backup_id in self._mapping.common
        return self._noted([Send(encode(BatchRequest(backup_id)))], now) if known else []

    def refused(self) -> Outputs:
        """Somebody was refused who is not the peer."""
        self.received.refused_connections += 1
        return []

    def overflow(self, now: float) -> Outputs:  # noqa: ARG002
        """The connection dropped what we sent: only a new connection and its batches mend that."""
        self.sent.queue_dropped += 1
        lost = [OutOfSync(each, LossReason.QUEUE_OVERFLOW) for each in sorted(self._mapping.common)]
        return [*lost, *self._fail("queue-overflow")] if self._up() else []

    def tick(self, now: float) -> Outputs:
        """Do what is due at `now`."""
        if not self._up():
            return []
        failure = self._liveness.failure(now, self._outgoing.waiting_since)
        if failure:
            return self._fail(failure)
        outputs = self._settle(now)
        if self._outgoing.flush_at is not None and now >= self._outgoing.flush_at:
            outputs += self._outgoing.flush(now)
        if self._outgoing.pump_at is not None:
            outputs += self._outgoing.pump(now)
        if self._liveness.heartbeat_due(now) and not outputs:
            outputs.append(Send(encode(Heartbeat())))
        return self._noted(outputs, now)

    def next_deadline(self) -> float | None:
        """When `tick` is due next, or None."""
        if not self._up():
            return None
        due = self._liveness.deadline(self._outgoing.waiting_since)
        for optional in (self._outgoing.flush_at, self._outgoing.pump_at, self._incoming.acknowledge_at):
            if optional is not None and optional < due:
                due = optional
        return due

    def _up(self) -> bool:
        return self.state not in _NOT_UP

    def _noted(self, outputs: Outputs, now: float) -> Outputs:
        for output in outputs:
            if isinstance(output, Send):
                self._liveness.said(now)
        return outputs

    def _become(self, state: ChannelState, reason: str = "") -> Outputs:
        if state not in TRANSITIONS[self.state]:
            raise RuntimeError(f"channel cannot go from {self.state} to {state}")
        old, self.state = self.state, state
        return [StateChanged(old, state, reason)]

    def _down(self, reason: str) -> Outputs:
        self.down_reason = reason
        self._outgoing.disconnected()
        self._incoming.disconnected()
        self._mapping.disconnected()
        self._handshake.end()
        return self._become(ChannelState.DOWN, reason)

    def _fail(self, reason: str) -> Outputs:
        return [Send(encode(Close(reason))), Disconnect(reason), *self._down(reason)]

    def _handle(self, message: Message, now: float) -> Outputs:
        if isinstance(message, Records) and self.state in _EXCHANGING:
            return self._incoming.records(message.records, now)
        if isinstance(message, Open):
            return self._open(message)
        if isinstance(message, Close):
            return self._closed(message)
        if not self._handshake.opened:
            return self._fail("unexpected-message")
        if isinstance(message, SettingsPart):
            return self._settings(message)
        if self.state is ChannelState.HANDSHAKE and not isinstance(message, Heartbeat):
            return self._fail("unexpected-message")
        return self._dispatch(message, now)

    def _dispatch(self, message: Message, now: float) -> Outputs:
        match message:
            case Ack(sequences):
                return self._outgoing.acknowledge(sequences, now)
            case BatchBegin():
                return self._incoming.batch_begin(message)
            case BatchEnd():
                return self._incoming.batch_end(message, now)
            case BatchRequest(backup_id, returned):
                return self._outgoing.request(backup_id, returned=returned)
            case _:
                return []

    def _open(self, message: Open) -> Outputs:
        refusal = self._handshake.refusal(message)
        if refusal:
            return self._fail(refusal)
        if self._handshake.hear(message):
            self._incoming.new_epoch()
        self._liveness.dead_after = self._handshake.dead_after
        self._outgoing.capabilities = self._handshake.capabilities
        return []

    def _closed(self, message: Close) -> Outputs:
        reason = reason_of(message)
        return [Disconnect(reason), *self._down(reason)]

    def _settings(self, part: SettingsPart) -> Outputs:
        complete = self._mapping.heard(part)
        if self._mapping.excess:
            return self._fail(self._mapping.excess)
        if complete is not None:
            return self._settings_complete(complete)
        if self.state is ChannelState.HANDSHAKE:
            return []
        return self._remap(named(part.announcements), pulled(part.announcements))

    def _settings_complete(self, announced: dict[int, Announcement]) -> Outputs:
        if self._handshake.resumed:
            self._outgoing.resume({backup_id: each.received for backup_id, each in announced.items()})
        self._liveness.greeted = True
        outputs = self._become(ChannelState.SYNCHRONIZING) if self.state is ChannelState.HANDSHAKE else []
        return outputs + self._remap(None, pulled(announced.values()))

    def _remap(self, told: Iterable[int] | None, returned: frozenset[int] = frozenset()) -> Outputs:
        """Settings of one side changed: compare them, and ask for snapshots of what is mapped newly."""
        told = None if told is None else frozenset(told)
        grown = self._mapping.compare(told)
        mapped = frozenset(self._mapping.common)
        self._incoming.map({each: self._mapping.local[each].access_ids for each in mapped})
        outputs: Outputs = [PeerSettings(told), *self._outgoing.map(mapped, returned)]
        for each in grown:
            outputs += self._outgoing.request(each, returned=False)
        return outputs

    def _settle(self, now: float) -> Outputs:
        """What follows when a call is done: the ACK that is due, and the end of the synchronisation."""
        if not self._up():
            return []
        outputs = self._incoming.acknowledge(now)
        if self.state is not ChannelState.SYNCHRONIZING:
            return outputs
        if self._incoming.synchronized and self._outgoing.synchronized:
            self._incoming.pulling = False
            outputs += self._become(ChannelState.CONNECTED)
        return outputs

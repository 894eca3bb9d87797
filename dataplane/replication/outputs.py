"""What the peer machine asks its owner to do, and the states that it reports. Types only; pure."""

from dataclasses import dataclass
from enum import StrEnum

import msgspec

from dataplane.replication.records import Record


class ChannelState(StrEnum):
    """channel-state of the YANG module."""

    DOWN = "down"
    CONNECTING = "connecting"
    HANDSHAKE = "handshake"
    SYNCHRONIZING = "synchronizing"
    CONNECTED = "connected"


_S = ChannelState
TRANSITIONS: dict[ChannelState, frozenset[ChannelState]] = {
    _S.DOWN: frozenset({_S.CONNECTING, _S.HANDSHAKE}),
    _S.CONNECTING: frozenset({_S.HANDSHAKE, _S.DOWN}),
    _S.HANDSHAKE: frozenset({_S.SYNCHRONIZING, _S.DOWN}),
    _S.SYNCHRONIZING: frozenset({_S.CONNECTED, _S.DOWN}),
    _S.CONNECTED: frozenset({_S.DOWN}),
}


class SyncState(StrEnum):
    """sync-state of the YANG module."""

    IN_SYNC = "in-sync"
    SYNCHRONIZING = "synchronizing"
    OUT_OF_SYNC = "out-of-sync"


class Direction(StrEnum):
    """Which way a batch went."""

    SENT = "sent"
    RECEIVED = "received"


class LossReason(StrEnum):
    """Why a profile is out of sync."""

    QUEUE_OVERFLOW = "queue-overflow"
    SEQUENCE_GAP = "sequence-gap"
    BATCH_INCOMPLETE = "batch-incomplete"


class Send(msgspec.Struct, frozen=True, gc=False):
    """Write these octets (whole messages) to the connection."""

    data: bytes


class Disconnect(msgspec.Struct, frozen=True, gc=False):
    """Close the connection after what was sent before; the channel connects again by itself.

    The machine is down already: no `disconnected` need follow.
    """

    reason: str


class ApplyRecords(msgspec.Struct, frozen=True, gc=False):
    """Apply these records in this order; backup-ids and access-ids are known here."""

    records: tuple[Record, ...]


class StateChanged(msgspec.Struct, frozen=True, gc=False):
    """The channel went from one state to another; `reason` is "" on the way up."""

    old: ChannelState
    new: ChannelState
    reason: str


class SnapshotNeeded(msgspec.Struct, frozen=True, gc=False):
    """Answer with `start_batch`: the current memberships of this profile that its settings allow to copy.

    `returned`: the peer restarted and asks for the entries it had originated. They go into the same batch
    with `Record.returned` set; it is the only case in which a copy is sent.
    """

    backup_id: int
    returned: bool


class BatchStarted(msgspec.Struct, frozen=True, gc=False):
    """A batch is on its way to the peer."""

    backup_id: int
    batch_id: int


class BatchCompleted(msgspec.Struct, frozen=True, gc=False):
    """A batch was sent and acknowledged to its end, or received to its end."""

    backup_id: int
    batch_id: int
    entries: int
    direction: Direction


class OutOfSync(msgspec.Struct, frozen=True, gc=False):
    """Records of this profile were lost; a batch follows by itself."""

    backup_id: int
    reason: LossReason


class PeerSettings(msgspec.Struct, frozen=True, gc=False):
    """The peer told its settings of these profiles, or ours changed; None: of all.

    What is mapped and what differs may be others now: ask the machine.
    """

    backup_ids: frozenset[int] | None


Output = (
    Send
    | Disconnect
    | ApplyRecords
    | StateChanged
    | SnapshotNeeded
    | BatchStarted
    | BatchCompleted
    | OutOfSync
    | PeerSettings
)
Outputs = list[Output]


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one channel; times in seconds."""

    unacknowledged: int = 65_536
    """Records on the wire that the peer has not acknowledged; beyond it a profile is out of sync."""
    batch_window: int = 4_096
    """Unacknowledged records above which a batch waits, so that real-time records need not."""
    flush_interval: float = 0.001
    acknowledge_records: int = 256
    acknowledge_interval: float = 0.02
    heartbeat_interval: float = 1.0
    dead_intervals: int = 4
    """Heartbeat intervals of the peer without a word before the connection counts as dead."""


@dataclass(slots=True)
class SentStatistics:
    """statistics/sent of the YANG module, in records."""

    total: int = 0
    """Given to the channel, by `publish` or in a batch."""
    success: int = 0
    """Handed to the connection."""
    fail: int = 0
    """Not handed to the connection, whatever the reason; queue-dropped are among them."""
    acknowledged: int = 0
    queue_dropped: int = 0
    retransmitted: int = 0


@dataclass(slots=True)
class ReceivedStatistics:
    """statistics/received of the YANG module, in records (decode-error: in messages)."""

    total: int = 0
    success: int = 0
    """Given on to be applied."""
    fail: int = 0
    """Not given on: duplicates, blocked records and those of unknown profiles or access-ids."""
    duplicate: int = 0
    sequence_gap: int = 0
    decode_error: int = 0
    blocked: int = 0
    refused_connections: int = 0
    unknown_profile: int = 0
    unknown_access: int = 0

"""The state of one replication channel: handshake, batches, sequence, acknowledgement. Pure.

`PeerMachine` is one end of one service's channel. It reads and writes octets, never a socket; every
method returns the outputs that the caller performs in order. See `messages` for the wire.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from dataplane.replication.records import Record
from dataplane.replication.settings import Mismatch, ProfileSettings


class ChannelState(StrEnum):
    """channel-state of the YANG module."""

    DOWN = "down"
    CONNECTING = "connecting"
    HANDSHAKE = "handshake"
    SYNCHRONIZING = "synchronizing"
    CONNECTED = "connected"


class SyncState(StrEnum):
    """sync-state of the YANG module."""

    IN_SYNC = "in-sync"
    SYNCHRONIZING = "synchronizing"
    OUT_OF_SYNC = "out-of-sync"


class Direction(StrEnum):
    """Which way a batch went."""

    SENT = "sent"
    RECEIVED = "received"


@dataclass(frozen=True, slots=True)
class Send:
    """Write these octets to the connection."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Disconnect:
    """Close the connection after what was sent before; the channel connects again by itself."""

    reason: str


@dataclass(frozen=True, slots=True)
class ApplyRecords:
    """Apply these records in this order; backup-ids and access-ids are known here."""

    records: tuple[Record, ...]


@dataclass(frozen=True, slots=True)
class StateChanged:
    """The channel went from one state to another; `reason` is "" on the way up."""

    old: ChannelState
    new: ChannelState
    reason: str


@dataclass(frozen=True, slots=True)
class SnapshotNeeded:
    """Answer with `start_batch`: the current memberships of this profile that its settings allow to copy.

    `returned`: the peer restarted and asks for the entries it had originated. They go into the same batch
    with `Record.returned` set; it is the only case in which a copy is sent.
    """

    backup_id: int
    returned: bool


@dataclass(frozen=True, slots=True)
class BatchCompleted:
    """A batch was sent and acknowledged to its end, or received to its end."""

    backup_id: int
    batch_id: int
    entries: int
    direction: Direction


@dataclass(frozen=True, slots=True)
class OutOfSync:
    """Records of this profile were lost; a batch follows by itself."""

    backup_id: int
    reason: str


@dataclass(frozen=True, slots=True)
class PeerSettings:
    """The peer told its settings, or ours changed: what is mapped, and what differs."""

    profiles: tuple[ProfileSettings, ...]
    mapped: frozenset[int]
    mismatches: tuple[Mismatch, ...]


Output = (
    Send
    | Disconnect
    | ApplyRecords
    | StateChanged
    | SnapshotNeeded
    | BatchCompleted
    | OutOfSync
    | PeerSettings
)
Outputs = list[Output]


class PeerMachine:
    """One end of one service's channel.

    `epoch` is a random 64-bit number of this process start; `now` is monotonic seconds everywhere.
    """

    state: ChannelState
    down_reason: str
    mismatches: tuple[Mismatch, ...]

    def __init__(self, epoch: int, profiles: Iterable[ProfileSettings] = ()) -> None: ...

    @property
    def sync_state(self) -> SyncState:
        """sync-state of the service."""
        raise NotImplementedError

    def accepts(self, backup_id: int) -> bool:
        """True when `publish` would send a record of this profile: mapped, and the channel is up."""
        raise NotImplementedError

    def mapped(self, backup_id: int) -> bool:
        """True when the peer has told that it has this backup-id too."""
        raise NotImplementedError

    def peer_settings(self, backup_id: int) -> ProfileSettings | None:
        """What the peer last told about this profile (its role, for peer-role)."""
        raise NotImplementedError

    def connecting(self, now: float) -> Outputs:
        """The channel has begun to look for its peer."""
        raise NotImplementedError

    def connected(self, now: float) -> Outputs:
        """A connection with the configured peer exists; it may replace one that was there."""
        raise NotImplementedError

    def disconnected(self, now: float, reason: str) -> Outputs:
        """The connection ended, or an attempt failed."""
        raise NotImplementedError

    def stop(self, now: float, reason: str) -> Outputs:
        """The service is disabled or deleted: say goodbye and go down."""
        raise NotImplementedError

    def configure(self, profiles: Iterable[ProfileSettings], now: float) -> Outputs:
        """These are our profiles now (also called when a role changed); unchanged settings cost nothing."""
        raise NotImplementedError

    def receive(self, data: bytes, now: float) -> Outputs:
        """Octets arrived on the connection, split anyhow."""
        raise NotImplementedError

    def publish(self, record: Record, now: float) -> Outputs:
        """Send one record in real time; the first after a pause leaves at once, others with `flush`."""
        raise NotImplementedError

    def flush(self, now: float) -> Outputs:
        """Send what `publish` has collected: call it at the end of a burst of messages."""
        raise NotImplementedError

    def start_batch(self, backup_id: int, records: Iterable[Record], now: float) -> Outputs:
        """Send these as a batch: the answer to `SnapshotNeeded`, a re-enable, or an operator's request."""
        raise NotImplementedError

    def request_batch(self, backup_id: int, now: float) -> Outputs:
        """Ask the peer for a batch of this profile."""
        raise NotImplementedError

    def overflow(self, now: float) -> Outputs:
        """The connection does not take what we send: what is queued is given up for a later batch."""
        raise NotImplementedError

    def tick(self, now: float) -> Outputs:
        """Do what is due at `now`."""
        raise NotImplementedError

    def next_deadline(self) -> float | None:
        """When `tick` is due next, or None."""
        raise NotImplementedError

"""Two replication machines joined in memory: a router reduced to what it holds, and a link between two.

The clock is a number that the test moves. The link works on whole messages and loses, repeats or swaps
those that a test picks; a broken connection loses everything under way.
"""

from dataclasses import replace as replaced
from ipaddress import IPv4Address

import msgspec

from dataplane.packets.ethernet import Subscriber
from dataplane.packets.messages import Address
from dataplane.replication.outputs import (
    ApplyRecords,
    BatchCompleted,
    ChannelState,
    Disconnect,
    Limits,
    Output,
    Outputs,
    Send,
    SnapshotNeeded,
)
from dataplane.replication.peer import PeerMachine
from dataplane.replication.records import MAX_RECORDS, Record, RecordKind, SourceLifetime, SubscriberType
from dataplane.replication.settings import ProfileSettings

Key = tuple[int, int, Subscriber, Address]
LIFETIME_MS = 100_000_000
RECORDS_TYPE = 3


def record(
    group: int,
    *,
    kind: RecordKind = RecordKind.UPDATE,
    backup_id: int = 1,
    access_id: int = 1,
    source: int = 0,
    lifetime_ms: int = LIFETIME_MS,
) -> Record:
    """A record about 232.0.0.`group`; `source` makes two states of one entry differ."""
    return Record(
        kind,
        backup_id,
        access_id,
        Subscriber(100, 0, 0, b"\x02\x00\x00\x00\x00\x01"),
        SubscriberType.DHCP_STB,
        IPv4Address(0xE8000000 + group),
        lifetime_ms=lifetime_ms,
        sources=(SourceLifetime(IPv4Address(0x0A000000 + source), 0),) if source else (),
    )


def key_of(each: Record) -> Key:
    """What identifies an entry."""
    return each.backup_id, each.access_id, each.subscriber, each.group


def value_of(each: Record) -> tuple[Address, ...]:
    """What two routers must agree on."""
    return tuple(source.address for source in each.sources)


class Snapshot:
    """A batch of what a router holds, each entry as it is when its part is read."""

    def __init__(self, router: "Router", backup_id: int, *, returned: bool) -> None:
        self.router = router
        self.keys = [key for key in router.local if key[0] == backup_id]
        self.copies = [key for key in router.copies if key[0] == backup_id] if returned else []
        self.size = min(MAX_RECORDS, router.limits.batch_window)

    def next_part(self, now: float) -> list[Record] | None:
        """The next entries that are still there; None at the end."""
        router = self.router
        if self.keys:
            part, self.keys = self.keys[: self.size], self.keys[self.size :]
            return [router.local[key] for key in part if key in router.local]
        if self.copies:
            part, self.copies = self.copies[: self.size], self.copies[self.size :]
            back = [router.copies[key] for key in part if key in router.copies and key not in router.local]
            return [msgspec.structs.replace(each, returned=True) for each in back]
        return None


class Router:
    """A peer machine with the least that an engine does around it."""

    def __init__(self, epoch: int, backup_ids: tuple[int, ...] = (1,), limits: Limits | None = None) -> None:
        self.settings = [ProfileSettings(each, access_ids=frozenset({1})) for each in backup_ids]
        self.limits = limits or Limits()
        self.epoch = epoch
        self.machine = PeerMachine(epoch, self.settings, self.limits)
        self.local: dict[Key, Record] = {}
        self.copies: dict[Key, Record] = {}
        self.applied: list[tuple[int, int, int]] = []
        self.unsaid: set[Key] = set()
        """Entries whose leave the peer will learn from time alone."""
        self.left: set[Key] = set()
        self.revived: set[Key] = set()
        """Entries whose member has left, and that the peer gave back: a pull cannot know. They age."""
        self.events: list[Output] = []
        self.peer_epoch = 0
        self.now = 0.0
        self.outbox: list[bytes] = []
        self.hung_up = False
        self.was_connected = False

    def restart(self, epoch: int) -> None:
        """Lose everything but the configuration, as a process does."""
        self.epoch = epoch
        self.machine = PeerMachine(epoch, self.settings, self.limits)
        for held in (self.local, self.copies, self.left, self.revived):
            held.clear()
        self.was_connected = False

    def join(self, each: Record) -> None:
        """A subscriber's report arrived."""
        self.local[key_of(each)] = each
        for known in (self.unsaid, self.left, self.revived):
            known.discard(key_of(each))
        if self.machine.accepts(each.backup_id):
            self.perform(self.machine.publish(each, self.now))

    def leave(self, each: Record) -> None:
        """A subscriber's leave arrived."""
        key = key_of(each)
        self.local.pop(key, None)
        self.left.add(key)
        self.revived.discard(key)
        dropped = self.machine.sent.queue_dropped
        if self.machine.accepts(each.backup_id):
            self.perform(self.machine.publish(msgspec.structs.replace(each, kind=RecordKind.LEAVE), self.now))
        said = self.machine.accepts(each.backup_id) and self.machine.sent.queue_dropped == dropped
        if not said or not self.was_connected:
            self.unsaid.add(key)

    def perform(self, outputs: Outputs) -> None:
        """Do what the machine asks for, in order."""
        for output in outputs:
            self.events.append(output)
            match output:
                case Send(data):
                    self.outbox.extend(frames(data))
                case ApplyRecords(records):
                    for each in records:
                        self._apply(each)
                case SnapshotNeeded(backup_id, returned):
                    snapshot = self.snapshot(backup_id, returned=returned)
                    self.perform(self.machine.start_batch(backup_id, snapshot, self.now))
                case Disconnect():
                    self.hung_up = True
        self.was_connected |= self.machine.state is ChannelState.CONNECTED

    def snapshot(self, backup_id: int, *, returned: bool = False) -> "Snapshot":
        """The batch of one profile."""
        return Snapshot(self, backup_id, returned=returned)

    def start_batch(self, backup_id: int = 1) -> None:
        """An operator asks for a batch, and its first part leaves."""
        self.perform(self.machine.start_batch(backup_id, self.snapshot(backup_id), self.now))
        self.perform(self.machine.tick(self.now))

    def _apply(self, each: Record) -> None:
        self.applied.append((self.peer_epoch, each.backup_id, each.sequence))
        key = key_of(each)
        if each.returned:
            if key in self.left:
                self.revived.add(key)
            self.local.setdefault(key, msgspec.structs.replace(each, returned=False))
        elif each.kind is RecordKind.UPDATE:
            self.copies[key] = each
        else:
            self.copies.pop(key, None)

    def batches(self) -> list[BatchCompleted]:
        """The batches that came to an end, either way."""
        return [each for each in self.events if isinstance(each, BatchCompleted)]

    def configure(self, **changes: object) -> None:
        """Change the settings of every profile."""
        self.settings = [replaced(each, **changes) for each in self.settings]  # type: ignore[arg-type]
        self.perform(self.machine.configure(self.settings, self.now))


def frames(data: bytes) -> list[bytes]:
    """The messages in what a machine sent."""
    found = []
    while data:
        end = 8 + int.from_bytes(data[:4], "big")
        found.append(data[:end])
        data = data[end:]
    return found


def is_records(frame: bytes) -> bool:
    """True for a RECORDS message."""
    return frame[4] == RECORDS_TYPE


class Link:
    """The connection between two routers, and their common clock."""

    def __init__(self, a: Router, b: Router) -> None:
        self.a, self.b = a, b
        self.up = False
        self.now = 0.0

    def connect(self) -> None:
        """A new connection exists at both ends."""
        if self.up:
            self.drop()
        self.up = True
        self.a.peer_epoch, self.b.peer_epoch = self.b.epoch, self.a.epoch
        for router in (self.a, self.b):
            router.outbox.clear()
            router.perform(router.machine.connected(self.now))

    def drop(self) -> None:
        """The connection breaks: what was under way is lost."""
        self.up = False
        for router in (self.a, self.b):
            router.outbox.clear()
            if not router.hung_up:
                router.perform(router.machine.disconnected(self.now, "connection-reset"))
            router.hung_up = False

    def deliver(self, sender: Router, count: int = 1, split: int = 0) -> None:
        """Bring `count` messages to the other end, the octets cut after the first `split`."""
        receiver = self.b if sender is self.a else self.a
        data = b"".join(sender.outbox[:count])
        del sender.outbox[:count]
        for part in (data[:split], data[split:]):
            if part and self.up:
                receiver.perform(receiver.machine.receive(part, self.now))
        self._hang_up()

    def _hang_up(self) -> None:
        if self.a.hung_up or self.b.hung_up:
            self.drop()

    def advance(self, seconds: float) -> None:
        """Let time pass: each router does what is due."""
        self.now += seconds
        for router in (self.a, self.b):
            router.now = self.now
            router.perform(router.machine.tick(self.now))
        self._hang_up()

    def pause(self) -> float:
        """How long nobody has anything to do: nothing while a batch goes on."""
        due = [router.machine.next_deadline() for router in (self.a, self.b)]
        busy = any(when is not None and when <= self.now for when in due)
        return 0.0 if busy else self.a.limits.acknowledge_interval

    def settle(self) -> None:
        """Exchange until nobody has anything to say for twice as long as an acknowledgement may wait."""
        quiet = 0
        for _ in range(10_000):
            if not self.up:
                self.connect()
            while self.a.outbox or self.b.outbox:
                self.deliver(self.a, len(self.a.outbox))
                self.deliver(self.b, len(self.b.outbox))
            pause = self.pause()
            self.advance(pause)
            busy = not self.up or self.a.outbox or self.b.outbox or not pause
            quiet = 0 if busy else quiet + 1
            if quiet == 2:
                return
        raise AssertionError("the two machines never come to rest")

"""Two peer machines over a link that breaks, delays, repeats, swaps and loses: they agree in the end.

Batches are sent a part at a time, a part with every `wait`; members come and go between the parts.
"""

from dataclasses import replace

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from dataplane.replication.outputs import ChannelState, Limits, SyncState
from tests.support.pairs import Link, Router, is_records, record, value_of

SMALL = Limits(unacknowledged=24, batch_window=8, acknowledge_records=4)
GROUPS = st.integers(0, 12)
PROFILES = st.sampled_from([1, 2])
SIDES = st.sampled_from(["a", "b"])


class Replication(RuleBasedStateMachine):
    """What the peers may always be asked, whatever the link does."""

    @initialize(small=st.booleans())
    def start(self, small):
        limits = SMALL if small else Limits()
        self.link = Link(Router(1, (1, 2), limits), Router(2, (1, 2), limits))
        self.limits = limits
        self.epochs = 2
        self.unreliable = False

    def router(self, side):
        return self.link.a if side == "a" else self.link.b

    @rule(side=SIDES, profile=PROFILES, group=GROUPS, source=st.integers(0, 3))
    def join(self, side, profile, group, source):
        base = 100 if side == "b" else 0
        self.router(side).join(record(base + group, backup_id=profile, source=source))

    @rule(side=SIDES, profile=PROFILES, group=GROUPS)
    def leave(self, side, profile, group):
        base = 100 if side == "b" else 0
        self.router(side).leave(record(base + group, backup_id=profile))

    @rule(side=SIDES, first=GROUPS, count=st.integers(1, 40))
    def burst(self, side, first, count):
        base = 100 if side == "b" else 0
        for group in range(first, first + count):
            self.router(side).join(record(base + group))

    @rule(side=SIDES, count=st.integers(1, 4), split=st.integers(0, 200))
    def deliver(self, side, count, split):
        self.link.deliver(self.router(side), count, split)

    @rule(seconds=st.sampled_from([0.0, 0.0005, 0.002, 0.01, 1.0, 5.0]))
    def wait(self, seconds):
        self.link.advance(seconds)

    @rule()
    def reconnect(self):
        self.link.connect()

    @rule()
    def drop(self):
        if self.link.up:
            self.link.drop()

    @rule(side=SIDES, profile=PROFILES)
    def batch(self, side, profile):
        self.router(side).start_batch(profile)

    @rule(side=SIDES, profile=PROFILES)
    def ask_for_batch(self, side, profile):
        router = self.router(side)
        router.perform(router.machine.request_batch(profile, self.link.now))

    @rule(side=SIDES, igmp_copy=st.booleans())
    def commit(self, side, igmp_copy):
        self.router(side).configure(igmp_copy=igmp_copy)

    @rule(side=SIDES)
    def delete_profile(self, side):
        """What it held is gone, and the peer keeps what it has of it until it ages."""
        router, other = self.router(side), self.router("b" if side == "a" else "a")
        if len(router.settings) == 1:
            return
        router.unsaid |= {key for key in (*router.local, *other.copies) if key[0] == 2}
        for held in (router.local, router.copies):
            for key in [key for key in held if key[0] == 2]:
                del held[key]
        router.settings.pop()
        router.perform(router.machine.configure(router.settings, self.link.now))

    @rule(side=SIDES)
    def make_profile_again(self, side):
        router = self.router(side)
        if len(router.settings) == 1:
            router.settings.append(replace(router.settings[0], backup_id=2))
            router.perform(router.machine.configure(router.settings, self.link.now))

    @rule()
    def quiet(self):
        for side in ("a", "b"):
            self.make_profile_again(side)
        self.link.settle()
        while self.unreliable and self.unacknowledged():
            self.link.advance(1.0)
            self.link.settle()
        for sender, receiver in ((self.link.a, self.link.b), (self.link.b, self.link.a)):
            assert sender.machine.state is ChannelState.CONNECTED
            assert sender.machine.sync_state is SyncState.IN_SYNC
            self.check_agreement(sender, receiver)

    def unacknowledged(self):
        """What was lost last shows when its acknowledgement stays away."""
        return any(router.machine._outgoing._in_flight for router in (self.link.a, self.link.b))

    def check_agreement(self, sender, receiver):
        for key, each in sender.local.items():
            if key in sender.revived:
                continue
            assert key in receiver.copies
            assert value_of(receiver.copies[key]) == value_of(each)
        if not self.unreliable:
            assert receiver.copies.keys() - sender.local.keys() <= sender.unsaid

    @invariant()
    def nothing_applied_twice_and_sequences_grow(self):
        for router in (self.link.a, self.link.b):
            last = {}
            for epoch, profile, sequence in router.applied:
                assert sequence > last.get((epoch, profile), 0)
                last[epoch, profile] = sequence

    @invariant()
    def queues_are_bounded(self):
        for router in (self.link.a, self.link.b):
            outgoing = router.machine._outgoing
            assert 0 <= outgoing._in_flight <= self.limits.unacknowledged + self.limits.batch_window + 260
            assert len(outgoing._buffer) < 257
            for profile in outgoing._profiles.values():
                assert len(profile.unacknowledged) <= self.limits.unacknowledged + 260
                assert len(profile.replay) <= 2 * self.limits.unacknowledged + 260

    def teardown(self):
        if hasattr(self, "link"):
            self.quiet()


class ReplicationWithRestarts(Replication):
    """The same, with processes that die."""

    @rule(side=SIDES)
    def restart(self, side):
        if self.link.up:
            self.link.drop()
        self.epochs += 1
        self.router(side).restart(self.epochs)


class ReplicationOverBadConnection(Replication):
    """The same, with RECORDS messages lost, repeated and swapped within a connection."""

    @initialize(small=st.booleans())
    def start(self, small):
        super().start(small)
        self.unreliable = True

    def picked(self, side, index):
        outbox = self.router(side).outbox
        found = [position for position, frame in enumerate(outbox) if is_records(frame)]
        return outbox, found[index % len(found)] if found else None

    @rule(side=SIDES, index=st.integers(0, 5))
    def lose(self, side, index):
        outbox, position = self.picked(side, index)
        if position is not None:
            del outbox[position]

    @rule(side=SIDES, index=st.integers(0, 5))
    def repeat(self, side, index):
        outbox, position = self.picked(side, index)
        if position is not None:
            outbox.insert(position, outbox[position])

    @rule(side=SIDES, index=st.integers(0, 5))
    @precondition(lambda self: self.link.up)
    def swap(self, side, index):
        outbox, position = self.picked(side, index)
        if position is not None and position + 1 < len(outbox) and is_records(outbox[position + 1]):
            outbox[position : position + 2] = reversed(outbox[position : position + 2])


TestReplication = Replication.TestCase
TestReplicationWithRestarts = ReplicationWithRestarts.TestCase
TestReplicationOverBadConnection = ReplicationOverBadConnection.TestCase

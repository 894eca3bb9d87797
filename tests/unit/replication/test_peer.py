"""The peer machine: two of them over a link in memory."""

import msgspec
import pytest

from dataplane.config import Role
from dataplane.replication.messages import Close, Heartbeat, Open, encode
from dataplane.replication.outputs import (
    TRANSITIONS,
    ApplyRecords,
    ChannelState,
    Direction,
    Disconnect,
    Limits,
    LossReason,
    OutOfSync,
    PeerSettings,
    Send,
    SnapshotNeeded,
    StateChanged,
    SyncState,
)
from dataplane.replication.peer import PeerMachine
from dataplane.replication.records import RECORD_SIZE, FilterMode, RecordKind, SourceLifetime
from dataplane.replication.settings import Mismatch, ProfileSettings
from tests.support.pairs import Link, Router, is_records, key_of, record, value_of


@pytest.fixture
def link():
    return Link(Router(1), Router(2))


def connected(link):
    link.connect()
    link.settle()
    assert link.a.machine.state is link.b.machine.state is ChannelState.CONNECTED
    return link


def pump(router):
    """Let a batch go on as far as the window allows, with nothing else to do."""
    while router.machine.next_deadline() <= router.now:
        router.perform(router.machine.tick(router.now))


def events(router, kind):
    return [event for event in router.events if isinstance(event, kind)]


def states(router):
    return [(event.old, event.new) for event in events(router, StateChanged)]


def test_every_state_is_reached_and_left():
    reached = set().union(*TRANSITIONS.values())
    assert reached == set(ChannelState)
    assert all(TRANSITIONS[state] for state in ChannelState)


def test_a_connection_goes_through_handshake_and_synchronizing(link):
    link.a.perform(link.a.machine.connecting(0.0))
    connected(link)
    assert [new for _, new in states(link.a)] == ["connecting", "handshake", "synchronizing", "connected"]
    assert link.a.machine.sync_state is SyncState.IN_SYNC


def test_each_side_sends_one_batch_per_profile_on_connect():
    link = Link(Router(1, (1, 2)), Router(2, (1, 2)))
    link.a.join(record(1))
    link.a.join(record(2, backup_id=2))
    connected(link)
    assert link.b.copies.keys() == link.a.local.keys()
    sent = {(each.backup_id, each.entries) for each in link.a.batches() if each.direction is Direction.SENT}
    assert sent == {(1, 1), (2, 1)}
    received = {(each.backup_id, each.entries) for each in link.b.batches() if each.direction == "received"}
    assert received == {(1, 1), (2, 1)}
    assert all(each.records[0].batch for each in events(link.b, ApplyRecords))


def test_a_record_in_real_time_leaves_at_once(link):
    connected(link)
    link.a.join(record(7))
    assert [is_records(frame) for frame in link.a.outbox] == [True]
    link.settle()
    assert value_of(link.b.copies[key_of(record(7))]) == ()
    assert not link.b.copies[key_of(record(7))].batch
    assert link.a.machine.sent.acknowledged == 1


def test_records_that_follow_closely_share_a_message(link):
    connected(link)
    for group in range(10):
        link.a.join(record(group))
    assert len(link.a.outbox) == 1
    link.a.perform(link.a.machine.flush(link.now))
    assert len(link.a.outbox) == 2
    assert link.a.machine.flush(link.now) == []


def test_what_nobody_flushed_leaves_with_its_deadline(link):
    connected(link)
    link.a.join(record(1))
    link.a.join(record(2))
    assert link.a.machine.next_deadline() == pytest.approx(link.now + Limits().flush_interval)
    link.settle()
    assert len(link.b.copies) == 2


def test_a_full_message_leaves_without_flush(link):
    connected(link)
    for group in range(1 + 256):
        link.a.join(record(group))
    assert len(link.a.outbox) == 2


def test_nothing_is_accepted_without_a_connection(link):
    assert not link.a.machine.accepts(1)
    assert link.a.machine.publish(record(1), 0.0) == []
    assert (link.a.machine.sent.total, link.a.machine.sent.fail) == (1, 1)


def test_what_was_under_way_is_sent_again_once(link):
    connected(link)
    link.a.join(record(1))
    link.a.leave(record(1))
    link.a.join(record(2))
    link.a.perform(link.a.machine.flush(link.now))
    link.drop()
    link.settle()
    assert set(link.b.copies) == {key_of(record(2))}
    assert link.a.machine.sent.retransmitted == 2


def test_what_the_peer_has_is_not_sent_again(link):
    connected(link)
    link.a.join(record(1))
    link.a.leave(record(1))
    link.a.perform(link.a.machine.flush(link.now))
    link.deliver(link.a, 2)
    link.drop()
    link.settle()
    assert link.a.machine.sent.retransmitted == 0
    assert link.b.machine.received.duplicate == 0


def test_a_retransmitted_record_has_aged(link):
    connected(link)
    link.a.leave(record(9))
    link.a.join(record(1, lifetime_ms=60_000))
    link.a.local.clear()
    link.a.perform(link.a.machine.flush(link.now))
    link.drop()
    link.advance(10)
    link.settle()
    assert link.b.copies[key_of(record(1))].lifetime_ms in range(49_000, 50_001)


def test_a_retransmitted_record_that_ran_out_is_not_sent(link):
    connected(link)
    link.a.join(record(1, lifetime_ms=5_000))
    link.a.local.clear()
    link.drop()
    link.advance(10)
    link.settle()
    assert link.b.copies == {}


def test_duplicates_are_dropped_and_counted(link):
    connected(link)
    link.a.join(record(1))
    link.a.outbox *= 2
    link.settle()
    assert link.b.machine.received.duplicate == 1
    assert len(link.b.applied) == 1


def test_a_gap_asks_for_a_batch_and_heals(link):
    connected(link)
    link.a.join(record(1))
    link.a.outbox.clear()
    link.advance(0.002)
    link.a.join(record(2))
    link.deliver(link.a, 1)
    assert events(link.b, OutOfSync) == [OutOfSync(1, LossReason.SEQUENCE_GAP)]
    assert link.b.machine.sync_state is SyncState.OUT_OF_SYNC
    link.settle()
    assert link.b.copies.keys() == link.a.local.keys()
    assert link.b.machine.received.sequence_gap == 1
    assert link.b.machine.sync_state is SyncState.IN_SYNC


def test_a_batch_that_lost_records_is_asked_for_again(link):
    connected(link)
    link.a.local = {key_of(record(group)): record(group) for group in range(600)}
    link.a.start_batch()
    pump(link.a)
    assert [is_records(frame) for frame in link.a.outbox] == [False, True, True, True, False]
    del link.a.outbox[3]
    link.settle()
    assert link.b.copies.keys() == link.a.local.keys()
    assert link.b.machine.sync_state is SyncState.IN_SYNC


def test_a_batch_that_is_asked_for_during_a_batch_follows_it(link):
    connected(link)
    before = len(events(link.a, SnapshotNeeded))
    link.a.start_batch()
    link.b.perform(link.b.machine.request_batch(1, link.now))
    link.b.perform(link.b.machine.request_batch(1, link.now))
    link.deliver(link.b, 2)
    assert len(events(link.a, SnapshotNeeded)) == before
    link.settle()
    assert len(events(link.a, SnapshotNeeded)) == before + 1


def test_a_batch_that_is_started_during_a_batch_waits_for_a_newer_snapshot():
    link = connected(Link(Router(1, limits=Limits(batch_window=256)), Router(2)))
    link.a.local = {key_of(record(group)): record(group) for group in range(1_000)}
    link.a.start_batch()
    assert link.a.machine.start_batch(1, link.a.snapshot(1), link.now) == []
    completed = len(link.b.batches())
    link.settle()
    assert link.b.copies.keys() == link.a.local.keys()
    assert [each.entries for each in link.b.batches()[completed:]] == [1_000, 1_000]


def test_an_include_entry_crosses_in_a_batch(link):
    entry = msgspec.structs.replace(record(3, source=9), lifetime_ms=0, filter_mode=FilterMode.INCLUDE)
    entry = msgspec.structs.replace(entry, sources=(SourceLifetime(entry.sources[0].address, 9_000),))
    connected(link)
    link.a.local = {key_of(entry): entry}
    link.a.start_batch()
    link.settle()
    assert value_of(link.b.copies[key_of(entry)]) == value_of(entry)


def test_a_full_queue_means_out_of_sync_and_a_batch():
    link = connected(Link(Router(1, limits=Limits(unacknowledged=8, batch_window=4)), Router(2)))
    for group in range(20):
        link.a.join(record(group))
    assert events(link.a, OutOfSync) == [OutOfSync(1, LossReason.QUEUE_OVERFLOW)]
    assert link.a.machine.sync_state is SyncState.OUT_OF_SYNC
    assert link.a.machine.sent.queue_dropped == 12
    link.settle()
    assert link.b.copies.keys() == link.a.local.keys()
    assert link.b.machine.received.sequence_gap == 1
    assert link.a.machine.sync_state is SyncState.IN_SYNC


def test_a_large_batch_waits_for_acknowledgements():
    link = connected(Link(Router(1, limits=Limits(batch_window=512)), Router(2)))
    link.a.local = {key_of(record(group)): record(group) for group in range(5_000)}
    link.a.start_batch()
    pump(link.a)
    assert sum(is_records(frame) for frame in link.a.outbox) == 2
    link.settle()
    assert link.b.copies.keys() == link.a.local.keys()


def test_a_leave_during_a_batch_is_not_undone_by_it():
    link = connected(Link(Router(1, limits=Limits(batch_window=256)), Router(2)))
    link.a.local = {key_of(record(group)): record(group) for group in range(1_000)}
    link.a.start_batch()
    link.a.leave(record(999))
    link.a.join(record(998, source=5))
    link.settle()
    assert link.b.copies.keys() == link.a.local.keys()
    assert value_of(link.b.copies[key_of(record(998))]) != ()


def test_a_batch_that_breaks_off_is_sent_again_from_the_start():
    link = connected(Link(Router(1, limits=Limits(batch_window=256)), Router(2)))
    link.a.local = {key_of(record(group)): record(group) for group in range(1_000)}
    link.a.start_batch()
    link.deliver(link.a, 2)
    link.drop()
    assert 0 < len(link.b.copies) < 1_000
    link.settle()
    assert link.b.copies.keys() == link.a.local.keys()


def test_a_batch_is_sent_a_part_at_a_time(link):
    connected(link)
    link.a.local = {key_of(record(group)): record(group) for group in range(1_000)}
    link.a.perform(link.a.machine.start_batch(1, link.a.snapshot(1), link.now))
    assert [is_records(frame) for frame in link.a.outbox] == [False]
    for parts in range(1, 5):
        assert link.a.machine.next_deadline() == link.now
        link.a.perform(link.a.machine.tick(link.now))
        assert sum(is_records(frame) for frame in link.a.outbox) == parts
    link.settle()
    assert link.b.copies.keys() == link.a.local.keys()


def test_an_entry_that_waits_to_be_sent_again_keeps_its_force_in_a_batch(link):
    """The leave was under way when the connection broke: the member's last two seconds are in the table."""
    connected(link)
    link.a.join(record(1))
    link.settle()
    link.a.perform(link.a.machine.publish(record(1, kind=RecordKind.LEAVE), link.now))
    link.a.local[key_of(record(1))] = record(1, lifetime_ms=2_000)
    link.drop()
    link.b.events.clear()
    link.settle()
    told = [each for event in events(link.b, ApplyRecords) for each in event.records]
    assert [(each.batch, each.lifetime_ms) for each in told] == [(False, 2_000)]


def test_what_waits_after_a_batch_is_sent_a_part_at_a_time(link):
    connected(link)
    for group in range(700):
        link.a.join(record(group))
    link.drop()
    for group in range(700):
        link.a.leave(record(group))
    link.connect()
    link.deliver(link.b, len(link.b.outbox))
    link.a.outbox.clear()
    pump(link.a)
    sizes = [len(frame) // RECORD_SIZE for frame in link.a.outbox if is_records(frame)]
    assert sizes == [256, 256, 188]
    link.settle()


def test_a_restarted_router_gets_back_what_it_had_originated(link):
    link.b.join(record(50))
    connected(link)
    link.a.join(record(1))
    link.settle()
    link.drop()
    link.a.restart(3)
    link.settle()
    assert set(link.a.local) == {key_of(record(1))}
    assert set(link.a.copies) == {key_of(record(50))}
    assert set(link.b.local) == {key_of(record(50))}
    assert set(link.b.copies) == {key_of(record(1))}


def test_entries_are_returned_to_a_restarted_router_alone(link):
    connected(link)
    link.a.join(record(1))
    link.settle()
    link.b.events.clear()
    link.drop()
    link.settle()
    assert [each.returned for each in events(link.b, SnapshotNeeded)] == [False]


def test_a_pull_that_broke_off_is_repeated():
    link = Link(Router(1), Router(2, limits=Limits(batch_window=256)))
    for group in range(600):
        link.b.copies[key_of(record(group))] = record(group)
    link.connect()
    link.deliver(link.a, 9)
    link.deliver(link.b, 4)
    link.drop()
    link.settle()
    assert len(link.a.local) == 600


def test_a_new_epoch_discards_sequences_and_no_entries(link):
    connected(link)
    for group in range(5):
        link.a.join(record(group))
    link.settle()
    link.drop()
    link.a.restart(9)
    link.settle()
    assert len(link.b.copies) == 5
    link.a.join(record(77))
    link.settle()
    assert key_of(record(77)) in link.b.copies
    assert link.b.machine.received.duplicate == 0


def test_settings_are_compared_and_told(link):
    link.b.configure(igmp_copy=False, multicast=False, access_ids=frozenset({1, 2}), role=Role.MASTER)
    connected(link)
    assert link.a.machine.mismatches == (
        Mismatch(1, "multicast", "true", "false"),
        Mismatch(1, "igmp-copy", "true", "false"),
        Mismatch(1, "access-id", "1", "1 2"),
    )
    assert link.a.machine.peer_settings(1).role is Role.MASTER


def test_a_commit_on_either_side_is_told_while_connected(link):
    connected(link)
    link.b.configure(igmp_copy=False)
    link.settle()
    assert link.a.machine.mismatches == (Mismatch(1, "igmp-copy", "true", "false"),)
    link.b.configure(igmp_copy=True)
    link.settle()
    assert link.a.machine.mismatches == ()
    assert len(link.a.batches()) == 2


def test_unchanged_settings_cost_nothing(link):
    connected(link)
    assert link.a.machine.configure(link.a.settings, link.now) == []


def test_a_backup_id_without_counterpart_is_unmapped():
    link = connected(Link(Router(1, (1, 2)), Router(2, (1, 3))))
    assert link.a.machine.accepts(1)
    assert not link.a.machine.accepts(2)
    assert link.a.machine.mismatches == (
        Mismatch(2, "backup-id", "present", "absent"),
        Mismatch(3, "backup-id", "absent", "present"),
    )


def test_a_profile_added_while_connected_gets_its_batch():
    link = connected(Link(Router(1, (1, 2)), Router(2, (1,))))
    link.a.join(record(1, backup_id=2))
    link.b.settings.append(ProfileSettings(2, access_ids=frozenset({1})))
    link.b.perform(link.b.machine.configure(link.b.settings, link.now))
    link.settle()
    assert link.b.copies.keys() == link.a.local.keys()
    assert link.a.machine.state is ChannelState.CONNECTED


@pytest.mark.parametrize("connected_then", [True, False])
def test_what_was_on_its_way_to_a_deleted_profile_is_not_for_the_next_of_its_number(connected_then):
    """The join was accepted for the old one; the member left while there was none."""
    link = connected(Link(Router(1, (1, 2)), Router(2, (1, 2))))
    link.a.join(record(1, backup_id=2))
    link.a.outbox.clear()
    if not connected_then:
        link.drop()
    kept = link.b.settings.pop()
    link.b.perform(link.b.machine.configure(link.b.settings, link.now))
    link.settle()
    link.a.leave(record(1, backup_id=2))
    link.b.settings.append(kept)
    link.b.perform(link.b.machine.configure(link.b.settings, link.now))
    link.settle()
    assert link.b.copies == {}


def test_a_profile_removed_while_connected_is_unmapped_again():
    link = connected(Link(Router(1, (1, 2)), Router(2, (1, 2))))
    link.a.join(record(1, backup_id=2))
    del link.b.settings[1]
    link.b.perform(link.b.machine.configure(link.b.settings, link.now))
    link.settle()
    assert link.b.machine.received.unknown_profile == 1
    assert not link.a.machine.accepts(2)
    assert link.a.machine.sync_state is SyncState.IN_SYNC


def test_an_unknown_access_id_is_counted(link):
    connected(link)
    link.a.join(record(1, access_id=4))
    link.settle()
    assert link.b.machine.received.unknown_access == 1
    assert link.b.copies == {}


def test_a_silent_peer_is_dead_after_four_intervals(link):
    connected(link)
    link.a.perform(link.a.machine.tick(link.now + 4.1))
    assert link.a.machine.state is ChannelState.DOWN
    assert link.a.machine.down_reason == "heartbeat-timeout"


def test_a_peer_that_lives_and_acknowledges_nothing_is_given_up(link):
    connected(link)
    link.a.join(record(1))
    link.a.outbox.clear()
    for _ in range(9):
        link.advance(0.5)
        link.deliver(link.a, 9)
        link.deliver(link.b, 9)
    assert link.a.machine.down_reason == "acknowledgement-timeout"
    link.settle()
    assert link.b.copies.keys() == link.a.local.keys()


def test_heartbeats_keep_an_idle_connection(link):
    connected(link)
    for _ in range(100):
        link.advance(0.5)
        link.deliver(link.a, 9)
        link.deliver(link.b, 9)
    assert link.a.machine.state is ChannelState.CONNECTED


def test_deadline_is_always_ahead_after_a_tick(link):
    connected(link)
    for _ in range(50):
        deadline = link.a.machine.next_deadline()
        assert deadline >= link.now
        link.advance(deadline - link.now)
        link.deliver(link.a, 9)
        link.deliver(link.b, 9)


def opened(messages):
    machine = PeerMachine(1, [ProfileSettings(1)])
    machine.connected(0.0)
    return machine, machine.receive(b"".join(encode(each) for each in messages), 0.0)


@pytest.mark.parametrize(
    ("messages", "reason"),
    [
        ([Open(7, 0, 1000, major=2)], "version-mismatch"),
        ([Open(1, 0, 1000)], "connected-to-itself"),
        ([Heartbeat()], "unexpected-message"),
        ([Open(7, 0, 1000), Open(7, 0, 1000)], "unexpected-message"),
        ([Close("maintenance")], "peer-maintenance"),
        ([Close("\x1b[2J <nonsense>")], "peer-closed"),
    ],
)
def test_a_handshake_that_fails_says_why(messages, reason):
    machine, outputs = opened(messages)
    assert Disconnect(reason) in outputs
    assert machine.down_reason == reason
    assert machine.state is ChannelState.DOWN
    assert machine.next_deadline() is None


def test_garbage_ends_the_connection_and_is_counted():
    machine = PeerMachine(1)
    machine.connected(0.0)
    outputs = machine.receive(b"\xff" * 64, 0.0)
    assert any(isinstance(output, Disconnect) for output in outputs)
    assert machine.received.decode_error == 1


def test_a_connection_that_replaces_another_starts_anew(link):
    connected(link)
    outputs = link.a.machine.connected(link.now)
    assert [(each.old, each.new) for each in outputs if isinstance(each, StateChanged)] == [
        (ChannelState.CONNECTED, ChannelState.DOWN),
        (ChannelState.DOWN, ChannelState.HANDSHAKE),
    ]


def test_an_overflow_of_the_connection_ends_it(link):
    connected(link)
    link.a.join(record(1))
    link.a.outbox.clear()
    outputs = link.a.machine.overflow(link.now)
    assert Disconnect("queue-overflow") in outputs
    link.a.perform(outputs)
    link.drop()
    link.settle()
    assert link.b.copies.keys() == link.a.local.keys()


def test_stop_says_goodbye(link):
    connected(link)
    link.a.perform(link.a.machine.stop(link.now, "disabled"))
    link.b.perform(link.b.machine.receive(link.a.outbox[-1], link.now))
    assert link.b.machine.down_reason == "peer-disabled"
    assert link.a.machine.state is ChannelState.DOWN


def test_without_profiles_the_channel_still_connects():
    connected(Link(Router(1, ()), Router(2, (1,))))


def test_a_record_that_does_not_fit_is_counted_and_harmless(link):
    connected(link)
    link.a.perform(link.a.machine.publish(record(1, access_id=70_000), link.now))
    link.a.join(record(2))
    link.settle()
    assert link.a.machine.sent.fail == 1
    assert set(link.b.copies) == {key_of(record(2))}


def test_peer_settings_tell_which_profiles_they_are_about(link):
    connected(link)
    assert events(link.a, PeerSettings)[-1] == PeerSettings(None)
    assert link.a.machine.accepts(1)
    assert link.a.machine.peer_settings(1) == ProfileSettings(1, access_ids=frozenset({1}))
    link.b.settings.append(ProfileSettings(2))
    link.b.perform(link.b.machine.configure(link.b.settings, link.now))
    link.settle()
    for router in (link.a, link.b):
        assert events(router, PeerSettings)[-1] == PeerSettings(frozenset({2}))


def test_counters_can_be_reset(link):
    connected(link)
    link.a.join(record(1))
    link.a.machine.reset_statistics()
    assert link.a.machine.sent.total == 0
    link.settle()
    assert link.a.machine.sent.acknowledged == 1


def test_nothing_is_sent_while_down(link):
    assert not any(isinstance(each, Send) for each in link.a.machine.tick(100.0))
    assert link.a.machine.configure([], 0.0) == []

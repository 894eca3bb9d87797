"""What was lost while something else was under way: a batch makes it good all the same."""

from dataplane.replication.outputs import Limits, OutOfSync, SnapshotNeeded, SyncState
from tests.support.pairs import Link, Router, is_records, key_of, record

SMALL = Limits(unacknowledged=24, batch_window=8)


def restarted(link, entries=20):
    """Router a had originated entries, which b has, and begins anew; the connection is there again."""
    link.a.local = {key_of(record(group)): record(group) for group in range(entries)}
    link.settle()
    link.drop()
    link.a.restart(9)
    link.b.events.clear()
    link.connect()
    return link


def test_a_pull_that_meets_a_full_queue_is_repeated():
    link = restarted(Link(Router(1), Router(2, limits=SMALL)))
    link.deliver(link.a, 2)
    for group in range(100, 140):
        link.b.join(record(group))
    assert any(isinstance(event, OutOfSync) for event in link.b.events)
    link.settle()
    assert link.a.local.keys() == {key_of(record(group)) for group in range(20)}


def test_a_batch_of_the_operator_meanwhile_does_not_take_its_place():
    link = restarted(Link(Router(1), Router(2, limits=SMALL)))
    link.deliver(link.a, 2)
    for group in range(100, 140):
        link.b.join(record(group))
    link.b.start_batch()
    link.settle()
    assert link.a.local.keys() == {key_of(record(group)) for group in range(20)}


def test_a_pull_of_which_a_part_is_missing_is_asked_for_as_a_pull():
    link = restarted(Link(Router(1), Router(2)), entries=600)
    link.deliver(link.a, 2)
    for _ in range(3):
        link.advance(0.0)
    del link.b.outbox[next(place for place, frame in enumerate(link.b.outbox) if is_records(frame))]
    link.settle()
    assert link.a.local.keys() == {key_of(record(group)) for group in range(600)}
    asked = [event.returned for event in link.b.events if isinstance(event, SnapshotNeeded)]
    assert asked == [True, True]


def test_a_profile_that_waits_for_another_goes_on_when_the_other_is_gone():
    """The queue is full of one profile's records; the peer deletes it and acknowledges nothing any more."""
    link = Link(Router(1, (1, 2), Limits(unacknowledged=8)), Router(2, (1, 2)))
    link.connect()
    link.settle()
    for group in range(8):
        link.a.join(record(group))
    link.a.join(record(50, backup_id=2))
    assert link.a.machine.sync_state is SyncState.OUT_OF_SYNC
    link.b.settings.pop(0)
    link.b.perform(link.b.machine.configure(link.b.settings, link.now))
    link.settle()
    assert link.a.machine.sync_state is SyncState.IN_SYNC
    assert key_of(record(50, backup_id=2)) in link.b.copies


def test_a_batch_that_waits_behind_another_profile_goes_on_when_that_is_gone():
    link = Link(Router(1, (1, 2), Limits(batch_window=8)), Router(2, (1, 2)))
    link.a.local = {key_of(record(group)): record(group) for group in range(8)}
    link.a.local |= {key_of(record(50, backup_id=2)): record(50, backup_id=2)}
    link.connect()
    link.deliver(link.b, 2)
    link.advance(0.0)
    assert link.a.machine.next_deadline() > link.now, "the window is full"
    link.b.settings.pop(0)
    link.b.perform(link.b.machine.configure(link.b.settings, link.now))
    link.settle()
    assert link.a.machine.sync_state is SyncState.IN_SYNC
    assert key_of(record(50, backup_id=2)) in link.b.copies

"""A fault of ours while the peer's octets are handled costs a connection, and no entry."""

import pytest

from dataplane.actions import BatchBackup
from dataplane.config import Role
from dataplane.engine import arbitration, copying, messages
from dataplane.engine.snapshot import Snapshot
from dataplane.engine.world import World
from dataplane.replication.records import Record
from tests.support.routers import GROUP, OTHER, SERVICE, THIRD, Pair, profile


def test_what_a_fault_left_out_comes_with_the_batch_of_the_next_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The peer was told that the records had arrived: nothing else brings them before the next report."""
    pair = Pair()
    pair.start(profile(Role.MASTER), profile(Role.BACKUP))
    for group in (GROUP, OTHER, THIRD):
        pair.a.join(group)
    apply = copying._apply

    def fail_once(world: World, service: str, record: Record, now: float) -> None:
        monkeypatch.setattr(copying, "_apply", apply)
        raise ZeroDivisionError

    monkeypatch.setattr(copying, "_apply", fail_once)
    said = b"".join(pair.a.outbox)
    pair.a.outbox.clear()
    with pytest.raises(ZeroDivisionError):
        pair.b.engine.handle(messages.ChannelReceived(SERVICE, said), pair.clock.now)
    pair.b.give(messages.Tick())
    assert pair.b.service_state().last_down_reason == "fault"
    pair.run(1.0)
    assert {group.group_address for group in pair.b.groups().values()} == {
        str(group) for group in (GROUP, OTHER, THIRD)
    }


def test_a_fault_of_one_part_keeps_no_other_from_what_is_due(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each tick takes what is due off the list: the rest has to come back, and the part a little later."""
    pair = Pair()
    pair.start(profile(Role.MASTER), profile(Role.BACKUP))
    world = pair.a.engine.world
    done: list[str] = []

    def tick(_: World, name: str, __: float) -> None:
        done.append(name)
        if len(done) == 1:
            raise ZeroDivisionError

    monkeypatch.setattr(arbitration, "tick", tick)
    pair.run(0.1)
    for name in ("one", "two", "three"):
        world.deadlines.set(("role", name), pair.clock.now)
    with pytest.raises(ZeroDivisionError):
        pair.a.engine.handle(messages.Tick(), pair.clock.now)
    pair.a.give(messages.Tick())
    assert done == ["one", "two", "three"]
    pair.run(2.0)
    assert done == ["one", "two", "three", "one"]


def test_a_fault_while_something_is_due_for_the_peer_ends_the_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pair = Pair()
    pair.start(profile(Role.MASTER), profile(Role.BACKUP))

    def fail_once(self: Snapshot, now: float) -> list[Record] | None:
        monkeypatch.undo()
        raise ZeroDivisionError

    monkeypatch.setattr(Snapshot, "next_part", fail_once)
    pair.a.give(BatchBackup(SERVICE))
    with pytest.raises(ZeroDivisionError):
        pair.a.engine.handle(messages.Tick(), pair.clock.now)
    pair.run(1.0)
    assert pair.a.service_state().last_down_reason == "fault"
    assert pair.a.service_state().sync_state == "in-sync"

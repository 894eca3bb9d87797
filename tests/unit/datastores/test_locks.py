"""The lock rules of RFC 6241 sections 7.5, 7.6 and 8.3.4.1."""

import pytest

from server.datastores.locks import NO_SESSION, Datastore, Lock, LockTable
from server.protocol.errors import ErrorTag, RpcError

RUNNING, CANDIDATE = Datastore.RUNNING, Datastore.CANDIDATE


def _acquire(table: LockTable, datastore: Datastore, session: int, *, modified: bool = False) -> None:
    table.acquire(datastore, session, candidate_modified=modified, wall_clock=100.0)


def _holder_in(error: RpcError) -> str:
    return next(element.text for element in error.info if element.name == "session-id")


def test_a_lock_is_held_by_who_asked_first():
    table = LockTable()
    _acquire(table, RUNNING, 4)
    assert table.held.get(RUNNING) == Lock(4, 100.0)
    assert table.held.get(CANDIDATE) is None


@pytest.mark.parametrize("second", [4, 5])
def test_a_held_lock_is_denied_to_everybody_and_names_its_holder(second):
    table = LockTable()
    _acquire(table, RUNNING, 4)
    with pytest.raises(RpcError) as denied:
        _acquire(table, RUNNING, second)
    assert denied.value.tag is ErrorTag.LOCK_DENIED
    assert _holder_in(denied.value) == "4"


def test_a_modified_candidate_is_not_locked():
    table = LockTable()
    with pytest.raises(RpcError) as denied:
        _acquire(table, CANDIDATE, 4, modified=True)
    assert denied.value.tag is ErrorTag.LOCK_DENIED
    assert _holder_in(denied.value) == str(NO_SESSION)
    assert "<discard-changes>" in denied.value.message
    assert table.held.get(CANDIDATE) is None


def test_a_modified_candidate_does_not_keep_running_from_being_locked():
    table = LockTable()
    _acquire(table, RUNNING, 4, modified=True)
    assert table.held.get(RUNNING) is not None


def test_only_the_holder_unlocks():
    table = LockTable()
    _acquire(table, RUNNING, 4)
    with pytest.raises(RpcError) as refused:
        table.release(RUNNING, 5)
    assert refused.value.tag is ErrorTag.OPERATION_FAILED
    assert "session 4" in refused.value.message
    table.release(RUNNING, 4)
    assert table.held.get(RUNNING) is None


def test_a_reader_may_keep_what_it_saw():
    table = LockTable()
    _acquire(table, RUNNING, 4)
    seen = table.held
    table.release(RUNNING, 4)
    assert seen == {RUNNING: Lock(4, 100.0)}
    assert table.held == {}


def test_unlocking_what_is_not_locked_fails():
    with pytest.raises(RpcError) as refused:
        LockTable().release(CANDIDATE, 4)
    assert refused.value.tag is ErrorTag.OPERATION_FAILED


def test_a_session_that_ends_gives_back_its_own_locks_only():
    table = LockTable()
    _acquire(table, RUNNING, 4)
    _acquire(table, CANDIDATE, 5)
    assert table.release_all(4) == {RUNNING}
    assert table.held.get(RUNNING) is None
    assert table.held.get(CANDIDATE) is not None
    assert table.release_all(4) == frozenset()


def test_a_locked_datastore_is_changed_by_its_holder_only():
    table = LockTable()
    _acquire(table, CANDIDATE, 4)
    table.check_change(CANDIDATE, 4)
    table.check_change(RUNNING, 5)
    with pytest.raises(RpcError) as refused:
        table.check_change(CANDIDATE, 5)
    assert refused.value.tag is ErrorTag.IN_USE
    assert "session 4" in refused.value.message


@pytest.mark.parametrize("datastore", [Datastore.RUNNING, Datastore.CANDIDATE])
def test_a_commit_needs_both_datastores_free_of_others(datastore):
    table = LockTable()
    _acquire(table, datastore, 4)
    table.check_commit(4)
    with pytest.raises(RpcError) as refused:
        table.check_commit(5)
    assert refused.value.tag is ErrorTag.IN_USE
    assert str(datastore) in refused.value.message

"""Locks and the ends of sessions, against a real server (RFC 6241 sections 7.5, 7.6, 7.8, 7.9)."""

import pytest
from ncclient.operations import RPCError

from tests.support.netconf import edit, info, names, profile, refused
from tests.support.wait import wait_for


@pytest.mark.parametrize("datastore", ["running", "candidate"])
def test_a_second_lock_is_denied_and_names_the_holder(connect, datastore):
    holder, other = connect(), connect()
    holder.lock(datastore)
    for asking in (other, holder):
        error = refused(asking.lock, datastore)
        assert error.tag == "lock-denied"
        assert info(error) == {"session-id": holder.session_id}
    error = refused(other.unlock, datastore)
    assert error.tag == "operation-failed"
    holder.unlock(datastore)
    other.lock(datastore)


@pytest.mark.parametrize("datastore", ["running", "candidate"])
def test_a_commit_while_another_session_holds_a_lock(connect, datastore):
    holder, other = connect(), connect()
    if datastore == "running":
        edit(other, profile())
    holder.lock(datastore)
    error = refused(other.commit)
    assert error.tag == "in-use"
    assert f"session {holder.session_id}" in error.message
    assert names(other, "running") == []


def test_an_edit_of_a_candidate_that_another_session_locked(connect):
    holder, other = connect(), connect()
    holder.lock("candidate")
    for attempt in (lambda: edit(other, profile()), other.discard_changes):
        assert refused(attempt).tag == "in-use"
    edit(holder, profile())
    holder.commit()
    assert names(other, "running") == ["rbp3"]


def test_a_modified_candidate_cannot_be_locked(connect):
    first, second = connect(), connect()
    edit(first, profile())
    error = refused(second.lock, "candidate")
    assert error.tag == "lock-denied"
    assert info(error) == {"session-id": "0"}
    first.discard_changes()
    second.lock("candidate")


def test_unlock_discards_the_changes_of_the_candidate(session):
    session.lock("candidate")
    edit(session, profile())
    session.unlock("candidate")
    assert names(session) == []


@pytest.mark.parametrize("end", ["close", "vanish", "kill"])
def test_the_locks_of_a_session_are_free_however_it_ends(server, connect, end):
    watcher, victim = connect(), connect()
    victim.lock("candidate")
    victim.lock("running")
    edit(victim, profile())
    if end == "close":
        victim.close_session()
    elif end == "vanish":
        victim._session._transport.sock.close()
    else:
        watcher.kill_session(victim.session_id)
    wait_for(lambda: _can_lock(watcher), what="the locks of the session that ended")
    assert names(watcher) == []


def _can_lock(session):
    try:
        session.lock("candidate")
        session.lock("running")
    except RPCError:
        return False
    return True


def test_an_unlocked_candidate_outlives_its_session(connect):
    first, second = connect(), connect()
    edit(first, profile())
    first.close_session()
    assert names(second) == ["rbp3"]


@pytest.mark.parametrize("session_id", ["own", "4000000000", "0", "x"])
def test_who_cannot_be_killed(session, session_id):
    victim = session.session_id if session_id == "own" else session_id
    assert refused(session.kill_session, victim).tag == "invalid-value"
    assert names(session) == []

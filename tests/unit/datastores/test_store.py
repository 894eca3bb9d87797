"""Running and candidate over a real schema and real storage; the verdict is the test's."""

import pytest

from server.datastores.candidates import Resolution
from server.datastores.confirmed import CommitRequest
from server.datastores.history import Author, Cause
from server.datastores.locks import Datastore
from server.datastores.settle import Settled
from server.datastores.storage import Storage, StorageError
from server.datastores.store import Store
from server.protocol.errors import ErrorTag, RpcError, RpcErrors, invalid_value
from server.schema.model import load_schema
from server.schema.sources import default_sources
from server.tree.build import from_data
from server.tree.diff import diff
from tests.support.wait import wait_for

RUNNING, CANDIDATE = Datastore.RUNNING, Datastore.CANDIDATE


class Verdict:
    """Stands for the validator and the provider, which have tests of their own."""

    def __init__(self):
        self.errors = ()
        self.asked_for_all = 0

    def settle(self, old, new):
        return Settled(new, diff(old, new), tuple(self.errors))

    def whole(self, _root):
        self.asked_for_all += 1
        return self.errors

    def check(self, _root):
        return ()

    def prepare(self, _old, _new, _changes):
        return self

    def apply(self):
        pass

    def abort(self):
        pass

    def revert(self):
        pass


@pytest.fixture(scope="module")
def schema():
    return load_schema(default_sources())


@pytest.fixture
def verdict():
    return Verdict()


@pytest.fixture
def opened(tmp_path, schema, verdict):
    """Open the store of one file, as often as the test starts a server."""
    stores = []

    def open_store():
        if stores:
            stores[-1].close()
        stores.append(Store(schema, Storage(tmp_path / "twincast.db"), verdict, verdict))
        return stores[-1]

    yield open_store
    stores[-1].close()


@pytest.fixture
def tree(schema):
    def build(*names):
        profiles = [{"name": name, "dhcp-stb": {"igmp-copy": False}} for name in names]
        return from_data(
            schema, {"twincast-remote-backup:remote-backup": {"remote-backup-profile": profiles}}
        )

    return build


def _holders(store):
    return {name: lock.session_id for name, lock in store.locks().items() if lock is not None}


def _same(left, right):
    return not diff(left, right)


def test_a_commit_is_there_after_a_restart(opened, tree):
    store = opened()
    store.edit(1, lambda _: tree("a", "b"))
    first = store.commit(Author(1))
    store.edit(1, lambda _: tree("b", "c"))
    second = store.commit(Author(1))
    assert second.commit_id > first.commit_id
    assert store.root(RUNNING) is store.root(CANDIDATE)
    store = opened()
    assert _same(store.root(RUNNING), tree("b", "c"))
    assert store.root(CANDIDATE) is store.root(RUNNING)


def test_what_is_not_committed_is_gone_after_a_restart(opened, tree):
    store = opened()
    store.edit(1, lambda _: tree("a"))
    assert _same(opened().root(CANDIDATE), tree())


def test_a_commit_of_nothing_writes_nothing(opened, tree):
    store = opened()
    assert store.commit(Author(1)) is None
    store.edit(1, lambda _: tree("a"))
    store.edit(1, lambda _: tree())
    assert store.root(CANDIDATE) is not store.root(RUNNING)
    assert store.commit(Author(1)) is None
    assert store.root(CANDIDATE) is store.root(RUNNING)


def test_a_refused_commit_leaves_both_as_they_were(opened, tree, verdict):
    store = opened()
    store.edit(1, lambda _: tree("a"))
    verdict.errors = (invalid_value("no"),)
    with pytest.raises(RpcErrors):
        store.commit(Author(1))
    assert _same(store.root(RUNNING), tree())
    assert _same(store.root(CANDIDATE), tree("a"))


def test_an_edit_that_raises_leaves_the_candidate_as_it_was(opened, tree):
    store = opened()
    store.edit(1, lambda _: tree("a"))

    def fail(_candidate):
        raise invalid_value("no")

    with pytest.raises(RpcError):
        store.edit(1, fail)
    assert _same(store.root(CANDIDATE), tree("a"))


def test_another_sessions_lock_keeps_an_edit_and_a_commit_out(opened, tree):
    store = opened()
    store.lock(CANDIDATE, 1)
    for attempt in (
        lambda: store.edit(2, lambda _: tree("a")),
        lambda: store.commit(Author(2)),
        lambda: store.discard(2),
    ):
        with pytest.raises(RpcError) as refused:
            attempt()
        assert refused.value.tag is ErrorTag.IN_USE
    assert _holders(store) == {"candidate": 1}


@pytest.mark.parametrize("released_by", ["unlock", "end"])
def test_releasing_the_candidates_lock_discards_its_changes(opened, tree, released_by):
    store = opened()
    store.lock(CANDIDATE, 1)
    store.edit(1, lambda _: tree("a"))
    if released_by == "unlock":
        store.unlock(CANDIDATE, 1)
    else:
        store.session_ended(1)
    assert store.root(CANDIDATE) is store.root(RUNNING)
    assert _holders(store) == {}


def test_a_killed_session_changes_nothing_any_more(opened, tree):
    store = opened()
    store.lock(CANDIDATE, 1)
    store.edit(1, lambda _: tree("a"))
    store.revoke(1)
    assert _holders(store) == {}
    assert store.root(CANDIDATE) is store.root(RUNNING)
    attempts = (
        lambda: store.edit(1, lambda _: tree("b")),
        lambda: store.lock(RUNNING, 1),
        lambda: store.commit(Author(1)),
    )
    for attempt in attempts:
        with pytest.raises(RpcError, match="killed"):
            attempt()
    store.session_ended(1)
    store.edit(2, lambda _: tree("c"))
    assert _same(store.root(CANDIDATE), tree("c"))


def test_releasing_runnings_lock_or_ending_without_one_keeps_the_candidate(opened, tree):
    store = opened()
    store.lock(RUNNING, 1)
    store.edit(1, lambda _: tree("a"))
    store.unlock(RUNNING, 1)
    store.session_ended(1)
    assert _same(store.root(CANDIDATE), tree("a"))


def test_a_candidate_that_was_edited_back_counts_as_unmodified(opened, tree):
    store = opened()
    store.edit(1, lambda _: tree("a"))
    with pytest.raises(RpcError):
        store.lock(CANDIDATE, 1)
    store.edit(1, lambda _: tree())
    store.lock(CANDIDATE, 1)


def test_a_changed_schema_has_what_is_stored_judged_again(opened, tree, verdict, tmp_path):
    store = opened()
    store.edit(1, lambda _: tree("a"))
    store.commit(Author(1))
    assert opened().root(RUNNING) is not None
    assert verdict.asked_for_all == 0
    _store_with_another_schema(tmp_path)
    opened()
    assert verdict.asked_for_all == 1
    verdict.errors = (invalid_value("no longer"),)
    with pytest.raises(RpcErrors, match="no longer"):
        opened()
    verdict.errors = ()


def _store_with_another_schema(tmp_path):
    storage = Storage(tmp_path / "twincast.db")
    storage.write([], "another content-id")
    storage.close()


def test_rows_that_do_not_fit_the_schema_are_a_clear_failure(opened, tmp_path):
    opened().close()
    storage = Storage(tmp_path / "twincast.db")
    storage.write([(b"not a key", b"not a body")], "")
    storage.close()
    with pytest.raises(StorageError, match="does not fit the YANG modules"):
        opened()


LATER = CommitRequest(confirmed=True)


def _waiting(store, tree, request=LATER):
    store.edit(1, lambda _: tree("a"))
    store.commit(Author(1))
    store.edit(1, lambda _: tree("a", "b"))
    store.commit(Author(1, "ops", "192.0.2.1", "a label", "a comment"), request)


@pytest.mark.parametrize("end", ["session_ended", "revoke"])
def test_the_end_of_its_session_undoes_a_confirmed_commit(opened, tree, end):
    store = opened()
    _waiting(store, tree)
    getattr(store, end)(1)
    assert _same(store.root(RUNNING), tree("a"))
    assert store.root(CANDIDATE) is store.root(RUNNING)


@pytest.mark.parametrize("persist", [None, "token"])
def test_a_restart_undoes_a_confirmed_commit(opened, tree, persist):
    _waiting(opened(), tree, CommitRequest(confirmed=True, persist=persist))
    store = opened()
    assert _same(store.root(RUNNING), tree("a"))
    assert [entry.cause for entry in store.history()][-1] is Cause.RESTART
    assert _same(opened().root(RUNNING), tree("a"))


def test_a_restart_after_the_confirmation_undoes_nothing(opened, tree):
    store = opened()
    _waiting(store, tree)
    assert store.commit(Author(1)) is None
    assert _same(opened().root(RUNNING), tree("a", "b"))


def test_edits_in_the_candidate_outlive_an_undone_commit(opened, tree):
    store = opened()
    _waiting(store, tree)
    store.edit(2, lambda _: tree("c"))
    store.cancel(Author(1), None)
    assert _same(store.root(RUNNING), tree("a"))
    assert _same(store.root(CANDIDATE), tree("c"))


def test_a_rollback_that_cannot_be_stored_is_tried_again(opened, tree, monkeypatch):
    monkeypatch.setattr("server.datastores.store.RETRY_SECONDS", 0.01)
    store = opened()
    _waiting(store, tree)
    connection = store._running._storage._connection
    connection.execute("CREATE TRIGGER full BEFORE DELETE ON unit BEGIN SELECT RAISE(FAIL, 'full'); END")
    store.session_ended(1)
    assert _same(store.root(RUNNING), tree("a", "b"))
    with pytest.raises(RpcError) as refused:
        store.commit(Author(2))
    assert refused.value.tag is ErrorTag.IN_USE
    with store._writer:
        connection.execute("DROP TRIGGER full")
    wait_for(lambda: _same(store.root(RUNNING), tree("a")), what="the rollback")


def test_a_confirmation_that_cannot_be_stored_is_no_confirmation(opened, tree):
    store = opened()
    _waiting(store, tree)
    connection = store._running._storage._connection
    connection.execute("CREATE TRIGGER full BEFORE DELETE ON guard BEGIN SELECT RAISE(FAIL, 'full'); END")
    with pytest.raises(RpcError, match="still waits"):
        store.commit(Author(1))
    connection.execute("DROP TRIGGER full")
    assert _same(opened().root(RUNNING), tree("a"))


def test_the_history_tells_who_when_why_and_what(opened, tree):
    store = opened()
    _waiting(store, tree)
    first, second = store.history()
    assert (first.cause, second.cause) == (Cause.COMMIT, Cause.CONFIRMED_COMMIT)
    assert (second.session_id, second.user, second.source) == (1, "ops", "192.0.2.1")
    assert (second.label, second.comment, second.changes) == ("a label", "a comment", 1)
    (changed,) = second.changed
    path = "/trb:remote-backup/trb:remote-backup-profile[trb:name='b']"
    assert (changed.operation, changed.path) == ("create", path)
    assert store.history()[0].commit_id < store.history()[1].commit_id
    before = store.history()
    store.close()
    store = opened()
    assert store.history()[:2] == before


class Broken:
    """A listener that fails at everything."""

    def __getattr__(self, name):
        raise ZeroDivisionError(name)


def test_a_listener_that_fails_changes_nothing_of_what_happened(opened, tree, caplog):
    store = opened()
    store.listen(Broken())
    _waiting(store, tree, CommitRequest(confirmed=True, timeout=1))
    assert "listener-failed" in caplog.text
    wait_for(lambda: _same(store.root(RUNNING), tree("a")), what="the rollback")


def test_a_session_with_a_candidate_of_its_own(opened, tree):
    store = opened()
    store.begin_private(1)
    store.edit(1, lambda _: tree("a"))
    store.edit(2, lambda _: tree("b"))
    assert _same(store.root(CANDIDATE, 1), tree("a"))
    assert _same(store.root(CANDIDATE, 2), tree("b"))
    assert _same(store.root(CANDIDATE), tree("b"))
    store.commit(Author(1))
    assert _same(store.root(RUNNING), tree("a"))
    assert _same(store.root(CANDIDATE, 2), tree("b"))
    store.discard(2)
    store.edit(1, lambda _: tree("a", "c"))
    store.commit(Author(1))
    assert store.root(CANDIDATE, 2) is store.root(RUNNING)
    store.session_ended(1)
    assert store.root(CANDIDATE, 1) is store.root(RUNNING)


def test_locks_and_a_candidate_of_its_own(opened, tree):
    store = opened()
    store.begin_private(1)
    store.lock(CANDIDATE, 2)
    store.edit(1, lambda _: tree("a"))
    store.lock(CANDIDATE, 1)
    assert _holders(store) == {"candidate": 2}
    store.commit(Author(1))
    store.unlock(CANDIDATE, 1)
    store.lock(RUNNING, 2)
    store.edit(1, lambda _: tree("b"))
    for attempt in (lambda: store.commit(Author(1)), lambda: store.lock(RUNNING, 1)):
        with pytest.raises(RpcError) as refused:
            attempt()
        assert refused.value.tag in (ErrorTag.IN_USE, ErrorTag.LOCK_DENIED)
    assert _same(store.root(RUNNING), tree("a"))


def test_a_lock_on_running_is_no_use_of_the_candidate(opened, tree):
    store = opened()
    store.begin_private(1)
    store.lock(RUNNING, 1)
    store.unlock(RUNNING, 1)
    store.edit(2, lambda _: tree("b"))
    store.commit(Author(2))
    assert _same(store.root(CANDIDATE, 1), tree("b"))


def test_an_update_is_for_a_candidate_of_its_own(opened, tree):
    store = opened()
    with pytest.raises(RpcError) as refused:
        store.update(1, Resolution.REVERT_ON_CONFLICT)
    assert refused.value.tag is ErrorTag.OPERATION_NOT_SUPPORTED
    store.begin_private(1)
    store.edit(1, lambda _: tree("a"))
    store.edit(2, lambda _: tree("b"))
    store.commit(Author(2))
    store.update(1, Resolution.REVERT_ON_CONFLICT)
    assert _same(store.root(CANDIDATE, 1), tree("a", "b"))


@pytest.mark.parametrize("end", ["cancel", "timeout"])
def test_what_is_undone_comes_back_to_its_candidate(opened, tree, end):
    store = opened()
    store.begin_private(1)
    store.edit(1, lambda _: tree("a"))
    store.commit(Author(1), CommitRequest(confirmed=True, timeout=600 if end == "cancel" else 1))
    assert _same(store.root(RUNNING), tree("a"))
    if end == "cancel":
        store.cancel(Author(1), None)
    wait_for(lambda: _same(store.root(RUNNING), tree()), what="the commit to be undone")
    assert _same(store.root(CANDIDATE, 1), tree("a"))
    store.commit(Author(1))
    assert _same(store.root(RUNNING), tree("a"))


def test_the_end_of_its_session_undoes_what_was_not_confirmed(opened, tree):
    store = opened()
    store.begin_private(1)
    store.edit(1, lambda _: tree("a"))
    store.commit(Author(1), LATER)
    store.session_ended(1)
    assert _same(store.root(RUNNING), tree())
    assert _same(store.root(CANDIDATE, 1), tree())

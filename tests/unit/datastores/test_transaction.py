"""The steps of a commit and their undoing; the provider fails where the test says."""

import pytest

from server.datastores.settle import Settled
from server.datastores.storage import StorageError
from server.datastores.transaction import Parts, commit, restore
from server.protocol.errors import ErrorTag, RpcError, RpcErrors, invalid_value, operation_failed
from server.schema.node import NodeKind, SchemaNode, TypeInfo
from server.tree.diff import diff
from server.tree.node import Container, Leaf, empty_root

NAMESPACE = "urn:test"
SCHEMA = SchemaNode("", "", "", "", "", NodeKind.CONTAINER)
LEAF = SchemaNode("x", "test", NAMESPACE, "t", f"{{{NAMESPACE}}}x", NodeKind.LEAF, parent=SCHEMA)
LEAF.type = TypeInfo("string")
SCHEMA.children[LEAF.tag] = LEAF

OLD = empty_root(SCHEMA)
NEW = Container.of(SCHEMA, {LEAF.tag: Leaf(LEAF, "1")})


class Recorder:
    """Everything a commit asks, in one list; a name in `failing` raises what stands there."""

    def __init__(self, failing=None, errors=()):
        self.calls = []
        self.failing = failing or {}
        self.errors = errors
        self.running = OLD

    def _do(self, name):
        self.calls.append(name)
        if name in self.failing:
            raise self.failing[name]

    def settle(self, old, new):
        changes = diff(old, new)
        if changes:
            assert (old, new, len(changes)) == (OLD, NEW, 1)
            self._do("judge")
        return Settled(new, changes, self.errors)

    def check(self, root):
        return ()

    def prepare(self, old, new, changes):
        assert (old, new) == (OLD, NEW)
        assert [change.kind for change in changes] == ["create"]
        self._do("prepare")
        return self

    def apply(self):
        self._do("apply")

    def abort(self):
        self._do("abort")

    def revert(self):
        self._do("revert")

    def persist(self, old, new, changes):
        assert (old, new, len(changes)) == (OLD, NEW, 1)
        self._do("persist")
        return 7

    def unpersist(self):
        self._do("unpersist")

    def restore(self, root):
        assert root is NEW
        self._do("restore")

    def swap(self, root):
        self.calls.append("swap")
        self.running = root

    def commit(self, new=NEW):
        return commit(self.parts(), OLD, new, self.swap)

    def parts(self):
        return Parts(self.settle, self, self.persist, self.unpersist)


def test_the_steps_in_their_order():
    recorder = Recorder()
    committed = recorder.commit()
    assert recorder.calls == ["judge", "prepare", "persist", "apply", "swap"]
    assert recorder.running is NEW
    assert committed.commit_id == 7
    assert len(committed.changes) == 1


@pytest.mark.parametrize("same", [OLD, empty_root(SCHEMA)])
def test_what_does_not_differ_asks_nobody(same):
    recorder = Recorder()
    assert recorder.commit(same) is None
    assert recorder.calls == []


def test_an_invalid_configuration_reports_every_error_and_goes_no_further():
    recorder = Recorder(errors=[invalid_value("one"), invalid_value("two")])
    with pytest.raises(RpcErrors) as refused:
        recorder.commit()
    assert [error.message for error in refused.value.errors] == ["one", "two"]
    assert recorder.calls == ["judge"]


def test_a_refusal_in_prepare_reaches_the_client_as_it_is():
    refusal = RpcErrors([operation_failed("too many ports").at("/t:x", {"t": NAMESPACE})])
    recorder = Recorder({"prepare": refusal})
    with pytest.raises(RpcErrors) as refused:
        recorder.commit()
    assert refused.value is refusal
    assert recorder.calls == ["judge", "prepare"]
    assert recorder.running is OLD


def test_what_cannot_be_stored_is_aborted_and_hides_the_reason():
    recorder = Recorder({"persist": StorageError("/var/lib/secret/twincast.db: disk full")})
    with pytest.raises(RpcError) as refused:
        recorder.commit()
    assert refused.value.tag is ErrorTag.OPERATION_FAILED
    assert "secret" not in refused.value.message
    assert recorder.calls == ["judge", "prepare", "persist", "abort"]
    assert recorder.running is OLD


def test_a_failed_apply_is_reverted_and_what_was_stored_is_taken_back():
    recorder = Recorder({"apply": operation_failed("lost")})
    with pytest.raises(RpcError, match="lost"):
        recorder.commit()
    assert recorder.calls == ["judge", "prepare", "persist", "apply", "revert", "unpersist"]
    assert recorder.running is OLD


@pytest.mark.parametrize(
    ("step", "undo", "calls"),
    [
        ("persist", ["abort"], ["abort"]),
        ("apply", ["revert"], ["revert", "unpersist"]),
        ("apply", ["unpersist"], ["revert", "unpersist"]),
        ("apply", ["revert", "unpersist"], ["revert", "unpersist"]),
    ],
)
def test_an_undo_that_fails_is_rollback_failed_and_the_others_still_run(step, undo, calls):
    recorder = Recorder({step: OSError("gone"), **{name: OSError("stuck") for name in undo}})
    with pytest.raises(RpcError) as failed:
        recorder.commit()
    assert failed.value.tag is ErrorTag.ROLLBACK_FAILED
    assert recorder.calls[-len(calls) :] == calls
    assert recorder.running is OLD


def test_a_fault_is_undone_and_passed_on():
    recorder = Recorder({"apply": ZeroDivisionError()})
    with pytest.raises(ZeroDivisionError):
        recorder.commit()
    assert recorder.calls[-2:] == ["revert", "unpersist"]


@pytest.mark.parametrize(
    ("failing", "calls"),
    [
        ({}, ["prepare", "persist", "apply", "swap"]),
        ({"prepare": RpcErrors([operation_failed("away")])}, ["prepare", "persist", "restore", "swap"]),
        ({"apply": OSError("gone")}, ["prepare", "persist", "apply", "revert", "restore", "swap"]),
        ({"prepare": OSError(), "restore": OSError()}, ["prepare", "persist", "restore", "swap"]),
    ],
)
def test_the_way_back_is_not_judged_and_cannot_be_refused(failing, calls):
    recorder = Recorder(failing, errors=[invalid_value("no")])
    assert restore(recorder.parts(), OLD, NEW, recorder.swap).commit_id == 7
    assert recorder.calls == calls
    assert recorder.running is NEW


def test_a_way_back_that_cannot_be_stored_changes_nothing():
    recorder = Recorder({"persist": StorageError("disk full")})
    with pytest.raises(RpcError) as refused:
        restore(recorder.parts(), OLD, NEW, recorder.swap)
    assert refused.value.tag is ErrorTag.OPERATION_FAILED
    assert recorder.calls == ["prepare", "persist", "abort"]
    assert recorder.running is OLD


def test_a_way_back_to_the_same_asks_nobody():
    recorder = Recorder()
    assert restore(recorder.parts(), OLD, empty_root(SCHEMA), recorder.swap) is None
    assert recorder.calls == []

"""What is stored to go back: the rollback point, the history and its limits, and a write taken back."""

import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.datastores.storage import Limits, Storage, StorageError

HISTORY = b"an entry"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "twincast.db"


@pytest.fixture
def storage(path):
    opened = Storage(path)
    yield opened
    opened.close()


def test_the_rollback_point_is_the_state_before_the_first_guarded_write(storage):
    storage.write([(b"a", b"1"), (b"b", b"1")], "s", entry=HISTORY)
    storage.write([(b"a", b"2"), (b"c", b"2")], "s", entry=HISTORY, guarded=True)
    storage.write([(b"a", None), (b"b", b"3"), (b"d", b"3")], "s", entry=HISTORY, guarded=True)
    assert storage.load().guarded
    assert storage.rollback_units() == {b"a": b"1", b"b": b"1"}
    storage.roll_back(b"back")
    stored = storage.load()
    assert (stored.units, stored.guarded) == ({b"a": b"1", b"b": b"1"}, False)
    assert stored.history[-1][1] == b"back"


@pytest.mark.parametrize("by", ["a write", "a word"])
def test_a_rollback_point_that_is_given_up(storage, by):
    storage.write([(b"a", b"1")], "s", guarded=True)
    if by == "a write":
        storage.write([(b"a", b"2")], "s")
    else:
        storage.forget_rollback_point()
    assert not storage.load().guarded
    storage.write([(b"a", b"3")], "s", guarded=True)
    storage.roll_back(HISTORY)
    assert storage.load().units == {b"a": b"2" if by == "a write" else b"1"}


def test_a_write_that_fails_keeps_no_rollback_point(storage):
    with pytest.raises(StorageError):
        storage.write([(b"a", b"1"), (None, b"2")], "s", entry=HISTORY, guarded=True)
    stored = storage.load()
    assert (stored.units, stored.guarded, stored.history) == ({}, False, [])


@pytest.mark.parametrize("was_guarded", [True, False])
@pytest.mark.parametrize("guarded", [True, False])
def test_a_write_taken_back_leaves_everything_as_it_was(storage, was_guarded, guarded):
    storage.write([(b"a", b"1")], "s", entry=HISTORY)
    storage.write([(b"a", b"2")], "s", entry=HISTORY, guarded=was_guarded)
    before, point = storage.load(), storage.rollback_units()
    taken = storage.write([(b"a", b"3"), (b"b", b"3")], "s", entry=HISTORY, guarded=guarded)
    storage.take_back()
    after = storage.load()
    assert after.commit_id > taken
    assert (after.units, after.history, after.guarded) == (before.units, before.history, was_guarded)
    if was_guarded:
        assert storage.rollback_units() == point
    with pytest.raises(StorageError, match="no write to take back"):
        storage.take_back()


def test_the_history_leads_back_to_every_commit_it_has(storage):
    states, ids = [], []
    for number in range(6):
        rows = [(b"%d" % number, b"new"), (b"same", b"%d" % number), (b"%d" % (number - 2), None)]
        ids.append(storage.write(rows, "s", entry=b"entry %d" % number))
        states.append(storage.load().units)
    assert [storage.units_after(commit_id) for commit_id in ids] == states
    assert storage.load().history == [(each, b"entry %d" % n) for n, each in enumerate(ids)]


def test_the_history_is_bounded_by_commits(path):
    storage = Storage(path, Limits(commits=3))
    ids = [storage.write([(b"a", b"%d" % number)], "s", entry=HISTORY) for number in range(10)]
    assert [commit_id for commit_id, _ in storage.load().history] == ids[-3:]
    assert storage.oldest_remembered() == ids[-3]
    storage.close()


def test_the_history_is_bounded_by_bytes(path):
    storage = Storage(path, Limits(size=1000))
    body = b"x" * 300
    ids = [storage.write([(b"a", body + b"%d" % number)], "s", entry=HISTORY) for number in range(10)]
    assert [commit_id for commit_id, _ in storage.load().history] == ids[-3:]
    storage.close()


def test_a_commit_too_large_to_be_undone_is_remembered_alone(path):
    storage = Storage(path, Limits(size=100))
    first = storage.write([(b"a", b"x" * 1000)], "s", entry=HISTORY)
    second = storage.write([(b"a", b"1")], "s", entry=b"large")
    third = storage.write([(b"a", b"2")], "s", entry=HISTORY)
    assert storage.load().history == [(second, b"large"), (third, HISTORY)]
    assert storage.units_after(second) == {b"a": b"1"}
    with pytest.raises(KeyError):
        storage.units_after(first)
    storage.close()


def test_a_rollback_point_does_not_depend_on_the_history(path):
    storage = Storage(path, Limits(commits=1, size=10))
    storage.write([(b"a", b"1" * 100)], "s", entry=HISTORY)
    for number in range(5):
        storage.write([(b"a", b"%d" % number * 100)], "s", entry=HISTORY, guarded=True)
    assert storage.rollback_units() == {b"a": b"1" * 100}
    storage.close()


NEWER = {"1": ("history", "rollback", "guard", "startup"), "2": ("startup",)}
"""What a format did not have yet."""


@pytest.mark.parametrize("version", NEWER)
def test_a_file_of_an_older_format_is_taken_over(path, version):
    storage = Storage(path)
    storage.write([(b"a", b"1")], "s", entry=HISTORY)
    storage.close()
    with sqlite3.connect(path) as connection:
        for table in NEWER[version]:
            connection.execute(f"DROP TABLE {table}")
        connection.execute("UPDATE meta SET value = ? WHERE name = 'format'", (version,))
    connection.close()
    storage = Storage(path)
    assert storage.load().units == {b"a": b"1"}
    storage.write([(b"a", b"2")], "s", entry=HISTORY, guarded=True)
    storage.write_startup([(b"a", b"3")], "s")
    storage.close()
    storage = Storage(path)
    assert storage.rollback_units() == {b"a": b"1"}
    assert storage.load_startup() == ("s", {b"a": b"3"})
    storage.close()


def test_startup_is_apart_from_running(storage):
    assert storage.load_startup() is None
    storage.write_startup([(b"a", b"1"), (b"b", b"1")], "s1")
    storage.write([(b"a", b"2")], "s2", entry=HISTORY)
    storage.write_startup([(b"b", None), (b"c", b"1")], "s3")
    assert storage.load_startup() == ("s3", {b"a": b"1", b"c": b"1"})
    assert storage.load().units == {b"a": b"2"}
    storage.forget_startup()
    assert storage.load_startup() is None


KEYS = st.sampled_from([b"a", b"b", b"c"])
ROWS = st.dictionaries(KEYS, st.none() | st.sampled_from([b"1", b"2", b"3"]), max_size=3)
WRITES = st.lists(st.tuples(ROWS, st.booleans(), st.booleans()), max_size=8)


@given(WRITES)
def test_whatever_is_written_the_way_back_is_exact(tmp_path_factory, writes):
    """The model: a dictionary for running, and a copy of it where the rollback point is."""
    storage = Storage(tmp_path_factory.mktemp("undo") / "twincast.db")
    running: dict[bytes, bytes] = {}
    point: dict[bytes, bytes] | None = None
    seen = {}
    for rows, guarded, taken_back in writes:
        commit_id = storage.write(list(rows.items()), "s", entry=HISTORY, guarded=guarded)
        if taken_back:
            storage.take_back()
            continue
        point = (running if point is None else point) if guarded else None
        running = {key: body for key, body in {**running, **rows}.items() if body is not None}
        seen[commit_id] = running
    stored = storage.load()
    assert (stored.units, stored.guarded) == (running, point is not None)
    assert {each: storage.units_after(each) for each in seen} == seen
    if point is not None:
        assert storage.rollback_units() == point
    storage.close()

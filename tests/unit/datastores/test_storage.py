"""The durable copy of running: what is acknowledged is there, what is not is whole or absent."""

import os
import signal
import sqlite3
import subprocess
import sys
import time

import pytest

from server.datastores.storage import FORMAT_VERSION, InstanceLock, Storage, StorageError

UNITS = 7

WRITER = """
import sys
from pathlib import Path
from server.datastores.storage import Storage
storage = Storage(Path(sys.argv[1]))
while True:
    value = str(storage.load().commit_id + 1).encode()
    commit = storage.write([(b"unit%d" % i, value) for i in range(int(sys.argv[2]))], "schema-1")
    sys.stdout.write(f"{commit}\\n")
    sys.stdout.flush()
"""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "twincast.db"


def _reopened(path):
    storage = Storage(path)
    try:
        return storage.load()
    finally:
        storage.close()


def test_a_new_file_is_empty(path):
    stored = _reopened(path)
    assert (stored.commit_id, stored.content_id, stored.units) == (0, "", {})
    assert path.stat().st_mode & 0o077 == 0


def test_a_write_stores_the_difference_and_survives_closing(path):
    storage = Storage(path)
    first = storage.write([(b"a", b"1"), (b"b", b"2")], "schema-1")
    second = storage.write([(b"c", b"3"), (b"a", None)], "schema-2")
    storage.close()
    stored = _reopened(path)
    assert second > first > 0
    assert (stored.commit_id, stored.content_id) == (second, "schema-2")
    assert stored.units == {b"b": b"2", b"c": b"3"}


def test_a_write_that_fails_stores_nothing(path):
    storage = Storage(path)
    storage.write([(b"a", b"1")], "s")
    with pytest.raises(StorageError):
        storage.write([(b"b", b"2"), (b"a", None), (None, b"3")], "s")
    assert storage.load().units == {b"a": b"1"}
    assert storage.write([], "s") == 2
    storage.close()


def test_commit_ids_are_not_used_again_after_an_undo(path):
    storage = Storage(path)
    ids = [storage.write([(b"a", b"1")], "s"), storage.write([(b"a", None)], "s")]
    storage.close()
    storage = Storage(path)
    ids.append(storage.write([(b"a", b"1")], "s"))
    storage.close()
    assert ids == sorted(set(ids))


def test_a_write_ahead_log_synced_at_every_commit(path):
    storage = Storage(path)
    assert storage._connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert storage._connection.execute("PRAGMA synchronous").fetchone() == (2,)
    storage.close()


@pytest.mark.parametrize("content", [b"no database at all" * 100, b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_damaged_file_is_a_clear_failure(path, content):
    path.write_bytes(content)
    with pytest.raises(StorageError, match=r"twincast\.db is damaged"):
        Storage(path)
    assert path.read_bytes() == content


def test_a_damaged_page_is_found_at_the_start(path):
    storage = Storage(path)
    storage.write([(b"%06d" % i, b"x" * 200) for i in range(2000)], "s")
    storage.close()
    content = bytearray(path.read_bytes())
    content[40_000:60_000] = b"\xa5" * 20_000
    path.write_bytes(content)
    with pytest.raises(StorageError, match="damaged"):
        Storage(path)


def test_another_format_is_refused(path):
    Storage(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE meta SET value = '99' WHERE name = 'format'")
    connection.close()
    with pytest.raises(StorageError, match=f"format 99, this server reads {FORMAT_VERSION}"):
        Storage(path)


def test_a_file_that_cannot_be_opened(tmp_path):
    with pytest.raises(StorageError, match="cannot be opened"):
        Storage(tmp_path / "missing" / "twincast.db")


def test_one_server_for_one_state_folder(tmp_path):
    with InstanceLock(tmp_path), pytest.raises(StorageError, match="in use by another server"):
        InstanceLock(tmp_path)
    InstanceLock(tmp_path).release()


@pytest.mark.parametrize("acknowledged", [1, 5, 17, 40])
def test_kill_at_any_moment_loses_nothing_acknowledged_and_leaves_no_half_commit(path, acknowledged):
    for _ in range(3):
        before = _reopened(path).commit_id
        last = before + _kill_after(path, acknowledged)
        stored = _reopened(path)
        assert last <= stored.commit_id <= last + 1
        assert stored.units == {b"unit%d" % i: b"%d" % stored.commit_id for i in range(UNITS)}


def _kill_after(path, acknowledged):
    """Run the writer, SIGKILL it once it acknowledged that many; return how many it did in the end."""
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path), str(UNITS)], stdout=subprocess.PIPE, bufsize=0
    )
    assert writer.stdout is not None
    output = b""
    deadline = time.monotonic() + 20
    while output.count(b"\n") < acknowledged and time.monotonic() < deadline:
        output += os.read(writer.stdout.fileno(), 4096)
    writer.send_signal(signal.SIGKILL)
    output += writer.stdout.read()
    writer.stdout.close()
    assert writer.wait() == -signal.SIGKILL
    return output.count(b"\n")

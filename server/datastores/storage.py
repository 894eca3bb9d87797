"""What survives: running as rows of one SQLite file, and the lock that keeps a second server out.

Owns the file format only. Running is stored as units, opaque here: a key and bytes. A commit writes the
units that differ, together with the next commit id, in one transaction of a write-ahead log with
synchronous=FULL; what `write` returned from is on the disk, and a write that did not return is wholly
there or wholly absent after a crash.
"""

import fcntl
import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TypeAlias

FORMAT_VERSION = 1

Row: TypeAlias = tuple[bytes, bytes | None]
"""A unit of running: its key and its body, None for a unit that is to go."""

_TABLES = (
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    "CREATE TABLE head (one INTEGER PRIMARY KEY CHECK (one = 1), commit_id INTEGER NOT NULL)",
    "CREATE TABLE unit (key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID",
    "INSERT INTO head VALUES (1, 0)",
)

_PUT_CONTENT_ID = (
    "INSERT INTO meta VALUES ('content-id', ?) "
    "ON CONFLICT (name) DO UPDATE SET value = excluded.value WHERE value <> excluded.value"
)
"""Nothing is written when it is the same as before, which spares the log a page."""


class StorageError(Exception):
    """The durable state cannot be read or written; the text is for the operator."""


@dataclass(frozen=True, slots=True)
class Stored:
    """What the file holds: the units of running, the id of the commit that wrote them last (0: none yet),
    and the content-id of the schema that they were valid for (empty: nothing was stored yet).
    """

    commit_id: int
    content_id: str
    units: Mapping[bytes, bytes]


class InstanceLock:
    """Keeps a second server out of a state folder; the kernel drops it when the process ends."""

    def __init__(self, state_dir: Path) -> None:
        """Take the lock; raises StorageError when another process has it."""
        self._descriptor = os.open(state_dir / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._descriptor)
            raise StorageError(f"the state folder {state_dir} is in use by another server") from error

    def release(self) -> None:
        """Let another server in."""
        os.close(self._descriptor)

    def __enter__(self) -> "InstanceLock":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


class Storage:
    """The durable copy of running. Calls must not overlap: the writer lock of the store sees to that."""

    def __init__(self, path: Path) -> None:
        """Open or create the file; raises StorageError when it is damaged or of another format."""
        self._path = path
        try:
            self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        except sqlite3.Error as error:
            raise StorageError(f"{path} cannot be opened: {error}") from error
        try:
            self._prepare()
        except sqlite3.Error as error:
            self._connection.close()
            raise StorageError(f"{path} is damaged: {error}") from error
        except StorageError:
            self._connection.close()
            raise

    def load(self) -> Stored:
        """Read everything; raises StorageError."""
        with self._reporting("read"):
            (commit_id,) = self._connection.execute("SELECT commit_id FROM head").fetchone()
            units = dict(self._connection.execute("SELECT key, value FROM unit"))
            return Stored(commit_id, self._meta().get("content-id", ""), units)

    def write(self, rows: Sequence[Row], content_id: str) -> int:
        """Store the rows that differ and return the new commit id.

        The ids grow with every call and are never used again. `content_id` is the schema's. Raises
        StorageError, and then nothing was stored.
        """
        with self._reporting("written"), self._transaction():
            run = self._connection
            run.executemany("DELETE FROM unit WHERE key = ?", ((key,) for key, body in rows if body is None))
            run.executemany("INSERT OR REPLACE INTO unit VALUES (?, ?)", _to_put(rows))
            run.execute(_PUT_CONTENT_ID, (content_id,))
            run.execute("UPDATE head SET commit_id = commit_id + 1")
            (commit_id,) = run.execute("SELECT commit_id FROM head").fetchone()
        return int(commit_id)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def _prepare(self) -> None:
        self._path.chmod(0o600)
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "busy_timeout = 0"):
            self._connection.execute(f"PRAGMA {pragma}")
        self._check_integrity()
        if not self._has_tables():
            self._create()
        self._check_format()

    def _check_integrity(self) -> None:
        (verdict,) = self._connection.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            raise StorageError(f"{self._path} is damaged: {verdict}")

    def _has_tables(self) -> bool:
        (count,) = self._connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        return bool(count)

    def _create(self) -> None:
        with self._transaction():
            for statement in _TABLES:
                self._connection.execute(statement)
            self._connection.execute("INSERT INTO meta VALUES ('format', ?)", (str(FORMAT_VERSION),))

    def _check_format(self) -> None:
        found = self._meta().get("format", "unknown")
        if found != str(FORMAT_VERSION):
            raise StorageError(f"{self._path} has format {found}, this server reads {FORMAT_VERSION}")

    def _meta(self) -> dict[str, str]:
        return dict(self._connection.execute("SELECT name, value FROM meta"))

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    @contextmanager
    def _reporting(self, what: str) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise StorageError(f"{self._path} cannot be {what}: {error}") from error


def _to_put(rows: Sequence[Row]) -> Iterator[tuple[bytes, bytes]]:
    return ((key, body) for key, body in rows if body is not None)

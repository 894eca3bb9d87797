"""What survives: running as rows of one SQLite file, and the lock that keeps a second server out.

Owns the file format only. Running is stored as units, opaque here: a key and bytes. A commit writes the
units that differ, together with the next commit id and what undoes it (`undo`), in one transaction of a
write-ahead log with synchronous=FULL; what `write` returned from is on the disk, and a write that did not
return is wholly there or wholly absent after a crash.
"""

import fcntl
import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from server.datastores.undo import TABLES as UNDO_TABLES
from server.datastores.undo import Limits, Row, Undo

__all__ = ["FORMAT_VERSION", "InstanceLock", "Limits", "Row", "Storage", "StorageError", "Stored"]

FORMAT_VERSION = 3

_STARTUP_TABLES = ("CREATE TABLE startup (key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID",)

_TABLES = (
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    "CREATE TABLE head (one INTEGER PRIMARY KEY CHECK (one = 1), commit_id INTEGER NOT NULL)",
    "CREATE TABLE unit (key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID",
    "INSERT INTO head VALUES (1, 0)",
    *UNDO_TABLES,
    *_STARTUP_TABLES,
)

_STEPS = {"1": UNDO_TABLES, "2": _STARTUP_TABLES}
"""What turns an older format into the next."""

_PUT_META = (
    "INSERT INTO meta VALUES (?, ?) "
    "ON CONFLICT (name) DO UPDATE SET value = excluded.value WHERE value <> excluded.value"
)
"""Nothing is written when it is the same as before, which spares the log a page."""

_CONTENT_ID = "content-id"
_STARTUP_ID = "startup-content-id"
"""The content-ids that running and startup were valid for; without the latter there is no startup."""


class StorageError(Exception):
    """The durable state cannot be read or written; the text is for the operator."""


@dataclass(frozen=True, slots=True)
class Stored:
    """What the file holds: the units of running, the id of the commit that wrote them last (0: none yet),
    the content-id of the schema that they were valid for (empty: nothing was stored yet), the descriptions
    of the last commits with their ids, oldest first, and whether a rollback point is kept.
    """

    commit_id: int
    content_id: str
    units: Mapping[bytes, bytes]
    history: Sequence[tuple[int, bytes]] = ()
    guarded: bool = False


@dataclass(frozen=True, slots=True)
class _Before:
    """The file before the last write: the rows that it changed, and those of the rollback point."""

    commit_id: int
    rows: Sequence[Row]
    guarded: bool
    point: Sequence[Row]


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

    def __init__(self, path: Path, limits: Limits = Limits()) -> None:  # noqa: B008 - it is immutable
        """Open or create the file; raises StorageError when it is damaged or of another format."""
        self._path = path
        self._last: _Before | None = None
        try:
            self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        except sqlite3.Error as error:
            raise StorageError(f"{path} cannot be opened: {error}") from error
        self._undo = Undo(self._connection, limits)
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
            return Stored(
                self._commit_id(),
                self._meta().get(_CONTENT_ID, ""),
                self._units(),
                self._undo.entries(),
                self._undo.guarded,
            )

    def write(
        self, rows: Sequence[Row], content_id: str, *, entry: bytes = b"", guarded: bool = False
    ) -> int:
        """Store the rows that differ and return the new commit id.

        The ids grow with every call and are never used again. `content_id` is the schema's, `entry` describes
        the commit in the history; without one it is not remembered. With `guarded` a rollback point is kept,
        the state before this write unless there is one already; else there is none afterwards. Raises
        StorageError, and then nothing was stored.
        """
        with self._reporting("written"), self._transaction():
            before = self._undo.before(rows)
            was_guarded = self._undo.guarded
            point = self._undo.point() if was_guarded and not guarded else ()
            self._guard(before, guarded=guarded)
            commit_id = self._put(rows, content_id)
            if entry:
                self._undo.remember(commit_id, entry, before)
        self._last = _Before(commit_id, before, was_guarded, point)
        return commit_id

    def take_back(self) -> None:
        """Undo the last write, once; its id stays used. Raises StorageError."""
        last, self._last = self._last, None
        if last is None:
            raise StorageError(f"{self._path}: there is no write to take back")
        with self._reporting("written"), self._transaction():
            self._undo.unremember(last.commit_id)
            self._put(last.rows, self._meta().get(_CONTENT_ID, ""))
            if last.guarded:
                self._undo.guard(last.point)
            else:
                self._undo.forget()

    def forget_rollback_point(self) -> None:
        """Keep no rollback point any more: what was written since is final. Raises StorageError."""
        with self._reporting("written"), self._transaction():
            self._undo.forget()

    def roll_back(self, entry: bytes) -> int:
        """Go back to the rollback point, which is given up, and return the new commit id."""
        with self._reporting("read"):
            rows = self._undo.point()
        return self.write(rows, self._meta().get(_CONTENT_ID, ""), entry=entry)

    def rollback_units(self) -> Mapping[bytes, bytes]:
        """Return the units of running as they were at the rollback point."""
        with self._reporting("read"):
            return self._units_with(dict(self._undo.point()))

    def units_after(self, commit_id: int) -> Mapping[bytes, bytes]:
        """Return the units of running as they were after a commit of the history.

        Raises KeyError when the history does not reach back so far.
        """
        with self._reporting("read"):
            return self._units_with(self._undo.back(commit_id))

    def oldest_remembered(self) -> int:
        """Return the id of the oldest commit in the history, 0 when there is none."""
        with self._reporting("read"):
            return self._undo.oldest()

    def load_startup(self) -> tuple[str, Mapping[bytes, bytes]] | None:
        """Return startup's content-id and units; None when there is no startup. Raises StorageError."""
        with self._reporting("read"):
            content_id = self._meta().get(_STARTUP_ID)
            rows = self._connection.execute("SELECT key, value FROM startup")
            return None if content_id is None else (content_id, dict(rows))

    def write_startup(self, rows: Sequence[Row], content_id: str) -> None:
        """Store the rows of startup that differ; raises StorageError, and then nothing was stored."""
        with self._reporting("written"), self._transaction():
            run = self._connection
            gone = ((key,) for key, body in rows if body is None)
            run.executemany("DELETE FROM startup WHERE key = ?", gone)
            run.executemany("INSERT OR REPLACE INTO startup VALUES (?, ?)", _to_put(rows))
            run.execute(_PUT_META, (_STARTUP_ID, content_id))

    def forget_startup(self) -> None:
        """Have no startup any more: running is what is begun with. Raises StorageError."""
        with self._reporting("written"), self._transaction():
            self._connection.execute("DELETE FROM startup")
            self._connection.execute("DELETE FROM meta WHERE name = ?", (_STARTUP_ID,))

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def _units_with(self, changed: Mapping[bytes, bytes | None]) -> Mapping[bytes, bytes]:
        units: dict[bytes, bytes | None] = {**self._units(), **changed}
        return {key: body for key, body in units.items() if body is not None}

    def _put(self, rows: Sequence[Row], content_id: str) -> int:
        run = self._connection
        run.executemany("DELETE FROM unit WHERE key = ?", ((key,) for key, body in rows if body is None))
        run.executemany("INSERT OR REPLACE INTO unit VALUES (?, ?)", _to_put(rows))
        run.execute(_PUT_META, (_CONTENT_ID, content_id))
        run.execute("UPDATE head SET commit_id = commit_id + 1")
        return self._commit_id()

    def _guard(self, before: Sequence[Row], *, guarded: bool) -> None:
        if guarded:
            self._undo.guard(before)
        else:
            self._undo.forget()

    def _commit_id(self) -> int:
        (commit_id,) = self._connection.execute("SELECT commit_id FROM head").fetchone()
        return int(commit_id)

    def _units(self) -> dict[bytes, bytes]:
        return dict(self._connection.execute("SELECT key, value FROM unit"))

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
        while found in _STEPS:
            with self._transaction():
                for statement in _STEPS[found]:
                    self._connection.execute(statement)
                found = str(int(found) + 1)
                self._connection.execute("UPDATE meta SET value = ? WHERE name = 'format'", (found,))
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

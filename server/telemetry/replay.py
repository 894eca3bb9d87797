"""The log that replays read: durable, and bounded in number and age (RFC 5277 section 3.3).

Owns the file `events.db` of the state folder. The write-ahead log is synchronised at checkpoints only: a
crash of the server loses nothing, one of the machine may lose the last notifications, which are news and not
the configuration. What is removed is remembered as the aged time.
"""

import json
import logging
import sqlite3
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from server.tree.members import Key

_log = logging.getLogger("twincast.telemetry.replay")

MICROSECONDS: Final = 1_000_000

_TABLES: Final = (
    "CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID",
    """CREATE TABLE IF NOT EXISTS event (id INTEGER PRIMARY KEY AUTOINCREMENT, time INTEGER NOT NULL,
    path TEXT NOT NULL, keys TEXT NOT NULL, xml BLOB NOT NULL)""",
)


class ReplayError(Exception):
    """The log cannot be opened; the text is for the operator."""


@dataclass(frozen=True, slots=True)
class ReplayLimits:
    """How much is kept; `age` is seconds. 20,000 notifications are about 10 MB."""

    number: int = 20_000
    age: int = 7 * 24 * 3600


@dataclass(frozen=True, slots=True)
class Record:
    """One notification; `time` is microseconds since the Unix epoch, `path` its schema path."""

    time: int
    path: str
    keys: tuple[Key, ...]
    xml: bytes


def open_log(path: Path, now: int, limits: ReplayLimits | None = None) -> "ReplayLog":
    """Open the log, or put one that cannot be read aside, under the name with `.broken`, and begin another.

    A server without its news is better than none. Raises ReplayError when that does not help either.
    """
    try:
        return ReplayLog(path, now, limits)
    except ReplayError as error:
        broken = path.with_name(f"{path.name}.broken")
        _log.error("replay-log-broken", extra={"reason": str(error), "kept": str(broken)})
        for suffix in ("", "-wal", "-shm"):
            part = path.with_name(path.name + suffix)
            if part.exists():
                part.replace(broken.with_name(broken.name + suffix))
        return ReplayLog(path, now, limits)


class ReplayLog:
    """One log; safe for many threads. Raises ReplayError when the file cannot be used."""

    def __init__(self, path: Path, now: int, limits: ReplayLimits | None = None) -> None:
        """`now`: microseconds since the Unix epoch, the creation time of a new log."""
        self._limits = limits or ReplayLimits()
        self._mutex = threading.Lock()
        try:
            self._database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._prepare(now)
        except sqlite3.Error as error:
            raise ReplayError(f"{path}: {error}") from error
        self._last_id = self._number("SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'event'")

    def _prepare(self, now: int) -> None:
        for statement in ("PRAGMA journal_mode = WAL", "PRAGMA synchronous = NORMAL", *_TABLES):
            self._database.execute(statement)
        self._database.execute("INSERT OR IGNORE INTO meta VALUES ('created', ?)", (now,))

    @property
    def last_id(self) -> int:
        """The id of the newest notification; ids grow by one and are never used again."""
        return self._last_id

    @property
    def created(self) -> int:
        """When the log was made, in microseconds since the Unix epoch."""
        return self._number("SELECT value FROM meta WHERE name = 'created'")

    @property
    def aged(self) -> int | None:
        """The time of the newest notification that was removed, None while none was."""
        return self._number("SELECT coalesce(max(value), 0) FROM meta WHERE name = 'aged'") or None

    def append(self, records: Sequence[Record], now: int) -> bool:
        """Write notifications, oldest first, and remove what is beyond the limits at `now`, in one go.

        False when the disk refuses: then they can be sent, but not replayed. That is logged.
        """
        rows = [(each.time, each.path, json.dumps(each.keys), each.xml) for each in records]
        with self._mutex:
            try:
                self._database.execute("BEGIN IMMEDIATE")
                self._database.executemany(
                    "INSERT INTO event (time, path, keys, xml) VALUES (?, ?, ?, ?)", rows
                )
                self._trim(self._last_id + len(rows), now)
                self._database.execute("COMMIT")
            except sqlite3.Error as error:
                _log.error("replay-log-failed", extra={"reason": str(error), "lost": len(rows)})
                if self._database.in_transaction:
                    self._database.execute("ROLLBACK")
                return False
            self._last_id += len(rows)
            return True

    def _trim(self, last_id: int, now: int) -> None:
        oldest = now - self._limits.age * MICROSECONDS
        beyond = (last_id - self._limits.number, oldest)
        found = self._database.execute("SELECT id, time FROM event ORDER BY id LIMIT 1").fetchone()
        if found is None or (found[0] > beyond[0] and found[1] >= oldest):
            return
        (aged,) = self._database.execute(
            "SELECT max(time) FROM event WHERE id <= ? OR time < ?", beyond
        ).fetchone()
        self._database.execute("INSERT OR REPLACE INTO meta VALUES ('aged', ?)", (aged,))
        self._database.execute("DELETE FROM event WHERE id <= ? OR time < ?", beyond)

    def after(self, position: int, since: int, most: int = 100) -> list[tuple[int, Record]]:
        """Return up to `most` notifications with ids above `position`, none older than `since`, in order."""
        query = "SELECT id, time, path, keys, xml FROM event WHERE id > ? AND time >= ? ORDER BY id LIMIT ?"
        with self._mutex:
            rows = self._database.execute(query, (position, since, most)).fetchall()
        return [
            (number, Record(time, path, tuple(tuple(key) for key in json.loads(keys)), xml))
            for number, time, path, keys, xml in rows
        ]

    def _number(self, query: str) -> int:
        with self._mutex:
            (value,) = self._database.execute(query).fetchone()
        return int(value)

    def close(self) -> None:
        """Close the file; nothing may be called afterwards."""
        with self._mutex:
            self._database.close()

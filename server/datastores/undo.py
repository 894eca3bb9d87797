"""What takes the stored running back: the rows before each commit, and the rollback point.

Owns three tables of the file. `history` has, for each of the last commits, its description and the rows as
they were before it. `rollback`, while a rollback point is kept, has the rows as they were at that point, of
those that changed since; `guard` says that there is one. All is written in the transaction of the commit
itself, so that no crash can part them.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import msgspec

Row: TypeAlias = tuple[bytes, bytes | None]
"""A unit of running: its key and its body, None for a unit that is to go."""

TABLES: Final = (
    "CREATE TABLE history (commit_id INTEGER PRIMARY KEY, size INTEGER NOT NULL, entry BLOB NOT NULL, undo)",
    "CREATE TABLE rollback (key BLOB PRIMARY KEY, value BLOB) WITHOUT ROWID",
    "CREATE TABLE guard (one INTEGER PRIMARY KEY CHECK (one = 1))",
)

MAX_COMMITS: Final = 200
"""Commits remembered."""
MAX_BYTES: Final = 64 * 1024 * 1024
"""Bytes of the rows that undo them, all together; a commit of more is remembered without its own."""

_OLDER: Final = (
    "DELETE FROM history WHERE commit_id <= "
    "(SELECT commit_id FROM history ORDER BY commit_id DESC LIMIT 1 OFFSET ?)"
)
_ROWS: Final = list[tuple[bytes, bytes | None]]


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of the history is kept: commits, and bytes of what undoes them."""

    commits: int = MAX_COMMITS
    size: int = MAX_BYTES


class Undo:
    """The three tables. Every method runs inside a transaction of the caller's."""

    def __init__(self, connection: sqlite3.Connection, limits: Limits) -> None:
        self._connection = connection
        self._limits = limits

    @property
    def guarded(self) -> bool:
        """Whether a rollback point is kept."""
        return self._connection.execute("SELECT 1 FROM guard").fetchone() is not None

    def before(self, rows: Sequence[Row]) -> list[Row]:
        """Return the rows of the same keys as they are now."""
        return [(key, self._value(key)) for key, _ in rows]

    def _value(self, key: bytes) -> bytes | None:
        found = self._connection.execute("SELECT value FROM unit WHERE key = ?", (key,)).fetchone()
        return None if found is None else bytes(found[0])

    def point(self) -> list[Row]:
        """Return the rows that lead back to the rollback point."""
        return list(self._connection.execute("SELECT key, value FROM rollback"))

    def guard(self, before: Iterable[Row]) -> None:
        """Keep the rollback point, which is now where there is none yet; `before` is about to change."""
        self._connection.execute("INSERT OR IGNORE INTO guard VALUES (1)")
        self._connection.executemany("INSERT OR IGNORE INTO rollback VALUES (?, ?)", before)

    def forget(self) -> None:
        """Drop the rollback point."""
        self._connection.execute("DELETE FROM rollback")
        self._connection.execute("DELETE FROM guard")

    def remember(self, commit_id: int, entry: bytes, before: Sequence[Row]) -> None:
        """Add a commit to the history, and drop what is too much."""
        undo = msgspec.msgpack.encode(before)
        fits = len(undo) <= self._limits.size
        if not fits:
            self._connection.execute("DELETE FROM history")
        self._connection.execute(
            "INSERT INTO history VALUES (?, ?, ?, ?)",
            (commit_id, len(undo) if fits else 0, entry, undo if fits else None),
        )
        self._connection.execute(_OLDER, (self._limits.commits,))
        self._drop_larger()

    def _drop_larger(self) -> None:
        left = self._limits.size
        newest_first = self._connection.execute("SELECT commit_id, size FROM history ORDER BY commit_id DESC")
        for commit_id, size in newest_first:
            left -= size
            if left < 0:
                self._connection.execute("DELETE FROM history WHERE commit_id <= ?", (commit_id,))
                return

    def unremember(self, commit_id: int) -> None:
        """Take a commit out of the history: it was undone."""
        self._connection.execute("DELETE FROM history WHERE commit_id = ?", (commit_id,))

    def entries(self) -> list[tuple[int, bytes]]:
        """Return id and description of every commit that is remembered, oldest first."""
        return list(self._connection.execute("SELECT commit_id, entry FROM history ORDER BY commit_id"))

    def oldest(self) -> int:
        """Return the id of the oldest commit that is remembered, 0 when none is."""
        (found,) = self._connection.execute("SELECT min(commit_id) FROM history").fetchone()
        return int(found or 0)

    def back(self, commit_id: int) -> dict[bytes, bytes | None]:
        """Return the rows that lead from now to running as it was after `commit_id`.

        Raises KeyError when the history does not reach back so far.
        """
        newer = self._connection.execute(
            "SELECT undo FROM history WHERE commit_id > ? ORDER BY commit_id DESC", (commit_id,)
        )
        rows: dict[bytes, bytes | None] = {}
        for (undo,) in newer:
            if undo is None:
                raise KeyError(commit_id)
            rows.update(msgspec.msgpack.decode(undo, type=_ROWS))
        return rows

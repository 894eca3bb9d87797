"""What was committed: who, when, from where, why and what changed, newest last.

Owns the form in which a commit is remembered; `storage` keeps it, with what undoes it, in the same write as
the commit itself. Values never stand here, only paths: a path may name what is secret, never tell it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import msgspec

from server.tree.diff import Change

MAX_PATHS: Final = 100
"""Changed nodes that one entry names; `changes` counts them all."""


class Cause(StrEnum):
    """What changed running."""

    COMMIT = "commit"
    CONFIRMED_COMMIT = "confirmed-commit"
    EDIT = "edit-of-running"
    ROLLBACK = "rollback-to-commit"
    CANCEL = "confirmed-commit-cancelled"
    TIMEOUT = "confirmed-commit-timeout"
    SESSION_END = "confirmed-commit-session-end"
    RESTART = "confirmed-commit-restart"
    BOOT = "load-of-startup"


@dataclass(frozen=True, slots=True)
class Author:
    """Who asks for a change; the server itself has the session-id 0 and no name.

    `label` and `comment` are the user's own words about it.
    """

    session_id: int
    user: str = ""
    source: str = ""
    label: str = ""
    comment: str = ""


SERVER: Final = Author(0)


class Changed(msgspec.Struct, frozen=True):
    """A changed node: `create`, `delete`, `replace` or `move`, and its instance path."""

    operation: str
    path: str


class Entry(msgspec.Struct, frozen=True, omit_defaults=True):
    """One commit. `at` is seconds since the epoch; `changes` counts all, `changed` names the first."""

    at: float
    cause: Cause
    changes: int
    changed: tuple[Changed, ...] = ()
    session_id: int = 0
    user: str = ""
    source: str = ""
    label: str = ""
    comment: str = ""
    commit_id: int = 0

    def to_bytes(self) -> bytes:
        """Return what `from_bytes` reads; without the commit id, which the storage gives."""
        return msgspec.json.encode(msgspec.structs.replace(self, commit_id=0))

    @classmethod
    def from_bytes(cls, commit_id: int, text: bytes) -> "Entry":
        """Read an entry; raises ValueError."""
        try:
            return msgspec.structs.replace(msgspec.json.decode(text, type=cls), commit_id=commit_id)
        except msgspec.DecodeError as error:
            raise ValueError(f"entry {commit_id} of the commit history cannot be read: {error}") from error


def entry(author: Author, cause: Cause, changes: Sequence[Change], at: float) -> Entry:
    """Describe a commit of these changes."""
    named = tuple(Changed(change.kind, change.path) for change in changes[:MAX_PATHS])
    return Entry(
        at,
        cause,
        len(changes),
        named,
        author.session_id,
        author.user,
        author.source,
        author.label,
        author.comment,
    )

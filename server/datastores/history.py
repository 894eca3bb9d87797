"""What was committed: who, when, from where, why and what changed, newest last.

Owns the form in which a commit is remembered; `storage` keeps it, with what undoes it, in the same write as
the commit itself. Values never stand here, only paths: a path may name what is secret, never tell it.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import Final

import msgspec

from server.tree.diff import Change
from server.tree.diff import Changed as Node
from server.tree.location import Location
from server.tree.node import Branch, Container, LeafList, ListNode

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
    """Describe a commit of these changes.

    A container without presence means nothing by itself: what it came or went with is named in its place.
    That it was there would tell that something was in it, to whoever may not read what that was.
    """
    found = (Changed(change.kind, at.path) for change in changes for at in _named(change))
    named = tuple(islice(found, MAX_PATHS))
    return Entry(
        at,
        cause,
        sum(map(_count, changes)),
        named,
        author.session_id,
        author.user,
        author.source,
        author.label,
        author.comment,
    )


def _named(change: Change) -> Iterable[Location]:
    node = _implicit(change)
    return (change.location,) if node is None else _below(change.location, node)


def _count(change: Change) -> int:
    node = _implicit(change)
    return 1 if node is None else _size(node)


def _implicit(change: Change) -> Branch | None:
    """The container without presence that a change is about."""
    node: Node | None = change.old if change.new is None else change.new
    return node if isinstance(node, Container) and not node.schema.presence else None


def _below(at: Location, node: Branch) -> Iterator[Location]:
    for child in node:
        here = at.child(child.schema)
        if isinstance(child, ListNode):
            yield from (here.entry(entry.key) for entry in child)
        elif isinstance(child, LeafList):
            yield from map(here.member, child)
        elif isinstance(child, Container) and not child.schema.presence:
            yield from _below(here, child)
        else:
            yield here


def _size(node: Branch) -> int:
    """How many locations `_below` gives."""
    found = 0
    for child in node:
        if isinstance(child, (ListNode, LeafList)):
            found += len(child)
        elif isinstance(child, Container) and not child.schema.presence:
            found += _size(child)
        else:
            found += 1
    return found

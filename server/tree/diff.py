"""The difference of two trees: ordered changes, and rows for storage; costs what differs, not what exists."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from server.schema.model import Schema
from server.tree.location import Location
from server.tree.node import Container, Entry, Node


class ChangeKind(StrEnum):
    """What happened to a node."""

    CREATE = "create"
    DELETE = "delete"
    REPLACE = "replace"
    MOVE = "move"


@dataclass(frozen=True, slots=True)
class Change:
    """One change. `old` and `new` are the node before and after, None where it does not exist.

    A created or deleted container or entry is one change for the whole subtree. REPLACE is a leaf or anydata
    with another value. A leaf-list value is a `Leaf` of the leaf-list's schema. MOVE is an entry or value of
    a user-ordered list; `point` is the key it now follows (None: it is the first). A CREATE in a
    user-ordered list has `point` too.
    """

    kind: ChangeKind
    location: Location
    old: Node | Entry | None
    new: Node | Entry | None
    point: tuple[str, ...] | None = None

    @property
    def path(self) -> str:
        """The instance path, such as `/trb:remote-backup/trb:remote-backup-profile[trb:name='rbp3']`."""
        return self.location.path


def diff(old: Container, new: Container) -> tuple[Change, ...]:
    """The changes that lead from `old` to `new`, in document order, deletions first at each level."""
    raise NotImplementedError


def apply(old: Container, changes: Iterable[Change]) -> Container:
    """`apply(old, diff(old, new))` equals `new`."""
    raise NotImplementedError


def encode_delta(schema: Schema, old: Container, new: Container) -> list[tuple[bytes, bytes | None]]:
    """The storage rows that differ: (row key, row body), None for a row to delete.

    Keys and bodies are opaque to storage. With `old` an empty root it is every row of `new`.
    """
    raise NotImplementedError


def decode(schema: Schema, rows: Iterable[tuple[bytes, bytes]]) -> Container:
    """Build the tree from all rows, in any order. Raises ValueError for rows that do not fit the schema."""
    raise NotImplementedError

"""From two trees to the edits of a YANG patch (RFC 8072 section 2.5, RFC 8641 section 3.7). Pure.

Edits are applied in their order. A node that changed between two updates and changed back is told all the
same, with its present value: that says that it is not at rest (RFC 8641 section 3.3).
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from urllib.parse import quote

from server.schema.node import NodeKind
from server.tree.diff import Change, Changed, ChangeKind, diff
from server.tree.location import Location
from server.tree.members import Key
from server.tree.node import Branch, Container, Leaf, LeafList, ListNode


class EditKind(StrEnum):
    """The operations that push-change-update knows: change-type of ietf-yang-push."""

    CREATE = "create"
    DELETE = "delete"
    INSERT = "insert"
    MOVE = "move"
    REPLACE = "replace"


@dataclass(frozen=True, slots=True)
class Edit:
    """One edit. `value` is the node as it is now, None for a deletion and a move.

    INSERT and MOVE put it behind `point`, or first where that is None.
    """

    kind: EditKind
    location: Location
    value: Changed | None = None
    point: Location | None = None


def edits(trees: Sequence[Container], excluded: Collection[str] = ()) -> list[Edit]:
    """Return what leads from the first of `trees` to the last, the others being those in between.

    Edits of a kind in `excluded` are left out.
    """
    net = diff(trees[0], trees[-1])
    restless = _restless(trees, net) if len(trees) > 2 else {}
    found = [_edit_of_restless(trees[-1], location) for location in restless]
    found += [_edit(change) for change in net if not _is_below(change.location, restless)]
    return [edit for edit in found if edit.kind not in excluded]


def _edit(change: Change) -> Edit:
    match change.kind:
        case ChangeKind.DELETE:
            return Edit(EditKind.DELETE, change.location)
        case ChangeKind.REPLACE:
            return Edit(EditKind.REPLACE, change.location, change.new)
        case ChangeKind.MOVE:
            return Edit(EditKind.MOVE, change.location, None, _point(change))
        case ChangeKind.CREATE:
            if _is_user_ordered(change.location):
                return Edit(EditKind.INSERT, change.location, change.new, _point(change))
            return Edit(EditKind.CREATE, change.location, change.new)


def _is_user_ordered(location: Location) -> bool:
    return location.schema.user_ordered and location.schema.kind in (NodeKind.LIST, NodeKind.LEAF_LIST)


def _point(change: Change) -> Location | None:
    """The member of the same list that a change put a member behind."""
    if change.point is None:
        return None
    at = change.location
    if at.schema.kind is NodeKind.LEAF_LIST:
        return Location(at.schema, at.keys, change.point[0])
    return Location(at.schema, (*at.keys[:-1], change.point))


def _restless(trees: Sequence[Container], net: Sequence[Change]) -> dict[Location, None]:
    """Where something changed on the way that the net change does not tell."""
    told = {change.location: None for change in net}
    met: dict[Location, None] = {}
    for before, after in pairwise(trees):
        met.update((change.location, None) for change in diff(before, after))
    left = {at: None for at in met if at not in told and not _is_below(at, told)}
    return {at: None for at in left if not _is_below(at, left)}


def _is_below(location: Location, above: Collection[Location]) -> bool:
    """Whether one of `above` holds the location, itself not counted."""
    return bool(above) and any(each in above for each in _above(location))


def _above(location: Location) -> Iterator[Location]:
    """The nodes that hold a node, from the top; a list as such is none."""
    keys: tuple[Key, ...] = ()
    for step in location.schema.chain():
        if step.kind is NodeKind.LIST:
            keys = location.keys[: len(keys) + 1]
        at = Location(step, keys)
        if at == location:
            return
        yield at


def _edit_of_restless(root: Container, location: Location) -> Edit:
    value = node_at(root, location)
    if value is None:
        return Edit(EditKind.DELETE, location)
    return Edit(EditKind.REPLACE, location, value)


def node_at(root: Container, location: Location) -> Changed | None:
    """Return the node at a location; None when it is not there."""
    branch: Branch = root
    keys = iter(location.keys)
    found: Changed | None = None
    for step in location.schema.chain():
        found = branch.get(step.tag)
        if isinstance(found, ListNode):
            found = found.get(next(keys, ()))
        if isinstance(found, Branch):
            branch = found
        elif found is None:
            return None
    if isinstance(found, LeafList):
        value = location.value
        return Leaf(found.schema, value) if value is not None and value in found else None
    return found


def target(location: Location) -> str:
    """Print a location as a data resource identifier (RFC 8040 section 3.5.3)."""
    parts: list[str] = []
    keys = iter(location.keys)
    module = ""
    for step in location.schema.chain():
        name = step.name if step.module == module else f"{step.module}:{step.name}"
        module = step.module
        values: Key = next(keys, ()) if step.kind is NodeKind.LIST else ()
        parts.append(f"/{name}={','.join(map(_encoded, values))}" if values else f"/{name}")
    if location.value is not None:
        parts.append(f"={_encoded(location.value)}")
    return "".join(parts)


def _encoded(value: str) -> str:
    return quote(value, safe="")

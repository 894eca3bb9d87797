"""unique and max-elements of the top-most lists, judged on the whole list from indexes of its chunks.

A slice cannot judge them: it does not hold the entries to compare with or to count. Only what changed is
looked at, because the rest was valid before.
"""

import re
from collections.abc import Iterator
from typing import Final

from server.protocol import errors
from server.protocol.errors import InfoElement, RpcError
from server.schema.model import Schema
from server.schema.node import NodeKind, SchemaNode
from server.tree.index import UniqueValues, entries_by_unique, unique_values
from server.tree.location import Location
from server.tree.node import Branch, Container, Entry, ListNode
from server.tree.sorted_map import differing

NOT_UNIQUE: Final = "data-not-unique"
TOO_MANY: Final = "too-many-elements"

_PREDICATES: Final = re.compile(r"""\[(?:[^\]'"]|'[^']*'|"[^"]*")*\]""")


def count_and_unique_errors(old: Container, new: Container) -> list[RpcError]:
    """unique and max-elements of the top-most lists that changed (RFC 7950 sections 15.1 and 15.2)."""
    return [error for before, after in _changed_lists(old, new) for error in _list_errors(before, after)]


def judged_here(schema: Schema, error: RpcError) -> bool:
    """Whether an error of the validator is about what `count_and_unique_errors` reports itself."""
    if error.app_tag not in (NOT_UNIQUE, TOO_MANY):
        return False
    steps = _PREDICATES.sub("", error.path).strip("/").split("/")
    node = schema.root
    for step in steps:
        prefix, _, name = step.rpartition(":")
        namespace = error.path_namespaces.get(prefix, "")
        below = node.children.get(f"{{{namespace}}}{name}")
        if below is None:
            return False
        node = below
        if node.kind is NodeKind.LIST:
            break
    return node.kind is NodeKind.LIST and len(node.chain()) == len(steps)


def _changed_lists(old: Branch, new: Branch) -> Iterator[tuple[ListNode | None, ListNode]]:
    for tag, child in new.children.items():
        present = old.get(tag)
        if present is child:
            continue
        if isinstance(child, ListNode):
            yield (present if isinstance(present, ListNode) else None), child
        elif isinstance(child, Container):
            before = present if isinstance(present, Container) else Container(child.schema, {})
            yield from _changed_lists(before, child)


def _list_errors(old: ListNode | None, new: ListNode) -> Iterator[RpcError]:
    limit = new.schema.max_elements
    if limit is not None and len(new) > limit:
        text = f"{len(new)} entries of <{new.schema.name}> are too many: at most {limit} are allowed"
        error = errors.operation_failed(text, app_tag=TOO_MANY)
        yield Location(new.schema).blame(error)
    for number in range(len(new.schema.uniques)):
        yield from _unique_errors(old, new, number)


def _unique_errors(old: ListNode | None, new: ListNode, number: int) -> Iterator[RpcError]:
    """One error for every combination of values that changed entries share with others."""
    wanted = _new_values(old, new, number)
    if not wanted:
        return
    sharing: dict[UniqueValues, list[Entry]] = {}
    for chunk in new.members.places.chunks:
        index = entries_by_unique(chunk, number)
        for values in wanted if len(wanted) < len(index) else index.keys() & wanted:
            if values in index:
                sharing.setdefault(values, []).extend(index[values])
    for values, entries in sharing.items():
        if values is not None and len(entries) > 1:
            yield _not_unique(entries, number, values)


def _new_values(old: ListNode | None, new: ListNode, number: int) -> set[UniqueValues]:
    """The combinations of values that some entry has now and had not before."""
    places = (old or ListNode.of(new.schema, [])).members.places
    before: dict[tuple[str, ...], UniqueValues] = {}
    after: dict[tuple[str, ...], UniqueValues] = {}
    for _, gone, entry in differing(places, new.members.places):
        if gone is not None:
            before[gone.key] = unique_values(gone, number)
        if entry is not None:
            after[entry.key] = unique_values(entry, number)
    return {values for key, values in after.items() if values is not None and values != before.get(key)}


def _not_unique(entries: list[Entry], number: int, values: tuple[str, ...]) -> RpcError:
    """RFC 7950 section 15.1; the message names two entries and the values they share."""
    first, second = entries[0], entries[1]
    leaves = _leaves(first.schema, number)
    shared = ", ".join(f"{leaf.name} {value!r}" for leaf, value in zip(leaves, values, strict=True))
    text = f"{shared} is used by {_named(first)} and by {_named(second)}: it has to be unique"
    error = errors.operation_failed(text, app_tag=NOT_UNIQUE)
    located = [Location(leaf, (entry.key,)) for entry in entries for leaf in leaves]
    error.info = tuple(
        InfoElement("non-unique", location.path, errors.YANG_NAMESPACE, location.namespaces)
        for location in located
    )
    return Location(second.schema, (second.key,)).blame(error)


def _leaves(schema: SchemaNode, number: int) -> list[SchemaNode]:
    found: list[SchemaNode] = []
    for path in schema.uniques[number]:
        node = schema
        for tag in path:
            node = node.children[tag]
        found.append(node)
    return found


def _named(entry: Entry) -> str:
    return f"{entry.schema.name} {' '.join(map(repr, entry.key))}"

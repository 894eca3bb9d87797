"""A configuration as rows for storage, so that a commit writes the difference and not the whole.

A row is an entry of a top-most list, or what a top-level node holds outside such lists. Its key is a JSON
array: the schema path and, for an entry, the key values. Its body is canonical XML; an entry of a
user-ordered list has its place in front, `18446744073709551616;<entry>…`: the places give the order of the
rows, and an insertion changes no other row unless the gaps are used up. Both are opaque to storage.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from lxml import etree

from server.schema.model import Schema
from server.schema.node import SchemaNode
from server.tree.members import Key, Members, Style
from server.tree.node import Branch, Container, Entry, ListNode, Node, is_void
from server.tree.sorted_map import differing
from server.tree.xml import Parser, Printer, elements_of

_BATCH: Final = 2_000  # rows parsed at once: bounds what a large configuration holds twice


def encode_delta(schema: Schema, old: Container, new: Container) -> list[tuple[bytes, bytes | None]]:
    """The storage rows that differ: (row key, row body), None for a row to delete.

    Keys and bodies are opaque to storage. With `old` an empty root it is every row of `new`.
    """
    printer = Printer(schema)
    rows: list[tuple[bytes, bytes | None]] = []
    for tag in old.children.keys() | new.children.keys():
        before, after = old.get(tag), new.get(tag)
        if before is not after:
            rows.extend(_top_level_rows(printer, before, after))
    return rows


def _top_level_rows(
    printer: Printer, old: Node | None, new: Node | None
) -> Iterator[tuple[bytes, bytes | None]]:
    node = new if new is not None else old
    if node is None:
        return
    before, after = _remainder(printer, old), _remainder(printer, new)
    if before != after:
        yield _row_key(node.schema), after
    yield from _lists(printer, old, new)


def _remainder(printer: Printer, node: Node | None) -> bytes | None:
    """A top-level node without the lists in it; None when nothing is left."""
    if node is None or isinstance(node, ListNode):
        return None
    if isinstance(node, Container):
        node = _without_lists(node)
        if is_void(node):
            return None
    return b"".join(printer.pieces(node))


def _without_lists(container: Container) -> Container:
    kept: dict[str, Node] = {}
    for tag, child in container.children.items():
        if isinstance(child, Container):
            kept[tag] = _without_lists(child)
        elif not isinstance(child, ListNode):
            kept[tag] = child
    return Container.of(container.schema, kept)


def _lists(printer: Printer, old: Node | None, new: Node | None) -> Iterator[tuple[bytes, bytes | None]]:
    """The rows of all top-most lists in and below two versions of a node."""
    if old is new:
        return
    if isinstance(old, ListNode) or isinstance(new, ListNode):
        yield from _entries(printer, old, new)
        return
    before = old.children if isinstance(old, Branch) else {}
    after = new.children if isinstance(new, Branch) else {}
    for tag in before.keys() | after.keys():
        yield from _lists(printer, before.get(tag), after.get(tag))


def _entries(printer: Printer, old: Any, new: Any) -> Iterator[tuple[bytes, bytes | None]]:  # noqa: ANN401
    schema = (new if new is not None else old).schema
    nothing = ListNode.of(schema, [])
    old_places = (old or nothing).members.places
    new_places = (new or nothing).members.places
    gone: set[Key] = set()
    written: dict[Key, bytes] = {}
    for place, before, after in differing(old_places, new_places):
        if before is not None:
            gone.add(before.key)
        if after is not None:
            order = b"%d;" % place if schema.user_ordered else b""
            written[after.key] = order + printer.entry(after)
    yield from ((_row_key(schema, key), None) for key in gone - written.keys())
    yield from ((_row_key(schema, key), body) for key, body in written.items())


def _row_key(schema: SchemaNode, key: Key | None = None) -> bytes:
    name = [schema.path] if key is None else [schema.path, *key]
    return json.dumps(name, ensure_ascii=False, separators=(",", ":")).encode()


@dataclass(slots=True)
class _ListRows:
    """The rows of one list, as they come from storage."""

    schema: SchemaNode
    bodies: list[tuple[int, bytes]] = field(default_factory=list)


def decode(schema: Schema, rows: Iterable[tuple[bytes, bytes]]) -> Container:
    """Build the tree from all rows, in any order. Raises ValueError for rows that do not fit the schema."""
    lists: dict[str, _ListRows] = {}
    others: list[bytes] = []
    try:
        for key, body in rows:
            path, *keys = json.loads(key)
            if keys:
                collected = lists.get(path) or lists.setdefault(path, _ListRows(schema.node(path)))
                collected.bodies.append(_placed(body))
            else:
                others.append(body)
        return _assembled(schema, others, lists.values())
    except (KeyError, etree.XMLSyntaxError) as error:
        raise ValueError(f"a stored row does not fit the schema: {error}") from error


def _placed(body: bytes) -> tuple[int, bytes]:
    if body.startswith(b"<"):
        return 0, body
    place, _, xml = body.partition(b";")
    return int(place), xml


def _assembled(schema: Schema, others: list[bytes], lists: Iterable[_ListRows]) -> Container:
    parser = Parser(schema)
    root = Container.of(schema.root, parser.children(schema.root, elements_of(b"".join(others))))
    for rows in lists:
        chain = rows.schema.chain()
        root = _grafted(root, chain[:-1], _list_node(parser, rows))
    return root


def _list_node(parser: Parser, rows: _ListRows) -> ListNode:
    schema = rows.schema
    entries: list[tuple[int, Entry]] = []
    for start in range(0, len(rows.bodies), _BATCH):
        batch = rows.bodies[start : start + _BATCH]
        elements = elements_of(b"".join(body for _, body in batch), schema.namespace)
        entries += [
            (place, Entry.of(schema, parser.children(schema, element)))
            for (place, _), element in zip(batch, elements, strict=True)
        ]
    if not schema.user_ordered:
        return ListNode.of(schema, [entry for _, entry in entries])
    placed = [(place, entry.key, entry) for place, entry in entries]
    return ListNode(schema, Members.placed(Style.USER, placed))


def _grafted(branch: Container, chain: tuple[SchemaNode, ...], node: ListNode) -> Container:
    """`branch` with the list in it, at the end of a chain of containers."""
    if not chain:
        return branch.put(node)
    below = branch.branch(chain[0].tag) or Container(chain[0], {})
    return branch.put(_grafted(below, chain[1:], node))

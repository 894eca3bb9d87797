"""Trees from plain data: what state sources deliver.

The data has the shape of RFC 7951 in Python types: a member name carries its module at the top and where
the module changes (`{"ietf-interfaces:interfaces": {"interface": [{"name": "eth0"}]}}`).
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final, TypeAlias

from lxml import etree

from server.schema.model import Schema
from server.schema.node import NodeKind, SchemaNode, Tag, TypeInfo
from server.tree.node import AnyData, Container, Entry, Leaf, LeafList, ListNode, Node, StreamedList
from server.tree.xml import any_xml

Data: TypeAlias = Mapping[str, Any]

_NOT_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_REPLACEMENT: Final = "\ufffd"


@dataclass(frozen=True, slots=True)
class Streamed:
    """The entries of a list, some at a time: what may be in the place of a sequence of them."""

    parts: Callable[[], Iterator[Sequence["Data"]]]


def with_streams(schema: Schema, data: Data) -> tuple[Container, frozenset[SchemaNode]]:
    """`from_data`, and the nodes above lists that are streamed, which printing has to know."""
    builder = _Builder(schema)
    root = Container.of(schema.root, builder.children(schema.root, data))
    above = (node.parent.ancestors_or_self() for node in builder.streamed if node.parent is not None)
    return root, frozenset(chain.from_iterable(above))


def from_data(schema: Schema, data: Data) -> Container:
    """Build a tree (root of `Schema.root`) from RFC 7951-like data; all state sources use it.

    Leaves are str, int, bool (`true` / `false`) or None for type empty; None for any other leaf, an empty
    list and an empty non-presence container leave the node out. Floats are refused: a decimal64 is a str.
    Values are taken as canonical. An identityref is `module:name`; without a module it is one of the leaf's
    own. anydata is an lxml element. Characters that XML cannot carry become U+FFFD. Raises ValueError naming
    the path of what does not fit the schema: a fault of ours.
    """
    return Container.of(schema.root, _Builder(schema).children(schema.root, data))


def body_from_data(schema: Schema, body: SchemaNode, data: Data) -> Container:
    """Build the content of `body` from data as `from_data` takes it; for output and notifications."""
    return Container.of(body, _Builder(schema).children(body, data))


class _Builder:
    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self.streamed: set[SchemaNode] = set()
        self._build: Mapping[NodeKind, Callable[[SchemaNode, Any], Node | None]] = {
            NodeKind.LEAF: self._leaf,
            NodeKind.LEAF_LIST: self._leaf_list,
            NodeKind.CONTAINER: self._container,
            NodeKind.LIST: self._list,
            NodeKind.ANYDATA: self._any,
        }

    def children(self, parent: SchemaNode, data: Data) -> dict[Tag, Node]:
        if not isinstance(data, Mapping):
            raise _misfit(parent, "a mapping", data)
        found: dict[Tag, Node] = {}
        for name, value in data.items():
            node = self._named(parent, name)
            child = self._build[node.kind](node, value)
            if child is not None:
                found[node.tag] = child
        return found

    def _named(self, parent: SchemaNode, name: str) -> SchemaNode:
        module, colon, local = name.rpartition(":")
        if colon:
            namespace = self._schema.by_name[module].namespace if module in self._schema.by_name else ""
        else:
            namespace = parent.namespace
        try:
            return parent.children[f"{{{namespace}}}{local}"]
        except KeyError:
            raise ValueError(f"{parent.path}/{name} is not in the schema") from None

    def _leaf(self, node: SchemaNode, value: object) -> Leaf | None:
        text = self._text(node, value)
        return None if text is None else Leaf(node, text)

    def _leaf_list(self, node: SchemaNode, values: object) -> LeafList:
        texts = (self._text(node, value) for value in _sequence(node, values))
        return LeafList.of(node, [text for text in texts if text is not None])

    def _container(self, node: SchemaNode, data: Data | None) -> Container | None:
        return None if data is None else Container.of(node, self.children(node, data))

    def _list(self, node: SchemaNode, entries: object) -> ListNode:
        if isinstance(entries, Streamed):
            self.streamed.add(node)
            return StreamedList(node, lambda: (self._list(node, part) for part in entries.parts()))
        return ListNode.of(node, [self._entry(node, data) for data in _sequence(node, entries)])

    def _entry(self, node: SchemaNode, data: Data) -> Entry:
        try:
            return Entry.of(node, self.children(node, data))
        except KeyError as missing:
            raise ValueError(f"{node.path}: the key {missing} is missing") from None

    def _any(self, node: SchemaNode, element: object) -> AnyData:
        if not isinstance(element, etree._Element):  # noqa: SLF001 - lxml has no public name for the type
            raise _misfit(node, "an lxml element", element)
        return AnyData(node, any_xml(element))

    def _text(self, node: SchemaNode, value: object) -> str | None:
        if isinstance(value, str):
            return self._string(node, value)
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, int):
            return str(value)
        if value is None:
            return "" if node.type is not None and node.type.base == "empty" else None
        raise _misfit(node, "str, int, bool or None", value)

    def _string(self, node: SchemaNode, value: str) -> str:
        kind = node.type
        if kind is not None and kind.base == "identityref" and ":" not in value:
            return _identity(node, kind, value)
        return _NOT_XML.sub(_REPLACEMENT, value)


def _sequence(node: SchemaNode, values: object) -> list[Any] | tuple[Any, ...]:
    if values is None:
        return ()
    if not isinstance(values, (list, tuple)):
        raise _misfit(node, "a list", values)
    return values


def _misfit(node: SchemaNode, expected: str, value: object) -> ValueError:
    return ValueError(f"{node.path or '/'}: expected {expected}, got {type(value).__name__}")


def _identity(node: SchemaNode, kind: TypeInfo, value: str) -> str:
    own = f"{node.module}:{value}"
    if kind.identities and own not in kind.identities:
        raise ValueError(f"{node.path}: {value!r} is no identity of {node.module}")
    return own

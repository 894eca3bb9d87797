"""The content of notifications: built, printed, parsed and filtered on a schema of its own.

A notification of a data node stands in its list entry (RFC 7950 section 7.16). In that schema a notification
is a container in its place, and the way to it has keys only.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from lxml import etree

from server.schema.model import Operation, Schema
from server.schema.node import NodeKind, SchemaNode, Tag
from server.tree.build import Data, body_from_data
from server.tree.filter import Siblings, read_filter, select
from server.tree.location import Location
from server.tree.members import Key
from server.tree.node import Container, Entry, Leaf, ListNode, Node
from server.tree.xml import Parser, body_xml, elements_of


@dataclass(frozen=True, slots=True, eq=False)
class Content:
    """One notification. `keys` has the key of every list above it; `root` is the tree with nothing else."""

    operation: Operation
    keys: tuple[Key, ...]
    root: Container
    xml: bytes

    @property
    def location(self) -> Location | None:
        """The data node that it is about, None for a notification at the top level."""
        parent = self.operation.parent
        return None if parent is None else Location(parent, self.keys)


class Contents:
    """Makes the content of the notifications of one schema; immutable, for any thread."""

    def __init__(self, schema: Schema) -> None:
        self._schema: Final = schema
        self._root: Final = SchemaNode("", "", "", "", "", NodeKind.CONTAINER, config=False)
        self._operations: Final[dict[str, Operation]] = {}
        self._bodies: Final[dict[str, SchemaNode]] = {}
        for operation in schema.operations:
            if operation.kind == "notification":
                self._operations[operation.path] = operation
                self._bodies[operation.path] = self._place(operation)

    def build(self, path: str, keys: Sequence[Key], data: Data) -> Content:
        """Build the notification `path` of a node; raises ValueError for what does not fit."""
        body = self._bodies[path]
        node: Node = body_from_data(self._schema, body, data)
        remaining = list(keys)
        for step in reversed(body.chain()[:-1]):
            node = _around(step, node, remaining)
        root = Container(self._root, {node.schema.tag: node})
        return Content(self._operations[path], tuple(keys), root, b"".join(body_xml(self._schema, root)))

    def operation(self, path: str) -> Operation:
        """Return the definition of a notification."""
        return self._operations[path]

    def has_leaf(self, path: str, name: str) -> bool:
        """Whether the notification defines a leaf of this name."""
        return any(child.name == name for child in self._bodies[path].children.values())

    def parse(self, path: str, keys: Sequence[Key], xml: bytes) -> Content | None:
        """Read back what `build` printed; None when the modules have changed so that it does not fit."""
        operation = self._operations.get(path)
        if operation is None:
            return None
        try:
            children = Parser(self._schema).children(self._root, elements_of(xml))
        except (KeyError, ValueError):
            return None
        return Content(operation, tuple(keys), Container(self._root, children), xml)

    def without(self, content: Content, name: str) -> Content:
        """The same notification, which has to be one at the top level, without the children `name`."""
        (body,) = content.root.children.values()
        assert isinstance(body, Container)  # noqa: S101 - `build` and `parse` make nothing else there
        kept = {tag: child for tag, child in body.children.items() if child.schema.name != name}
        root = Container(self._root, {body.schema.tag: Container(body.schema, kept)})
        return Content(content.operation, content.keys, root, b"".join(body_xml(self._schema, root)))

    def condition(self, element: etree._Element) -> Callable[[Content], bool]:
        """Read the children of a `<filter>` element (RFC 6241 section 6).

        Where it selects something the whole notification passes (RFC 8639 section 2.2).
        """
        return partial(matches, read_filter(self._schema, element, self._root))

    def _place(self, operation: Operation) -> SchemaNode:
        """Put a copy of the notification into the schema, with the nodes above it."""
        above = self._root
        for step in () if operation.parent is None else operation.parent.chain():
            above = above.children.get(step.tag) or _copy(step, above, step.keys)
        body = replace(operation.output, parent=above, children={}, presence=True, kind=NodeKind.CONTAINER)
        above.children[body.tag] = body
        for child in operation.output.children.values():
            _copy(child, body)
        return body


def matches(wanted: Siblings, content: Content) -> bool:
    """Whether a subtree filter selects something of a notification."""
    return bool(select(content.root, wanted).children)


def _copy(node: SchemaNode, above: SchemaNode, only: Sequence[Tag] | None = None) -> SchemaNode:
    """A copy of a node in `above`, with all below it or, for those on the way, their keys `only`."""
    copied = replace(node, parent=above, children={}, config=False)
    above.children[copied.tag] = copied
    for child in node.children.values():
        if only is None or child.tag in only:
            _copy(child, copied)
    return copied


def _around(step: SchemaNode, inner: Node, remaining: list[Key]) -> Node:
    children: dict[Tag, Node] = {}
    if step.kind is NodeKind.LIST:
        key = remaining.pop()
        children.update(
            (tag, Leaf(step.children[tag], value)) for tag, value in zip(step.keys, key, strict=True)
        )
        children[inner.schema.tag] = inner
        return ListNode.of(step, [Entry.of(step, children)])
    children[inner.schema.tag] = inner
    return Container(step, children)

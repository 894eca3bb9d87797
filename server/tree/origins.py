"""Where the nodes of the operational datastore come from (RFC 8342 section 5.3.4), told and filtered by.

The operational tree is compared, while it is walked, with the configuration that is intended: what stands in
both came from there, a value in use that nobody set is a default, and configuration that the server has by
itself is the system's. State (`config false`) has no origin.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain
from typing import Final

from server.schema.model import Schema
from server.schema.node import SchemaNode
from server.tree.node import (
    AnyData,
    Branch,
    Container,
    DefaultLeaf,
    DefaultLeafList,
    Entry,
    Leaf,
    LeafList,
    ListNode,
    Node,
    StreamedList,
    is_void,
)
from server.tree.xml import Printer

ORIGIN_NAMESPACE: Final = "urn:ietf:params:xml:ns:yang:ietf-origin"


class Origin(StrEnum):
    """The identities of ietf-origin that occur here."""

    INTENDED = "intended"
    SYSTEM = "system"
    DEFAULT = "default"


def origin_of(node: Node | Entry, intended: Node | Entry | None) -> Origin:
    """The origin of a configuration node; `intended` is the node in its place there, None for none."""
    if isinstance(node, (DefaultLeaf, DefaultLeafList)):
        return Origin.DEFAULT
    if isinstance(node, Leaf):
        same = isinstance(intended, Leaf) and intended.value == node.value
    elif isinstance(node, AnyData):
        same = isinstance(intended, AnyData) and intended.xml == node.xml
    else:
        same = intended is not None
    if same:
        return Origin.INTENDED
    return Origin.DEFAULT if isinstance(node, Container) and _is_default(node) else Origin.SYSTEM


def _is_default(container: Container) -> bool:
    """Whether a container is there for nothing but the defaults below it."""
    settings = [child for child in container if child.schema.config]
    return bool(settings) and all(origin_of(child, None) is Origin.DEFAULT for child in settings)


def _beside(child: Node, intended: Branch | None) -> Node | None:
    return None if intended is None else intended.get(child.schema.tag)


def _entry_beside(entry: Entry, intended: Node | None) -> Entry | None:
    return intended.get(entry.key) if isinstance(intended, ListNode) else None


def _as_branch(node: Node | Entry | None) -> Branch | None:
    return node if isinstance(node, Branch) else None


@dataclass(frozen=True, slots=True)
class Sieve:
    """Content filters of get-data (RFC 8526 section 3.1.1); the nodes above what is kept stay too.

    `config` keeps configuration (True) or state (False) only; `origins` keeps the configuration that comes
    from there, and all state.
    """

    config: bool | None = None
    origins: frozenset[Origin] | None = None

    def of(self, root: Container, intended: Container) -> Container:
        """What passes of `root`; `intended` is the configuration that it is compared with."""
        if self.config is None and self.origins is None:
            return root
        return Container(root.schema, self._children(root, intended))

    def _children(self, branch: Branch, intended: Branch | None) -> dict[str, Node]:
        keys = branch.schema.keys
        kept = (
            (tag, self._node(child, _beside(child, intended)))
            for tag, child in branch.children.items()
            if tag not in keys
        )
        return {tag: child for tag, child in kept if child is not None and not is_void(child)}

    def _node(self, node: Node, intended: Node | None) -> Node | None:
        if not node.schema.config:
            return None if self.config else node
        if isinstance(node, Container):
            children = self._children(node, _as_branch(intended))
            own = node.schema.presence and self._passes(origin_of(node, intended))
            return node.with_children(children) if own or children else None
        if isinstance(node, StreamedList):
            return node.map(lambda part: self._list(part, intended))
        if isinstance(node, ListNode):
            return self._list(node, intended)
        if isinstance(node, LeafList) and not isinstance(node, DefaultLeafList):
            return self._values(node, intended)
        return node if self._passes(origin_of(node, intended)) else None

    def _list(self, node: ListNode, intended: Node | None) -> ListNode:
        entries = (self._entry(entry, _entry_beside(entry, intended)) for entry in node)
        return ListNode.of(node.schema, [entry for entry in entries if entry is not None])

    def _entry(self, entry: Entry, intended: Entry | None) -> Entry | None:
        children = self._children(entry, intended)
        if not children and not self._passes(origin_of(entry, intended)):
            return None
        keys = {tag: entry.children[tag] for tag in entry.schema.keys}
        return entry.with_children({**keys, **children})

    def _values(self, node: LeafList, intended: Node | None) -> LeafList:
        return LeafList.of(node.schema, [value for value in node if self._passes(_of_value(value, intended))])

    def _passes(self, origin: Origin) -> bool:
        return self.config is not False and (self.origins is None or origin in self.origins)


def _of_value(value: str, intended: Node | None) -> Origin:
    same = isinstance(intended, LeafList) and value in intended
    return Origin.INTENDED if same else Origin.SYSTEM


class OriginPrinter:
    """Prints an operational tree with `or:origin` where a node's origin is not that of the node above."""

    def __init__(
        self, schema: Schema, above: frozenset[SchemaNode] = frozenset(), *, tagged: bool = False
    ) -> None:
        """`above` and `tagged` are those of `server.tree.xml.stream_xml`."""
        self._above = above
        self._printer = Printer(schema, above, tagged=tagged)

    def pieces(self, root: Container, intended: Container) -> Iterator[bytes]:
        """The top-level elements of `root`, piece by piece as they are made."""
        for child in root:
            yield from self._node(child, _beside(child, intended), None)

    def _node(self, node: Node, intended: Node | None, inherited: Origin | None) -> Iterator[bytes]:
        if not node.schema.config:
            yield from self._printer.pieces(node)
        elif isinstance(node, ListNode):
            for entry in node:
                yield from self._branch(entry, _entry_beside(entry, intended), inherited)
        elif isinstance(node, Container):
            yield from self._branch(node, intended, inherited)
        elif isinstance(node, LeafList) and not isinstance(node, DefaultLeafList):
            for value in node:
                one = LeafList.of(node.schema, [value])
                yield self._marked(one, _of_value(value, intended), inherited)
        elif isinstance(node, DefaultLeafList):
            for value in node:
                yield self._marked(DefaultLeafList.of(node.schema, [value]), Origin.DEFAULT, inherited)
        else:
            yield self._marked(node, origin_of(node, intended), inherited)

    def _branch(
        self,
        branch: Container | Entry,
        intended: Node | Entry | None,
        inherited: Origin | None,
    ) -> Iterator[bytes]:
        schema = branch.schema
        origin = origin_of(branch, intended)
        start, end = self._printer.tags(schema)
        beside = _as_branch(intended)
        keys = b"".join(b"".join(self._printer.pieces(branch.children[tag])) for tag in schema.keys)
        begin = _mark(start.encode(), schema, origin, inherited) + keys
        others = [child for child in branch if child.schema.tag not in schema.keys]
        inside = chain.from_iterable(self._node(child, _beside(child, beside), origin) for child in others)
        first = next(inside, None)
        if first is None and others and schema in self._above:
            return  # nothing of what was streamed has passed the filter
        yield begin
        if first is not None:
            yield first
        yield from inside
        yield end.encode()

    def _marked(self, node: Node, origin: Origin, inherited: Origin | None) -> bytes:
        return _mark(b"".join(self._printer.pieces(node)), node.schema, origin, inherited)


def _mark(xml: bytes, schema: SchemaNode, origin: Origin, inherited: Origin | None) -> bytes:
    """An element with its origin in its start tag, unless it is that of the node above."""
    if origin is inherited:
        return xml
    name = f"<{schema.name}".encode()
    attribute = f' xmlns:or="{ORIGIN_NAMESPACE}" or:origin="or:{origin}"'.encode()
    return b"".join((name, attribute, xml.removeprefix(name)))

"""Trees from canonical XML and XML from trees.

Printing keeps the bytes at list entries and chunks of entries, so that what did not change is not printed
again. A default namespace is declared where the module changes.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any, Final, TypeVar

from lxml import etree

from server.schema import names
from server.schema.model import Schema
from server.schema.node import NodeKind, SchemaNode, Tag
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
    in_schema_order,
)
from server.tree.sorted_map import Chunk

_B = TypeVar("_B", Container, Entry)

_XML: Final = "xml"
_TAGGED_XML: Final = "xml with tagged defaults"
DEFAULT_NAMESPACE: Final = "urn:ietf:params:xml:ns:netconf:default:1.0"
"""Namespace of the attribute `default` (RFC 6243 section 6)."""
_DEFAULT_TAG: Final = f' xmlns:wd="{DEFAULT_NAMESPACE}" wd:default="true"'
_KEPT_FROM: Final = 32  # nested lists of fewer entries are printed with the entry around them


def parse_config(schema: Schema, elements: Iterable[etree._Element]) -> Container:
    """Build a tree from top-level elements that the validator has made canonical: trusted, not judged."""
    return Container.of(schema.root, Parser(schema).children(schema.root, elements))


def parse_bytes(schema: Schema, xml: bytes) -> Container:
    """`parse_config` of sibling top-level elements in bytes, as `Validator.canonical` returns them."""
    return parse_config(schema, elements_of(xml))


def elements_of(xml: bytes, namespace: str = "") -> list[etree._Element]:
    """The sibling elements in `xml`, which is ours or the validator's: well-formed, and of any size.

    `namespace` is the default namespace around them.
    """
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, remove_comments=True, remove_pis=True, huge_tree=True
    )
    start = f'<siblings xmlns="{_escape_attribute(namespace)}">'.encode()
    return list(etree.fromstring(b"".join((start, xml, b"</siblings>")), parser))


def to_xml(schema: Schema, root: Container, *, tagged: bool = False) -> list[bytes]:
    """Print `root`: pieces of bytes that, joined, are its top-level elements as siblings.

    A list of many entries comes in several pieces, so that nothing has to copy the whole. `tagged`: leaves
    that nobody set say so (RFC 6243 section 6).
    """
    printer = Printer(schema, tagged=tagged)
    return [piece for child in root for piece in printer.pieces(child)]


def stream_xml(
    schema: Schema, root: Container, above: frozenset[SchemaNode], *, tagged: bool = False
) -> Iterator[bytes]:
    """`to_xml`, piece by piece as it is made; `above` are the nodes above lists that are streamed."""
    printer = Printer(schema, above, tagged=tagged)
    for child in root:
        yield from printer.pieces(child)


def body_xml(schema: Schema, body: Container) -> list[bytes]:
    """Print the content of the input, output or notification `body`; each element declares its namespace."""
    printer = Printer(schema)
    printer.declare(body.schema.children.values())
    return [piece for child in body for piece in printer.pieces(child)]


def around_xml(schema: Schema, node: SchemaNode, keys: Iterable[Sequence[str]], inner: bytes) -> bytes:
    """Print `inner` within an instance of `node`: every element above it, with the keys of the lists."""
    printer, remaining = Printer(schema), iter(keys)
    begin, end = "", ""
    for step in node.chain():
        start, close = printer.tags(step)
        begin, end = begin + start, close + end
        if step.kind is NodeKind.LIST:
            values = zip(step.keys, next(remaining), strict=True)
            begin += "".join(printer.leaf(step.children[tag], value) for tag, value in values)
    return b"".join((begin.encode(), inner, end.encode()))


def any_xml(element: etree._Element) -> bytes:
    """The form in which an anydata or anyxml element is kept.

    An attribute may hold `]]>]]>` as it is, which would end the message in a session of base:1.0.
    """
    xml = bytes(etree.tostring(element, method="c14n", with_comments=False, with_tail=False))
    return xml.replace(b"]]>", b"]]&gt;")


def any_text(element: etree._Element, operation: str) -> str:
    """An anydata element as text, without the attribute `operation`, to which edit-config gives meaning."""
    if operation in element.attrib:
        element = etree.fromstring(etree.tostring(element, with_tail=False))
        del element.attrib[operation]
    return any_xml(element).decode()


def any_fault(element: etree._Element) -> str:
    """Why the content of an anydata or anyxml element cannot be kept as it is; empty when it can.

    libyang drops text beside elements, and gives elements without a namespace that of what is around them.
    """
    for inner in element.iter(etree.Element):
        name = etree.QName(inner)
        if not name.namespace:
            return f"<{name.localname}> is in no namespace"
        pieces = (inner.text, *(child.tail for child in inner)) if len(inner) else ()
        if any(piece and not piece.isspace() for piece in pieces):
            return f"<{name.localname}> has text beside elements"
    return ""


class Parser:
    """Turns canonical elements into nodes of one schema."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema

    def children(self, parent: SchemaNode, elements: Iterable[etree._Element]) -> dict[Tag, Node]:
        """The nodes that child elements of `parent` stand for; raises KeyError for an unknown one."""
        single: dict[Tag, Node] = {}
        many: dict[Tag, list[etree._Element]] = {}
        for element in elements:
            tag = element.tag
            node = parent.children[tag]
            kind = node.kind
            if kind is NodeKind.LEAF:
                single[tag] = Leaf(node, self._value(node, element))
            elif kind is NodeKind.LIST or kind is NodeKind.LEAF_LIST:
                many.setdefault(tag, []).append(element)
            elif kind is NodeKind.CONTAINER:
                inner = self.children(node, element)
                if inner or node.presence:
                    single[tag] = Container(node, in_schema_order(node, inner))
            else:
                single[tag] = AnyData(node, any_xml(element))
        for tag, members in many.items():
            single[tag] = self._list(parent.children[tag], members)
        return single

    def _list(self, node: SchemaNode, elements: list[etree._Element]) -> Node:
        if node.kind is NodeKind.LEAF_LIST:
            return LeafList.of(node, [self._value(node, element) for element in elements])
        return ListNode.of(node, [Entry.of(node, self.children(node, element)) for element in elements])

    def _value(self, node: SchemaNode, element: etree._Element) -> str:
        text = element.text or ""
        if node.type is not None and node.type.has_prefix:
            return names.from_xml(self._schema, node.type, text, element.nsmap)
        return text


class _Tags(dict[SchemaNode, tuple[str, str]]):
    """Start and end tag of a schema node; the start tag declares the namespace where the module changes."""

    def __missing__(self, node: SchemaNode) -> tuple[str, str]:
        inherited = node.parent is not None and node.parent.namespace == node.namespace
        declaration = "" if inherited else f' xmlns="{_escape_attribute(node.namespace)}"'
        self[node] = tags = (f"<{node.name}{declaration}>", f"</{node.name}>")
        return tags


class Printer:
    """Prints nodes of one schema."""

    def __init__(
        self, schema: Schema, above: frozenset[SchemaNode] = frozenset(), *, tagged: bool = False
    ) -> None:
        """`above`: the nodes above streamed lists, whose entries are not kept, nor printed as a whole."""
        self._tagged = tagged
        self._kept_as = _TAGGED_XML if tagged else _XML
        self._schema = schema
        self._tags = _Tags()
        self._above = above

    def pieces(self, node: Node) -> Iterator[bytes]:
        """The bytes of one node; lists that no entry contains come in a piece for each chunk."""
        if isinstance(node, StreamedList):
            for part in node.parts():
                yield from self.pieces(ListNode(part.schema, part.members))
        elif isinstance(node, ListNode):
            if node.schema in self._above:
                for entry in node:
                    yield from self._streaming(entry)
                return
            for chunk in node.members.places.chunks:
                yield self._chunk(chunk)
        elif isinstance(node, Container) and node.schema in self._above:
            yield from self._streaming(node)
        elif isinstance(node, Container):
            start, end = self._tags[node.schema]
            yield start.encode()
            for child in node:
                yield from self.pieces(child)
            yield end.encode()
        else:
            yield self._text(node).encode()

    def _streaming(self, branch: Branch) -> Iterator[bytes]:
        """A branch above a streamed list; without what was streamed, nothing may be left of it to print."""
        start, end = self._tags[branch.schema]
        keys = "".join(self._text(branch.children[tag]) for tag in branch.schema.keys)
        begin = f"{start}{keys}".encode()
        others = [child for child in branch if child.schema.tag not in branch.schema.keys]
        begun = not others
        if begun:
            yield begin
        for piece in chain.from_iterable(map(self.pieces, others)):
            if not begun:
                begun = True
                yield begin
            yield piece
        if begun:
            yield end.encode()

    def entry(self, entry: Entry) -> bytes:
        """The bytes of one list entry, kept with it."""
        kept: Any = entry.cache.get(self._kept_as)
        if kept is None:
            kept = entry.cache[self._kept_as] = self._branch(entry).encode()
        return bytes(kept)

    def _chunk(self, chunk: Chunk[Any, Entry]) -> bytes:
        kept = chunk.cache.get(self._kept_as)
        if kept is None:
            kept = chunk.cache[self._kept_as] = b"".join(map(self.entry, chunk.values))
        return bytes(kept)

    def _branch(self, branch: Branch) -> str:
        return self.around(branch.schema, "".join(map(self._text, branch.children.values())))

    def _text(self, node: Node) -> str:
        if isinstance(node, Leaf):
            text = self.leaf(node.schema, node.value)
            return self._tag(text, node.schema) if isinstance(node, DefaultLeaf) else text
        if isinstance(node, Container):
            return self._branch(node)
        if isinstance(node, LeafList):
            texts = [self.leaf(node.schema, value) for value in node]
            if isinstance(node, DefaultLeafList):
                texts = [self._tag(text, node.schema) for text in texts]
            return "".join(texts)
        if isinstance(node, ListNode):
            return self._nested(node)
        return node.xml.decode()

    def _tag(self, text: str, schema: SchemaNode) -> str:
        """The element of a default with the attribute that says so, where that was asked for."""
        start = f"<{schema.name}"
        return f"{start}{_DEFAULT_TAG}{text.removeprefix(start)}" if self._tagged else text

    def _nested(self, node: ListNode) -> str:
        if len(node) >= _KEPT_FROM:
            return b"".join(map(self._chunk, node.members.places.chunks)).decode()
        return "".join(map(self._branch, node))

    def tags(self, node: SchemaNode) -> tuple[str, str]:
        """The start and end tag of a container or list entry."""
        return self._tags[node]

    def declare(self, nodes: Iterable[SchemaNode]) -> None:
        """Let the elements of these nodes say their namespace, whatever is around them."""
        for node in nodes:
            start = f'<{node.name} xmlns="{_escape_attribute(node.namespace)}">'
            self._tags[node] = (start, f"</{node.name}>")

    def around(self, node: SchemaNode, inner: str) -> str:
        """The element of `node` with XML text inside."""
        start, end = self._tags[node]
        return f"{start}{inner}{end}" if inner else f"{start[:-1]}/>"

    def leaf(self, node: SchemaNode, value: str) -> str:
        """The element of a leaf or leaf-list value."""
        start, end = self._tags[node]
        if node.type is not None and node.type.has_prefix:
            value, declared = names.to_xml(self._schema, node.type, value)
            for prefix, namespace in declared.items():
                start = f'{start[:-1]} xmlns:{prefix}="{_escape_attribute(namespace)}">'
        return f"{start}{escape(value)}{end}" if value else f"{start[:-1]}/>"


def escape(text: str) -> str:
    """Text as XML character data; a carriage return would not survive a parser otherwise."""
    if "&" in text or "<" in text or ">" in text or "\r" in text:
        text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\r", "&#13;")
    return text


def _escape_attribute(text: str) -> str:
    return escape(text).replace('"', "&quot;")


def merge(config_root: Container, state_root: Container) -> Container:
    """One tree with the nodes of both (for `<get>`); where both hold a leaf, the state's value stays."""
    return merge_branch(config_root, state_root)


def merge_branch(config: _B, state: _B) -> _B:
    """One container or entry with the children of both."""
    merged = config
    for child in state:
        present = config.get(child.schema.tag)
        merged = merged.put(child if present is None else _merge_node(present, child))
    return merged


def _merge_node(config: Node, state: Node) -> Node:
    if isinstance(config, Container) and isinstance(state, Container):
        return merge_branch(config, state)
    if isinstance(state, StreamedList):
        return state
    if isinstance(config, ListNode) and isinstance(state, ListNode) and config.schema.keys:
        for entry in state:
            present = config.get(entry.key)
            config = config.put(entry if present is None else merge_branch(present, entry))
        return config
    return state

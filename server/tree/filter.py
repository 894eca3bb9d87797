"""Subtree filters (RFC 6241 section 6): what a client asks for, and what has to be built for it.

A filter is first read into patterns on the schema tree. An element without a namespace, or in that of
NETCONF itself, matches in any namespace (section 6.2.1). Data nodes have no attributes, so an element with
one selects nothing (section 6.2.2), unless it is the etag that a client knows. The keys of a selected entry
are always part of the answer.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, TypeVar

from lxml import etree

from server.schema import names
from server.schema.model import Schema
from server.schema.node import NodeKind, SchemaNode, Tag
from server.tree.depth import Whole, everything_below
from server.tree.etag import ETAG
from server.tree.members import Key
from server.tree.node import (
    Branch,
    Container,
    Entry,
    Leaf,
    LeafList,
    ListNode,
    Node,
    StreamedList,
    in_schema_order,
    is_void,
)
from server.tree.payload import NETCONF_NAMESPACE
from server.tree.xml import merge_branch

_B = TypeVar("_B", Container, Entry)
_VALUED: Final = (NodeKind.LEAF, NodeKind.LEAF_LIST)


@dataclass(slots=True)
class Match:
    """A content match (section 6.2.5): one of `nodes` has to have one of `values`."""

    nodes: tuple[SchemaNode, ...]
    values: frozenset[str]


@dataclass(slots=True)
class Siblings:
    """The filter nodes below one element. `everything`: there are content matches alone, or none at all."""

    matches: list[Match] = field(default_factory=list)
    patterns: dict[Tag, list["Pattern"]] = field(default_factory=dict)
    everything: bool = False

    def accept(self, branch: Branch) -> bool:
        """Whether every content match finds what it demands in a container or entry."""
        return all(next(_matching(branch, match), None) is not None for match in self.matches)

    def key(self, node: SchemaNode) -> Key | None:
        """The key that the content matches demand of an entry of `node`, None when they leave it open."""
        wanted = {match.nodes[0].tag: match.values for match in self.matches if len(match.nodes) == 1}
        if not node.keys or any(len(wanted.get(tag, ())) != 1 for tag in node.keys):
            return None
        return tuple(next(iter(wanted[tag])) for tag in node.keys)

    def part_of_key(self, node: SchemaNode) -> tuple[str | None, ...]:
        """What the content matches demand of each key leaf of `node`, None for one that they leave open."""
        wanted = {match.nodes[0].tag: match.values for match in self.matches if len(match.nodes) == 1}
        return tuple(next(iter(wanted[tag])) if len(wanted.get(tag, ())) == 1 else None for tag in node.keys)


@dataclass(slots=True)
class Pattern:
    """What to select of the instances of `node`; `below` None is everything. `etag` is the client's."""

    node: SchemaNode
    below: Siblings | None = None
    etag: str = ""


def read_filter(schema: Schema, filter_element: etree._Element, root: SchemaNode | None = None) -> Siblings:
    """The patterns that the children of the `<filter>` element stand for; `root` None is the schema's."""
    found = _siblings(schema, root or schema.root, filter_element)
    found.everything = False
    return found


def _siblings(schema: Schema, parent: SchemaNode, element: etree._Element) -> Siblings:
    found = Siblings()
    selecting = False
    for child in element.iterchildren("{*}*"):
        nodes = tuple(_named(parent, child))
        text = (child.text or "").strip()
        if text and not len(child):
            values = frozenset().union(*(_values(schema, node, child) for node in nodes))
            found.matches.append(Match(tuple(node for node in nodes if node.kind in _VALUED), values))
            continue
        selecting = True
        for node in nodes:
            found.patterns.setdefault(node.tag, []).append(_pattern(schema, node, child))
    found.everything = not selecting
    return found


def _pattern(schema: Schema, node: SchemaNode, element: etree._Element) -> Pattern:
    etag = element.get(ETAG, "")
    if not len(element):
        return Pattern(node, etag=etag)
    if node.kind in (*_VALUED, NodeKind.ANYDATA):
        return Pattern(node, Siblings(), etag)
    return Pattern(node, _siblings(schema, node, element), etag)


def _named(parent: SchemaNode, element: etree._Element) -> Iterator[SchemaNode]:
    """The schema nodes that an element of a filter means."""
    name = etree.QName(element)
    if any(attribute != ETAG for attribute in element.attrib):
        return
    if name.namespace and name.namespace != NETCONF_NAMESPACE:
        node = parent.children.get(element.tag)
        if node is not None:
            yield node
        return
    yield from (node for node in parent.children.values() if node.name == name.localname)


def _values(schema: Schema, node: SchemaNode, element: etree._Element) -> frozenset[str]:
    """The values that the text of a content match stands for; white space around it does not count."""
    text = element.text or ""
    texts = {text, text.strip()}
    if node.type is None or not node.type.has_prefix:
        return frozenset(texts)
    try:
        return frozenset({names.from_xml(schema, node.type, text.strip(), element.nsmap)})
    except ValueError:
        return frozenset()


def subtree(
    schema: Schema, root: Container, filter_element: etree._Element, whole: Whole = everything_below
) -> Container:
    """What the subtree filter selects from `root` (RFC 6241 section 6); an empty filter selects nothing.

    `filter_element` is the `<filter>` element; its children are the filter. A list whose keys the filter
    names is looked up, not searched. `whole` says what is told of nodes that are selected
    with all below them.
    """
    return select(root, read_filter(schema, filter_element), whole)


def select(root: Container, siblings: Siblings, whole: Whole = everything_below) -> Container:
    """What the patterns select from `root`."""
    return _branch(root, siblings, whole) or Container(root.schema, {})


def _branch(branch: _B, siblings: Siblings, whole: Whole) -> _B | None:
    """What is selected of a container or entry, None when nothing is."""
    matched: dict[Tag, Node] = {}
    for match in siblings.matches:
        nodes = list(_matching(branch, match))
        if not nodes:
            return None
        matched.update((node.schema.tag, _with_matched(branch, matched, node)) for node in nodes)
    if siblings.everything:
        selected: _B = whole(branch)
        return selected
    chosen = dict(matched)
    for tag, patterns in siblings.patterns.items():
        node = branch.get(tag)
        part = None if node is None else _node(node, patterns, whole)
        if part is not None:
            chosen[tag] = part
    return _built(branch, chosen) if chosen else None


def _built(branch: _B, chosen: dict[Tag, Node]) -> _B:
    keys = {tag: branch.children[tag] for tag in branch.schema.keys}
    return branch.with_children(in_schema_order(branch.schema, keys | chosen))


def _matching(branch: Branch, match: Match) -> Iterator[Node]:
    for schema in match.nodes:
        node = branch.get(schema.tag)
        if isinstance(node, Leaf) and node.value in match.values:
            yield node
        elif isinstance(node, LeafList) and any(value in match.values for value in node):
            yield LeafList.of(schema, [value for value in node if value in match.values])


def _with_matched(branch: Branch, matched: dict[Tag, Node], node: Node) -> Node:
    """A match with the values of the same leaf-list that other content matches have selected."""
    before = matched.get(node.schema.tag)
    if isinstance(node, LeafList) and isinstance(before, LeafList):
        chosen = {*before, *node}
        return LeafList.of(
            node.schema, [value for value in branch.values(node.schema.tag) if value in chosen]
        )
    return node


def _node(node: Node, patterns: list[Pattern], whole: Whole) -> Node | None:
    """The union of what several filter nodes select of one node."""
    if any(pattern.below is None for pattern in patterns):
        selected: Node = whole(node)
        return selected if whole is everything_below else _with_deeper(node, selected, patterns, whole)
    return _parts(node, patterns, whole)


def _with_deeper(node: Node, selected: Node, patterns: list[Pattern], whole: Whole) -> Node:
    """A node that is told to some depth, with what other patterns select further below."""
    part = _parts(node, patterns, whole)
    if isinstance(selected, Container) and isinstance(part, Container):
        return merge_branch(selected, part)
    if isinstance(selected, ListNode) and isinstance(part, ListNode) and selected.schema.keys:
        for entry in part:
            present = selected.get(entry.key)
            selected = selected.put(entry if present is None else merge_branch(present, entry))
    return selected


def _parts(node: Node, patterns: list[Pattern], whole: Whole) -> Node | None:
    wanted = [pattern.below for pattern in patterns if pattern.below is not None]
    if isinstance(node, StreamedList):
        return node.map(lambda part: _entries(part, wanted, whole))
    if isinstance(node, ListNode):
        return _entries(node, wanted, whole)
    if isinstance(node, Container):
        return _union(node, wanted, whole)
    return None


def _union(branch: _B, wanted: list[Siblings], whole: Whole) -> _B | None:
    merged: _B | None = None
    for siblings in wanted:
        part = _branch(branch, siblings, whole)
        if part is branch:
            return branch
        if part is not None:
            merged = part if merged is None else merge_branch(merged, part)
    return merged


def _entries(node: ListNode, wanted: list[Siblings], whole: Whole) -> ListNode | None:
    by_key: dict[Key, list[Siblings]] = {}
    for_all: list[Siblings] = []
    for siblings in wanted:
        key = siblings.key(node.schema)
        (for_all if key is None else by_key.setdefault(key, [])).append(siblings)
    candidates = node if for_all else filter(None, map(node.get, by_key))
    parts = (_union(entry, [*for_all, *by_key.get(entry.key, ())], whole) for entry in candidates)
    chosen = ListNode.of(node.schema, [part for part in parts if part is not None])
    return None if is_void(chosen) else chosen


class Selection:
    """What a request asks for, read from its filter before any data exists.

    A state source asks `wants` before it builds something, and `keys` before it builds the entries of a list.
    Both may promise too much, never too little: the filter itself is applied to the result.
    """

    def __init__(self, schema: Schema, filters: "tuple[etree._Element, ...] | None") -> None:
        self._schema = schema
        whole = Siblings(everything=True)
        self._top = [whole] if filters is None else [read_filter(schema, one) for one in filters]

    def wants(self, node: SchemaNode | str) -> bool:
        """Whether an instance of `node`, or something above or below one, may be in the answer.

        `node` is a SchemaNode or its path: `/twincast-remote-backup:remote-backup/remote-backup-profile`.
        """
        return self._reached(self._resolved(node)) != []

    def keys(self, node: SchemaNode | str) -> frozenset[Key] | None:
        """The keys of the entries asked for of a list, None when that may be any.

        The list is looked at in all its instances: for a nested list the keys are those asked for in any
        of the entries above.
        """
        schema = self._resolved(node)
        reached = self._reached(schema)
        if reached is None:
            return None
        keys = [siblings.key(schema) for siblings in reached]
        return None if any(key is None for key in keys) else frozenset(key for key in keys if key is not None)

    def parts_of_keys(self, node: SchemaNode | str) -> frozenset[tuple[str | None, ...]] | None:
        """As `keys`, where the filter names some key leaves only: those left open are None in the tuple."""
        schema = self._resolved(node)
        reached = self._reached(schema)
        return None if reached is None else frozenset(each.part_of_key(schema) for each in reached)

    def _resolved(self, node: SchemaNode | str) -> SchemaNode:
        return self._schema.node(node) if isinstance(node, str) else node

    def _reached(self, node: SchemaNode) -> list[Siblings] | None:
        """The filter nodes for the inside of `node`; None is everything, an empty list nothing."""
        current = self._top
        for step in node.chain():
            if any(siblings.everything for siblings in current):
                return None
            if any(step in match.nodes for siblings in current for match in siblings.matches):
                return None
            patterns = [pattern for siblings in current for pattern in siblings.patterns.get(step.tag, ())]
            if any(pattern.below is None for pattern in patterns):
                return None
            current = [pattern.below for pattern in patterns if pattern.below is not None]
        return current


def everything(schema: Schema) -> Selection:
    """The selection of a request without a filter."""
    return Selection(schema, None)

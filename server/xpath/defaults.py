"""Default values in a tree: added, and left out (RFC 6243, RFC 7950 sections 7.6.1, 7.7.2 and 7.9.3).

A default is in use where the node above exists, the case of its choice is the one in use, and its `when` is
true. A `when` sees the defaults that have no `when` of their own.

Only configuration gets defaults: state is told by who knows it, and what is not told is not known to be its
default. So nothing but configuration is ever added to a datastore that was asked for.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final

from server.schema.model import Schema
from server.schema.node import Constraint, NodeKind, SchemaNode, Tag
from server.tree.filter import Selection
from server.tree.node import (
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
    is_void,
)
from server.xpath.evaluate import MAX_STEPS, Evaluator
from server.xpath.functions import FUNCTIONS
from server.xpath.items import Budget, Item
from server.xpath.parser import parse
from server.xpath.syntax import Expression, XPathError, XPathLimitError
from server.xpath.values import boolean

_FILLED: Final = "with defaults"
_TRIMMED: Final = "without defaults"


class Defaults:
    """The default values of one schema; safe for many threads."""

    def __init__(self, schema: Schema) -> None:
        self.schema: Final = schema
        self._carriers = _above(node for node in schema.walk() if node.defaults)
        self._filled = _above(node for node in schema.walk() if node.defaults and node.config)
        self._conditional = _above(node for node in schema.walk() if node.whens)
        self._whens: dict[int, Expression | None] = {
            id(when): _parsed(when) for node in schema.walk() for when in node.whens
        }

    def filled(self, root: Container, *, marked: bool = True) -> Container:
        """`root` with the defaults that are in use; `marked`: they can be told from what was set."""
        filled: Container = _Filling(self, root, marked=marked).branch(root, _Way(None, root.schema))
        return filled

    def trimmed(self, root: Container) -> Container:
        """`root` without leaves that have the value that is their default."""
        trimmed: Container = self._trimmed(root)
        return trimmed

    def narrowed(self, root: Container, selection: Selection) -> Container:
        """`root` without what `selection` does not want: top-level nodes, and entries by their keys."""
        kept = {tag: self._narrowed(child, selection) for tag, child in root.children.items()}
        return Container(root.schema, {tag: child for tag, child in kept.items() if child is not None})

    def _narrowed(self, node: Any, selection: Selection) -> Any:  # noqa: ANN401 - a Node, None for nothing
        if not selection.wants(node.schema):
            return None
        if isinstance(node, Container):
            return self.narrowed(node, selection)
        if isinstance(node, ListNode) and not isinstance(node, StreamedList):
            keys = selection.keys(node.schema)
            if keys is not None and len(keys) < len(node):
                return ListNode.of(node.schema, list(filter(None, map(node.get, sorted(keys)))))
        return node

    def has_below(self, schema: SchemaNode) -> bool:
        """Whether the node or something below it is configuration with a default."""
        return schema in self._filled

    def is_conditional(self, schema: SchemaNode) -> bool:
        """Whether the node or something below it has a `when`."""
        return schema in self._conditional

    def expression(self, when: Constraint) -> Expression | None:
        """The condition, None when it cannot be evaluated here."""
        return self._whens[id(when)]

    def seen(self, node: Any) -> Any:  # noqa: ANN401 - a node of a tree
        """A branch as a `when` sees it: with the defaults of its own children."""
        if not isinstance(node, Branch) or not self.has_below(node.schema):
            return node
        added: dict[Tag, Node] = {}
        for schema in node.schema.children.values():
            if schema.tag not in node.children and not schema.whens and in_case(schema, node):
                made = _made(schema, marked=False)
                if made is None and self._is_implied(schema):
                    made = Container(schema, {})
                if made is not None:
                    added[schema.tag] = made
        return node.with_children(in_schema_order(node.schema, {**node.children, **added})) if added else node

    def _is_implied(self, schema: SchemaNode) -> bool:
        return schema.kind is NodeKind.CONTAINER and not schema.presence and self.has_below(schema)

    def _carries(self, schema: SchemaNode) -> bool:
        return schema in self._carriers

    def _trimmed(self, branch: Any) -> Any:  # noqa: ANN401 - a Container or an Entry
        if not self._carries(branch.schema):
            return branch
        if isinstance(branch, Entry) and _TRIMMED in branch.cache:
            known = branch.cache[_TRIMMED]
            return branch if known is None else known
        kept: dict[Tag, Node] = {}
        for tag, child in branch.children.items():
            node = self._without(child)
            if node is not None:
                kept[tag] = node
        same = len(kept) == len(branch.children) and all(kept[tag] is branch.children[tag] for tag in kept)
        result = branch if same else branch.with_children(kept)
        if isinstance(branch, Entry):
            branch.cache[_TRIMMED] = None if same else result  # never itself: that would be a cycle
        return result

    def _without(self, node: Node) -> Node | None:
        if isinstance(node, Leaf):
            return None if (node.value,) == node.schema.defaults else node
        if isinstance(node, LeafList):
            return None if tuple(node) == node.schema.defaults else node
        if isinstance(node, Container):
            trimmed: Container = self._trimmed(node)
            return None if is_void(trimmed) and not is_void(node) else trimmed
        if isinstance(node, ListNode) and self._carries(node.schema):
            return _mapped(node, self._trimmed, _TRIMMED)
        return node


class _Way:
    """Where a branch is, so that its item is made only when a `when` asks for it."""

    def __init__(self, above: "_Way | None", schema: SchemaNode, entry: Entry | None = None) -> None:
        self.above = above
        self.schema = schema
        self.entry = entry

    def item(self, evaluator: Evaluator) -> Item:
        """The item of the branch; of a container that is only implied, one of its own."""
        if self.above is None:
            return evaluator.root
        above = self.above.item(evaluator)
        if self.entry is not None:
            found = above.entry(self.schema, self.entry.key)
        else:
            found = next(above.children(lambda schema: schema is self.schema), None)
        return evaluator.beside(above, Container(self.schema, {})) if found is None else found


class _Filling:
    """One filling of one tree."""

    def __init__(self, defaults: Defaults, root: Container, *, marked: bool) -> None:
        self._defaults = defaults
        self._root = root
        self._marked = marked
        self._evaluator: Evaluator | None = None

    def branch(self, branch: Any, way: _Way) -> Any:  # noqa: ANN401 - a Container or an Entry
        """The branch with its defaults and those below it; itself when there are none."""
        schema = branch.schema
        if not self._defaults.has_below(schema):
            return branch
        keeps = self._marked and isinstance(branch, Entry) and not self._defaults.is_conditional(schema)
        if keeps and _FILLED in branch.cache:
            known = branch.cache[_FILLED]
            return branch if known is None else known
        changed = {child.schema.tag: child for child in self._changed(branch, way)}
        result = branch
        if changed:
            result = branch.with_children(in_schema_order(schema, {**branch.children, **changed}))
        if keeps:
            branch.cache[_FILLED] = result if changed else None
        return result

    def _changed(self, branch: Branch, way: _Way) -> Iterator[Node]:
        for schema in branch.schema.children.values():
            if self._defaults.has_below(schema):
                present = branch.get(schema.tag)
                node = self._absent(schema, branch, way) if present is None else self._present(present, way)
                if node is not None and node is not present:
                    yield node

    def _present(self, node: Node, way: _Way) -> Node:
        if isinstance(node, Container):
            filled: Container = self.branch(node, _Way(way, node.schema))
            return filled
        if isinstance(node, ListNode):
            keeps = self._marked and not self._defaults.is_conditional(node.schema)
            fill = partial(self._entry, node.schema, way)
            return _mapped(node, fill, _FILLED if keeps else None)
        return node

    def _entry(self, schema: SchemaNode, way: _Way, entry: Entry) -> Entry:
        filled: Entry = self.branch(entry, _Way(way, schema, entry))
        return filled

    def _absent(self, schema: SchemaNode, branch: Branch, way: _Way) -> Node | None:
        if schema.kind is NodeKind.LIST or schema.presence or not in_case(schema, branch):
            return None
        if not all(self._holds(when, schema, way) for when in schema.whens):
            return None
        if schema.kind is not NodeKind.CONTAINER:
            return _made(schema, marked=self._marked)
        filled = self.branch(Container(schema, {}), _Way(way, schema))
        return None if is_void(filled) else filled

    def _holds(self, when: Constraint, schema: SchemaNode, way: _Way) -> bool:
        expression = self._defaults.expression(when)
        if expression is None:
            return False
        if self._evaluator is None:
            budget = Budget(MAX_STEPS, view=self._defaults.seen)
            self._evaluator = Evaluator(self._defaults.schema, self._root, {}, budget)
        above = way.item(self._evaluator)
        item = above if when.context is not schema else self._evaluator.beside(above, _dummy(schema))
        try:
            return boolean(self._evaluator.value(expression, item, when.prefixes))
        except (XPathError, XPathLimitError):
            return False


def in_case(schema: SchemaNode, branch: Branch) -> bool:
    """Whether the case that a node is in is in use, or would be if nothing of its choice is there."""
    for choice, case in schema.cases:
        present = (dict(child.schema.cases) for child in branch if child.schema.cases)
        chosen = next((cases[choice] for cases in present if choice in cases), None)
        if chosen is None and branch.schema.default_cases.get(choice) != case:
            return False
        if chosen is not None and chosen != case:
            return False
    return True


def _made(schema: SchemaNode, *, marked: bool) -> Node | None:
    if not schema.defaults:
        return None
    if schema.kind is NodeKind.LEAF_LIST:
        return (DefaultLeafList if marked else LeafList).of(schema, list(schema.defaults))
    return (DefaultLeaf if marked else Leaf)(schema, schema.defaults[0])


def _dummy(schema: SchemaNode) -> Any:  # noqa: ANN401 - the node that a when is about, before it is there
    if schema.kind is NodeKind.CONTAINER:
        return Container(schema, {})
    return Leaf(schema, schema.defaults[0] if schema.defaults else "")


def _mapped(node: ListNode, change: Callable[[Entry], Entry], kept_as: object) -> ListNode:
    if isinstance(node, StreamedList):
        return node.map(lambda part: _mapped(part, change, None))
    members = node.members.mapped(change, kept_as)
    return node if members is node.members else ListNode(node.schema, members)


def _above(nodes: Iterator[SchemaNode]) -> frozenset[SchemaNode]:
    return frozenset(above for node in nodes for above in node.ancestors_or_self())


def _parsed(when: Constraint) -> Expression | None:
    try:
        prefixes: dict[str | None, str] = dict(when.prefixes.items())
        return parse(when.expression, prefixes, when.node.namespace, known=frozenset(FUNCTIONS))
    except XPathError:
        return None

"""What an XPath expression selects of a tree, as a tree of its own (RFC 6241 section 8.9.4).

A selected node comes with everything below it, the nodes above it, and the keys of the entries on the way.
"""

from collections.abc import Mapping
from typing import Any

from server.schema.model import NodeKind, Schema, SchemaNode
from server.tree.depth import Whole, everything_below
from server.tree.location import Location
from server.tree.node import Branch, Container, Entry, LeafList, ListNode, Node, in_schema_order
from server.tree.xml import merge_branch
from server.xpath.evaluate import Evaluator
from server.xpath.items import Budget, Item
from server.xpath.syntax import Expression, NotNodesError


def select(
    schema: Schema,
    root: Container,
    expression: Expression,
    namespaces: Mapping[str | None, str],
    budget: Budget | None = None,
    whole: Whole = everything_below,
) -> Container:
    """Return what `expression` selects from `root`; `whole` says what is told of each selected node.

    Raises XPathError, NotNodesError when its value is no set of nodes, and XPathLimitError when `budget` is
    spent.
    """
    evaluator = Evaluator(schema, root, namespaces, budget)
    return _Selected(_nodes(evaluator, expression), whole).root(evaluator.root)


def locations(
    schema: Schema,
    root: Container,
    expression: Expression,
    namespaces: Mapping[str | None, str],
    budget: Budget | None = None,
) -> list[Location]:
    """Return where the nodes are that `expression` selects, in document order; raises as `select`.

    The text of a leaf stands for the leaf. The root of the tree has the location of the schema's root.
    """
    found = _nodes(Evaluator(schema, root, namespaces, budget), expression)
    nodes = dict.fromkeys(_whole_node(item) for item in found)
    return [_location(item) for item in sorted(nodes, key=Item.order)]


def _nodes(evaluator: Evaluator, expression: Expression) -> list[Item]:
    found = evaluator.value(expression)
    if not isinstance(found, list):
        kind = {bool: "a boolean", str: "a string"}.get(type(found), "a number")
        raise NotNodesError(f"the expression gives {kind}, not a set of nodes")
    return found


def _whole_node(item: Item) -> Item:
    return item.parent if item.parent is not None and item.is_text else item


def _location(item: Item) -> Location:
    nodes = [above.node for above in (item, *item.ancestors())]
    keys = tuple(node.key for node in reversed(nodes) if isinstance(node, Entry))
    schema: SchemaNode = item.node.schema
    return Location(schema, keys, item.node.value if schema.kind is NodeKind.LEAF_LIST else None)


class _Selected:
    """The selected items, and the items on the way to them by their parents."""

    def __init__(self, items: list[Item], whole: Whole) -> None:
        self._told = whole
        self._whole = {_whole_node(item) for item in items}
        self._inside: dict[Item, dict[Item, None]] = {}
        for item in self._whole:
            below = item
            for above in item.ancestors():
                known = above in self._inside
                self._inside.setdefault(above, {})[below] = None
                if known:
                    break
                below = above

    def root(self, item: Item) -> Container:
        """The tree of everything that was selected."""
        if item in self._whole:
            told: Container = self._told(Container(item.node.schema, item.node.children))
            if self._told is everything_below:
                return told
            return merge_branch(told, Container(told.schema, self._children(item)))
        return Container(item.node.schema, self._children(item))

    def _children(self, item: Item) -> Mapping[str, Node]:
        found: dict[str, Node] = {}
        members: dict[str, list[Any]] = {}
        for child in sorted(self._inside.get(item, ()), key=lambda child: child.place):
            node = self._node(child)
            present = item.node.get(child.node.schema.tag)
            if isinstance(present, (ListNode, LeafList)):
                members.setdefault(present.schema.tag, []).append(node)
            else:
                found[node.schema.tag] = node
        for tag, nodes in members.items():
            schema = nodes[0].schema
            is_list = isinstance(nodes[0], Entry)
            found[tag] = (
                ListNode.of(schema, nodes) if is_list else LeafList.of(schema, [leaf.value for leaf in nodes])
            )
        return in_schema_order(item.node.schema, found)

    def _node(self, item: Item) -> Any:  # noqa: ANN401 - a Node or an Entry
        node = item.node
        if (
            item in self._whole
            and self._told is not everything_below
            and isinstance(node, (Container, Entry))
        ):
            return self._with_deeper(item, self._told(node))
        if item in self._whole or not isinstance(node, Branch):
            return node
        children = self._children(item)
        if not isinstance(node, Entry):
            return node.with_children(children)
        keys = {tag: node.children[tag] for tag in node.schema.keys}
        return node.with_children(in_schema_order(node.schema, {**keys, **children}))

    def _with_deeper(self, item: Item, told: Any) -> Any:  # noqa: ANN401 - a Container or an Entry
        """A node that is told to some depth, with what is selected further below."""
        children = self._children(item)
        return merge_branch(told, told.with_children(children)) if children else told

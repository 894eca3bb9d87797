"""How deep below a selected node an answer goes (max-depth of RFC 8526 section 3.1.1)."""

from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar

from server.tree.node import Container, Entry, ListNode, Node, StreamedList

_B = TypeVar("_B", Container, Entry)
Whole: TypeAlias = Callable[[Any], Any]
"""What becomes of a Node or Entry that is selected with everything below it."""


def everything_below(node: Any) -> Any:  # noqa: ANN401 - a Node or an Entry
    """A `Whole` that leaves nothing out."""
    return node


def limited(levels: int) -> Whole:
    """A `Whole` that keeps `levels` levels: with 1 the node alone, and the keys of a list entry."""

    def whole(node: Any) -> Any:  # noqa: ANN401 - a Node or an Entry
        return _branch(node, levels) if isinstance(node, Entry) else _node(node, levels)

    return whole


def top_level(root: Container, levels: int) -> Container:
    """What is left of a tree of which every top-level node is selected."""
    return _branch(root, levels + 1)


def _branch(branch: _B, levels: int) -> _B:
    if levels > 1:
        below = {tag: _node(child, levels - 1) for tag, child in branch.children.items()}
    else:
        below = {tag: branch.children[tag] for tag in branch.schema.keys}
    return branch.with_children(below)


def _node(node: Node, levels: int) -> Node:
    if isinstance(node, StreamedList):
        return node.map(lambda part: _list(part, levels))
    if isinstance(node, ListNode):
        return _list(node, levels)
    return _branch(node, levels) if isinstance(node, Container) else node


def _list(node: ListNode, levels: int) -> ListNode:
    return ListNode(node.schema, node.members.mapped(lambda entry: _branch(entry, levels)))

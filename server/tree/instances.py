"""Finds instances in a tree by schema node and keys, or by value. Pure."""

from collections.abc import Iterator, Sequence

from server.schema.node import SchemaNode
from server.tree.members import Key
from server.tree.node import Branch, Container, Leaf, LeafList, ListNode, Node


def depth_found(root: Container, node: SchemaNode, keys: Sequence[Key]) -> int:
    """How many steps of the chain of `node`, with one key for each list on it, exist in `root`."""
    remaining = list(keys)
    branch: Branch = root
    for count, step in enumerate(node.chain()):
        child = branch.get(step.tag)
        below = child.get(remaining.pop(0)) if isinstance(child, ListNode) else child
        if not isinstance(below, Branch):
            return count
        branch = below
    return len(node.chain())


def holds_value(root: Branch, leaf: SchemaNode, value: str) -> bool:
    """Whether an instance of `leaf`, a leaf or leaf-list below the schema node of `root`, has this value.

    The only key of a list is looked up; what is no key costs a look at every instance.
    """
    steps: list[SchemaNode] = []
    for step in leaf.ancestors_or_self():
        if step is root.schema:
            break
        if step.parent is not None:  # what has none is the root of the data
            steps.insert(0, step)
    return any(_has(node, value) for node in _reached(root, steps, leaf, value))


def _reached(branch: Branch, steps: Sequence[SchemaNode], leaf: SchemaNode, value: str) -> Iterator[Node]:
    if not steps:
        return
    node = branch.get(steps[0].tag)
    if node is None:
        return
    if len(steps) == 1:
        yield node
    elif isinstance(node, ListNode):
        for entry in _entries(node, steps, leaf, value):
            yield from _reached(entry, steps[1:], leaf, value)
    elif isinstance(node, Container):
        yield from _reached(node, steps[1:], leaf, value)


def _entries(node: ListNode, steps: Sequence[SchemaNode], leaf: SchemaNode, value: str) -> Iterator[Branch]:
    if len(steps) == 2 and node.schema.keys == (leaf.tag,):
        entry = node.get((value,))
        return iter(() if entry is None else (entry,))
    return iter(node)


def _has(node: Node, value: str) -> bool:
    if isinstance(node, Leaf):
        return node.value == value
    return isinstance(node, LeafList) and value in node

"""Values of leaves looked up across a list: computed once for a chunk of entries and kept with it.

A chunk that did not change keeps its index, so after an edit only the chunks that differ are read again.
Defaults that are in use count as values (RFC 7950 sections 7.6.1 and 7.8.3).
"""

from collections.abc import Iterator
from typing import Any, TypeAlias

from server.schema.node import NodeKind, SchemaNode
from server.tree.node import Branch, Entry, Leaf, LeafList, ListNode
from server.tree.sorted_map import Chunk

Chain: TypeAlias = tuple[SchemaNode, ...]
UniqueValues: TypeAlias = tuple[str, ...] | None


def chain_below(node: SchemaNode, above: SchemaNode) -> Chain:
    """The schema nodes from just below `above` down to `node`."""
    chain = [step for step in node.ancestors_or_self() if step.parent is not None]
    if above in chain:
        chain = chain[: chain.index(above)]
    return tuple(reversed(chain))


def values_at(branch: Branch | None, chain: Chain) -> Iterator[str]:
    """The values of all instances of the leaf at the end of `chain`, defaults in use included.

    Lists on the way are entered. `branch` None stands for a non-presence container without children.
    """
    step, rest = chain[0], chain[1:]
    node = None if branch is None else branch.get(step.tag)
    if isinstance(node, Leaf):
        yield node.value
    elif isinstance(node, LeafList):
        yield from node
    elif isinstance(node, ListNode):
        if rest:
            for entry in node:
                yield from values_at(entry, rest)
    elif isinstance(node, Branch):
        if rest:
            yield from values_at(node, rest)
    elif _implied(branch, step):
        yield from values_at(None, rest) if rest else step.defaults


def _implied(branch: Branch | None, step: SchemaNode) -> bool:
    """Whether an absent node stands for its default, or for a container that needs no presence."""
    if step.kind is NodeKind.CONTAINER:
        return not step.presence and _case_in_use(branch, step)
    return bool(step.defaults) and _case_in_use(branch, step)


def _case_in_use(branch: Branch | None, step: SchemaNode) -> bool:
    """A default inside a case counts when the case holds data, or is the default one (RFC 7950 7.6.1)."""
    present = () if branch is None else [child.schema for child in branch.children.values()]
    for choice, case in step.cases:
        chosen = {dict(schema.cases).get(choice) for schema in present} - {None}
        default = step.parent.default_cases.get(choice) if step.parent is not None else None
        if case not in chosen and (chosen or case != default):
            return False
    return True


def has_instance(branch: Branch, chain: Chain) -> bool:
    """Whether there is an instance of the node at the end of `chain` below `branch`."""
    if not chain:
        return True
    node = branch.get(chain[0].tag)
    if isinstance(node, ListNode):
        return any(has_instance(entry, chain[1:]) for entry in node)
    if isinstance(node, Branch):
        return has_instance(node, chain[1:])
    return node is not None


def unique_values(entry: Entry, number: int) -> UniqueValues:
    """What unique statement `number` compares of an entry; None when a leaf has no value."""
    mark = ("unique", number)
    if mark not in entry.cache:
        entry.cache[mark] = _unique_values(entry, number)
    found: Any = entry.cache[mark]
    return found  # type: ignore[no-any-return]


def _unique_values(entry: Entry, number: int) -> UniqueValues:
    values: list[str] = []
    for path in entry.schema.uniques[number]:
        chain: list[SchemaNode] = []
        node = entry.schema
        for tag in path:
            node = node.children[tag]
            chain.append(node)
        value = next(values_at(entry, tuple(chain)), None)
        if value is None:
            return None
        values.append(value)
    return tuple(values)


def entries_by_unique(chunk: Chunk[Any, Entry], number: int) -> dict[UniqueValues, list[Entry]]:
    """The entries of a chunk by what unique statement `number` compares."""
    mark = ("unique", number)
    if mark not in chunk.cache:
        found: dict[UniqueValues, list[Entry]] = {}
        for entry in chunk.values:
            found.setdefault(unique_values(entry, number), []).append(entry)
        chunk.cache[mark] = found
    return chunk.cache[mark]  # type: ignore[no-any-return]


def entries_by_value(chunk: Chunk[Any, Entry], leaf: SchemaNode) -> dict[str, list[Entry]]:
    """The entries of a chunk by the values that `leaf` has in them."""
    mark = ("value", leaf)
    if mark not in chunk.cache:
        found: dict[str, list[Entry]] = {}
        for entry in chunk.values:
            for value in values_at(entry, chain_below(leaf, entry.schema)):
                found.setdefault(value, []).append(entry)
        chunk.cache[mark] = found
    return chunk.cache[mark]  # type: ignore[no-any-return]


def entries_with_value(node: ListNode, leaf: SchemaNode, values: set[str]) -> Iterator[Entry]:
    """The entries of a top-most list in which `leaf` has one of `values`."""
    for chunk in node.members.places.chunks:
        index = entries_by_value(chunk, leaf)
        for value in values if len(values) < len(index) else index.keys() & values:
            yield from index.get(value, ())


def list_has_instance(node: ListNode, below: SchemaNode) -> bool:
    """Whether any entry of a top-most list holds an instance of the schema node `below`."""
    chain = chain_below(below, node.schema)
    mark = ("instance", below)
    for chunk in node.members.places.chunks:
        if mark not in chunk.cache:
            chunk.cache[mark] = any(has_instance(entry, chain) for entry in chunk.values)
        if chunk.cache[mark]:
            return True
    return False

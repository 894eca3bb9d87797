"""Nodes whose `when` a change elsewhere has made false: the server deletes them (RFC 7950 section 8.2).

Whoever creates or changes such a node himself gets unknown-element instead (section 8.3.2), so only what is
as it was before goes.
"""

from collections.abc import Mapping, Sequence
from typing import TypeVar

from server.protocol.errors import ErrorTag, RpcError
from server.schema.model import Schema
from server.schema.names import Step, parse_identifier
from server.tree.members import Key
from server.tree.node import Branch, Container, ListNode, Node
from server.tree.xml import Printer

_B = TypeVar("_B", bound=Branch)


def without_false_whens(
    schema: Schema, old: Container, new: Container, errors: Sequence[RpcError]
) -> Container | None:
    """`new` without the nodes that `errors` of its validation find under a false `when` and `old` has too.

    None when there are none.
    """
    printer = Printer(schema)
    pruned = new
    for error in errors:
        if error.tag is ErrorTag.UNKNOWN_ELEMENT:
            pruned = _without(printer, old, pruned, error)
    return None if pruned is new else pruned


def _without(printer: Printer, old: Container, new: Container, error: RpcError) -> Container:
    try:
        steps = parse_identifier(error.path)
    except ValueError:
        return new  # a key with quotes of both kinds cannot be told; the error stands
    way = [_Way(step, error.path_namespaces) for step in steps]
    before, after = _found(old, way), _found(new, way)
    if before is None or after is None or not _equal(printer, before, after):
        return new
    return _removed(new, way)


class _Way:
    """One step of an instance path: the tag, and the values of the keys by their tags."""

    def __init__(self, step: Step, namespaces: Mapping[str, str]) -> None:
        self.tag = f"{{{namespaces[step.prefix]}}}{step.name}"
        self._keys = {
            f"{{{namespaces[item.prefix]}}}{item.name}": item.value for item in step.predicates if item.prefix
        }

    def key(self, node: ListNode) -> Key | None:
        """The key of the entry that is meant; None for the whole list."""
        if len(self._keys) != len(node.schema.keys):
            return None
        return tuple(self._keys.get(tag, "") for tag in node.schema.keys)


def _found(branch: Branch, way: Sequence[_Way]) -> Node | Branch | None:
    node: Node | Branch | None = branch
    for step in way:
        if not isinstance(node, Branch):
            return None
        node = node.get(step.tag)
        if isinstance(node, ListNode) and (key := step.key(node)) is not None:
            node = node.get(key)
    return node


def _removed(branch: _B, way: Sequence[_Way]) -> _B:
    """`branch` without the node at the end of `way`, which is there."""
    step, *rest = way
    child = branch.get(step.tag)
    if isinstance(child, ListNode) and (key := step.key(child)) is not None:
        entry = child.get(key)
        shorter = child.put(_removed(entry, rest)) if rest and entry is not None else child.remove(key)
        return branch.put(shorter)
    if rest and isinstance(child, Container):
        return branch.put(_removed(child, rest))
    return branch.remove(step.tag)


def _equal(printer: Printer, one: Node | Branch, other: Node | Branch) -> bool:
    return one is other or _printed(printer, one) == _printed(printer, other)


def _printed(printer: Printer, node: Node | Branch) -> bytes:
    if isinstance(node, Branch) and not isinstance(node, Container):
        return b"".join(piece for child in node for piece in printer.pieces(child))
    return b"".join(printer.pieces(node))

"""References that somebody makes to what he may not read. Pure.

Whether a leafref or instance-identifier is valid tells whether its target exists. So whoever sets one has to
be able to read the target: what he may not read is not there for him, and the answer is the same either way.
"""

from collections.abc import Iterable, Iterator

from server.access.named import located
from server.access.reach import Reach
from server.protocol.errors import RpcError, data_missing
from server.schema.model import Schema
from server.schema.node import SchemaNode
from server.tree.diff import Change, Changed
from server.tree.instances import holds_value
from server.tree.location import Location
from server.tree.node import Branch, Container, Entry, Leaf, ListNode


def hidden_references(
    schema: Schema, readable: Reach, changes: Iterable[Change], visible: Container
) -> Iterator[RpcError]:
    """Yield data-missing for each reference that was made and whose target may not be read, or is not there.

    `visible` is what may be read of the configuration that `changes` lead to. What refers to nodes that may
    all be read is left to the validator.
    """
    for change in changes:
        for at, leaf in _leaves(change.location, change.new):
            error = _of_leafref(readable, visible, at, leaf) or _of_identifier(schema, readable, leaf)
            if error is not None:
                yield at.blame(error)


def _leaves(at: Location, node: Changed | None) -> Iterator[tuple[Location, Leaf]]:
    """The leaves that a change makes, with where they are."""
    if isinstance(node, Leaf):
        yield at, node
    elif isinstance(node, (Container, Entry)):
        for child in node:
            below = at.child(child.schema)
            if isinstance(child, ListNode):
                for entry in child:
                    yield from _leaves(below.entry(entry.key), entry)
            elif isinstance(child, (Leaf, Container)):
                yield from _leaves(below, child)


def _of_leafref(readable: Reach, visible: Container, at: Location, leaf: Leaf) -> RpcError | None:
    constraint = leaf.schema.leafref
    info = leaf.schema.type
    target = None if constraint is None else constraint.target
    if target is None or constraint is None or info is None or not info.require_instance:
        return None
    if readable.permits_all_below(Location(target.chain()[0])):
        return None
    anchor = _instance(visible, at, constraint.reads[0].anchor if constraint.reads else None)
    if anchor is not None and holds_value(anchor, target, leaf.value):
        return None
    return dangling(target, leaf)


def dangling(target: SchemaNode, leaf: Leaf) -> RpcError:
    """Return the error of a leafref to nothing (RFC 7950 section 15.5), without a place."""
    owner = target.parent.name if target.parent is not None and target.parent.name else target.name
    value = "this value" if leaf.schema.default_deny_all else f"{leaf.value!r}"
    return data_missing(f"no {owner} has the {target.name} {value}", app_tag="instance-required")


def _instance(root: Container, at: Location, wanted: SchemaNode | None) -> Branch | None:
    """The instance of a node above the location `at`; the root where none is named."""
    branch: Branch = root
    if wanted is None or wanted.parent is None:
        return root
    keys = iter(at.keys)
    for step in wanted.chain():
        child = branch.get(step.tag)
        below = child.get(next(keys, ())) if isinstance(child, ListNode) else child
        if not isinstance(below, Branch):
            return None
        branch = below
    return branch


def _of_identifier(schema: Schema, readable: Reach, leaf: Leaf) -> RpcError | None:
    info = leaf.schema.type
    if info is None or info.base != "instance-identifier" or not info.require_instance:
        return None
    try:
        if readable.permits_all_above(located(schema, leaf.value)):
            return None
    except (KeyError, ValueError):  # it names no node by its keys: the validator has the word
        return None
    value = "" if leaf.schema.default_deny_all else f" {leaf.value}"
    text = f"the instance{value} that {leaf.schema.name} refers to does not exist"
    return data_missing(text, app_tag="instance-required")

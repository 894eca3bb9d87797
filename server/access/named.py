"""What state tells of other nodes by their names, without those that the reader may not read. Pure.

A partial lock names the nodes that it is on (ietf-netconf-monitoring). Who may not read one of them must not
learn from its name that it is there (RFC 8341 section 3.2.4).
"""

from typing import Final, TypeVar

from server.access.reach import Reach
from server.schema import names
from server.schema.model import Schema
from server.schema.node import NodeKind
from server.tree.location import Location
from server.tree.members import Key
from server.tree.node import Container, Entry, LeafList, ListNode

_B = TypeVar("_B", Container, Entry)
_MONITORING: Final = "{urn:ietf:params:xml:ns:yang:ietf-netconf-monitoring}"
_WAY: Final = tuple(
    f"{_MONITORING}{name}" for name in ("netconf-state", "datastores", "datastore", "locks", "partial-lock")
)
_NODES: Final = f"{_MONITORING}locked-node"
_EXPRESSIONS: Final = f"{_MONITORING}select"


def without_hidden_names(schema: Schema, readable: Reach, root: Container) -> Container:
    """Return `root` as whoever may read as far as `readable` may see it.

    An expression may name anything, so it is told only to those who may read everything.
    """
    if _WAY[0] not in root.children or readable.permits_all_below(Location(schema.root)):
        return root
    return _followed(schema, readable, root, _WAY)


def _followed(schema: Schema, readable: Reach, branch: _B, way: tuple[str, ...]) -> _B:
    if not way:
        return _censored(schema, readable, branch)
    child = branch.get(way[0])
    if isinstance(child, Container):
        return branch.put(_followed(schema, readable, child, way[1:]))
    if isinstance(child, ListNode):
        entries = [_followed(schema, readable, entry, way[1:]) for entry in child]
        return branch.put(ListNode.of(child.schema, entries))
    return branch


def _censored(schema: Schema, readable: Reach, lock: _B) -> _B:
    lock = lock.remove(_EXPRESSIONS)
    named = lock.get(_NODES)
    if not isinstance(named, LeafList):
        return lock
    kept = [value for value in named if readable.permits_all_above(located(schema, value))]
    return lock.put(LeafList.of(named.schema, kept))


def located(schema: Schema, identifier: str) -> Location:
    """Return where an instance-identifier in module-name form leads; raises KeyError and ValueError."""
    node, module = schema.root, ""
    keys: list[Key] = []
    for step in names.parse_identifier(identifier):
        module = step.prefix or module
        node = node.children[f"{{{schema.by_name[module].namespace}}}{step.name}"]
        if node.kind is NodeKind.LIST:
            values = {item.name: item.value for item in step.predicates}
            keys.append(tuple(values[node.children[tag].name] for tag in node.keys))
    return Location(node, tuple(keys))

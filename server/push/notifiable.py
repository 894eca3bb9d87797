"""Which nodes of operational an on-change subscription tells of (RFC 8641 section 3.10). Pure.

Counters, what else changes by itself all the time, and memberships, of which there may be a hundred
thousand, are left out: they are for periodic subscriptions. So is what changes with a restart only.
"""

from dataclasses import dataclass
from typing import Final, TypeVar

from server.schema.model import Schema
from server.schema.node import NodeKind, SchemaNode, Tag
from server.tree.members import Members, Style
from server.tree.node import Container, Entry, LeafList, ListNode, Node

_B = TypeVar("_B", Container, Entry)

_PROFILE: Final = "/twincast-remote-backup:remote-backup/remote-backup-profile"
_STATUS: Final = f"{_PROFILE}/igmp-copy-status"
_SESSION: Final = "/ietf-netconf-monitoring:netconf-state/sessions/session"
_RECEIVER: Final = "/ietf-subscribed-notifications:subscriptions/subscription/receivers/receiver"
_CALLS: Final = "/twincast-server:server/call-home/client/state"

RESTLESS: Final = (
    f"{_PROFILE}/group",
    f"{_PROFILE}/hello-statistics",
    *(f"{_STATUS}/{name}" for name in ("groups-count", "entries-count", "retained-count")),
    *(f"{_SESSION}/{name}" for name in ("in-rpcs", "in-bad-rpcs", "out-rpc-errors", "out-notifications")),
    *(f"{_RECEIVER}/{name}-event-records" for name in ("sent", "excluded")),
    *(f"{_CALLS}/{name}" for name in ("attempts", "connections")),
    *(f"/ietf-netconf-acm:nacm/denied-{name}" for name in ("operations", "data-writes", "notifications")),
)
"""What changes by itself, beside everything below a container `statistics`, and lists without keys."""
STATIC: Final = (
    "/ietf-yang-library:yang-library",
    "/ietf-yang-library:modules-state",
    "/ietf-netconf-monitoring:netconf-state/capabilities",
    "/ietf-netconf-monitoring:netconf-state/schemas",
)
"""What changes with a restart only."""
_COUNTERS: Final = "statistics"


@dataclass(frozen=True, slots=True)
class Notifiable:
    """`left_out` are the tops of what is not told of, `above` what is above those and state leaf-lists."""

    left_out: frozenset[SchemaNode]
    above: frozenset[SchemaNode]

    @classmethod
    def of(cls, schema: Schema) -> "Notifiable":
        """Read it from the schema; what this one does not have is no fault."""
        paths = {*RESTLESS, *STATIC}
        left_out = frozenset(node for node in schema.walk() if node.path in paths or _is_restless(node))
        repeating = {node for node in schema.walk() if not node.config and node.kind is NodeKind.LEAF_LIST}
        inner = left_out | repeating
        above = {
            step for node in inner if node.parent is not None for step in node.parent.ancestors_or_self()
        }
        return cls(left_out, frozenset(above))

    def is_static(self, node: SchemaNode) -> bool:
        """Whether a node changes with a restart only."""
        return any(step.path in STATIC for step in node.ancestors_or_self())

    def leaves_out(self, node: SchemaNode) -> bool:
        """Whether a node is not told of."""
        return any(step in self.left_out for step in node.ancestors_or_self())

    def pruned(self, branch: _B) -> _B:
        """Return a tree with what is told of; what has nothing else below it is the same object.

        State leaf-lists become sets, so that one value that goes does not move those behind it.
        """
        kept: dict[Tag, Node] = {}
        changed = False
        for tag, child in branch.children.items():
            part = self._part(child)
            changed = changed or part is not child
            if part is not None:
                kept[tag] = part
        return branch.with_children(kept) if changed else branch

    def _part(self, child: Node) -> Node | None:
        if child.schema in self.left_out:
            return None
        if isinstance(child, LeafList) and child.members.style is Style.POSITIONAL:
            values = sorted(set(child))
            return LeafList(child.schema, Members.build(Style.SYSTEM, [(each, each) for each in values]))
        if child.schema not in self.above:
            return child
        if isinstance(child, ListNode):
            return ListNode.of(child.schema, [self.pruned(entry) for entry in child])
        if isinstance(child, Container):
            part = self.pruned(child)
            return part if part.children or child.schema.presence else None
        return child


def _is_restless(node: SchemaNode) -> bool:
    if node.config:
        return False
    return node.name == _COUNTERS or (node.kind is NodeKind.LIST and not node.keys)


def holds_value(node: SchemaNode) -> bool:
    """Whether a node says something by itself; a key's value is that of its entry."""
    is_key = node.parent is not None and node.tag in node.parent.keys
    valued = node.presence or node.kind in (NodeKind.LEAF, NodeKind.LEAF_LIST, NodeKind.ANYDATA)
    return valued and not is_key

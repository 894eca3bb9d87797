"""Changes as they are shown to people and programs: the path and the node before and after, as XML.

Pure. Values of nodes that nobody may read by default (RFC 8341 section 3.2.2) are left out, and so are such
nodes in a subtree that was created or deleted.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from server.protocol.xml import escape_attribute
from server.schema.model import Schema
from server.schema.node import SchemaNode
from server.tree.diff import Change, Changed
from server.tree.location import Location
from server.tree.node import Container, Entry, Leaf, ListNode
from server.tree.xml import Printer


@dataclass(frozen=True, slots=True)
class Shown:
    """One change. `before` and `after` are an element each, empty where there is none to show.

    `follows` is what the node follows now in a list ordered by the user, None when it is the first.
    """

    operation: str
    location: Location
    follows: Location | None
    before: str
    after: str


class Shower:
    """Turns changes of one schema into what is shown."""

    def __init__(self, schema: Schema) -> None:
        self._printer: Final = Printer(schema)
        self._secretive: Final = frozenset(_above_secrets(schema))

    def shown(self, changes: Sequence[Change]) -> Iterator[Shown]:
        """Return each change as it may be shown."""
        for change in changes:
            before, after = self._element(change.old), self._element(change.new)
            yield Shown(change.kind, change.location, _followed(change), before, after)

    def _element(self, node: Changed | None) -> str:
        if node is None or node.schema.default_deny_all:
            return ""
        return _declared(node.schema, self._printed(self._cleaned(node)))

    def _printed(self, node: Changed) -> str:
        if isinstance(node, Entry):
            return self._printer.entry(node).decode()
        return b"".join(self._printer.pieces(node)).decode()

    def _cleaned(self, node: Any) -> Any:  # noqa: ANN401 - the same kind of node as it is given
        """The node without what nobody may read by default."""
        if node.schema not in self._secretive:
            return node
        if isinstance(node, ListNode):
            return type(node).of(node.schema, [self._cleaned(entry) for entry in node])
        if isinstance(node, (Container, Entry)):
            shown = [child for child in node if not child.schema.default_deny_all]
            return node.with_children({child.schema.tag: self._cleaned(child) for child in shown})
        return node


def _above_secrets(schema: Schema) -> Iterator[SchemaNode]:
    """The nodes that have a default-deny-all node below them."""
    for node in schema.walk():
        if node.default_deny_all:
            yield from node.ancestors_or_self()


def _declared(schema: SchemaNode, xml: str) -> str:
    """The element with its namespace declared on itself, as it stands without the elements around it."""
    start = f"<{schema.name}"
    if xml.startswith(f"{start} xmlns="):
        return xml
    return f'{start} xmlns="{escape_attribute(schema.namespace)}"{xml.removeprefix(start)}'


def _followed(change: Change) -> Location | None:
    if change.point is None:
        return None
    if isinstance(change.new, Leaf):
        return Location(change.location.schema, change.location.keys, change.point[0])
    return Location(change.location.schema, (*change.location.keys[:-1], change.point))

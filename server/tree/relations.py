"""Which list entries a constraint relates to each other: read from the schema once, at start.

A *link* leads from a leaf in an entry (or outside all lists) to entries of a top-most list: a leafref to the
entries whose target leaf has its value, a must or when to the entry whose key its predicates name. What no
link describes is *wide*: its verdict may depend on any entry.
"""

from dataclasses import dataclass, field
from typing import Final, TypeAlias

from server.schema.model import Schema
from server.schema.node import Constraint, ConstraintKind, NodeKind, Read, SchemaNode, TypeInfo

Owner: TypeAlias = SchemaNode | None


@dataclass(frozen=True, slots=True, eq=False)
class Link:
    """From the values of `source` to the entries of `to` in which `target` has the same value.

    `owner` is the top-most list that `source` is in, None outside. `keyed`: `target` is the only key of `to`,
    so an entry is looked up. `reads` are the nodes in `to` whose change matters to those that refer to them;
    for a leafref without predicates only the target's values do, and `by_value` is set.
    """

    owner: Owner
    source: SchemaNode
    to: SchemaNode
    target: SchemaNode
    keyed: bool
    by_value: bool
    reads: tuple[SchemaNode, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Wide:
    """A constraint that has to see everything. `node`: where there is one, it applies.

    `reads` None means that any change may matter.
    """

    node: SchemaNode
    reads: tuple[SchemaNode, ...] | None


@dataclass(slots=True)
class Relations:
    """What the constraints of a schema say about who is related to whom.

    `outside` pairs a node inside a top-most list with the nodes outside all lists that its constraints read.
    """

    links: dict[Owner, list[Link]] = field(default_factory=dict)
    links_to: dict[SchemaNode, list[Link]] = field(default_factory=dict)
    wide: list[Wide] = field(default_factory=list)
    outside: list[Wide] = field(default_factory=list)

    def add(self, link: Link) -> None:
        """Register a link at both ends."""
        self.links.setdefault(link.owner, []).append(link)
        self.links_to.setdefault(link.to, []).append(link)


_IMPLICIT: Final = (NodeKind.LEAF, NodeKind.LEAF_LIST)


def read_relations(schema: Schema) -> Relations:
    """Derive the relations from all constraints on configuration."""
    relations = Relations()
    for constraint in schema.constraints:
        if constraint.node.config:
            _add_constraint(relations, constraint)
    for node in schema.walk():
        if node.config and node.type is not None and _points_anywhere(node.type):
            relations.wide.append(Wide(node, None))
    return relations


def _add_constraint(relations: Relations, constraint: Constraint) -> None:
    place = holder(constraint.node)
    if constraint.unbounded:
        relations.wide.append(Wide(place, None))
        return
    if constraint.kind is ConstraintKind.LEAFREF:
        if constraint.require_instance:
            _add_leafref(relations, constraint, place)
        return
    wide: list[SchemaNode] = []
    for read in constraint.reads:
        if read.target.top_list is None or not read.leaves_entry:
            continue
        if not _add_lookup(relations, constraint, read):
            wide.append(read.target)
    _add_rest(relations, constraint, place, wide)


def _add_leafref(relations: Relations, constraint: Constraint, place: SchemaNode) -> None:
    first, *predicates = constraint.reads
    to = first.target.top_list
    wide: list[SchemaNode] = []
    if to is not None and first.leaves_entry:
        reads = tuple(read.target for read in constraint.reads if read.target.top_list is to)
        keyed = constraint.target_is_top_key
        owner = constraint.node.top_list
        relations.add(Link(owner, constraint.node, to, first.target, keyed, not predicates, reads))
        wide = [
            read.target for read in predicates if read.leaves_entry and read.target.top_list not in (None, to)
        ]
    _add_rest(relations, constraint, place, wide)


def _add_rest(
    relations: Relations, constraint: Constraint, place: SchemaNode, wide: list[SchemaNode]
) -> None:
    if wide:
        relations.wide.append(Wide(place, tuple(wide)))
    outside = tuple(read.target for read in constraint.reads if read.target.top_list is None)
    if outside and constraint.node.top_list is not None:
        relations.outside.append(Wide(place, outside))


def _add_lookup(relations: Relations, constraint: Constraint, read: Read) -> bool:
    """Add the link that the predicates of a must or when describe; False when they describe none."""
    to, owner = read.lookup_list, constraint.context.top_list
    if to is None or not read.lookups or len(to.keys) != 1:
        return False
    source = read.lookups[to.keys[0]]
    if source.top_list is not owner:
        return False
    key = to.children[to.keys[0]]
    relations.add(Link(owner, source, to, key, keyed=True, by_value=False, reads=(read.target,)))
    return True


def holder(node: SchemaNode) -> SchemaNode:
    """The closest node at or above `node` that has to be in the data for `node` to be judged.

    Non-presence containers and leaves with a default are judged although they are not there.
    """
    while node.parent is not None and (
        (node.kind is NodeKind.CONTAINER and not node.presence) or (node.kind in _IMPLICIT and node.defaults)
    ):
        node = node.parent
    return node


def _points_anywhere(kind: TypeInfo) -> bool:
    """Whether a value may be an instance-identifier that has to exist (RFC 7950 section 9.13)."""
    if kind.base == "instance-identifier":
        return kind.require_instance
    return any(_points_anywhere(member) for member in kind.members)

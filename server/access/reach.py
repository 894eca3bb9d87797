"""How far one kind of access reaches into the data (RFC 8341 sections 3.2.4 to 3.2.8 and 3.4.5). Pure.

The rules are followed down the schema: at every node stands which of them apply there because of a path
that has been passed, and which may still apply further below. Where none can, the verdict of a whole subtree
depends on the schema alone and is remembered, so subtrees without rules are neither walked nor copied.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeVar

from server.access.rules import ANY, PathStep, Rule, RulePath
from server.schema.node import NodeKind, SchemaNode, Tag
from server.tree.location import Location
from server.tree.members import Key
from server.tree.node import Branch, Container, Entry, ListNode, Node, StreamedList

_B = TypeVar("_B", Container, Entry)


class Extent(StrEnum):
    """How much of a subtree is permitted: every instance, not even its top, or it has to be looked at."""

    ALL = "all"
    NONE = "none"
    PARTIAL = "partial"


@dataclass(frozen=True, slots=True)
class _Ahead:
    """A rule whose path goes on: the steps that are left below the present node."""

    rule: int
    steps: RulePath


@dataclass(frozen=True, slots=True)
class Standing:
    """Where the rules stand at a node: `reached` have been passed, `ahead` may still be."""

    reached: frozenset[int]
    ahead: tuple[_Ahead, ...]


class Reach:
    """One identity's rules for one kind of access, in order.

    `default` decides where no rule does. `everything`: nothing is denied.
    """

    def __init__(
        self, rules: tuple[Rule, ...], default: Callable[[SchemaNode], bool], *, everything: bool = False
    ) -> None:
        self._rules = rules
        self._default = default
        self._everything: Final = everything
        self._extents: dict[tuple[SchemaNode, frozenset[int]], Extent] = {}
        self._covered: dict[tuple[object, ...], bool] = {}
        reached = frozenset(number for number, rule in enumerate(rules) if not rule.path)
        ahead = tuple(_Ahead(number, rule.path) for number, rule in enumerate(rules) if rule.path)
        self._top = Standing(reached, ahead)

    # one node

    def permits(self, location: Location) -> bool:
        """Whether the node at `location` itself is permitted, whatever is above it."""
        return self._everything or self._permitted(location.schema, self._standing(location))

    def permits_all_above(self, location: Location) -> bool:
        """Whether the node at `location` and every node above it is permitted."""
        if self._everything:
            return True
        return all(self._permitted(node, standing) for node, standing in self._way(location))

    def permits_all_below(self, location: Location) -> bool:
        """Whether the node at `location` and all that can be below it is permitted, whatever there is."""
        return self._everything or self._covers(location.schema, self._standing(location))

    def decide_below(self, parent: Location, module: str, tag: Tag) -> bool | None:
        """What the rules say of an action or notification of the node at `parent`; None when nothing."""
        standing = self._standing(parent)
        reached = set(standing.reached)
        reached.update(
            item.rule for item in standing.ahead if len(item.steps) == 1 and item.steps[0].tag == tag
        )
        return self._decided(module, frozenset(reached))

    def denied(self, location: Location, node: Node | Entry) -> Iterator[Location]:
        """The nodes of the subtree at `location` that are not permitted, without what is below them.

        A container without presence comes and goes with what is in it, so only that counts.
        """
        if self._everything:
            return iter(())
        return self._denied(location, node, self._standing(location))

    # a whole tree

    def visible(self, root: Container) -> Container:
        """What is permitted of a tree; a node that is not goes with all below it (section 3.2.4).

        An entry of which a key is not permitted goes too. What is permitted as a whole is the same object.
        """
        if self._everything:
            return root
        return self._pruned(root, self._top)

    def _pruned(self, branch: _B, standing: Standing) -> _B:
        kept: dict[Tag, Node] = {}
        changed = False
        for tag, child in branch.children.items():
            part = self._visible(child, standing)
            changed = changed or part is not child
            if part is not None:
                kept[tag] = part
        return branch.with_children(kept) if changed else branch

    def _visible(self, node: Node, above: Standing) -> Node | None:
        if isinstance(node, ListNode):
            return self._visible_list(node, above)
        standing = _passed(above, node.schema, None)
        extent = self._extent(node.schema, standing)
        if extent is Extent.ALL:
            return node
        if extent is Extent.NONE:
            return None
        if not isinstance(node, Container):
            return node
        part = self._pruned(node, standing)
        return part if part.children or node.schema.presence else None

    def _visible_list(self, node: ListNode, above: Standing) -> ListNode | None:
        """Entries that no predicate names share one verdict; only the others are looked at one by one."""
        if isinstance(node, StreamedList):
            return node.map(lambda part: self._visible_list(part, above))
        usual = _passed(above, node.schema, ())
        named = _named_keys(above, node.schema)
        extent = self._extent(node.schema, usual)
        if named is None or extent is Extent.PARTIAL:
            return self._kept(node, node, above)
        if extent is Extent.NONE:
            return self._kept(node, filter(None, map(node.get, named)), above)
        for entry in filter(None, map(node.get, named)):
            part = self._visible_entry(entry, above)
            node = node.remove(entry.key) if part is None else node.put(part) if part is not entry else node
        return node if len(node) else None

    def _kept(self, node: ListNode, candidates: Iterable[Entry], above: Standing) -> ListNode | None:
        """What is permitted of these entries; the list itself when that is all of it."""
        pairs = [(entry, self._visible_entry(entry, above)) for entry in candidates]
        if len(pairs) == len(node) and all(part is entry for entry, part in pairs):
            return node
        found = [part for _, part in pairs if part is not None]
        return ListNode.of(node.schema, found) if found else None

    def _visible_entry(self, entry: Entry, above: Standing) -> Entry | None:
        standing = _passed(above, entry.schema, entry.key)
        extent = self._extent(entry.schema, standing)
        if extent is not Extent.PARTIAL:
            return entry if extent is Extent.ALL else None
        part = self._pruned(entry, standing)
        return part if all(tag in part.children for tag in entry.schema.keys) else None

    # the verdict

    def _extent(self, node: SchemaNode, standing: Standing) -> Extent:
        if not self._permitted(node, standing):
            return Extent.NONE
        if standing.ahead:
            return Extent.PARTIAL
        key = (node, standing.reached)
        known = self._extents.get(key)
        if known is None:
            below = (self._extent(child, standing) for child in node.children.values())
            known = Extent.ALL if all(extent is Extent.ALL for extent in below) else Extent.PARTIAL
            self._extents[key] = known
        return known

    def _permitted(self, node: SchemaNode, standing: Standing) -> bool:
        decided = self._decided(node.module, standing.reached)
        return self._default(node) if decided is None else decided

    def _decided(self, module: str, reached: frozenset[int]) -> bool | None:
        for number in sorted(reached):
            rule = self._rules[number]
            if rule.module in (ANY, module):
                return rule.permit
        return None

    def _covers(self, node: SchemaNode, standing: Standing) -> bool:
        key = (node, standing.reached, *((item.rule, len(item.steps)) for item in standing.ahead))
        known = self._covered.get(key)
        if known is None:
            known = self._permitted(node, standing) and all(
                below is not None and self._covers(child, below)
                for child in node.children.values()
                for below in _possible(standing, child)
            )
            self._covered[key] = known
        return known

    def _standing(self, location: Location) -> Standing:
        standing = self._top
        for _, standing in self._way(location):  # noqa: B007 - the last one counts
            pass
        return standing

    def _way(self, location: Location) -> Iterator[tuple[SchemaNode, Standing]]:
        standing = self._top
        keys = iter(location.keys)
        for node in location.schema.chain():
            key = next(keys, ()) if node.kind is NodeKind.LIST else None
            standing = _passed(standing, node, key)
            yield node, standing

    def _denied(self, location: Location, node: Node | Entry, standing: Standing) -> Iterator[Location]:
        """The nodes of a subtree that are not permitted; those below one that is not are left out."""
        extent = self._extent(location.schema, standing)
        means_nothing = isinstance(node, Container) and not node.schema.presence
        if extent is Extent.NONE and not means_nothing:
            yield location
        elif extent is not Extent.ALL and isinstance(node, Branch):
            for child in node:
                yield from self._denied_child(location, child, standing)

    def _denied_child(self, location: Location, child: Node, standing: Standing) -> Iterator[Location]:
        at = location.child(child.schema)
        if isinstance(child, ListNode):
            for entry in child:
                passed = _passed(standing, entry.schema, entry.key)
                yield from self._denied(at.entry(entry.key), entry, passed)
        else:
            yield from self._denied(at, child, _passed(standing, child.schema, None))


def _passed(above: Standing, node: SchemaNode, key: Key | None) -> Standing:
    """Where the rules stand one node further down. `key` () is an entry that no predicate names."""
    if not above.ahead:
        return above
    reached = set(above.reached)
    ahead: list[_Ahead] = []
    for item in above.ahead:
        step, rest = item.steps[0], item.steps[1:]
        if step.tag != node.tag or not _matches(step, node, key):
            continue
        if rest:
            ahead.append(_Ahead(item.rule, rest))
        else:
            reached.add(item.rule)
    return Standing(frozenset(reached), tuple(ahead))


def _possible(above: Standing, node: SchemaNode) -> Iterator[Standing | None]:
    """Where the rules may stand at instances of `node`; None when that cannot be told from the rules."""
    yield _passed(above, node, () if node.kind is NodeKind.LIST else None)
    if node.kind is NodeKind.LIST:
        named = _named_keys(above, node)
        if named is None:
            yield None
            return
        yield from (_passed(above, node, key) for key in named)


def _matches(step: PathStep, node: SchemaNode, key: Key | None) -> bool:
    if not step.keys:
        return True
    values = dict(zip(node.keys, key or (), strict=False))
    return all(values.get(tag) == value for tag, value in step.keys.items())


def _named_keys(above: Standing, node: SchemaNode) -> frozenset[Key] | None:
    """The entries that predicates name; None when one leaves a key open, so that any entry may match."""
    named: set[Key] = set()
    for item in above.ahead:
        step = item.steps[0]
        if step.tag != node.tag or not step.keys:
            continue
        if any(tag not in step.keys for tag in node.keys):
            return None
        named.add(tuple(step.keys[tag] for tag in node.keys))
    return frozenset(named)

"""Three-way merge of configurations: what two parties made of one, and where they are in conflict.

Pure. A node that one of them changed becomes what he made of it; one that both changed in the same way is as
both want it. It is a conflict when both changed one node in different ways: the value of a leaf, whether an
entry or a presence container exists, the order of a list that the user orders, the case of a choice. Costs
what was changed, not what exists.
"""

from dataclasses import dataclass
from enum import StrEnum
from itertools import chain
from typing import Any, Final, TypeAlias, TypeVar

from server.schema.node import NodeKind, SchemaNode
from server.tree.edit import excludes
from server.tree.location import Location
from server.tree.members import Members, Style
from server.tree.node import (
    AnyData,
    Branch,
    Container,
    Entry,
    Leaf,
    LeafList,
    ListNode,
    members_style,
)
from server.tree.sorted_map import SortedMap, differing

_B = TypeVar("_B", Container, Entry)
_Many: TypeAlias = ListNode | LeafList
_NONE: Final[SortedMap[Any, Any]] = SortedMap()


class Side(StrEnum):
    """One of the two parties."""

    OURS = "ours"
    THEIRS = "theirs"


@dataclass(frozen=True, slots=True)
class Merged:
    """`root` has at every conflict what the preferred side has. A conflict is told where it begins."""

    root: Container
    conflicts: tuple[Location, ...]


def merge(base: Container, ours: Container, theirs: Container, prefer: Side) -> Merged:
    """Merge what became of `base` on two sides; all three are configurations."""
    work = _Merge(prefer)
    root = work.node(Location(base.schema), base, ours, theirs)
    return Merged(root, tuple(dict.fromkeys(work.conflicts)))


class _Merge:
    def __init__(self, prefer: Side) -> None:
        self._prefer = prefer
        self.conflicts: list[Location] = []

    def node(self, at: Location, base: Any, ours: Any, theirs: Any) -> Any:  # noqa: ANN401 - Node | None
        """The node that it becomes; None, or what is void, for none."""
        if ours is theirs or base is theirs:
            return ours
        if base is ours:
            return theirs
        schema = at.schema
        if schema.kind in (NodeKind.LIST, NodeKind.LEAF_LIST):
            ordered = members_style(schema) is Style.USER
            return (self._user_ordered if ordered else self._system_ordered)(at, base, ours, theirs)
        if schema.kind is NodeKind.CONTAINER and not schema.presence:
            nothing = Container(schema, {})
            return self._branch(at, *(nothing if each is None else each for each in (base, ours, theirs)))
        return self._whole(at, base, ours, theirs)

    def _whole(self, at: Location, base: Any, ours: Any, theirs: Any) -> Any:  # noqa: ANN401
        """A node that exists or not: a leaf, an entry, a value of a leaf-list, a presence container."""
        if isinstance(base, Branch) and isinstance(ours, Branch) and isinstance(theirs, Branch):
            if base is ours or ours is theirs:
                return theirs
            return ours if base is theirs else self._branch(at, base, ours, theirs)
        if _same(ours, theirs) or _same(base, ours):
            return theirs
        if _same(base, theirs):
            return ours
        self.conflicts.append(at)
        return ours if self._prefer is Side.OURS else theirs

    def _branch(self, at: Location, base: Any, ours: Any, theirs: Any) -> Any:  # noqa: ANN401 - a Branch
        result = theirs
        for tag in dict.fromkeys((*base.children, *ours.children, *theirs.children)):
            child = at.child(at.schema.children[tag])
            present = theirs.get(tag)
            merged = self.node(child, base.get(tag), ours.get(tag), present)
            if merged is not present:
                result = result.remove(tag) if merged is None else result.put(merged)
        return self._one_case(at, ours, theirs, result)

    def _one_case(self, at: Location, ours: Branch, theirs: Branch, merged: _B) -> _B:
        """Without what excludes what the preferred side has (RFC 7950 section 7.9)."""
        in_cases = [child.schema for child in merged if child.schema.cases]
        kept = ours if self._prefer is Side.OURS else theirs
        own = [schema for schema in in_cases if schema.tag in kept.children]
        for schema in in_cases:
            rival = next((each for each in own if excludes(each, schema)), None)
            if rival is not None:
                self.conflicts.append(at.child(rival if kept is ours else schema))
                merged = merged.remove(schema.tag)
        return merged

    def _system_ordered(
        self, at: Location, base: _Many | None, ours: _Many | None, theirs: _Many | None
    ) -> _Many:
        members = _members(at.schema, theirs)
        for key, was, mine in differing(_places(base), _places(ours)):
            merged = self._whole(_member_at(at, key), was, mine, members.get(key))
            members = members.remove(key) if merged is None else members.put(key, merged)
        return _many(at.schema, members)

    def _user_ordered(
        self, at: Location, base: _Many | None, ours: _Many | None, theirs: _Many | None
    ) -> _Many:
        sides = [dict(_members(at.schema, each).items()) for each in (base, ours, theirs)]
        was, mine, other = sides
        merged = {
            key: self._whole(_member_at(at, key), was.get(key), mine.get(key), other.get(key))
            for key in dict.fromkeys((*was, *mine, *other))
        }
        alive = {key: member for key, member in merged.items() if member is not None}
        order = self._order(at, *([key for key in side if key in alive] for side in sides))
        members = _members(at.schema, theirs)
        if order == list(other):
            for key in order:
                members = members.put(key, alive[key])
            return _many(at.schema, members)
        return _many(at.schema, Members.build(Style.USER, [(key, alive[key]) for key in order]))

    def _order(self, at: Location, base: list[Any], ours: list[Any], theirs: list[Any]) -> list[Any]:
        """The order of the members that there are; each list has those of its side.

        Who moved some decides; a new member follows the one that it was put behind.
        """
        moved, moved_too = _is_moved(base, ours), _is_moved(base, theirs)
        if (moved and moved_too and _common(ours, theirs) != _common(theirs, ours)) or not _gaps(
            base, ours, theirs
        ).isdisjoint(_gaps(base, theirs, ours)):
            self.conflicts.append(at)
        first = moved if moved is not moved_too else self._prefer is Side.OURS
        main, other = (ours, theirs) if first else (theirs, ours)
        return _with_others(main, other)


def _with_others(main: list[Any], other: list[Any]) -> list[Any]:
    """The members of one list, and behind each what the other alone has behind it."""
    present = set(main)
    behind: dict[Any, list[Any]] = {}
    before = None
    for key in other:
        if key in present:
            before = key
        else:
            behind.setdefault(before, []).append(key)
    followed = ((key, *behind.get(key, ())) for key in main)
    return [*behind.get(None, ()), *chain.from_iterable(followed)]


def _is_moved(base: list[Any], side: list[Any]) -> bool:
    return _common(base, side) != _common(side, base)


def _common(one: list[Any], other: list[Any]) -> list[Any]:
    """The members of one that the other has too, in the order of the one."""
    known = set(other)
    return [key for key in one if key in known]


def _gaps(base: list[Any], side: list[Any], other: list[Any]) -> set[Any]:
    """Behind which old members one side alone has put new ones; None for the beginning."""
    old, known = set(base), set(other)
    gaps: set[Any] = set()
    before = None
    for key in side:
        if key in old:
            before = key
        elif key not in known:
            gaps.add(before)
    return gaps


def _member_at(at: Location, key: Any) -> Location:  # noqa: ANN401 - a key, or a value of a leaf-list
    return at.entry(key) if at.schema.kind is NodeKind.LIST else at.member(key)


def _members(schema: SchemaNode, node: _Many | None) -> Members[Any, Any]:
    return Members.build(members_style(schema), []) if node is None else node.members


def _places(node: _Many | None) -> SortedMap[Any, Any]:
    return _NONE if node is None else node.members.places


def _many(schema: SchemaNode, members: Members[Any, Any]) -> _Many:
    return ListNode(schema, members) if schema.kind is NodeKind.LIST else LeafList(schema, members)


def _same(one: Any, other: Any) -> bool:  # noqa: ANN401 - nodes, entries, values of a leaf-list, None
    """Whether two nodes, or None for none, are the same with all that is below them."""
    if one is other:
        return True
    if isinstance(one, Branch) and isinstance(other, Branch):
        return one.children.keys() == other.children.keys() and all(
            _same(child, other.children[tag]) for tag, child in one.children.items()
        )
    if isinstance(one, (ListNode, LeafList)) and isinstance(other, (ListNode, LeafList)):
        return _same_members(one, other)
    if isinstance(one, Leaf) and isinstance(other, Leaf):
        return one.value == other.value
    if isinstance(one, AnyData) and isinstance(other, AnyData):
        return one.xml == other.xml
    return isinstance(one, str) and one == other


def _same_members(one: _Many, other: _Many) -> bool:
    if one.members.style is Style.USER:
        mine, theirs = list(one.members.items()), list(other.members.items())
        return [key for key, _ in mine] == [key for key, _ in theirs] and all(
            _same(left, right) for (_, left), (_, right) in zip(mine, theirs, strict=True)
        )
    return all(_same(left, right) for _, left, right in differing(_places(one), _places(other)))

"""The difference of two configurations as ordered changes; costs what differs, not what exists."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeAlias, TypeVar

from server.schema.node import NodeKind, SchemaNode
from server.tree.location import Location
from server.tree.members import Insert, Key, Style
from server.tree.node import AnyData, Branch, Container, Entry, Leaf, LeafList, ListNode, Node
from server.tree.rows import decode, encode_delta
from server.tree.sorted_map import SortedMap, differing

__all__ = ["Change", "ChangeKind", "apply", "decode", "diff", "encode_delta"]

Changed: TypeAlias = Node | Entry

_B = TypeVar("_B", Container, Entry)


class ChangeKind(StrEnum):
    """What happened to a node."""

    CREATE = "create"
    DELETE = "delete"
    REPLACE = "replace"
    MOVE = "move"


@dataclass(frozen=True, slots=True)
class Change:
    """One change. `old` and `new` are the node before and after, None where it does not exist.

    A created or deleted container or entry is one change for the whole subtree. REPLACE is a leaf or anydata
    with another value. A leaf-list value is a `Leaf` of the leaf-list's schema. MOVE is an entry or value of
    a user-ordered list; `point` is the key it now follows (None: it is the first), for a leaf-list the value
    alone in a tuple. A CREATE in a user-ordered list has `point` too.
    """

    kind: ChangeKind
    location: Location
    old: Changed | None
    new: Changed | None
    point: Key | None = None

    @property
    def path(self) -> str:
        """The instance path, such as `/trb:remote-backup/trb:remote-backup-profile[trb:name='rbp3']`."""
        return self.location.path


def diff(old: Container, new: Container) -> tuple[Change, ...]:
    """The changes that lead from `old` to `new`, in document order, deletions first at each level.

    Both are configurations: lists without keys have no place here.
    """
    return tuple(_branch(Location(new.schema), old, new))


def _branch(at: Location, old: Branch, new: Branch) -> Iterator[Change]:
    if old is new:
        return
    for tag, child in old.children.items():
        if tag not in new.children:
            yield from _whole(ChangeKind.DELETE, at.child(child.schema), child)
    for tag, child in new.children.items():
        present = old.children.get(tag)
        if present is None:
            yield from _whole(ChangeKind.CREATE, at.child(child.schema), child)
        elif present is not child:
            yield from _pair(at.child(child.schema), present, child)


def _pair(at: Location, old: Node, new: Node) -> Iterator[Change]:
    if isinstance(old, Container) and isinstance(new, Container):
        yield from _branch(at, old, new)
    elif isinstance(old, (ListNode, LeafList)) and isinstance(new, (ListNode, LeafList)):
        yield from (_user_ordered if new.members.style is Style.USER else _system_ordered)(at, old, new)
    elif not _equal(old, new):
        yield Change(ChangeKind.REPLACE, at, old, new)


def _equal(old: Node, new: Node) -> bool:
    if isinstance(old, Leaf) and isinstance(new, Leaf):
        return old.value == new.value
    return isinstance(old, AnyData) and isinstance(new, AnyData) and old.xml == new.xml


def _whole(kind: ChangeKind, at: Location, node: Node) -> Iterator[Change]:
    if not isinstance(node, (ListNode, LeafList)):
        yield _one(kind, at, node)
        return
    point = None
    for member in node.members:
        yield _one(kind, *_located(at, member), point if kind is ChangeKind.CREATE else None)
        if node.members.style is Style.USER:
            point = _key(member)


def _one(kind: ChangeKind, at: Location, node: Changed, point: Key | None = None) -> Change:
    if kind is ChangeKind.CREATE:
        return Change(kind, at, None, node, point)
    return Change(kind, at, node, None)


def _located(at: Location, member: Entry | str) -> tuple[Location, Changed]:
    """Location and node of a member of a list or leaf-list."""
    if isinstance(member, Entry):
        return at.entry(member.key), member
    return at.member(member), Leaf(at.schema, member)


def _differing(old: ListNode | LeafList, new: ListNode | LeafList) -> Iterable[tuple[Any, Any, Any]]:
    return differing(_places(old), _places(new))


def _places(node: ListNode | LeafList) -> SortedMap[Any, Any]:
    return node.members.places


def _key(member: Entry | str) -> Key:
    return member.key if isinstance(member, Entry) else (member,)


def _system_ordered(at: Location, old: ListNode | LeafList, new: ListNode | LeafList) -> Iterator[Change]:
    created: list[Change] = []
    for _, before, after in _differing(old, new):
        if after is None:
            yield _one(ChangeKind.DELETE, *_located(at, before))
        elif before is None:
            created.append(_one(ChangeKind.CREATE, *_located(at, after)))
        elif isinstance(after, Entry):
            created.extend(_branch(at.entry(after.key), before, after))
    yield from created


def _user_ordered(at: Location, old: ListNode | LeafList, new: ListNode | LeafList) -> Iterator[Change]:
    changed = list(_differing(old, new))
    before = {_key(member): member for _, member, _ in changed if member is not None}
    after = {_key(member): (place, member) for place, _, member in changed if member is not None}
    yield from (
        _one(ChangeKind.DELETE, *_located(at, member)) for key, member in before.items() if key not in after
    )
    moved = _moved(old, new, [key for key in after if key in before])
    for key in moved - after.keys():
        # It stands still while others pass it: a shorter way to say that they move.
        place = new.members.place(_name(new, key))
        before[key], after[key] = _places(old).get(place), (place, _places(new).get(place))
    for key, (place, member) in sorted(after.items(), key=lambda item: item[1][0]):
        point = _point(new, place)
        if key not in before:
            yield _one(ChangeKind.CREATE, *_located(at, member), point)
            continue
        if key in moved:
            yield Change(ChangeKind.MOVE, *_both(at, before[key], member), point)
        if isinstance(member, Entry):
            yield from _branch(at.entry(key), before[key], member)


def _both(at: Location, old: Entry | str, new: Entry | str) -> tuple[Location, Changed, Changed]:
    return *_located(at, old), _located(at, new)[1]


def _point(node: ListNode | LeafList, place: int) -> Key | None:
    before = node.members.places.key_before(place)
    member: Any = None if before is None else _places(node).get(before)
    return None if member is None else _key(member)


def _moved(old: ListNode | LeafList, new: ListNode | LeafList, common: list[Key]) -> set[Key]:
    """Which members changed their position among those that both lists have."""
    if all(old.members.place(_name(old, key)) == new.members.place(_name(new, key)) for key in common):
        return set()
    # A member may have another place and yet stand where it stood, so the order itself is compared.
    keys = [_key(member) for member in new.members]
    places = [(old.members.place(_name(old, key)), key) for key in keys]
    kept = _longest_increasing([(place, key) for place, key in places if place is not None])
    return {key for place, key in places if place is not None and key not in kept}


def _name(node: ListNode | LeafList, key: Key) -> Any:  # noqa: ANN401 - a value for a leaf-list
    return key if isinstance(node, ListNode) else key[0]


def _longest_increasing(pairs: list[tuple[int, Key]]) -> set[Key]:
    """The keys of a longest subsequence whose places rise (patience sorting)."""
    tails: list[int] = []
    tail_at: list[int] = []
    previous: list[int] = []
    for at, (place, _) in enumerate(pairs):
        pile = bisect_left(tails, place)
        previous.append(tail_at[pile - 1] if pile else -1)
        tails[pile : pile + 1] = [place]
        tail_at[pile : pile + 1] = [at]
    kept: set[Key] = set()
    at = tail_at[-1] if tail_at else -1
    while at >= 0:
        kept.add(pairs[at][1])
        at = previous[at]
    return kept


def apply(old: Container, changes: Iterable[Change]) -> Container:
    """`apply(old, diff(old, new))` equals `new`."""
    root = old
    for change in changes:
        root = _updated(root, change.location.schema.chain(), change.location.keys, change)
    return root


def _updated(branch: _B, chain: tuple[SchemaNode, ...], keys: tuple[Key, ...], change: Change) -> _B:
    step, rest = chain[0], chain[1:]
    child: Any = branch.get(step.tag)
    if step.kind is NodeKind.LIST and rest:
        entry = _updated(child.get(keys[0]), rest, keys[1:], change)
        return branch.put(child.put(entry))
    if rest:
        # A deletion may have emptied the container, and so removed it, before this change.
        container = Container(step, {}) if child is None else child
        return branch.put(_updated(container, rest, keys, change))
    if step.kind in (NodeKind.LIST, NodeKind.LEAF_LIST):
        return branch.put(_changed_members(step, child, change))
    new: Any = change.new
    return branch.remove(step.tag) if new is None else branch.put(new)


def _changed_members(schema: SchemaNode, node: Any, change: Change) -> ListNode | LeafList:  # noqa: ANN401
    if node is None:
        node = ListNode.of(schema, []) if schema.kind is NodeKind.LIST else LeafList.of(schema, [])
    target = change.new if change.new is not None else change.old
    key, member = _member(target)
    members = node.members
    if change.new is None:
        members = members.remove(key)
    elif members.style is Style.USER:
        present = members.get(key)
        kept = present if change.kind is ChangeKind.MOVE else member
        point = None if change.point is None else _point_key(schema, change.point)
        members = members.insert(key, kept, Insert.FIRST if point is None else Insert.AFTER, point)
    else:
        members = members.put(key, member)
    return ListNode(schema, members) if schema.kind is NodeKind.LIST else LeafList(schema, members)


def _point_key(schema: SchemaNode, point: Key) -> Any:  # noqa: ANN401 - a key, or a value of a leaf-list
    return point if schema.kind is NodeKind.LIST else point[0]


def _member(node: Changed | None) -> tuple[Any, Any]:
    if isinstance(node, Entry):
        return node.key, node
    value = node.value if isinstance(node, Leaf) else None
    return value, value

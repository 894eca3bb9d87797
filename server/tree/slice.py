"""The slice: the part of a configuration that a change can make invalid, whole where that cannot be told.

It holds everything outside the top-most lists, and of these lists the entries that are related to a change:
changed ones, those a contained entry refers to, and those that refer to what was changed or deleted.
`unique` and max-elements of the top-most lists are judged from indexes (`server.tree.counts`); for
min-elements a slice is filled up with other entries, so that libyang's verdict on it is right.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from server.protocol.errors import RpcError, RpcErrors
from server.schema.model import Schema
from server.schema.node import SchemaNode
from server.tree import counts
from server.tree.diff import Change, diff
from server.tree.index import (
    chain_below,
    entries_with_value,
    has_instance,
    list_has_instance,
    values_at,
)
from server.tree.members import Key
from server.tree.node import Branch, Container, Entry, ListNode, Node
from server.tree.relations import Link, Relations, Wide, read_relations
from server.tree.sorted_map import differing
from server.tree.xml import to_xml


@dataclass(frozen=True, slots=True)
class Slice:
    """`root` is what to hand to the validator; `whole` says that nothing was left out."""

    root: Container
    whole: bool


def slice_for(schema: Schema, old: Container, new: Container) -> Slice:
    """The part of `new` whose verdict a change from the valid `old` can have altered."""
    return Slicer(schema).slice_for(old, new)


def judge(
    schema: Schema, old: Container, new: Container, validate: Callable[[bytes], None]
) -> list[RpcError]:
    """`Slicer.judge` for a single use; a server keeps one `Slicer`."""
    return Slicer(schema).judge(old, new, validate)


class Slicer:
    """Judges changes of configurations of one schema; reads the constraints of the schema once."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._relations = read_relations(schema)

    def judge(
        self,
        old: Container,
        new: Container,
        validate: Callable[[bytes], None],
        changes: Sequence[Change] | None = None,
    ) -> list[RpcError]:
        """Every error of `new`, given that `old` is valid; `validate` is `Validator.validate`.

        This is what validate and commit call: indexes first, then the slice to libyang, each error once.
        With `old` an empty root everything is judged. `changes` is `diff(old, new)` where that is known.
        """
        found = counts.count_and_unique_errors(old, new)
        try:
            validate(b"".join(to_xml(self._schema, self.slice_for(old, new, changes).root)))
        except RpcErrors as refused:
            found.extend(error for error in refused.errors if not counts.judged_here(self._schema, error))
            if not found:
                found.extend(refused.errors)
        return found

    def slice_for(self, old: Container, new: Container, changes: Sequence[Change] | None = None) -> Slice:
        """The part of `new` whose verdict a change from the valid `old` can have altered."""
        if not old.children:
            return Slice(new, whole=True)
        known = diff(old, new) if changes is None else changes
        work = _Related(self._relations, old, new, known)
        chosen = work.chosen()
        if chosen is None:
            return Slice(new, whole=True)
        root = _with_lists(new, chosen)
        return Slice(root, whole=root is new)


class _TooWide(Exception):
    """The slice has to be the whole tree."""


@dataclass(slots=True)
class _Touched:
    """Which schema nodes have changed instances."""

    changed: set[SchemaNode] = field(default_factory=set)
    above: set[SchemaNode] = field(default_factory=set)

    @classmethod
    def by(cls, changes: Iterable[Change]) -> "_Touched":
        touched = cls({change.location.schema for change in changes})
        for node in touched.changed:
            touched.above.update(node.ancestors_or_self())
        return touched

    def any_of(self, nodes: Iterable[SchemaNode]) -> bool:
        return any(
            node in self.above or not self.changed.isdisjoint(node.ancestors_or_self()) for node in nodes
        )


class _Related:
    """Collects the entries of top-most lists that are related to the difference of two trees."""

    def __init__(
        self, relations: Relations, old: Container, new: Container, changes: Sequence[Change]
    ) -> None:
        self._relations = relations
        self._new = new
        self._touched = _Touched.by(changes)
        self._lists = {node.schema: node for node in top_lists(new)}
        self._old_lists = {node.schema: node for node in top_lists(old)}
        self._chosen: dict[SchemaNode, dict[Key, Entry]] = {schema: {} for schema in self._lists}
        self._to_visit: list[Entry] = []

    def chosen(self) -> dict[SchemaNode, dict[Key, Entry]] | None:
        """For every top-most list the entries to keep; None for the whole tree."""
        try:
            self._refuse_changed_width()
            for schema in self._lists.keys() | self._old_lists.keys():
                self._take_changed(schema)
            for link in self._relations.links.get(None, ()):
                self._follow(link, self._new)
            self._fill_up()
            self._close()
            self._refuse_contained_width()
        except _TooWide:
            return None
        return self._chosen

    def _take(self, entry: Entry) -> None:
        chosen = self._chosen[entry.schema]
        if entry.key not in chosen:
            chosen[entry.key] = entry
            self._to_visit.append(entry)

    def _take_changed(self, schema: SchemaNode) -> None:
        empty = ListNode.of(schema, [])
        old, new = self._old_lists.get(schema, empty), self._lists.get(schema, empty)
        if old is new:
            return
        gone: list[Entry] = []
        kept: dict[Key, Entry] = {}
        for _, before, after in differing(old.members.places, new.members.places):
            if after is not None:
                kept[after.key] = after
                self._take(after)
            if before is not None:
                gone.append(before)
        for link in self._relations.links_to.get(schema, ()):
            self._take_referrers(link, gone, kept)

    def _take_referrers(self, link: Link, before: list[Entry], after: dict[Key, Entry]) -> None:
        """Choose what refers through `link` to values that entries had before and may have lost."""
        by_value = link.by_value or not self._touched.any_of(link.reads)
        chain = chain_below(link.target, link.to)
        values: set[str] = set()
        for entry in before:
            had = set(values_at(entry, chain))
            successor = after.get(entry.key)
            if successor is not None and by_value:
                had -= set(values_at(successor, chain))
            values |= had
        if not link.by_value and self._touched.any_of(link.reads):
            for entry in after.values():
                values.update(values_at(entry, chain))
        referrers = self._lists.get(link.owner) if link.owner is not None else None
        if referrers is not None and values:
            for entry in list(entries_with_value(referrers, link.source, values)):
                self._take(entry)

    def _close(self) -> None:
        """Choose what chosen entries refer to, and so on."""
        while self._to_visit:
            entry = self._to_visit.pop()
            for link in self._relations.links.get(entry.schema, ()):
                self._follow(link, entry)

    def _follow(self, link: Link, branch: Branch) -> None:
        target = self._lists.get(link.to)
        if target is None:
            return
        below = chain_below(link.source, branch.schema)
        values = set(values_at(branch, below))
        if not values:
            return
        if link.keyed:
            found: Iterable[Entry | None] = (target.get((value,)) for value in values)
        else:
            found = list(entries_with_value(target, link.target, values))
        for entry in found:
            if entry is not None:
                self._take(entry)

    def _fill_up(self) -> None:
        """Choose further entries of a list that has min-elements, so that a slice does not fall short."""
        for schema, node in self._lists.items():
            entries = iter(node)
            while len(self._chosen[schema]) < min(schema.min_elements, len(node)):
                self._take(next(entries))

    def _refuse_changed_width(self) -> None:
        """Give up where a change is read by constraints of entries that no link names."""
        for wide in (*self._relations.wide, *self._relations.outside):
            if (wide.reads is None or self._touched.any_of(wide.reads)) and self._exists(wide):
                raise _TooWide

    def _refuse_contained_width(self) -> None:
        """Give up where the slice holds something that has to see what was left out."""
        for wide in self._relations.wide:
            owner = wide.node.top_list
            if owner is None:
                contained = has_instance(self._new, chain_below(wide.node, self._new.schema))
            else:
                chain = chain_below(wide.node, owner)
                contained = any(has_instance(entry, chain) for entry in self._chosen.get(owner, {}).values())
            if contained:
                raise _TooWide

    def _exists(self, wide: Wide) -> bool:
        owner = wide.node.top_list
        if owner is None:
            return has_instance(self._new, chain_below(wide.node, self._new.schema))
        node = self._lists.get(owner)
        return node is not None and list_has_instance(node, wide.node)


def top_lists(root: Branch) -> Iterator[ListNode]:
    """The lists of a tree that no list contains."""
    for child in root:
        if isinstance(child, ListNode):
            yield child
        elif isinstance(child, Container):
            yield from top_lists(child)


def _with_lists(branch: Container, chosen: dict[SchemaNode, dict[Key, Entry]]) -> Container:
    """`branch` with its top-most lists reduced to the chosen entries."""
    for child in branch:
        branch = _with_child(branch, child, chosen)
    return branch


def _with_child(branch: Container, child: Node, chosen: dict[SchemaNode, dict[Key, Entry]]) -> Container:
    if isinstance(child, Container):
        return _put(branch, child, _with_lists(child, chosen))
    if not isinstance(child, ListNode) or len(chosen[child.schema]) == len(child):
        return branch
    kept = chosen[child.schema]
    entries = list(kept.values())
    if child.schema.user_ordered:
        entries.sort(key=lambda entry: child.members.place(entry.key) or 0)
    return branch.put(ListNode.of(child.schema, entries))


def _put(branch: Container, before: Container, after: Container) -> Container:
    return branch if after is before else branch.put(after)

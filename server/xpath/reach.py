"""What an XPath expression may come by, read from the schema before there is any data.

State is built only where it may be asked for: `reached` promises too much rather than too little.
"""

from collections.abc import Iterable
from typing import Final

from server.schema.model import Schema
from server.schema.node import NodeKind, SchemaNode
from server.tree.filter import Selection
from server.tree.members import Key
from server.xpath.evaluate import matches, part_named
from server.xpath.syntax import (
    Axis,
    Binary,
    Call,
    Expression,
    Filter,
    Literal,
    NameTest,
    Negative,
    Number,
    Path,
    Step,
)

Places = frozenset[SchemaNode]
Part = tuple[str | None, ...]
"""Of a list's key: the leaves that are named, None for those that are left open."""

MAX_PLACES: Final = 500_000
"""Schema nodes that are looked at; after that everything is promised."""


class XPathSelection(Selection):
    """A `Selection` for an expression instead of a subtree filter."""

    def __init__(self, schema: Schema, expression: Expression) -> None:
        super().__init__(schema, ())
        self._left = MAX_PLACES
        self._read: set[SchemaNode] = set()
        self._parts: dict[SchemaNode, set[Part] | None] = {}
        self._root = schema.root
        self._record(self._evaluated(expression, frozenset({schema.root})))

    def wants(self, node: SchemaNode | str) -> bool:
        """Whether an instance of `node`, or something above or below one, may be come by."""
        schema = self._resolved(node)
        above = set(schema.ancestors_or_self())
        return self._left < 0 or any(
            read in above or schema in read.ancestors_or_self() for read in self._read
        )

    def keys(self, node: SchemaNode | str) -> frozenset[Key] | None:
        """The keys of the entries that may be come by of a list, None when that may be any."""
        parts = self.parts_of_keys(node)
        if parts is None or any(value is None for part in parts for value in part):
            return None
        return frozenset(tuple(value for value in part if value is not None) for part in parts)

    def parts_of_keys(self, node: SchemaNode | str) -> frozenset[Part] | None:
        """As `keys`, where predicates name some key leaves only: those left open are None in the tuple."""
        schema = self._resolved(node)
        above = set(schema.ancestors_or_self()) - {schema}
        parts = self._parts.get(schema, set())
        if self._left < 0 or parts is None or any(read in above for read in self._read):
            return None
        return frozenset(parts)

    def _record(self, places: Iterable[SchemaNode]) -> None:
        self._read.update(places)

    def _evaluated(self, expression: Expression, context: Places) -> Places:
        """The nodes that a set of nodes may hold; of other values, none."""
        match expression:
            case Path(start, absolute, steps):
                return self._path(start, steps, frozenset({self._root}) if absolute else context)
            case Filter(primary, predicates):
                found = self._evaluated(primary, context)
                self._predicates(predicates, found)
                return found
            case Binary("|", left, right):
                return self._evaluated(left, context) | self._evaluated(right, context)
            case Binary(_, left, right):
                self._record(self._evaluated(left, context) | self._evaluated(right, context))
            case Negative(operand):
                self._record(self._evaluated(operand, context))
            case Call(name, arguments):
                return self._call(name, arguments, context)
            case Literal() | Number():
                pass
        return frozenset()

    def _call(self, name: str, arguments: tuple[Expression, ...], context: Places) -> Places:
        found = frozenset[SchemaNode]().union(*(self._evaluated(each, context) for each in arguments))
        self._record(found)
        if not arguments:
            self._record(context)
        if name == "current":
            return frozenset({self._root})
        if name != "deref":
            return frozenset()
        types = (node.type for node in found)
        targets = frozenset(kind.target for kind in types if kind is not None and kind.target is not None)
        for target in targets:
            self._unpin(target.ancestors_or_self())
        return targets

    def _path(self, start: Expression | None, steps: tuple[Step, ...], context: Places) -> Places:
        places = context if start is None else self._evaluated(start, context)
        for step in steps:
            places = frozenset(found for place in places for found in self._step(step, place))
            self._predicates(step.predicates, places)
        return places

    def _predicates(self, predicates: tuple[Expression, ...], places: Places) -> None:
        if places:
            for predicate in predicates:
                self._record(self._evaluated(predicate, places))

    def _step(self, step: Step, place: SchemaNode) -> list[SchemaNode]:
        if self._left < 0:
            return []
        on_axis = tuple(self._on_axis(step.axis, place))
        self._left -= 1 + len(on_axis)
        found = [node for node in on_axis if _passes(step, node)]
        if not isinstance(step.test, NameTest):
            found.append(place)  # the text of a leaf is reached where the leaf is
        if step.axis is Axis.CHILD and len(found) == 1 and found[0].kind is NodeKind.LIST:
            part = part_named(found[0], step)
            known = self._parts.get(found[0], set())
            if known is not None and any(value is not None for value in part):
                self._parts[found[0]] = {*known, part}
                return found
        for node in found:
            self._unpin(node.ancestors_or_self() if step.axis is not Axis.CHILD else (node,))
        return found

    def _unpin(self, nodes: Iterable[SchemaNode]) -> None:
        for node in nodes:
            if node.kind is NodeKind.LIST:
                self._parts[node] = None

    def _on_axis(self, axis: Axis, place: SchemaNode) -> Iterable[SchemaNode]:
        match axis:
            case Axis.SELF:
                return (place,)
            case Axis.CHILD:
                return place.children.values()
            case Axis.DESCENDANT | Axis.DESCENDANT_OR_SELF:
                return place.walk()
            case Axis.PARENT:
                return () if place.parent is None else (place.parent,)
            case Axis.ANCESTOR | Axis.ANCESTOR_OR_SELF:
                return place.ancestors_or_self()
            case Axis.ATTRIBUTE | Axis.NAMESPACE:
                return ()
            case _:
                return self._root.walk()


def _passes(step: Step, node: SchemaNode) -> bool:
    test = step.test
    if isinstance(test, NameTest):
        return node.parent is not None and matches(test, node)
    return test.kind in ("node", "text")

"""Which schema nodes an XPath expression reads (XPath 1.0 over the data tree, RFC 7950 section 6.4).

Owns the walk of pyang's syntax tree over the schema: location paths are followed node by node,
predicates included. Nothing is evaluated. What cannot be followed exactly makes the result `unbounded`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pyang import xpath_lexer, xpath_parser

from server.schema.node import NodeKind, Read, SchemaNode, Tag

Syntax = Any
"""A node of pyang's XPath syntax tree: nested tuples and lists."""

# A predicate with a number for its value is a position.
_NUMBER_FUNCTIONS = frozenset(
    {"number", "sum", "count", "floor", "ceiling", "round", "string-length", "enum-value"}
)
# position and last depend on how many siblings there are, so on entries that a slice leaves out;
# id and lang have no meaning in YANG.
_UNBOUNDED_FUNCTIONS = frozenset({"position", "last", "id", "lang"})


def parse(expression: str) -> Syntax:
    """Return the syntax tree of an XPath expression; raises ValueError."""
    try:
        return xpath_parser.parse(expression)
    except xpath_lexer.XPathError as error:
        raise ValueError(f"XPath {expression!r}: {error.msg}") from error
    except SyntaxError as error:
        raise ValueError(f"XPath {expression!r}: {error.msg}") from error


@dataclass(frozen=True, slots=True)
class _Pin:
    """A key of an entry of `entry` that has to equal the value of `leaf`."""

    entry: SchemaNode
    key: Tag
    leaf: SchemaNode


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a path stands: `node`, reached by going down from the context's own ancestor `anchor`."""

    node: SchemaNode
    anchor: SchemaNode
    pins: frozenset[_Pin] = frozenset()

    def parent(self) -> "_Place | None":
        above = self.node.parent
        if above is None:
            return None
        return _Place(above, above if self.node is self.anchor else self.anchor, self.pins)

    def child(self, node: SchemaNode) -> "_Place":
        return _Place(node, self.anchor, self.pins)

    def pinned(self, pins: Iterable[_Pin]) -> "_Place":
        return replace(self, pins=self.pins | frozenset(pins))

    def lists_below_anchor(self) -> list[SchemaNode]:
        """The lists that the path goes down through, outermost first."""
        found = []
        node: SchemaNode | None = self.node
        while node is not None and node is not self.anchor:
            if node.kind in {NodeKind.LIST, NodeKind.LEAF_LIST}:
                found.append(node)
            node = node.parent
        return found[::-1]


@dataclass(slots=True)
class Resolution:
    """The outcome: `reads` without duplicates, in the order found, and whether they are all."""

    reads: list[Read] = field(default_factory=list)
    unbounded: bool = False


class Resolver:
    """Follows the paths of one expression.

    `context` is the node the expression starts at, `prefixes` binds the prefixes of the text it stands in to
    namespaces, and names without prefix are in `namespace`.
    """

    def __init__(self, context: SchemaNode, prefixes: Mapping[str, str], namespace: str) -> None:
        self._context = _Place(context, context)
        self._prefixes = prefixes
        self._namespace = namespace
        self._places: dict[tuple[int, int, frozenset[_Pin]], _Place] = {}
        self._unbounded = False

    def expression(self, syntax: Syntax) -> Resolution:
        """Resolve a whole expression (must, when)."""
        self._record(self._evaluate(syntax, self._context))
        return self._result()

    def path(self, syntax: Syntax) -> Resolution:
        """Resolve a leafref's path: its target is the first read."""
        found = self._evaluate(syntax, self._context)
        others, self._places = self._places, {}
        self._record(found)
        self._places.update(others)
        return self._result()

    def _result(self) -> Resolution:
        reads = [_read(place, self._context.node) for place in self._places.values()]
        return Resolution(reads, self._unbounded)

    def _record(self, places: Iterable[_Place]) -> None:
        for place in places:
            if place.node is not self._context.node or place.anchor is not place.node:
                self._places.setdefault((id(place.node), id(place.anchor), place.pins), place)

    def _evaluate(self, syntax: Syntax, place: _Place) -> list[_Place]:
        """Return the node set of `syntax`, empty for other values; what is read on the way is recorded."""
        if isinstance(syntax, list):
            return self._filtered_path(syntax, place)
        kind = syntax[0]
        if kind == "relative":
            return self._steps(syntax[1], [place])
        if kind == "absolute":
            root = _top(place)
            return self._steps(syntax[1], [_Place(root, root)])
        if kind == "path_expr":
            return self._evaluate(syntax[1], place)
        if kind == "union":
            return self._union(syntax[1], place)
        if kind == "function_call":
            return self._function(syntax[1], syntax[2], place)
        if kind == "path":
            found = self._evaluate(syntax[2], place)
            return [self._predicate(syntax[3], item) for item in found]
        self._operands(syntax, place)
        return []

    def _operands(self, syntax: Syntax, place: _Place) -> None:
        """Record what the operands of a comparison, a calculation or a logical operator read."""
        if syntax[0] in {"comp", "arith", "bool"}:
            self._record(self._evaluate(syntax[2], place))
            self._record(self._evaluate(syntax[3], place))
        elif syntax[0] == "negative":
            self._record(self._evaluate(syntax[1], place))
        elif syntax[0] not in {"literal", "number"}:
            self._unbounded = True

    def _filtered_path(self, syntax: list[Syntax], place: _Place) -> list[_Place]:
        if syntax and syntax[0][0] == "step":
            # pyang's tree of a union of three paths no longer says which of them is absolute.
            self._unbounded = True
            return []
        return self._steps(syntax[1:], self._evaluate(syntax[0], place))

    def _union(self, members: list[Syntax], place: _Place) -> list[_Place]:
        return [found for member in members for found in self._evaluate(member, place)]

    def _function(self, name: str, arguments: list[Syntax], place: _Place) -> list[_Place]:
        if name == "current":
            return [self._context]
        if name in _UNBOUNDED_FUNCTIONS:
            self._unbounded = True
        found = [item for argument in arguments for item in self._evaluate(argument, place)]
        if name == "deref":
            return [target for item in found for target in self._deref(item)]
        self._record(found)
        if not arguments and name in {"string", "number", "string-length", "normalize-space"}:
            self._record([place])
        return []

    def _deref(self, place: _Place) -> list[_Place]:
        """The leaf that a leafref points at, pinned to the entry that has its value (RFC 7950 10.3.1)."""
        self._record([place])
        info = place.node.type
        if info is None or info.base != "leafref" or info.target is None:
            self._unbounded = True
            return []
        target = info.target
        root = _top(place)
        if target.parent is not None and target.tag in target.parent.keys and _is_single(place):
            return [_Place(target, root, frozenset({_Pin(target.parent, target.tag, place.node)}))]
        return [_Place(target, root)]

    def _steps(self, steps: list[Syntax], places: list[_Place]) -> list[_Place]:
        for step in steps:
            _, axis, test, predicates = step
            places = [found for place in places for found in self._step(axis, test, place)]
            for predicate in predicates:
                places = [self._predicate(predicate, place) for place in places]
        return places

    def _step(self, axis: str, test: Syntax, place: _Place) -> list[_Place]:
        if axis == "child":
            return self._children(test, place)
        if axis == "self":
            return [place] if self._matches(test, place.node) else []
        if axis == "parent":
            above = place.parent()
            return [above] if above is not None and self._matches(test, above.node) else []
        if axis != "attribute":
            self._unbounded = True
        return []

    def _children(self, test: Syntax, place: _Place) -> list[_Place]:
        if test == ("node_type", "text"):
            return [place]
        return [place.child(node) for node in place.node.children.values() if self._matches(test, node)]

    def _matches(self, test: Syntax, node: SchemaNode) -> bool:
        if test == "wildcard":
            return True
        kind = test[0]
        if kind == "name":
            namespace = self._namespace if test[1] is None else self._prefixes.get(test[1], "")
            return node.tag == f"{{{namespace}}}{test[2]}"
        if kind == "has_namespace":
            return node.namespace == self._prefixes.get(test[1].partition(":")[0], "")
        return bool(kind == "node_type" and test[1] == "node")

    def _predicate(self, syntax: Syntax, place: _Place) -> _Place:
        """Record what a predicate reads and return the place with the keys that it pins down."""
        syntax = _unwrapped(syntax)
        if _is_number(syntax):
            self._unbounded = True
        self._record(self._evaluate(syntax, place))
        return place.pinned(self._pins(syntax, place))

    def _pins(self, syntax: Syntax, place: _Place) -> list[_Pin]:
        syntax = _unwrapped(syntax)
        if syntax[0] == "bool" and syntax[1] == "and":
            return [*self._pins(syntax[2], place), *self._pins(syntax[3], place)]
        if syntax[0] != "comp" or syntax[1] != "=" or place.node.kind is not NodeKind.LIST:
            return []
        return [
            *self._pin(syntax[2], syntax[3], place),
            *self._pin(syntax[3], syntax[2], place),
        ]

    def _pin(self, left: Syntax, right: Syntax, place: _Place) -> list[_Pin]:
        keys = self._node_set(left, place)
        if len(keys) != 1 or keys[0].node.tag not in place.node.keys or keys[0].node.parent is not place.node:
            return []
        values = self._node_set(right, place)
        if len(values) != 1 or not _is_single(values[0]) or not _compares_as_text(values[0].node):
            return []
        return [_Pin(place.node, keys[0].node.tag, values[0].node)]

    def _node_set(self, syntax: Syntax, place: _Place) -> list[_Place]:
        """Evaluate once more for its node set alone: what it reads is recorded already."""
        kept, self._places = self._places, {}
        try:
            return self._evaluate(syntax, place)
        finally:
            self._places = kept


def _unwrapped(syntax: Syntax) -> Syntax:
    """Take off the parentheses that pyang keeps around an expression."""
    while syntax[0] == "path_expr":
        syntax = syntax[1]
    return syntax


def _is_number(syntax: Syntax) -> bool:
    if syntax[0] == "function_call":
        return syntax[1] in _NUMBER_FUNCTIONS
    return syntax[0] in {"number", "arith", "negative"}


def _top(place: _Place) -> SchemaNode:
    *_, root = place.anchor.ancestors_or_self()
    return root


def _is_single(place: _Place) -> bool:
    """Whether there is one instance at most, seen from the context node's own entry."""
    return place.node.kind is NodeKind.LEAF and not place.lists_below_anchor()


def _compares_as_text(node: SchemaNode) -> bool:
    return node.type is not None and not node.type.has_prefix


def _read(place: _Place, context: SchemaNode) -> Read:
    top = context.top_list
    outside = place.lists_below_anchor()
    inside = top is not None and top in place.anchor.ancestors_or_self()
    if inside or not outside:
        return Read(place.node, place.anchor, leaves_entry=not inside and top is not None)
    entry = outside[0]
    lookups = {pin.key: pin.leaf for pin in place.pins if pin.entry is entry}
    pinned = bool(entry.keys) and set(lookups) == set(entry.keys)
    return Read(place.node, place.anchor, True, entry, lookups if pinned else {})

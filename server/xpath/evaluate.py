"""The value of an XPath expression over a tree (W3C REC-xpath-19991116), in a bounded number of steps.

An entry that a predicate names by its keys is looked up, and a search below a node leaves out what by the
schema cannot hold what is searched for; both change the cost only.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from server.schema.model import Schema
from server.schema.node import NodeKind, SchemaNode
from server.tree.members import Key
from server.tree.node import Container
from server.xpath.axes import on_axis
from server.xpath.compare import SWAPPED, calculated, compared
from server.xpath.functions import FUNCTIONS, Frame, World
from server.xpath.items import Budget, Item
from server.xpath.syntax import (
    Axis,
    Binary,
    Call,
    Expression,
    Filter,
    KindTest,
    Literal,
    NameTest,
    Negative,
    Number,
    Path,
    Step,
    XPathError,
)
from server.xpath.values import Nodes, Value, boolean, number

MAX_STEPS: Final = 2_000_000
"""Nodes that one evaluation may come by."""

_POSITIONAL: Final = frozenset({"position", "last"})
_BOOLEAN: Final = frozenset(
    {"boolean", "contains", "derived-from", "derived-from-or-self", "not", "starts-with"}
)
_VALUED: Final = (NodeKind.LEAF, NodeKind.LEAF_LIST)


class Evaluator:
    """Evaluates expressions over one tree with one budget; items are shared between the evaluations."""

    def __init__(
        self,
        schema: Schema,
        root: Container,
        namespaces: Mapping[str | None, str],
        budget: Budget | None = None,
    ) -> None:
        """`namespaces` binds the prefixes of identities and the like in literals."""
        self._budget = Budget(MAX_STEPS) if budget is None else budget
        self._reaches: dict[tuple[SchemaNode, NameTest], bool] = {}
        self.root: Final = Item(root, None, (), self._budget, root.schema)
        self._world = World(self.root, schema, self._budget, namespaces)

    def value(
        self,
        expression: Expression,
        context: Item | None = None,
        namespaces: Mapping[str, str] | None = None,
    ) -> Value:
        """Return the value; raises XPathError and XPathLimitError.

        `namespaces` are for this expression alone.
        """
        item = context or self.root
        world = self._world
        if namespaces is not None:
            world = replace(world, namespaces=dict(namespaces.items()))
        return self._value(expression, Frame(item, 1, 1, item, world))

    def beside(self, parent: Item, node: Any) -> Item:  # noqa: ANN401 - a Container or Leaf
        """A node that is not in the tree, as if it were a child of `parent`."""
        return Item(node, parent, (), self._budget, node.schema)

    def _value(self, expression: Expression, frame: Frame) -> Value:
        self._budget.spend()
        match expression:
            case Literal(text):
                return text
            case Number(value):
                return value
            case Path():
                return self._path(expression, frame)
            case Filter(primary, predicates):
                found = sorted(self._nodes(primary, frame), key=Item.order)
                return self._filtered(found, predicates, frame)
            case Negative(operand):
                return -number(self._value(operand, frame))
            case Call(name, arguments):
                return FUNCTIONS[name](frame, [self._value(each, frame) for each in arguments])
            case Binary():
                return self._binary(expression, frame)

    def _nodes(self, expression: Expression, frame: Frame) -> Nodes:
        found = self._value(expression, frame)
        if not isinstance(found, list):
            raise XPathError("a value that is no set of nodes stands where a path goes on")
        return found

    def _binary(self, expression: Binary, frame: Frame) -> Value:
        name = expression.operator
        if name in ("and", "or"):
            left = boolean(self._value(expression.left, frame))
            if left is (name == "or"):
                return left
            return boolean(self._value(expression.right, frame))
        if name == "|":
            both = (*self._nodes(expression.left, frame), *self._nodes(expression.right, frame))
            return _unique(both)
        left_value, right_value = self._value(expression.left, frame), self._value(expression.right, frame)
        if name in SWAPPED:
            return compared(name, left_value, right_value, frame)
        return calculated(name, number(left_value), number(right_value))

    def _path(self, path: Path, frame: Frame) -> Nodes:
        if path.start is not None:
            items = self._nodes(path.start, frame)
        else:
            items = [self.root if path.absolute else frame.item]
        steps = _merged(path.steps)
        for step in steps:
            found = [self._step(step, item, frame) for item in items]
            items = found[0] if len(found) == 1 else _unique(item for part in found for item in part)
        return items

    def _step(self, step: Step, item: Item, frame: Frame) -> Nodes:
        looked_up = self._looked_up(step, item)
        found = list(self._on_axis(step, item)) if looked_up is None else looked_up
        return self._filtered(found, step.predicates, frame)

    def _filtered(self, items: Nodes, predicates: tuple[Expression, ...], frame: Frame) -> Nodes:
        for predicate in predicates:
            size, kept = len(items), []
            for position, item in enumerate(items, start=1):
                value = self._value(predicate, Frame(item, position, size, frame.current, frame.world))
                if value == position if type(value) is float else boolean(value):
                    kept.append(item)
            items = kept
        return items

    def _looked_up(self, step: Step, item: Item) -> Nodes | None:
        """The one entry that the first predicates name by all its keys, None when they do not."""
        if step.axis is not Axis.CHILD or not isinstance(step.test, NameTest) or item.schema is None:
            return None
        matching = [node for node in item.schema.children.values() if matches(step.test, node)]
        if len(matching) != 1 or not matching[0].keys:
            return None
        key = key_named(matching[0], step)
        if key is None:
            return None
        found = item.entry(matching[0], key)
        return [] if found is None else [found]

    def _on_axis(self, step: Step, item: Item) -> Iterator[Item]:
        test = step.test
        if isinstance(test, NameTest):
            if step.axis is Axis.CHILD:
                return item.children(lambda schema: matches(test, schema))
            if step.axis in (Axis.DESCENDANT, Axis.DESCENDANT_OR_SELF):
                return self._searched(test, step.axis, item)
        return (found for found in on_axis(step.axis, item) if _passes(test, found))

    def _searched(self, test: NameTest, axis: Axis, item: Item) -> Iterator[Item]:
        if axis is Axis.DESCENDANT_OR_SELF and _passes(test, item):
            yield item
        below = item.descendants(lambda schema: self._can_hold(schema, test))
        yield from (found for found in below if _passes(test, found))

    def _can_hold(self, schema: SchemaNode, test: NameTest) -> bool:
        known = self._reaches.get((schema, test))
        if known is None:
            known = any(matches(test, node) for node in schema.walk())
            self._reaches[schema, test] = known
        return known


def matches(test: NameTest, schema: SchemaNode) -> bool:
    """Whether the nodes of `schema` pass a name test."""
    return (test.name is None or test.name == schema.name) and (
        test.namespace is None or test.namespace == schema.namespace
    )


def _passes(test: NameTest | KindTest, item: Item) -> bool:
    if isinstance(test, NameTest):
        return item.schema is not None and item.parent is not None and matches(test, item.schema)
    return test.kind == "node" or (test.kind == "text" and item.schema is None)


def key_named(schema: SchemaNode, step: Step) -> Key | None:
    """The key of an entry that the first predicates name with all its leaves."""
    found = part_named(schema, step)
    key = tuple(value for value in found if value is not None)
    return key if len(key) == len(found) else None


def part_named(schema: SchemaNode, step: Step) -> tuple[str | None, ...]:
    """The leaves of a list's key that the first predicates name; None for one that they leave open."""
    given: dict[str, str] = {}
    for predicate in step.predicates:
        if not isinstance(predicate, Binary) or predicate.operator != "=":
            break
        leaf = _single_name(predicate.left, schema)
        if leaf is None or leaf.tag not in schema.keys or not isinstance(predicate.right, Literal):
            break
        if leaf.type is not None and leaf.type.has_prefix:
            break
        given.setdefault(leaf.tag, predicate.right.text)
    return tuple(given.get(tag) for tag in schema.keys)


def _single_name(expression: Expression, schema: SchemaNode) -> SchemaNode | None:
    """The child leaf that a path of one name leads to."""
    if not isinstance(expression, Path) or expression.start is not None or expression.absolute:
        return None
    match expression.steps:
        case (Step(Axis.CHILD, NameTest() as test, ()),):
            found = [node for node in schema.children.values() if matches(test, node)]
            return found[0] if len(found) == 1 and found[0].kind in _VALUED else None
        case _:
            return None


def _merged(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """`//name` as one search, unless its predicates count positions among siblings."""
    merged: list[Step] = []
    for step in steps:
        before = merged[-1] if merged else None
        if (
            before == Step(Axis.DESCENDANT_OR_SELF, KindTest("node"))
            and step.axis is Axis.CHILD
            and isinstance(step.test, NameTest)
            and all(_is_plain(predicate) for predicate in step.predicates)
        ):
            merged[-1] = replace(step, axis=Axis.DESCENDANT)
        else:
            merged.append(step)
    return tuple(merged)


def _is_plain(predicate: Expression) -> bool:
    """Whether the value of a predicate is no position and depends on none."""
    match predicate:
        case Binary(name, left, right):
            is_number = name in ("+", "-", "*", "div", "mod")
            return not is_number and not _counts(left) and not _counts(right)
        case Path():
            return not _counts(predicate)
        case Call(name, _):
            return name in _BOOLEAN and not _counts(predicate)
        case _:
            return False


def _counts(expression: Expression) -> bool:
    """Whether an expression asks for the position of its context node."""
    match expression:
        case Call(name, arguments):
            return name in _POSITIONAL or any(map(_counts, arguments))
        case Binary(_, left, right):
            return _counts(left) or _counts(right)
        case Negative(operand):
            return _counts(operand)
        case Path(start, _, _):
            return start is not None and _counts(start)
        case Filter(primary, _):
            return _counts(primary)
        case _:
            return False


def _unique(items: Iterable[Item]) -> Nodes:
    return list(dict.fromkeys(items))

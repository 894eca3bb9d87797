"""The functions of XPath 1.0 (W3C REC-xpath-19991116 section 4) and of YANG (RFC 7950 section 10)."""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Final

from server.schema import names
from server.schema.model import Schema
from server.schema.node import SchemaNode
from server.tree.node import Leaf
from server.xpath.items import Budget, Item
from server.xpath.syntax import XPathError
from server.xpath.values import NAN, Nodes, Value, boolean, number, string

_SPACES: Final = re.compile(r"[ \t\r\n]+")


@dataclass(frozen=True, slots=True)
class World:
    """What stays the same during an evaluation."""

    root: Item
    schema: Schema
    budget: Budget
    namespaces: Mapping[str | None, str]


@dataclass(slots=True)
class Frame:
    """Where an expression is evaluated: the context of XPath (section 1), and what functions need beside it.

    There is one for each node that a predicate looks at, so that it is quick to make rather than frozen.
    """

    item: Item
    position: int
    size: int
    current: Item
    world: World

    def meant(self, item: Item, literal: str) -> str:
        """A literal as the value of `item` is kept, if that carries a prefix and the literal's is bound."""
        kind = item.schema.type if item.schema is not None else None
        if kind is None or not kind.has_prefix or not isinstance(item.node, Leaf):
            return literal
        try:
            return names.from_xml(self.world.schema, kind, literal, self.world.namespaces)
        except ValueError:
            return literal


Function = Callable[[Frame, list[Value]], Value]


def _checked(name: str, least: int, most: int | None, body: Function) -> Function:
    def call(frame: Frame, arguments: list[Value]) -> Value:
        count = len(arguments)
        if count < least or (most is not None and count > most):
            expected = (
                str(least) if least == most else f"{least} or more" if most is None else f"{least} to {most}"
            )
            raise XPathError(f"{name}() takes {expected} arguments, not {count}")
        value = body(frame, arguments)
        return frame.world.budget.spend_text(value) if isinstance(value, str) else value

    return call


def _nodes(name: str, value: Value) -> Nodes:
    if not isinstance(value, list):
        raise XPathError(f"{name}() takes a set of nodes")
    return value


def _or_context(frame: Frame, arguments: list[Value]) -> Value:
    return arguments[0] if arguments else [frame.item]


def _first(frame: Frame, arguments: list[Value], name: str) -> Item | None:
    found = _nodes(name, _or_context(frame, arguments))
    return min(found, key=Item.order) if found else None


def _named(frame: Frame, arguments: list[Value], name: str) -> SchemaNode | None:
    item = _first(frame, arguments, name)
    return None if item is None or item.parent is None else item.schema


def _local_name(frame: Frame, arguments: list[Value]) -> Value:
    schema = _named(frame, arguments, "local-name")
    return "" if schema is None else schema.name


def _namespace_uri(frame: Frame, arguments: list[Value]) -> Value:
    schema = _named(frame, arguments, "namespace-uri")
    return "" if schema is None else schema.namespace


def _name(frame: Frame, arguments: list[Value]) -> Value:
    schema = _named(frame, arguments, "name")
    return "" if schema is None else f"{schema.prefix}:{schema.name}"


def _concat(frame: Frame, arguments: list[Value]) -> Value:
    parts = [string(each) for each in arguments]
    frame.world.budget.spend(sum(map(len, parts)) // 64)
    return "".join(parts)


def _before(_frame: Frame, arguments: list[Value]) -> Value:
    head, found, _ = _split(arguments)
    return head if found else ""


def _after(_frame: Frame, arguments: list[Value]) -> Value:
    return _split(arguments)[2]


def _split(arguments: list[Value]) -> tuple[str, bool, str]:
    text, mark = string(arguments[0]), string(arguments[1])
    at = text.find(mark)
    return (text[:at], True, text[at + len(mark) :]) if at >= 0 else ("", False, "")


def _substring(_frame: Frame, arguments: list[Value]) -> Value:
    text, first = string(arguments[0]), _rounded(number(arguments[1]))
    last = first + _rounded(number(arguments[2])) if len(arguments) == 3 else math.inf
    if math.isnan(first) or math.isnan(last):
        return ""
    start = max(first, 1.0)
    if start > len(text) or last <= start:
        return ""
    return text[int(start) - 1 : len(text) if last > len(text) else int(last) - 1]


def _translate(_frame: Frame, arguments: list[Value]) -> Value:
    text, given, wanted = map(string, arguments)
    table: dict[int, str | None] = {}
    for at, character in enumerate(given):
        table.setdefault(ord(character), wanted[at] if at < len(wanted) else None)
    return text.translate(table)


def _sum(_frame: Frame, arguments: list[Value]) -> Value:
    return float(sum(number(item.text()) for item in _nodes("sum", arguments[0])))


def _rounded(value: float) -> float:
    return value if math.isnan(value) or math.isinf(value) else float(math.floor(value + 0.5))


def _whole(function: Callable[[float], float], _frame: Frame, arguments: list[Value]) -> Value:
    value = number(arguments[0])
    return value if math.isnan(value) or math.isinf(value) else float(function(value))


def _derived(frame: Frame, arguments: list[Value], *, itself: bool) -> Value:
    """RFC 7950 section 10.4: the identity may have a prefix, which is bound where the expression stands."""
    wanted = string(arguments[1])
    for item in _nodes("derived-from", arguments[0]):
        value = item.text()
        base = frame.meant(item, wanted)
        if value in frame.world.schema.identities.get(base, ()) and (itself or value != base):
            return True
    return False


def _enum_value(frame: Frame, arguments: list[Value]) -> Value:
    """The number of an enum is not in our schema tree, so nothing has one."""
    item = _first(frame, arguments, "enum-value")
    if item is None:
        return NAN
    raise XPathError("enum-value() is not supported")


def _bit_is_set(frame: Frame, arguments: list[Value]) -> Value:
    item = _first(frame, arguments[:1], "bit-is-set")
    return item is not None and string(arguments[1]) in item.text().split(" ")


def _deref(frame: Frame, arguments: list[Value]) -> Value:
    """The leaf with the value that a leafref has (RFC 7950 section 10.3.1); of others nothing."""
    item = _first(frame, arguments, "deref")
    target = (
        None if item is None or item.schema is None or item.schema.type is None else item.schema.type.target
    )
    if item is None or target is None:
        return []
    way = set(target.ancestors_or_self())
    below = frame.world.root.descendants(way.__contains__)
    value = item.text()
    return [found for found in below if found.schema is target and found.text() == value][:1]


def _no_nodes(_frame: Frame, _arguments: list[Value]) -> Value:
    return []


CORE: Final[Mapping[str, Function]] = MappingProxyType(
    {
        name: _checked(name, least, most, body)
        for name, least, most, body in (
            ("last", 0, 0, lambda frame, _: float(frame.size)),
            ("position", 0, 0, lambda frame, _: float(frame.position)),
            ("count", 1, 1, lambda _, given: float(len(_nodes("count", given[0])))),
            ("id", 1, 1, _no_nodes),
            ("local-name", 0, 1, _local_name),
            ("namespace-uri", 0, 1, _namespace_uri),
            ("name", 0, 1, _name),
            ("string", 0, 1, lambda frame, given: string(_or_context(frame, given))),
            ("concat", 2, None, _concat),
            ("starts-with", 2, 2, lambda _, given: string(given[0]).startswith(string(given[1]))),
            ("contains", 2, 2, lambda _, given: string(given[1]) in string(given[0])),
            ("substring-before", 2, 2, _before),
            ("substring-after", 2, 2, _after),
            ("substring", 2, 3, _substring),
            ("string-length", 0, 1, lambda frame, given: float(len(string(_or_context(frame, given))))),
            (
                "normalize-space",
                0,
                1,
                lambda frame, given: _SPACES.sub(" ", string(_or_context(frame, given))).strip(" "),
            ),
            ("translate", 3, 3, _translate),
            ("boolean", 1, 1, lambda _, given: boolean(given[0])),
            ("not", 1, 1, lambda _, given: not boolean(given[0])),
            ("true", 0, 0, lambda _frame, _given: True),
            ("false", 0, 0, lambda _frame, _given: False),
            ("lang", 1, 1, lambda _frame, _given: False),
            ("number", 0, 1, lambda frame, given: number(_or_context(frame, given))),
            ("sum", 1, 1, _sum),
            ("floor", 1, 1, partial(_whole, math.floor)),
            ("ceiling", 1, 1, partial(_whole, math.ceil)),
            ("round", 1, 1, partial(_whole, _rounded)),
        )
    }
)
"""Of XPath itself."""

FUNCTIONS: Final[Mapping[str, Function]] = MappingProxyType(
    {
        **CORE,
        **{
            name: _checked(name, least, most, body)
            for name, least, most, body in (
                ("current", 0, 0, lambda frame, _: [frame.current]),
                ("deref", 1, 1, _deref),
                ("derived-from", 2, 2, partial(_derived, itself=False)),
                ("derived-from-or-self", 2, 2, partial(_derived, itself=True)),
                ("enum-value", 1, 1, _enum_value),
                ("bit-is-set", 2, 2, _bit_is_set),
            )
        },
    }
)
"""Those and the ones of YANG. re-match() is left out: a pattern can take for ever."""

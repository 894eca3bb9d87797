"""Modules rewritten so that the bodies of operations are data, which libyang can judge. Pure.

The binding of libyang parses data trees only. Here rpc, action, input, output and notification become
presence containers, in the place where they are defined: `<clear-copied-groups><input>...</input>` stands in
its list entry, and a notification's content stands as it is sent. The tree around them is trusted, so it
loses what could refuse it (must, when, mandatory, ...); inside nothing is lost but require-instance, which
`server.operations.bodies` judges for leafrefs against running, where the instances are.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Final

from server.schema.yang_text import Statement, parse, render

OUTSIDE: Final = "--outside"
"""Ends the name of a grouping's second form, without constraints, for the data around operations."""

_OPERATIONS: Final = frozenset({"rpc", "action", "notification"})
_CONSTRAINTS: Final = frozenset(
    {"must", "when", "mandatory", "min-elements", "max-elements", "unique", "default"}
)
"""What may refuse the data around, or add to it."""
_HARMLESS: Final = frozenset({"type", "units", "config"})
"""What of a deviation still says something about data without constraints."""
_DATA: Final = frozenset({"container", "list", "leaf", "leaf-list", "anydata", "anyxml"})
_REFERRING: Final = frozenset({"leafref", "instance-identifier"})
_XPATHS: Final = frozenset({"must", "when", "path"})
_UPWARD: Final = re.compile(r"""(?:(?<=^)|(?<=[\s"'(\[|=,]))(?:current\(\)/)?((?:\.\./)+)""")


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a statement is. `depth`: data nodes between it and the operation, None in a grouping.

    `extra`: whether an input or output, which no path counts, is a node on the way up.
    """

    inside: bool = False
    grouping: bool = False
    depth: int | None = 0
    extra: bool = False


def rewritten(text: str, built_in: Collection[str] = ()) -> str:
    """Return the module or submodule `text` rewritten.

    `built_in` names modules that libyang has in their own form, whose groupings have no second form.
    Raises YangSyntaxError.
    """
    module = parse(text)
    return render(_Rewriter(module, built_in).module())


class _Rewriter:
    def __init__(self, module: Statement, built_in: Collection[str]) -> None:
        self._module = module
        self._foreign = {
            prefix.value
            for item in module.children
            if item.keyword == "import" and item.value in built_in
            if (prefix := item.first("prefix")) is not None
        }

    def module(self) -> Statement:
        children = [Statement("yang-version", "1.1")]
        for child in self._module.children:
            if child.keyword != "yang-version":
                children += self._statement(child, _Place())
        header = ("yang-version", "namespace", "prefix", "belongs-to")
        children.sort(key=lambda item: item.keyword not in header)
        return Statement(self._module.keyword, self._module.argument, children)

    def _statement(self, item: Statement, place: _Place) -> list[Statement]:
        keyword = item.keyword
        if keyword in _OPERATIONS:
            return [self._operation(item, place)]
        if keyword == "deviation":
            return self._deviation(item)
        if keyword == "grouping":
            return self._groupings(item, place)
        if keyword == "config" and place.inside:
            return []
        if keyword in _CONSTRAINTS and not place.inside:
            return []
        if keyword == "type" and item.value in _REFERRING:
            return [self._reference(item, place)]
        return [self._other(item, place)]

    def _other(self, item: Statement, place: _Place) -> Statement:
        argument = item.argument
        if item.keyword in _XPATHS and place.inside and place.extra and place.depth is not None:
            argument = _climbing(argument, place.depth)
        if item.keyword == "uses" and not place.inside:
            argument = self._outside(item.value)
        inner = place
        if item.keyword in _DATA and place.inside and place.depth is not None:
            inner = replace(place, depth=place.depth + 1)
        return Statement(item.keyword, argument, self._all(item.children, inner))

    def _all(self, items: list[Statement], place: _Place) -> list[Statement]:
        return [new for item in items for new in self._statement(item, place)]

    def _outside(self, grouping: str) -> str:
        prefix = grouping.rpartition(":")[0]
        return grouping if prefix in self._foreign else f"{grouping}{OUTSIDE}"

    def _operation(self, item: Statement, place: _Place) -> Statement:
        if item.keyword == "notification":
            inside = replace(place, inside=True, depth=0, extra=False)
            return _presence(item.argument, self._all(item.children, inside))
        parts = {"input": Statement("input"), "output": Statement("output")}
        parts.update((child.keyword, child) for child in item.children if child.keyword in parts)
        inside = replace(place, inside=True, depth=0, extra=True)
        children = [child for child in item.children if child.keyword not in parts]
        bodies = [_presence(name, self._all(part.children, inside)) for name, part in parts.items()]
        return _presence(item.argument, [*self._all(children, replace(place, inside=True)), *bodies])

    def _groupings(self, item: Statement, place: _Place) -> list[Statement]:
        """A grouping is used inside operations as it is, and outside without constraints."""
        inside = replace(place, inside=True, grouping=True, depth=None)
        found = [Statement("grouping", item.argument, self._all(item.children, inside))]
        if not place.inside or place.grouping:
            outside = replace(place, inside=False, grouping=True, depth=None)
            name = f"{item.value}{OUTSIDE}"
            found.append(Statement("grouping", name, self._all(item.children, outside)))
        return found

    def _reference(self, item: Statement, place: _Place) -> Statement:
        children = [child for child in item.children if child.keyword != "require-instance"]
        children.append(Statement("require-instance", "false"))
        return Statement(item.keyword, item.argument, self._all(children, place))

    def _deviation(self, item: Statement) -> list[Statement]:
        kept: list[Statement] = []
        for child in item.children:
            if child.keyword != "deviate" or child.value == "not-supported":
                kept.append(child)
                continue
            properties = [each for each in child.children if each.keyword in _HARMLESS]
            if properties:
                kept.append(Statement(child.keyword, child.argument, properties))
        deviates = any(child.keyword == "deviate" for child in kept)
        return [Statement(item.keyword, item.argument, kept)] if deviates else []


def _presence(name: str, children: list[Statement]) -> Statement:
    marks = [Statement("presence", '"judged"'), Statement("config", "false")]
    allowed = ("if-feature", "status", "description", "reference")
    first = [child for child in children if child.keyword in allowed]
    rest = [child for child in children if child.keyword not in allowed]
    return Statement("container", name, [*first, *marks, *rest])


def _climbing(expression: str, depth: int) -> str:
    """One step more for what climbs out of the body: the container input or output is in the way."""

    def longer(match: re.Match[str]) -> str:
        steps = match[1].count("../")
        return f"{match[0]}../" if steps > depth else match[0]

    return _UPWARD.sub(longer, expression)

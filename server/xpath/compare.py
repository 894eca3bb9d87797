"""Comparisons and arithmetic of XPath values (W3C REC-xpath-19991116 sections 3.4 and 3.5)."""

import math
import operator
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from server.xpath.functions import Frame
from server.xpath.values import Nodes, Value, boolean, number

_ORDER: Final[Mapping[str, Callable[[float, float], bool]]] = MappingProxyType(
    {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
)
SWAPPED: Final[Mapping[str, str]] = MappingProxyType(
    {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": "=", "!=": "!="}
)
"""The comparisons, and each with its operands swapped."""


def compared(name: str, left: Value, right: Value, frame: Frame) -> bool:
    """Compare two values; sets of nodes compare by any of their members."""
    if isinstance(left, list) and isinstance(right, list):
        return _any_pair(name, left, right)
    if isinstance(right, list):
        return compared(SWAPPED[name], right, left, frame)
    if not isinstance(left, list):
        return _two(name, left, right)
    if isinstance(right, bool):
        return _two(name, boolean(left), right)
    if isinstance(right, float):
        return any(_two(name, number(item.text()), right) for item in left)
    return any(_two(name, item.text(), frame.meant(item, right)) for item in left)


def _any_pair(name: str, left: Nodes, right: Nodes) -> bool:
    if name in ("=", "!="):
        ours, theirs = {item.text() for item in left}, {item.text() for item in right}
        if name == "=":
            return not ours.isdisjoint(theirs)
        return bool(ours) and bool(theirs) and (len(ours | theirs) > 1)
    ours_, theirs_ = ([number(item.text()) for item in items] for items in (left, right))
    lower, higher = (ours_, theirs_) if name in ("<", "<=") else (theirs_, ours_)
    lows, highs = ([each for each in part if not math.isnan(each)] for part in (lower, higher))
    if not lows or not highs:
        return False
    return _ORDER["<" if len(name) == 1 else "<="](min(lows), max(highs))


def _two(name: str, left: str | float | bool, right: str | float | bool) -> bool:
    if name not in ("=", "!="):
        return _ORDER[name](number(left), number(right))
    if isinstance(left, bool) or isinstance(right, bool):
        same = boolean(left) == boolean(right)
    elif isinstance(left, float) or isinstance(right, float):
        same = number(left) == number(right)
    else:
        same = left == right
    return same if name == "=" else not same


def calculated(name: str, left: float, right: float) -> float:
    """Add, subtract, multiply, divide or take the remainder."""
    match name:
        case "+":
            return left + right
        case "-":
            return left - right
        case "*":
            return left * right
        case "div":
            return _divided(left, right)
        case _:
            return math.nan if right == 0 or math.isinf(left) or math.isnan(right) else math.fmod(left, right)


def _divided(left: float, right: float) -> float:
    if right != 0:
        return left / right
    if left == 0 or math.isnan(left):
        return math.nan
    return math.copysign(math.inf, left) * math.copysign(1.0, right)

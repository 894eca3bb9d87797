"""The four kinds of XPath values and how one becomes another (W3C REC-xpath-19991116 sections 3 and 4)."""

import math
import re
from typing import Final, TypeAlias

from server.xpath.items import Item

Nodes: TypeAlias = list[Item]
Value: TypeAlias = Nodes | str | float | bool

_NUMBER: Final = re.compile(r"[ \t\r\n]*-?(?:\d+(?:\.\d*)?|\.\d+)[ \t\r\n]*", re.ASCII)
_LONGEST_NUMBER: Final = 400
NAN: Final = math.nan


def boolean(value: Value) -> bool:
    """Function boolean()."""
    if isinstance(value, float):
        return value != 0 and not math.isnan(value)
    return bool(value)


def number(value: Value) -> float:
    """Function number()."""
    if isinstance(value, bool):
        return float(value)
    if isinstance(value, float):
        return value
    text = string(value)
    fits = len(text) <= _LONGEST_NUMBER and _NUMBER.fullmatch(text)
    return float(text) if fits else NAN


def string(value: Value) -> str:
    """Function string()."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _printed(value)
    return min(value, key=Item.order).text() if value else ""


def _printed(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    if value == int(value):
        return str(int(value))
    return f"{value:.17g}" if "e" not in f"{value:.17g}" and float(repr(value)) != value else _fixed(value)


def _fixed(value: float) -> str:
    text = repr(value)
    return text if "e" not in text else f"{value:.324f}".rstrip("0")

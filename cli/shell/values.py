"""Values as they are typed: checked as far as the model says, so that a mistake is marked where it stands.

Pure. The server is the judge; what cannot be told from the type alone is left to it.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from server.schema.outline import OutlineNode, OutlineType

INTEGERS: Final = {
    f"{sign}int{bits}": (low, high)
    for bits in (8, 16, 32, 64)
    for sign, low, high in (("", -(2 ** (bits - 1)), 2 ** (bits - 1) - 1), ("u", 0, 2**bits - 1))
}
_CLASSES: Final = {r"\p{N}": r"\d", r"\p{L}": r"\w", r"\i": "[A-Za-z_:]", r"\c": r"[\w.:\-]"}

Find = Callable[[str], "OutlineNode | None"]
"""Returns the node of a path."""


@dataclass(frozen=True, slots=True)
class LeafKind:
    """What a leaf accepts. `find` resolves the target of a leafref."""

    type: OutlineType
    find: Find
    name: str = "value"

    @property
    def target(self) -> str:
        """The leaf that a leafref points at."""
        return self.type.target

    @property
    def shape(self) -> str:
        """How help shows a value."""
        return _shape(self.resolved())

    def accept(self, text: str) -> str:
        """Return the value; raises ValueError."""
        return accept(self.resolved(), text)

    def words(self) -> Sequence[tuple[str, str]]:
        """The values that can be listed."""
        found = self.resolved()
        if found.base == "boolean":
            return (("true", ""), ("false", ""))
        return (*found.enums, *((name.rpartition(":")[2], "") for name in found.identities))

    def resolved(self) -> OutlineType:
        """The type that values have: a leafref's is that of its target."""
        found, seen = self.type, 0
        while found.base == "leafref" and seen < 16:
            node = self.find(found.target)
            if node is None or node.type is None:
                break
            found, seen = node.type, seen + 1
        return found


@dataclass(frozen=True, slots=True)
class NumberKind:
    """A number from `low` to `high`."""

    low: int
    high: int
    target: str = ""

    @property
    def shape(self) -> str:
        """How help shows it."""
        return f"INTEGER<{self.low}-{self.high}>"

    def accept(self, text: str) -> str:
        """Return the number as digits; raises ValueError."""
        return accept(OutlineType("uint32", range=f"{self.low}..{self.high}"), text)

    def words(self) -> Sequence[tuple[str, str]]:
        """None can be listed."""
        return ()


@dataclass(frozen=True, slots=True)
class TextKind:
    """A text of at most `longest` characters."""

    longest: int = 1024
    target: str = ""
    lower: bool = False

    @property
    def shape(self) -> str:
        """How help shows it."""
        return f"TEXT<1-{self.longest}>"

    def accept(self, text: str) -> str:
        """Return the text; raises ValueError."""
        if not 1 <= len(text) <= self.longest:
            raise ValueError(f"expected 1 to {self.longest} characters")
        return text.lower() if self.lower else text

    def words(self) -> Sequence[tuple[str, str]]:
        """None can be listed."""
        return ()


def accept(kind: OutlineType, text: str) -> str:
    """Return the canonical form of a typed value of a type; raises ValueError that says what is expected."""
    if kind.base in INTEGERS:
        return _integer(kind, text)
    if kind.enums:
        return _listed(text, [name for name, _ in kind.enums])
    if kind.base == "boolean":
        return _listed(text, ["true", "false"])
    if kind.base == "identityref":
        return _identity(kind, text)
    if kind.base == "union":
        return _union(kind, text)
    if kind.base == "string":
        return _string(kind, text)
    return text


def _integer(kind: OutlineType, text: str) -> str:
    if not re.fullmatch(r"[+-]?[0-9]{1,20}", text, re.ASCII):
        raise ValueError(f"expected a number{_within(kind)}")
    value = int(text)
    if not any(low <= value <= high for low, high in _ranges(kind.range, *INTEGERS[kind.base])):
        raise ValueError(f"expected a number{_within(kind)}")
    return str(value)


def _within(kind: OutlineType) -> str:
    low, high = INTEGERS[kind.base]
    parts = " or ".join(f"{first} to {last}" for first, last in _ranges(kind.range, low, high))
    return f" from {parts}" + (f" ({kind.units})" if kind.units else "")


def _ranges(text: str, low: int, high: int) -> list[tuple[int, int]]:
    """The parts of a range or length (RFC 7950 sections 9.2.4 and 9.4.4)."""
    if not text:
        return [(low, high)]
    ends = {"min": low, "max": high}
    found = []
    for part in text.split("|"):
        first, _, last = (piece.strip() for piece in part.partition(".."))
        numbers = [ends[piece] if piece in ends else int(piece, 0) for piece in (first, last or first)]
        found.append((numbers[0], numbers[1]))
    return found


def _listed(text: str, names: Sequence[str]) -> str:
    whole = [name for name in names if name == text]
    begun = whole or [name for name in names if name.startswith(text.lower()) and text]
    if len(begun) == 1:
        return begun[0]
    shown = ", ".join(begun or names[:12])
    raise ValueError(f"is ambiguous: {shown}" if begun else f"expected one of {shown}")


def _identity(kind: OutlineType, text: str) -> str:
    fitting = [name for name in kind.identities if text in {name, name.rpartition(":")[2]}]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise ValueError(f"is ambiguous: {', '.join(fitting)}")
    local = [name.rpartition(":")[2] for name in kind.identities]
    raise ValueError(f"expected one of {', '.join(local[:6])}{', ...' if len(local) > 6 else ''}")


def _union(kind: OutlineType, text: str) -> str:
    for member in kind.members:
        try:
            return accept(member, text)
        except ValueError:
            continue
    raise ValueError(f"expected {_shape(kind)}")


def _string(kind: OutlineType, text: str) -> str:
    ranges = _ranges(kind.length, 0, 2**63)
    if not any(low <= len(text) <= high for low, high in ranges):
        low, high = ranges[0]
        raise ValueError(f"expected {low} to {high} characters")
    # Names are kept in lower case where the model wants it, as routers that do not distinguish case do.
    for form in (text, text.lower()):
        if all(_matches(pattern, form) for pattern in kind.patterns):
            return form
    wanted = next(pattern for pattern in kind.patterns if not _matches(pattern, text))
    raise ValueError(f"expected {_words_for(kind) or f'the form {wanted}'}")


def _matches(pattern: str, text: str) -> bool:
    for name, stand_in in _CLASSES.items():
        pattern = pattern.replace(name, stand_in)
    try:
        return re.fullmatch(pattern, text) is not None
    except re.error:
        return True  # XML Schema has more than Python; the server will tell


def _words_for(kind: OutlineType) -> str:
    text = " ".join(kind.patterns)
    if "25[0-5]" in text and "a-fA-F" not in text:
        return "an IPv4 prefix" if "/" in text else "an IPv4 address"
    if "a-fA-F" in text and ":" in text and "25[0-5]" in text:
        return "an IPv6 prefix" if "/" in text else "an IPv6 address"
    return ""


def _shape(kind: OutlineType) -> str:
    if kind.base in INTEGERS:
        low, high = INTEGERS[kind.base]
        return "|".join(f"INTEGER<{first}-{last}>" for first, last in _ranges(kind.range, low, high))
    if kind.enums:
        return "|".join(name for name, _ in kind.enums)
    if kind.base == "union":
        return "|".join(dict.fromkeys(_shape(member) for member in kind.members))
    return _words_for(kind).upper().removeprefix("AN ").replace(" ", "-") or _string_shape(kind)


def _string_shape(kind: OutlineType) -> str:
    if kind.base == "identityref":
        return "IDENTITY"
    if kind.length:
        low, high = _ranges(kind.length, 0, 2**31)[0]
        return f"STRING<{low}-{high}>"
    return kind.base.upper()

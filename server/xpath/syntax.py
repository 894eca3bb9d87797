"""The syntax tree of an XPath 1.0 expression (W3C REC-xpath-19991116)."""

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias


class XPathError(Exception):
    """An expression is not well-formed, names what there is not, or gives no value of the kind it has to.

    The text is for whoever wrote it.
    """


class NotNodesError(XPathError):
    """The value of an expression is no set of nodes where it has to be one."""


class XPathLimitError(Exception):
    """An expression takes more steps than it may."""


class Axis(StrEnum):
    """The axes; attribute and namespace are always empty, since data has neither."""

    ANCESTOR = "ancestor"
    ANCESTOR_OR_SELF = "ancestor-or-self"
    ATTRIBUTE = "attribute"
    CHILD = "child"
    DESCENDANT = "descendant"
    DESCENDANT_OR_SELF = "descendant-or-self"
    FOLLOWING = "following"
    FOLLOWING_SIBLING = "following-sibling"
    NAMESPACE = "namespace"
    PARENT = "parent"
    PRECEDING = "preceding"
    PRECEDING_SIBLING = "preceding-sibling"
    SELF = "self"


REVERSE = frozenset({Axis.ANCESTOR, Axis.ANCESTOR_OR_SELF, Axis.PRECEDING, Axis.PRECEDING_SIBLING})
"""Axes whose positions count backwards in the document (section 2.4)."""


@dataclass(frozen=True, slots=True)
class NameTest:
    """A name test; None for the namespace or the name is any."""

    namespace: str | None
    name: str | None


@dataclass(frozen=True, slots=True)
class KindTest:
    """`node()`, `text()`, `comment()` or `processing-instruction()`."""

    kind: str


@dataclass(frozen=True, slots=True)
class Literal:
    """A string in quotes."""

    text: str


@dataclass(frozen=True, slots=True)
class Number:
    """A number."""

    value: float


@dataclass(frozen=True, slots=True)
class Call:
    """A function call."""

    name: str
    arguments: "tuple[Expression, ...]"


@dataclass(frozen=True, slots=True)
class Negative:
    """Unary minus."""

    operand: "Expression"


@dataclass(frozen=True, slots=True)
class Binary:
    """`or and = != < <= > >= + - * div mod |`."""

    operator: str
    left: "Expression"
    right: "Expression"


@dataclass(frozen=True, slots=True)
class Step:
    """One location step."""

    axis: Axis
    test: NameTest | KindTest
    predicates: "tuple[Expression, ...]" = ()


@dataclass(frozen=True, slots=True)
class Path:
    """A location path. `start` None: from the context node, or from the root when `absolute`."""

    start: "Expression | None"
    absolute: bool
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Filter:
    """A primary expression with predicates."""

    primary: "Expression"
    predicates: "tuple[Expression, ...]"


Expression: TypeAlias = Literal | Number | Call | Negative | Binary | Path | Filter

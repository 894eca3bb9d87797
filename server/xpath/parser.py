"""From the text of an XPath 1.0 expression to its syntax tree (W3C REC-xpath-19991116 section 3.7)."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

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

MAX_LENGTH: Final = 16_384
"""Characters of an expression."""
MAX_DEPTH: Final = 48
"""Parentheses and predicates within each other."""
MAX_CHAIN: Final = 128
"""Operators of one level in a row."""
MAX_TOKENS: Final = 4_096

_NAME: Final = r"[^\W\d][\w.\-·]*"
_TOKEN: Final = re.compile(
    rf"""\s*(?:(?P<literal>"[^"]*"|'[^']*')|(?P<number>\d+(?:\.\d*)?|\.\d+)
    |(?P<symbol>::|//|\.\.|!=|<=|>=|[()\[\].@,/|+\-=<>*$])
    |(?P<name>{_NAME}(?::(?!:)(?:{_NAME}|\*))?))""",
    re.VERBOSE,
)
_OPERATORS: Final = frozenset({"/", "//", "|", "+", "-", "=", "!=", "<", "<=", ">", ">="})
_OPERATOR_NAMES: Final = frozenset({"and", "or", "mod", "div"})
_NO_OPERAND: Final = frozenset({"@", "::", "(", "[", ","})
_KINDS: Final = frozenset({"node", "text", "comment", "processing-instruction"})
_LEVELS: Final = (("or",), ("and",), ("=", "!="), ("<=", "<", ">=", ">"), ("+", "-"), ("*", "div", "mod"))
_ANY: Final = Step(Axis.DESCENDANT_OR_SELF, KindTest("node"))


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    at: int


def parse(
    text: str, prefixes: Mapping[str | None, str], default: str | None = None, *, known: frozenset[str]
) -> Expression:
    """Parse an expression; raises XPathError that says what is wrong and where.

    `prefixes` binds prefixes to namespaces. A name without a prefix is in `default`, or in any namespace when
    that is None. `known` are the functions there are.
    """
    if len(text) > MAX_LENGTH:
        raise XPathError(f"the expression is longer than {MAX_LENGTH} characters")
    return _Parser(_tokens(text), prefixes, default, known).whole()


def _tokens(text: str) -> list[_Token]:
    found: list[_Token] = []
    position, end = 0, len(text.rstrip())
    while position < end:
        match = _TOKEN.match(text, position)
        if match is None or match.lastgroup is None:
            raise _stray(text[position:].lstrip(), position + 1)
        if len(found) >= MAX_TOKENS:
            raise XPathError(f"the expression has more than {MAX_TOKENS} parts")
        found.append(_classified(match, found))
        position = match.end()
    return found


def _stray(rest: str, at: int) -> XPathError:
    if rest[:1] in ("'", '"'):
        return XPathError(f"the literal at character {at} has no end")
    return XPathError(f"{rest[:1]!r} at character {at}")


def _classified(match: "re.Match[str]", before: list[_Token]) -> _Token:
    """Tell operators from names (section 3.7): after an operand, `*` and the operators' names are some."""
    kind = match.lastgroup or ""
    text, at = match[kind], match.start(kind) + 1
    after_operand = bool(before) and before[-1].kind != "operator" and before[-1].text not in _NO_OPERAND
    is_operator = kind == "symbol" and text in _OPERATORS
    if after_operand and (text == "*" or (kind == "name" and text in _OPERATOR_NAMES)):
        is_operator = True
    if is_operator:
        kind = "operator"
    elif text == "*":
        kind = "name"
    return _Token(kind, text, at)


class _Parser:
    """Recursive descent; the recursion is bounded by `MAX_DEPTH`."""

    def __init__(
        self,
        tokens: list[_Token],
        prefixes: Mapping[str | None, str],
        default: str | None,
        known: frozenset[str],
    ) -> None:
        self._tokens = tokens
        self._prefixes = prefixes
        self._default = default
        self._known = known
        self._place = 0
        self._depth = 0

    def whole(self) -> Expression:
        """Parse everything."""
        found = self._expression()
        if self._place < len(self._tokens):
            raise self._unexpected()
        return found

    def _peek(self, offset: int = 0) -> _Token:
        place = self._place + offset
        return self._tokens[place] if place < len(self._tokens) else _Token("end", "", 0)

    def _take(self, text: str) -> bool:
        if self._peek().text != text or self._peek().kind not in ("symbol", "operator"):
            return False
        self._place += 1
        return True

    def _expect(self, text: str) -> None:
        if not self._take(text):
            raise self._unexpected(f"expected {text!r}")

    def _unexpected(self, expected: str = "") -> XPathError:
        token = self._peek()
        # what stands in a literal may be a secret that a node is compared with
        seen = "literal" if token.kind == "literal" else f"{token.text[:64]!r}"
        what = "the expression ends too early" if token.kind == "end" else f"unexpected {seen}"
        where = "" if token.kind == "end" else f" at character {token.at}"
        return XPathError(f"{what}{where}{', ' if expected else ''}{expected}")

    def _expression(self) -> Expression:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise XPathError(f"more than {MAX_DEPTH} levels within each other")
        found = self._level(0)
        self._depth -= 1
        return found

    def _level(self, level: int) -> Expression:
        """Binary operators, the loosest first; all lead from left to right."""
        if level == len(_LEVELS):
            return self._unary()
        found = self._level(level + 1)
        for _ in range(MAX_CHAIN + 1):
            if self._peek().kind != "operator" or self._peek().text not in _LEVELS[level]:
                return found
            operator = self._peek().text
            self._place += 1
            found = Binary(operator, found, self._level(level + 1))
        raise self._chained()

    def _unary(self) -> Expression:
        negative = 0
        while self._take("-"):
            negative += 1
        found = self._united()
        return Negative(Negative(found) if negative % 2 == 0 else found) if negative else found

    def _united(self) -> Expression:
        found = self._path()
        for _ in range(MAX_CHAIN + 1):
            if not self._take("|"):
                return found
            found = Binary("|", found, self._path())
        raise self._chained()

    def _chained(self) -> XPathError:
        return XPathError(f"more than {MAX_CHAIN} operators in a row")

    def _path(self) -> Expression:
        if self._take("//"):
            return Path(None, absolute=True, steps=(_ANY, *self._steps()))
        if self._take("/"):
            return Path(None, absolute=True, steps=self._steps() if self._starts_step() else ())
        if self._starts_step():
            return Path(None, absolute=False, steps=self._steps())
        primary: Expression = self._primary()
        predicates = self._predicates()
        if predicates:
            primary = Filter(primary, predicates)
        if self._take("//"):
            return Path(primary, absolute=False, steps=(_ANY, *self._steps()))
        if self._take("/"):
            return Path(primary, absolute=False, steps=self._steps())
        return primary

    def _starts_step(self) -> bool:
        token, after = self._peek(), self._peek(1).text
        if token.kind == "name":
            return after != "(" or token.text in _KINDS
        return token.kind == "symbol" and token.text in (".", "..", "@")

    def _steps(self) -> tuple[Step, ...]:
        steps = [self._step()]
        while True:
            if self._take("//"):
                steps += [_ANY, self._step()]
            elif self._take("/"):
                steps.append(self._step())
            else:
                return tuple(steps)

    def _step(self) -> Step:
        if self._take("."):
            return Step(Axis.SELF, KindTest("node"))
        if self._take(".."):
            return Step(Axis.PARENT, KindTest("node"))
        axis = Axis.ATTRIBUTE if self._take("@") else Axis.CHILD
        token = self._peek()
        if token.kind == "name" and self._peek(1).text == "::":
            if token.text not in tuple(Axis):
                raise XPathError(f"{token.text!r} at character {token.at} is no axis")
            axis = Axis(token.text)
            self._place += 2
        return Step(axis, self._test(), self._predicates())

    def _test(self) -> NameTest | KindTest:
        token = self._peek()
        if token.kind != "name":
            raise self._unexpected("expected the name of a node")
        self._place += 1
        if token.text in _KINDS and self._take("("):
            if token.text == "processing-instruction" and self._peek().kind == "literal":
                self._place += 1
            self._expect(")")
            return KindTest(token.text)
        prefix, colon, name = token.text.rpartition(":")
        namespace = self._namespace(prefix, token) if colon else self._default
        if name == "*":
            return NameTest(namespace if colon else None, None)
        return NameTest(namespace, name)

    def _namespace(self, prefix: str, token: _Token) -> str:
        namespace = self._prefixes.get(prefix)
        if namespace is None:
            raise XPathError(f"the prefix {prefix!r} at character {token.at} is not bound to a namespace")
        return namespace

    def _predicates(self) -> tuple[Expression, ...]:
        found = []
        while self._take("["):
            found.append(self._expression())
            self._expect("]")
        return tuple(found)

    def _primary(self) -> Expression:
        token = self._peek()
        parts: dict[str, Callable[[], Expression]] = {
            "literal": lambda: Literal(token.text[1:-1]),
            "number": lambda: Number(float(token.text)),
        }
        if token.kind in parts:
            self._place += 1
            return parts[token.kind]()
        if self._take("("):
            found = self._expression()
            self._expect(")")
            return found
        if self._take("$"):
            raise XPathError(f"variables, as at character {token.at}, are not bound to anything")
        if token.kind == "name" and self._peek(1).text == "(":
            return self._call(token)
        raise self._unexpected()

    def _call(self, token: _Token) -> Expression:
        if token.text not in self._known:
            raise XPathError(f"there is no function {token.text[:64]}(), as at character {token.at}")
        self._place += 2
        arguments: list[Expression] = []
        if not self._take(")"):
            arguments.append(self._expression())
            while self._take(","):
                arguments.append(self._expression())
            self._expect(")")
        return Call(token.text, tuple(arguments))

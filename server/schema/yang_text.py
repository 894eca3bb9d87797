"""YANG text to statements and back (RFC 7950 section 6), as far as a rewriting needs it. Pure.

Owns the syntax only: what a statement means is not known here. The texts have been compiled already, so what
is wrong with one is found elsewhere; `parse` refuses what it cannot read all the same.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_TOKEN = re.compile(
    r"""
      (?P<space>\s+|//[^\n]*|/\*.*?\*/)
    | (?P<double>"(?:[^"\\]|\\.)*")
    | (?P<single>'[^']*')
    | (?P<mark>[{};])
    | (?P<word>(?:[^\s{};"'/]|/(?![/*]))(?:[^\s{};"'/]|/(?![/*])|(?<=[^\s])["'])*)
    """,
    re.VERBOSE | re.DOTALL,
)

_INDENT = re.compile(r"^[ \t]+")


class YangSyntaxError(ValueError):
    """A text is not YANG."""


@dataclass(slots=True)
class Statement:
    """One statement. `argument` is as it is written, quotes included; empty when there is none."""

    keyword: str
    argument: str = ""
    children: "list[Statement]" = field(default_factory=list)

    @property
    def value(self) -> str:
        """The argument without quotes; only for identifiers and paths, whose quoting is plain."""
        parts = re.findall(r'"([^"]*)"|\'([^\']*)\'', self.argument)
        return "".join(one or other for one, other in parts) if parts else self.argument

    def first(self, keyword: str) -> "Statement | None":
        """The first substatement of this kind."""
        return next((child for child in self.children if child.keyword == keyword), None)


def parse(text: str) -> Statement:
    """Return the one top-level statement of a module; raises YangSyntaxError."""
    tokens = _tokens(text)
    statement = _statement(tokens, next(tokens, ("", "")))
    if next(tokens, None) is not None:
        raise YangSyntaxError("there is text after the module")
    return statement


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise YangSyntaxError(f"cannot be read at character {position}")
        if match.lastgroup != "space":
            column = position - (text.rfind("\n", 0, position) + 1)
            yield match.lastgroup or "", _unfolded(match.group(), column)
        position = match.end()


def _unfolded(token: str, column: int) -> str:
    """A string of several lines on one: what it means depends on its column (RFC 7950 section 6.1.3)."""
    if not token.startswith('"') or "\n" not in token:
        return token
    first, *lines = token.split("\n")
    trimmed = [_INDENT.sub(lambda match: match[0].expandtabs()[column + 1 :], line) for line in lines]
    *before, last = [first, *trimmed]
    return "\\n".join([*(line.rstrip(" \t") for line in before), last])


def _statement(tokens: Iterator[tuple[str, str]], first: tuple[str, str]) -> Statement:
    kind, keyword = first
    if kind != "word":
        raise YangSyntaxError(f"a keyword is expected, not {keyword[:20]!r}")
    argument, end = _argument(tokens)
    children: list[Statement] = []
    if end == "{":
        for token in tokens:
            if token == ("mark", "}"):
                break
            children.append(_statement(tokens, token))
        else:
            raise YangSyntaxError(f"the block of {keyword!r} does not end")
    return Statement(keyword, argument, children)


def _argument(tokens: Iterator[tuple[str, str]]) -> tuple[str, str]:
    """Return the argument with the `+` that joins its parts, and the mark after it."""
    parts: list[str] = []
    for kind, text in tokens:
        if kind == "mark":
            if text == "}":
                break
            return " ".join(parts), text
        parts.append(text)
    raise YangSyntaxError("a statement does not end")


def render(statement: Statement) -> str:
    """Return the text of a statement."""
    pieces: list[str] = []
    _render(statement, pieces)
    return "".join(pieces)


def _render(statement: Statement, pieces: list[str]) -> None:
    pieces.append(f"{statement.keyword} {statement.argument}".rstrip())
    if not statement.children:
        pieces.append(";\n")
        return
    pieces.append(" {\n")
    for child in statement.children:
        _render(child, pieces)
    pieces.append("}\n")

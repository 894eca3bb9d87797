"""A typed line as words with their places, and what stands behind its pipes. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

LONGEST_LINE: Final = 8192
"""Characters; the longest thing that is typed is a description."""


_MEANING: Final = '|";#?'
"""Characters that mean something somewhere in a line."""
_ESCAPES: Final = {'\\"': '"', "\\\\": "\\", "\\n": "\n"}
COMMENTS: Final = ("#", "!")
"""What comments begin with."""
SECTION: Final = "#"
"""What stands between the sections of a configuration."""


class LineError(Exception):
    """The line itself cannot be read; `position` is the character that is wrong."""

    def __init__(self, position: int, text: str) -> None:
        super().__init__(text)
        self.position = position
        self.text = text


@dataclass(frozen=True, slots=True)
class Token:
    """One word. `start` and `end` are characters of the line; `quoted` words are values, never commands."""

    text: str
    start: int
    end: int
    quoted: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """The words of a command, and those behind each pipe; `open_end` says that a blank follows the last."""

    text: str
    words: tuple[Token, ...]
    pipes: tuple[tuple[Token, ...], ...] = ()
    open_end: bool = True

    def rest_from(self, token: Token) -> str:
        """Return the line from `token` to its end or the first pipe, as it was typed."""
        last = self.words[-1]
        return self.text[token.start : last.end]


def split(text: str) -> Line:
    """Return the words of a line; raises LineError for an open quotation and for a line that is too long.

    In double quotes a word may hold blanks and pipes; `\\"`, `\\\\` and `\\n` are a quotation mark, a
    backslash and a line end there.
    """
    if len(text) > LONGEST_LINE:
        raise LineError(LONGEST_LINE, f"the line is longer than {LONGEST_LINE} characters")
    groups: list[list[Token]] = [[]]
    for token in _tokens(text):
        if token.text == "|" and not token.quoted:
            groups.append([])
        else:
            groups[-1].append(token)
    open_end = not text or text[-1].isspace() or text[-1] == "|"
    return Line(text, tuple(groups[0]), tuple(map(tuple, groups[1:])), open_end)


def _tokens(text: str) -> Iterator[Token]:
    position = 0
    while position < len(text):
        if text[position].isspace():
            position += 1
            continue
        token = _quoted(text, position) if text[position] == '"' else _plain(text, position)
        yield token
        position = token.end


def _plain(text: str, start: int) -> Token:
    if text[start] == "|":
        return Token("|", start, start + 1)
    end = start
    while end < len(text) and not text[end].isspace() and text[end] != "|":
        end += 1
    return Token(text[start:end], start, end)


def _quoted(text: str, start: int) -> Token:
    value, position = "", start + 1
    while position < len(text) and text[position] != '"':
        escape = text[position : position + 2]
        value += _ESCAPES.get(escape, escape[:1])
        position += 2 if escape in _ESCAPES else 1
    if position == len(text):
        raise LineError(start, "the quotation that begins here has no end")
    return Token(value, start, position + 1, quoted=True)


def quote(value: str) -> str:
    """Return a value as it has to be typed: in quotes when it would not be one word otherwise."""
    if value and not any(character.isspace() or character in _MEANING for character in value):
        return value
    return _in_quotes(value)


def quote_rest(value: str) -> str:
    """Return a value that takes the line to its end as it has to be typed: with its blanks as they are."""
    if value and value == value.strip() and not any(mark in value for mark in (*_MEANING, "\n", "\r")):
        return value
    return _in_quotes(value)


def _in_quotes(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def commands(text: str) -> Iterator[tuple[int, str]]:
    """Split a script into its lines and those at semicolons outside quotes; yields (line number, command).

    Empty lines and comments, which begin with `#` or `!`, are left out. A `#` alone is no comment: it
    stands between the sections of a configuration and leads back to the system view.
    """
    for number, line in enumerate(text.split("\n"), 1):
        for command in _at_semicolons(line):
            stripped = command.strip()
            if stripped == SECTION or (stripped and not stripped.startswith(COMMENTS)):
                yield number, stripped


def _at_semicolons(line: str) -> Iterator[str]:
    begin, quoted, position = 0, False, 0
    while position < len(line):
        if quoted and line[position] == "\\":
            position += 1
        elif line[position] == '"':
            quoted = not quoted
        elif line[position] == ";" and not quoted:
            yield line[begin:position]
            begin = position + 1
        position += 1
    yield line[begin:]

"""What stands behind `|`: choosing lines of an answer, and showing its data as XML or JSON. Pure."""

import re
from collections.abc import Callable, Sequence
from typing import Final

from lxml import etree

from cli.shell.grammar import GrammarError, Option, State
from cli.shell.model import Model
from cli.shell.rfc7951 import as_json
from cli.shell.tokens import Token
from cli.shell.values import TextKind

Lines = list[str]
_CHOICES: Final = {
    "include": "Only the lines that match a regular expression",
    "exclude": "Only the lines that do not match",
    "begin": "From the first line that matches",
    "count": "How many lines there are",
    "json": "The data behind the answer as JSON (RFC 7951)",
    "xml": "The data behind the answer as XML",
}
_WITH_EXPRESSION: Final = frozenset({"include", "exclude", "begin"})


class PipeError(Exception):
    """A pipe cannot be applied; the text says why."""


def pipe_state() -> State:
    """Return what may stand behind a pipe."""
    return State(tuple(Option(word, text, _after(word)) for word, text in _CHOICES.items()))


def _after(word: str) -> Callable[[str], State]:
    if word not in _WITH_EXPRESSION:
        return lambda _: State(done=(word, ""))

    def take(value: str) -> State:
        return State(done=(word, value))

    expression = Option("", "A regular expression", take, TextKind(), rest=True)
    return lambda _: State((expression,))


def read(text: str, groups: Sequence[Sequence[Token]]) -> list[tuple[str, str]]:
    """Return each pipe's word and expression; raises GrammarError."""
    from cli.shell.grammar import parse
    from cli.shell.tokens import Line

    found = []
    for group in groups:
        if not group:
            raise GrammarError(len(text), 0, "nothing stands behind the pipe")
        found.append(parse(pipe_state(), Line(text, tuple(group))))
    return found


def apply(answer: str, data: etree._Element | None, model: Model, pipes: Sequence[tuple[str, str]]) -> str:
    """Return an answer behind its pipes; `data` is what it was made from. Raises PipeError."""
    lines = answer.split("\n") if answer else []
    for word, expression in pipes:
        if word in {"json", "xml"}:
            lines = _structured(word, data, model).split("\n")
        elif word == "count":
            lines = [f"Total lines: {len(lines)}"]
        else:
            lines = _chosen(word, _compiled(expression), lines)
    return "\n".join(lines)


def _structured(word: str, data: etree._Element | None, model: Model) -> str:
    if data is None:
        raise PipeError(f"there is no data to show as {word}: the command answers with text only")
    if word == "json":
        return as_json(data, model)
    return "\n".join(
        etree.tostring(item, pretty_print=True, encoding="unicode").rstrip() for item in _tidy(data)
    )


def _tidy(data: etree._Element) -> list[etree._Element]:
    items = list(data)
    for item in items:
        etree.cleanup_namespaces(item)
    return items


def _compiled(expression: str) -> re.Pattern[str]:
    try:
        return re.compile(expression, re.IGNORECASE)
    except re.error as error:
        raise PipeError(f"{expression!r} is no regular expression: {error}") from None


def _chosen(word: str, pattern: re.Pattern[str], lines: Lines) -> Lines:
    matches = [pattern.search(line) is not None for line in lines]
    if word == "begin":
        return lines[matches.index(True) :] if True in matches else []
    return [line for line, match in zip(lines, matches, strict=True) if match is (word == "include")]

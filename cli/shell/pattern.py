"""Commands written as patterns, such as `display remote-backup-profile [<name>]`. Pure.

A pattern is a row of words, values in angle brackets, alternatives `{all|multicast}` and optional parts in
square brackets; an alternative is a value too, under the name that stands before its colon: `{kind:a|b}`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from cli.shell.grammar import Kind, Option, State, merge


@dataclass(frozen=True, slots=True)
class Slot:
    """What stands for a value of a pattern: its kind, help, and whether it takes the rest of the line."""

    kind: Kind
    help: str = ""
    rest: bool = False
    secret: bool = False


Values = Mapping[str, str]
Make = Callable[[Values], Any]
"""Makes the command from the values that were given."""


@dataclass(frozen=True, slots=True)
class _Part:
    """One element: alternatives of words, or a slot, or an optional row of parts."""

    name: str = ""
    words: tuple[str, ...] = ()
    optional: tuple["_Part", ...] = ()


_SPACED: Final = ("[", "]")


def compile_pattern(text: str, slots: Mapping[str, Slot], helps: Mapping[str, str], make: Make) -> State:
    """Return the state before the first word of a pattern; `helps` describes its words."""
    for bracket in _SPACED:
        text = text.replace(bracket, f" {bracket} ")
    words = text.split()
    parts, _ = _parts(words, 0)
    return _Compiled(slots, helps, make).state(parts, {})


def literals(text: str) -> str:
    """Return the words that a pattern begins with, up to its first value or option."""
    words = []
    for word in text.split():
        if word[0] in "<[{":
            break
        words.append(word)
    return " ".join(words)


def _parts(words: list[str], at: int) -> tuple[tuple[_Part, ...], int]:
    found: list[_Part] = []
    while at < len(words):
        word = words[at]
        at += 1
        if word == "]":
            break
        if word == "[":
            inner, at = _parts(words, at)
            found.append(_Part(optional=inner))
        elif word[0] == "{":
            name, _, names = word[1:-1].rpartition(":")
            found.append(_Part(name, tuple(names.split("|"))))
        elif word[0] == "<":
            found.append(_Part(word[1:-1]))
        else:
            found.append(_Part(words=(word,)))
    return tuple(found), at


class _Compiled:
    def __init__(self, slots: Mapping[str, Slot], helps: Mapping[str, str], make: Make) -> None:
        self._slots = slots
        self._helps = helps
        self._make = make

    def state(self, parts: tuple[_Part, ...], values: Values) -> State:
        """The state before `parts`, with what was given so far."""
        if not parts:
            return State(done=self._make(values))
        first, rest = parts[0], parts[1:]
        if first.optional:
            return merge([self.state((*first.optional, *rest), values), self.state(rest, values)])
        if first.words:
            return State(tuple(self._word(first, word, rest, values) for word in first.words))
        return State((self._value(first.name, rest, values),))

    def _word(self, part: _Part, word: str, rest: tuple[_Part, ...], values: Values) -> Option:
        given = {**values, part.name: word} if part.name else values
        return Option(word, self._helps.get(word, ""), lambda _: self.state(rest, given))

    def _value(self, name: str, rest: tuple[_Part, ...], values: Values) -> Option:
        slot = self._slots[name]
        return Option(
            "",
            slot.help,
            lambda value: self.state(rest, {**values, name: value}),
            slot.kind,
            slot.rest,
            slot.secret,
        )

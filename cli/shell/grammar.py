"""What may be typed, as states that a line is walked through word by word. Pure.

A state knows what may come next and what a line means that ends in it. States are made when they are
reached: the grammar of a whole model is never built.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any, Final, Protocol

from cli.shell.tokens import Line, Token


class GrammarError(Exception):
    """A line is no command. `position` is the character that is wrong, `word` the number of that word."""

    def __init__(self, position: int, word: int, text: str) -> None:
        super().__init__(text)
        self.position = position
        self.word = word
        self.text = text


class UnknownWordError(GrammarError):
    """A word stands where the grammar has no such word."""


class Kind(Protocol):
    """What a value must be."""

    @property
    def shape(self) -> str:
        """How help shows a value of this kind, such as `INTEGER<1-4095>`."""

    @property
    def target(self) -> str:
        """Path of the leaf whose values in the configuration may be meant; empty when there is none."""

    def accept(self, text: str) -> str:
        """Return the value as it goes to the server; raises ValueError that says what is wrong."""

    def words(self) -> Sequence[tuple[str, str]]:
        """Return the values that can be listed, with a description each."""


@dataclass(frozen=True, slots=True)
class State:
    """What may come next, and the command that the line is so far, None while it is incomplete."""

    options: tuple["Option", ...] = ()
    done: Any = None


@dataclass(frozen=True, slots=True)
class Option:
    """One thing that may come next: a word of the language or, with a `kind`, a value.

    `take` returns the state behind it, given the value; `rest` takes the line to its end as one value.
    `secret` values are not to be kept.
    """

    word: str
    help: str
    take: Callable[[str], State]
    kind: Kind | None = None
    rest: bool = False
    secret: bool = False


END: Final = "<cr>"
"""What help shows where a line may end."""


def merge(states: Iterable[State]) -> State:
    """Return a state in which everything of `states` is possible; what they share is followed in all."""
    words: dict[str, list[Option]] = {}
    values: dict[tuple[str, str, bool], list[Option]] = {}
    done = None
    for state in states:
        done = state.done if done is None else done
        for option in state.options:
            if option.kind is None:
                words.setdefault(option.word, []).append(option)
            else:
                alike = (option.kind.shape, option.kind.target, option.rest)
                values.setdefault(alike, []).append(option)
    return State(tuple(_joined(options) for options in (*words.values(), *values.values())), done)


def _joined(options: list[Option]) -> Option:
    first = options[0]
    if len(options) == 1:
        return first
    secret = any(option.secret for option in options)
    return replace(first, take=lambda word: merge([option.take(word) for option in options]), secret=secret)


def parse(state: State, line: Line) -> Any:  # noqa: ANN401 - whatever the grammar is of
    """Return the command that a line is; raises GrammarError with the place and what is wrong there."""
    state = walk(state, line, len(line.words))
    if state.done is None:
        expected = ", ".join(_names(state.options)[:8])
        raise GrammarError(
            _end(line), len(line.words), f"the command is incomplete: expected {expected or 'more'}"
        )
    return state.done


def _end(line: Line) -> int:
    return line.words[-1].end + 1 if line.words else len(line.text)


def walk(state: State, line: Line, count: int) -> State:
    """Return the state behind the first `count` words; raises GrammarError."""
    for number, token in enumerate(line.words[:count]):
        option = choose(state, token, number)
        if option.rest:
            return _take(option, _whole(line, token), token, number)
        state = _take(option, token.text, token, number)
    return state


def _whole(line: Line, token: Token) -> str:
    return token.text if token is line.words[-1] else line.rest_from(token)


def _take(option: Option, text: str, token: Token, number: int) -> State:
    if option.kind is None:
        return option.take(option.word)
    try:
        return option.take(option.kind.accept(text))
    except ValueError as error:
        raise GrammarError(token.start, number, f"{text!r}: {error}") from None


def choose(state: State, token: Token, number: int) -> Option:
    """Return the option that a word means; raises GrammarError."""
    words = [] if token.quoted else matching(state, token.text)
    if len(words) > 1:
        names = ", ".join(sorted(option.word for option in words))
        raise GrammarError(token.start, number, f"{token.text!r} is ambiguous: {names}")
    values = [option for option in state.options if option.kind is not None]
    if words:
        return words[0]
    fitting = [option for option in values if _fits(option, token.text)]
    if fitting:
        return fitting[0]
    if len(values) == 1:
        return values[0]  # its own words say best what is wrong with the value
    raise UnknownWordError(token.start, number, _unknown(state, token))


def matching(state: State, text: str) -> list[Option]:
    """The words of the language that `text` abbreviates; the whole word comes before longer ones."""
    words = [option for option in state.options if option.kind is None]
    begun = [option for option in words if option.word.startswith(text.lower())]
    whole = [option for option in begun if option.word == text.lower()]
    return whole or begun


def _fits(option: Option, text: str) -> bool:
    if option.kind is None:
        return False
    try:
        option.kind.accept(text)
    except ValueError:
        return False
    return True


def _unknown(state: State, token: Token) -> str:
    names = [option.word for option in state.options if option.kind is None]
    if not state.options:
        return f"{token.text!r} is too much: the command ends before it"
    near = get_close_matches(token.text, names, 1)
    if near:
        return f"there is no {token.text!r} here; is {near[0]!r} meant?"
    shown = _names(state.options)
    if len(shown) <= 6:
        return f"there is no {token.text!r} here; expected {', '.join(shown)}"
    return f"there is no {token.text!r} here; '?' lists what there is"


def _names(options: Sequence[Option]) -> list[str]:
    return [option.word if option.kind is None else option.kind.shape for option in options]

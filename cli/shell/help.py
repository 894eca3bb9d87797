"""What may come next in a line: the list that `?` shows, and the words that Tab completes. Pure."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from cli.shell.grammar import END, GrammarError, Option, State, choose, walk
from cli.shell.language import Language
from cli.shell.pipes import pipe_state
from cli.shell.tokens import Line, LineError, Token, quote, split
from cli.shell.views import Views

Names = Callable[[str], Sequence[str]]
"""Returns the values that the leaf of a path has in the configuration."""

_WIDTH: Final = 28
_MOST: Final = 200
"""Values that are listed; a configuration may have thousands of profiles."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A word that fits: what it would be typed as, and what it means."""

    text: str
    help: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where the cursor is: the state before the word that it ends, and the beginning of that word."""

    state: State
    begun: str


def place(language: Language, views: Views, text: str) -> Place:
    """Return the place at the end of a text; raises GrammarError, and LineError."""
    line = split(text)
    group = line.pipes[-1] if line.pipes else line.words
    count = len(group) if line.open_end else len(group) - 1
    begun = "" if line.open_end else group[-1].text
    if line.pipes:
        return Place(walk(pipe_state(), Line(text, group), count), begun)
    state = language.reach(views, line, count)
    return Place(state, begun)


def suggestions(found: Place, names: Names) -> list[Suggestion]:
    """Return the words that begin as the cursor's word does, in the order of the grammar."""
    return [item for item in _all(found.state, names) if item.text.startswith(found.begun.lower())]


def _all(state: State, names: Names) -> Iterator[Suggestion]:
    for option in state.options:
        if option.kind is None:
            yield Suggestion(option.word, option.help)
        else:
            yield from _values(option, names)


def _values(option: Option, names: Names) -> Iterator[Suggestion]:
    if option.kind is None:
        return
    yield from (Suggestion(word, text) for word, text in option.kind.words())
    if option.kind.target:
        yield from (Suggestion(quote(name), option.help) for name in list(names(option.kind.target))[:_MOST])


def listing(language: Language, views: Views, text: str, names: Names) -> str:
    """Return what `?` shows at the end of a text: words, values, and whether the line may end here."""
    try:
        found = place(language, views, text)
    except (GrammarError, LineError) as error:
        return f"{' ' * error.position}^\nError: {error.text}"
    lines = []
    for option in found.state.options:
        if option.kind is not None:
            lines.append(_line(option.kind.shape, option.help))
            values = [item.text for item in _values(option, names) if item.text.startswith(found.begun)]
            lines += [f"    {value}" for value in values[:_MOST]]
        elif option.word.startswith(found.begun.lower()):
            lines.append(_line(option.word, option.help))
    if found.state.done is not None and not found.begun:
        lines.append(_line(END, "Carry it out"))
    return "\n".join(lines) or "Error: nothing fits here."


def _line(word: str, text: str) -> str:
    return f"  {word:<{_WIDTH}} {text}".rstrip()


def asks_for_help(text: str) -> bool:
    """Whether a line ends with a question mark that is not part of a quoted value."""
    return text.rstrip().endswith("?") and not in_quotes(text.rstrip()[:-1])


def in_quotes(text: str) -> bool:
    """Whether a quotation is open at the end of a text."""
    try:
        split(text)
    except LineError:
        return True
    return False


def awaited_secret(language: Language, views: Views, text: str) -> str:
    """Return the last word of a line that lacks nothing but a key or a password behind it, else nothing."""
    try:
        line = split(text)
        state = language.reach(views, line, len(line.words))
    except (GrammarError, LineError):
        return ""
    awaited = state.done is None and len(state.options) == 1 and state.options[0].secret
    return line.words[-1].text if awaited and not line.pipes else ""


def tells_a_secret(language: Language, views: Views, text: str) -> bool:
    """Whether a line holds a key or a password, as far as it can be followed: it is not to be kept then."""
    try:
        line = split(text)
        for count in range(len(line.words)):
            if _is_secret(language.reach(views, line, count), line.words[count], count):
                return True
    except (GrammarError, LineError):
        # A mistyped line cannot be followed: better one line less in the history than a key in it.
        return any(word in text.lower() for word in ("key", "password"))
    return False


def _is_secret(state: State, token: Token, number: int) -> bool:
    option = choose(state, token, number)
    return option.secret

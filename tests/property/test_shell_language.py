"""Whatever is typed is a command or a mistake that is marked within the line; help and Tab always answer."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.shell.grammar import GrammarError, Option, State
from cli.shell.help import listing, place, suggestions, tells_a_secret
from cli.shell.model import Act, Change, Order
from cli.shell.tokens import LineError, split
from cli.shell.views import Views
from tests.support.shell import Typist, example, shell_model

MODEL = shell_model()
ENTRIES = (
    "remote-backup-profile rbp3",
    "remote-backup-service rbs1",
    "interface access0",
    "nacm rule-list a",
)
NOISE = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=6)


def views(entry: str) -> Typist:
    typist = Typist(MODEL)
    typist.type("system-view")
    if entry:
        typist.type(entry)
    return typist


TYPISTS = {entry: views(entry) for entry in ("", *ENTRIES)}
USER_VIEW = Typist(MODEL)


@st.composite
def walked(draw: st.DrawFn) -> tuple[Typist, str]:
    """A line that follows the grammar for some words, then perhaps does not."""
    typist = draw(st.sampled_from([USER_VIEW, *TYPISTS.values()]))
    state: State | None = typist.language.state(typist.views)
    words: list[str] = []
    for _ in range(draw(st.integers(0, 8))):
        if state is None or not state.options:
            break
        word, state = step(draw, draw(st.sampled_from(state.options)))
        words.append(word)
    if draw(st.booleans()):
        words.append(draw(NOISE))
    return typist, " ".join(words)


def step(draw: st.DrawFn, option: Option) -> tuple[str, State | None]:
    """A word for an option, whole or not, and the state behind it, None when it does not fit."""
    if option.kind is None:
        length = draw(st.integers(1, len(option.word))) if draw(st.booleans()) else None
        return option.word[:length], option.take(option.word)
    node = MODEL.find(option.kind.target) if option.kind.target else None
    guesses = ["1", "x", *(name for name, _ in option.kind.words())]
    guess = example(MODEL, node) if node is not None and node.type else draw(st.sampled_from(guesses))
    try:
        return guess, option.take(option.kind.accept(guess))
    except ValueError:
        return guess, None


def parsed(typist: Typist, text: str) -> Change | Act | Order | GrammarError | LineError:
    try:
        return typist.language.parse(typist.views, split(text))
    except (GrammarError, LineError) as error:
        return error


@given(walked())
def test_a_line_is_a_command_or_a_mistake_with_a_place(line: tuple[Typist, str]) -> None:
    found = parsed(*line)
    if isinstance(found, GrammarError | LineError):
        assert 0 <= found.position <= len(line[1]) + 1
        assert found.text
    else:
        assert not isinstance(found, Change) or found.edits


@given(walked())
def test_help_and_completion_always_answer(line: tuple[Typist, str]) -> None:
    typist, text = line
    assert listing(typist.language, typist.views, text, lambda _: ["n1", "a b"])
    tells_a_secret(typist.language, typist.views, text)
    try:
        found = place(typist.language, typist.views, text)
    except (GrammarError, LineError):
        return
    for item in suggestions(found, lambda _: ["n1", "a b"]):
        assert item.text.startswith(found.begun.lower())


@given(st.text(max_size=40))
def test_noise_is_never_more_than_a_mistake(text: str) -> None:
    with pytest.raises((GrammarError, LineError)):
        TYPISTS[""].language.parse(Views("h", ((),)), split(f"~{text}"))

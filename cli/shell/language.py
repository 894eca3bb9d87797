"""All that may be typed in a view, put together: the model's commands, the vendor's, and the shell's own.

Pure.
"""

from collections.abc import Iterator
from typing import Any

from cli.shell.grammar import GrammarError, Option, State, UnknownWordError, merge, parse, walk
from cli.shell.model import Model, Path
from cli.shell.nodes import Nodes
from cli.shell.orders import HELPS, orders, undo_orders
from cli.shell.phrases import Phrases
from cli.shell.tokens import Line
from cli.shell.views import Views


class Language:
    """The commands of one model."""

    def __init__(self, model: Model) -> None:
        self._nodes = Nodes(model)
        self._phrases = Phrases(model)
        self._orders = {flag: orders(model, configuring=flag) for flag in (False, True)}
        self._undo_orders = {flag: undo_orders(model, configuring=flag) for flag in (False, True)}

    def state(self, views: Views) -> State:
        """Return what may be typed in a view."""
        if not views.configuring:
            return merge([self._orders[False], self._nodes.actions()])
        return self._view(views.path)

    def _view(self, path: Path) -> State:
        made, undone = [self._nodes.system()], [self._nodes.undo_system()]
        if path:
            made = [self._phrases.view(path), self._nodes.view(path)]
            undone = [self._phrases.undo_view(path), self._nodes.undo_view(path)]
        undo = Option("undo", HELPS["undo"], lambda _: merge([*undone, self._undo_orders[True]]))
        return merge([*made, State((undo,)), self._orders[True]])

    def _levels(self, views: Views) -> Iterator[State]:
        """The view and those above it: a command that a view does not know is one of the view above."""
        yield self.state(views)
        for path in reversed(views.stack[:-1]):
            yield self._view(path)

    def parse(self, views: Views, line: Line) -> Any:  # noqa: ANN401 - a Change, Act or Order
        """Return the command that a line is in a view; raises GrammarError."""
        first: GrammarError | None = None
        for state in self._levels(views):
            try:
                return parse(state, line)
            except GrammarError as error:
                if not _knows_nothing(error, line):
                    raise _nearer(first, error) from None
                first = first or error
        raise first or GrammarError(0, 0, "nothing was typed")

    def reach(self, views: Views, line: Line, count: int) -> State:
        """Return the state behind the first `count` words, for help and completion; raises GrammarError."""
        first: GrammarError | None = None
        for state in self._levels(views):
            try:
                return walk(state, line, count)
            except GrammarError as error:
                if not _knows_nothing(error, line):
                    raise
                first = first or error
        raise first or GrammarError(0, 0, "nothing was typed")


def _knows_nothing(error: GrammarError, line: Line) -> bool:
    """Whether a view does not even know the command's own word, which for an `undo` is the second."""
    undo = bool(line.words) and len(line.words[0].text) > 1 and "undo".startswith(line.words[0].text.lower())
    return isinstance(error, UnknownWordError) and error.word <= (1 if undo else 0)


def _nearer(first: GrammarError | None, error: GrammarError) -> GrammarError:
    return error if first is None or error.position >= first.position else first

"""The commands of a view that the vendor calls otherwise, made from the tables of `cli.shell.words`. Pure."""

from collections.abc import Callable, Iterator, Mapping

from cli.shell.grammar import State, merge
from cli.shell.model import Act, Change, Edit, Model, Operation, Path, Step, with_keys
from cli.shell.pattern import Slot, Values, compile_pattern, literals
from cli.shell.words import ACTIONS, ENTRIES, PHRASES, ActionPhrase, EntryPhrase, Phrase, first_sentence
from server.schema.outline import OutlineNode


class Phrases:
    """Makes the states of the tables; what the server's model does not have is left out."""

    def __init__(self, model: Model) -> None:
        self._model = model

    def view(self, path: Path) -> State:
        """What may be typed in the view of an entry."""
        place = path[-1].node.path
        states = [self._phrase(item, path) for item in PHRASES if item.view == place]
        states += [self._entry(item, path, self._made) for item in ENTRIES if item.view == place]
        states += [self._action(item, path) for item in ACTIONS if item.view == place]
        return merge(state for state in states if state is not None)

    def undo_view(self, path: Path) -> State:
        """What may follow `undo`."""
        place = path[-1].node.path
        states = [self._undo_phrase(item, path) for item in PHRASES if item.view == place]
        states += [self._entry(item, path, self._unmade) for item in ENTRIES if item.view == place]
        return merge(state for state in states if state is not None)

    def _phrase(self, phrase: Phrase, path: Path) -> State | None:
        paths = leaves_of(phrase, path)
        if paths is None:
            return None
        return compile_pattern(
            phrase.pattern,
            {name: self._slot(below[-1].node) for name, below in paths.items()},
            _helps(phrase.pattern, phrase.help),
            lambda values: Change(_edits(phrase, paths, values)),
        )

    def _slot(self, node: OutlineNode) -> Slot:
        return Slot(self._model.kind(node), first_sentence(node.description), secret=node.secret)

    def _undo_phrase(self, phrase: Phrase, path: Path) -> State | None:
        """The words up to the first value take away what the phrase sets; the values may be typed too."""
        paths = leaves_of(phrase, path)
        if paths is None:
            return None
        removed = Change(tuple(Edit(below, Operation.REMOVE) for below in _outermost(paths).values()))
        words = phrase.pattern.split(" <")[0]
        return compile_pattern(
            f"{words} {_each_optional(phrase.pattern.removeprefix(words))}",
            {name: self._slot(below[-1].node) for name, below in paths.items()},
            _helps(words, phrase.help),
            lambda _: removed,
        )

    def _made(self, path: Path) -> Change:
        return Change((Edit(path),))

    def _unmade(self, path: Path) -> Change:
        return Change((Edit(path, Operation.DELETE),))

    def _entry(self, phrase: EntryPhrase, path: Path, make: Callable[[Path], Change]) -> State | None:
        node = next((child for child in path[-1].node.children if child.name == phrase.list), None)
        if node is None:
            return None
        keys = list(zip(node.keys, phrase.defaults, strict=True))
        pattern = " ".join(
            [phrase.words, *(f"[<{key}>]" if default else f"<{key}>" for key, default in keys)]
        )
        below = (*path, Step(node))

        def done(values: Values) -> object:
            return make(with_keys(below, tuple(values.get(key, default) for key, default in keys)))

        slots = {key: self._slot(node.child(key)) for key in node.keys}
        return compile_pattern(pattern, slots, _helps(phrase.words, phrase.help), done)

    def _action(self, phrase: ActionPhrase, path: Path) -> State | None:
        found = next((item for item in path[-1].node.actions if item.name == phrase.action), None)
        if found is None:
            return None
        helps = _helps(phrase.pattern, phrase.help)
        return compile_pattern(phrase.pattern, {}, helps, lambda _: Act(path, found))


def leaves_of(phrase: Phrase, path: Path) -> dict[str, Path] | None:
    """Return the leaves that a phrase names, by their names in it; None when the model lacks one."""
    found = {}
    names = [*_slots(phrase.pattern), *(name for name, _ in phrase.sets)]
    for name in names:
        below = path
        for part in name.split("/"):
            child = next((item for item in below[-1].node.children if item.name == part), None)
            if child is None:
                return None
            below = (*below, Step(child))
        found[name] = below
    return found


def _slots(pattern: str) -> Iterator[str]:
    for part in pattern.replace("[", " ").replace("]", " ").split():
        if part[0] == "<":
            yield part[1:-1]


def _each_optional(rest: str) -> str:
    """`<a> word <b>` as `[<a> [word <b>]]`: one may stop behind each value."""
    parts = rest.replace("[", "").replace("]", "").replace(">", ">;").split(";")
    given = [part.strip() for part in parts if part.strip()]
    return " ".join(f"[{part}" for part in given) + "]" * len(given)


def _edits(phrase: Phrase, paths: Mapping[str, Path], values: Values) -> tuple[Edit, ...]:
    given = [Edit(paths[name], value=value) for name, value in values.items() if name in paths]
    return (*given, *(Edit(paths[name], value=value) for name, value in phrase.sets))


def _outermost(paths: Mapping[str, Path]) -> dict[str, Path]:
    """What has to be removed: a container with presence as a whole, else the leaves."""
    found = {}
    for name, path in paths.items():
        kept = path
        for depth in range(len(path) - 1, 0, -1):
            if path[depth].node.presence and "/" in name:
                kept = path[: depth + 1]
        found[kept[-1].node.path] = kept
    return found


def _helps(pattern: str, text: str) -> dict[str, str]:
    """The help of a phrase stands at its first word."""
    return {literals(pattern).split()[0]: text}

"""The commands of a view, made from the model: every leaf, container, list and action, and its `undo`.

Pure. What the vendor calls otherwise is in `cli.shell.words`, and comes on top.
"""

from collections.abc import Callable, Iterator

from cli.shell.grammar import Option, State
from cli.shell.model import Act, Change, Edit, Model, Operation, Path, Step, config_children, with_keys
from cli.shell.words import HOISTED, POSITIONAL, REST_OF_LINE, first_sentence
from server.schema.outline import OutlineAction, OutlineNode

Then = Callable[[tuple[Edit, ...]], State]
"""Returns the state behind an edit, given all edits of the line so far."""


class Nodes:
    """Makes states from the nodes of a model."""

    def __init__(self, model: Model) -> None:
        self._model = model

    def system(self) -> State:
        """What may be typed in the system view."""
        return State(tuple(self._top(word, path) for word, path in self._model.tops.items()))

    def undo_system(self) -> State:
        """What may follow `undo` in the system view."""
        options = []
        for word, path in self._model.tops.items():
            option = self._undo(path[-1].node, path[:-1])
            options.append(Option(word, option.help, option.take))
        return State(tuple(options))

    def view(self, path: Path) -> State:
        """What may be typed in the view of an entry."""
        return State(tuple(self._children(path, (), _finished)) + tuple(self._actions(path)))

    def undo_view(self, path: Path) -> State:
        """What may follow `undo` in the view of an entry."""
        return State(tuple(self._undo_children(path)))

    def actions(self) -> State:
        """What may be ordered from anywhere: an action, then the entry that it is meant for."""
        found: dict[str, list[tuple[str, Path, OutlineAction]]] = {}
        for word, path in self._model.tops.items():
            for action in path[-1].node.actions:
                found.setdefault(action.name, []).append((word, path, action))
        return State(
            tuple(
                Option(name, first_sentence(where[0][2].description), self._entries_of(where))
                for name, where in found.items()
            )
        )

    def _entries_of(self, where: list[tuple[str, Path, OutlineAction]]) -> Callable[[str], State]:
        return lambda _: State(tuple(self._ordered_at(*item) for item in where))

    def _ordered_at(self, word: str, path: Path, action: OutlineAction) -> Option:
        def then(entry: Path) -> State:
            return self._parameters(Act(entry, action))

        return Option(word, first_sentence(path[-1].node.description), lambda _: self._keys(path, (), then))

    # what is set

    def _top(self, word: str, path: Path) -> Option:
        option = self._child(path[-1].node, path[:-1], (), _finished)
        return Option(word, option.help, option.take)

    def _children(self, path: Path, edits: tuple[Edit, ...], then: Then) -> Iterator[Option]:
        for above, child in offered(path):
            yield self._child(child, above, edits, then)

    def _child(self, node: OutlineNode, path: Path, edits: tuple[Edit, ...], then: Then) -> Option:
        below = (*path, Step(node))
        if node.kind == "container":
            made = (*edits, Edit(below)) if node.presence else edits
            return self._word(node, lambda: self._body(below, made, frozenset()))
        if node.kind == "list":
            return self._word(node, lambda: self._keys(below, (), lambda entry: self._entry(entry, edits)))
        if is_flag(node):
            edit = set_flag(below)
            return self._word(node, lambda: then((*edits, edit)))
        return self._word(node, lambda: State((self._value(below, edits, then),)))

    @staticmethod
    def _word(node: OutlineNode, state: Callable[[], State]) -> Option:
        return Option(node.name, first_sentence(node.description), lambda _: state())

    def _value(self, path: Path, edits: tuple[Edit, ...], then: Then) -> Option:
        node = path[-1].node
        return Option(
            "",
            first_sentence(node.description),
            lambda value: then((*edits, Edit(path, value=value))),
            self._model.kind(node),
            node.name in REST_OF_LINE,
            node.secret,
        )

    def _body(self, path: Path, edits: tuple[Edit, ...], used: frozenset[str]) -> State:
        """What may follow the word of a container: leaves in any order, then the end."""

        def then(name: str) -> Then:
            return lambda more: self._body(path, more, used | {name})

        node = path[-1].node
        options = [
            self._child(child, above, edits, then(child.name))
            for above, child in offered(path)
            if child.name not in used
        ]
        positional = POSITIONAL.get(node.path)
        if positional is not None and not used:
            options.append(self._value((*path, Step(node.child(positional))), edits, then(positional)))
        return State((*options, *self._actions(path)), Change(edits) if edits else None)

    def _keys(self, path: Path, keys: tuple[str, ...], then: Callable[[Path], State]) -> State:
        """The keys of a list one after the other, then what follows them."""
        node = path[-1].node
        if len(keys) == len(node.keys):
            return then(with_keys(path, keys))
        leaf = node.child(node.keys[len(keys)])
        return State(
            (
                Option(
                    "",
                    first_sentence(leaf.description),
                    lambda value: self._keys(path, (*keys, value), then),
                    KeyKind(self._model, leaf),
                ),
            )
        )

    def _entry(self, path: Path, edits: tuple[Edit, ...]) -> State:
        """An entry is made, and its view entered; or the line goes on with what is in it."""
        made = (*edits, Edit(path))
        children = config_children(path[-1].node)
        inline = self._body(path, made, frozenset())
        return State(inline.options, Change(made, path if children else None))

    # what is taken away

    def _undo_children(self, path: Path) -> Iterator[Option]:
        for above, child in offered(path):
            yield self._undo(child, above)

    def _undo(self, node: OutlineNode, path: Path) -> Option:
        below = (*path, Step(node))
        if node.kind == "container":
            done = Change((Edit(below, Operation.REMOVE),)) if node.presence else None
            return self._word(node, lambda: State(tuple(self._undo_children(below)), done))
        if node.kind == "list":
            return self._word(node, lambda: self._keys(below, (), self._undo_entry))
        return self._word(node, lambda: self._undo_leaf(below))

    def _undo_entry(self, path: Path) -> State:
        return State(tuple(self._undo_children(path)), Change((Edit(path, Operation.DELETE),)))

    def _undo_leaf(self, path: Path) -> State:
        node = path[-1].node
        if node.kind == "leaf-list":
            return State((self._removed_value(path),))
        edit = unset_flag(path) if is_flag(node) else Edit(path, Operation.REMOVE)
        done = State(done=Change((edit,)))
        if is_flag(node):
            return done
        value = self._value(path, (), lambda _: done)
        return State((value,), Change((edit,)))

    def _removed_value(self, path: Path) -> Option:
        def removed(value: str) -> State:
            return State(done=Change((Edit(path, Operation.DELETE, value),)))

        node = path[-1].node
        return Option("", first_sentence(node.description), removed, self._model.kind(node))

    # what is ordered

    def _actions(self, path: Path) -> Iterator[Option]:
        for action in path[-1].node.actions:
            yield Option(action.name, first_sentence(action.description), self._ordered(path, action))

    def _ordered(self, path: Path, action: OutlineAction) -> Callable[[str], State]:
        return lambda _: self._parameters(Act(path, action))

    def _parameters(self, act: Act) -> State:
        given = {node.name for node, _ in act.values}
        left = (node for node in act.action.input if node.name not in given and node.kind == "leaf")
        return State(tuple(self._parameter(act, node) for node in left), act)

    def _parameter(self, act: Act, node: OutlineNode) -> Option:
        def taken(value: str) -> State:
            return self._parameters(Act(act.path, act.action, (*act.values, (node, value))))

        value = Option("", first_sentence(node.description), taken, self._model.kind(node))
        return Option(node.name, first_sentence(node.description), lambda _: State((value,)))


def offered(path: Path) -> Iterator[tuple[Path, OutlineNode]]:
    """Yield the children of a node with the way to them; some stand there without the container around."""
    own = config_children(path[-1].node)
    names = {child.name for child in own}
    yield from ((path, child) for child in own)
    for child in own:
        if child.name in HOISTED.get(path[-1].node.path, ()):
            inside = (hoisted for hoisted in config_children(child) if hoisted.name not in names)
            yield from (((*path, Step(child)), hoisted) for hoisted in inside)


class KeyKind:
    """A key of a list: entries that exist may be meant."""

    def __init__(self, model: Model, leaf: OutlineNode) -> None:
        self._kind = model.kind(leaf)
        self.target = self._kind.target or leaf.path
        """Path of the leaf whose values may be meant."""

    @property
    def shape(self) -> str:
        """How help shows it."""
        return self._kind.shape

    def accept(self, text: str) -> str:
        """Return the value; raises ValueError."""
        return self._kind.accept(text)

    def words(self) -> tuple[tuple[str, str], ...]:
        """The values that can be listed."""
        return tuple(self._kind.words())


def _finished(edits: tuple[Edit, ...]) -> State:
    return State(done=Change(edits))


def is_flag(node: OutlineNode) -> bool:
    """Whether a leaf is typed without a value: its word says true, `undo` says false."""
    return node.kind == "leaf" and node.type is not None and node.type.base in {"boolean", "empty"}


def set_flag(path: Path) -> Edit:
    """The edit of a flag's word. What is true by default is true again without the leaf."""
    node = path[-1].node
    if node.type is not None and node.type.base == "empty":
        return Edit(path, value="")
    return Edit(path, Operation.REMOVE) if node.default == "true" else Edit(path, value="true")


def unset_flag(path: Path) -> Edit:
    """The edit of a flag's `undo`."""
    return Edit(path, value="false") if path[-1].node.default == "true" else Edit(path, Operation.REMOVE)

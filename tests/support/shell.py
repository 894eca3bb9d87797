"""The shell without a server: its language over a compiled model, and what is typed to reach each node."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from cli.shell.language import Language
from cli.shell.model import LISTS_ONLY, Change, Model, Step, config_children
from cli.shell.nodes import is_flag
from cli.shell.tokens import split
from cli.shell.views import Views
from server.schema.outline import OutlineNode, OutlineType
from server.schema.outlining import outline_of
from server.schema.sources import default_sources


@cache
def shell_model(*modules: str) -> Model:
    """Return the model of our modules and further ones, compiled once."""
    return Model(outline_of(default_sources(modules)))


class Typist:
    """Types into a language and follows the views, as a server that accepts everything would have it."""

    def __init__(self, model: Model, host: str = "r1") -> None:
        self.model = model
        self.language = Language(model)
        self.views = Views(host)

    def type(self, text: str) -> Any:
        """Return the command that a line is; raises GrammarError."""
        command = self.language.parse(self.views, split(text))
        if isinstance(command, Change) and command.view is not None:
            self.views = self.views.enter(command.view)
        elif getattr(command, "name", "") == "system-view":
            self.views = self.views.system()
        elif getattr(command, "name", "") == "quit":
            self.views = self.views.leave()
        return command


EXAMPLES = {
    "name": "n1",
    "address": "192.0.2.2",
    "source-address": "192.0.2.1",
    "virtual-address": "192.0.2.9",
    "daily-batch-backup": "03:30:00",
    "group-prefix": "239.0.0.0/8",
    "source-prefix": "192.0.2.0/24",
    "port": "9900",
}
"""Values of strings with patterns."""


def example(model: Model, node: OutlineNode) -> str:
    """Return a value that a leaf accepts."""
    kind = model.kind(node).resolved()
    if "mld" in node.path and node.name in {"group-prefix", "source-prefix"}:
        return "2001:db8::/32"
    if node.name in EXAMPLES:
        return EXAMPLES[node.name]
    return _of_type(kind)


def _of_type(kind: OutlineType) -> str:
    if kind.enums:
        return kind.enums[0][0]
    if "int" in kind.base and kind.base != "string":
        first = kind.range.split("..")[0].strip() if kind.range else "1"
        return "1" if first == "min" else first
    if kind.base == "boolean":
        return "true"
    return "x1"


def everything_typed(model: Model, module: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """For each configuration node of a module: its path, and the lines that set it from the system view."""
    for word, top in model.tops.items():
        parents = tuple(step.node for step in top[:-1])
        for node in parents:
            if node.module == module:
                yield node.path, ()
        yield from _typed(model, top[-1].node, word, module)


def _typed(model: Model, node: OutlineNode, words: str, module: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    if node.kind == "list":
        keys = [node.child(key) for key in node.keys]
        words = " ".join([words, *(example(model, key) for key in keys)])
        if node.module == module:
            yield from ((key.path, (words,)) for key in keys)
    elif node.kind in {"leaf", "leaf-list"} and not is_flag(node):
        words = f"{words} {example(model, node)}"
    if node.module == module:
        yield node.path, () if _never_alone(node) else (words,)
    for child in config_children(node):
        yield from _typed(model, child, f"{words} {child.name}", module)


def _never_alone(node: OutlineNode) -> bool:
    """A container without presence exists by what is in it."""
    return node.kind == "container" and not node.presence


__all__ = ["LISTS_ONLY", "Path", "Step", "Typist", "everything_typed", "example", "shell_model"]

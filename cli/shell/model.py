"""The model as the shell walks it: places in the tree, changes to it, and what the system view begins with.

Pure.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property
from typing import Final

from cli.shell.values import LeafKind
from server.schema.outline import Outline, OutlineAction, OutlineNode, OutlineType


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One node on the way down, with the keys of the entry when it is a list."""

    node: OutlineNode
    keys: tuple[str, ...] = ()

    @property
    def name(self) -> tuple[str, tuple[str, ...]]:
        """What tells steps apart."""
        return self.node.path, self.keys


Path = tuple[Step, ...]


def same_place(one: Path, other: Path) -> bool:
    """Whether two paths lead to the same instance."""
    return [step.name for step in one] == [step.name for step in other]


class Operation(StrEnum):
    """What an edit does (RFC 6241 section 7.2); `delete` is refused when there is nothing."""

    MERGE = "merge"
    DELETE = "delete"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True, eq=False)
class Edit:
    """One change of the candidate. `value` is that of a leaf or leaf-list, None for every other node."""

    path: Path
    operation: Operation = Operation.MERGE
    value: str | None = None

    @property
    def node(self) -> OutlineNode:
        """The node that is changed."""
        return self.path[-1].node


@dataclass(frozen=True, slots=True, eq=False)
class Change:
    """A command that edits the candidate and, with a `view`, goes there."""

    edits: tuple[Edit, ...]
    view: Path | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Act:
    """A command that orders an action on an instance, with its parameters."""

    path: Path
    action: OutlineAction
    values: tuple[tuple[OutlineNode, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Order:
    """A command of the shell itself: its name, and what was given with it."""

    name: str
    values: Mapping[str, str]

    def get(self, name: str, default: str = "") -> str:
        """Return one of the values."""
        return self.values.get(name, default)


LISTS_ONLY: Final = frozenset({"list"})


@dataclass(frozen=True)
class Model:
    """An outline with ways to find things in it."""

    outline: Outline

    @cached_property
    def _by_path(self) -> dict[str, OutlineNode]:
        return {node.path: node for root in self.outline.roots for node in root.walk()}

    def find(self, path: str) -> OutlineNode | None:
        """Return the node of a path, None when the server has none."""
        return self._by_path.get(path)

    def kind(self, node: OutlineNode) -> LeafKind:
        """Return what a leaf or leaf-list accepts."""
        return LeafKind(node.type or OutlineType("string"), self.find, node.name)

    @cached_property
    def tops(self) -> Mapping[str, Path]:
        """What the system view begins with: word → the way there.

        The lists of a container that holds nothing else stand there without it, as on routers:
        `interface NAME`, not `interfaces interface NAME`. Words that two modules share carry their module.
        """
        found: dict[str, list[Path]] = {}
        for path in self._top_paths():
            found.setdefault(path[-1].node.name, []).append(path)
        return {
            name if len(paths) == 1 else f"{path[-1].node.module}:{name}": path
            for name, paths in found.items()
            for path in paths
        }

    def _top_paths(self) -> Iterator[Path]:
        for root in self.outline.roots:
            if not root.config:
                continue
            children = config_children(root)
            if root.kind == "container" and {child.kind for child in children} == LISTS_ONLY:
                yield from ((Step(root), Step(child)) for child in children)
            else:
                yield (Step(root),)

    def top_words(self, path: Path) -> tuple[str, Path]:
        """Return the word that a path begins with in the system view, and the top that it stands for."""
        for word, top in self.tops.items():
            nodes = [step.node for step in path[: len(top)]]
            if all(step.node is node for step, node in zip(top, nodes, strict=False)) and len(nodes) == len(
                top
            ):
                return word, top
        raise KeyError(path[0].node.path)


def config_children(node: OutlineNode) -> tuple[OutlineNode, ...]:
    """The children that can be typed: configuration, but no keys, which stand in the entry's own word."""
    return tuple(
        child
        for child in node.children
        if child.config and child.name not in node.keys and child.kind != "anydata"
    )


def with_keys(path: Path, keys: tuple[str, ...]) -> Path:
    """Return a path to a list as one to an entry of it."""
    return (*path[:-1], replace(path[-1], keys=keys))

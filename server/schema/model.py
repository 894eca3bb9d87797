"""The compiled schema: the tree of data nodes, the modules behind it and their constraints.

`load_schema` compiles the modules of a `ModuleSources` with pyang. The result is immutable by
convention: it is built once at start and shared by all threads.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from server.schema.node import Constraint, ConstraintKind, NodeKind, Read, SchemaNode, Tag, TypeInfo
from server.schema.sources import ModuleSources, SchemaError

__all__ = [
    "Constraint",
    "ConstraintKind",
    "ModuleInfo",
    "NodeKind",
    "Operation",
    "Read",
    "Schema",
    "SchemaError",
    "SchemaNode",
    "SubmoduleInfo",
    "Tag",
    "TypeInfo",
    "load_schema",
]


@dataclass(frozen=True, slots=True)
class SubmoduleInfo:
    """A submodule: its name, revision and source."""

    name: str
    revision: str
    text: str


@dataclass(frozen=True, slots=True)
class ModuleInfo:
    """One YANG module as it is served (RFC 8525 section 3).

    `features` are the enabled ones, `deviated_by` the modules that deviate this one. `implemented` false
    means import-only. `text` is the source as get-schema returns it.
    """

    name: str
    revision: str
    namespace: str
    prefix: str
    yang_version: str
    implemented: bool
    features: tuple[str, ...] = ()
    deviated_by: tuple[str, ...] = ()
    text: str = ""
    submodules: tuple[SubmoduleInfo, ...] = ()


@dataclass(frozen=True, slots=True)
class Operation:
    """An rpc, action or notification.

    `kind` is `rpc`, `action` or `notification`; `parent` the data node an action or notification sits in,
    None at the top level. `input` and `output` are roots whose children are the parameters; a notification
    has its content in `output`.
    """

    kind: str
    name: str
    module: str
    tag: Tag
    parent: SchemaNode | None
    input: SchemaNode
    output: SchemaNode
    default_deny_all: bool = False

    @property
    def path(self) -> str:
        """Where it is defined, in the form of `SchemaNode.path`."""
        return self.input.path


@dataclass(frozen=True)
class Schema:
    """All modules compiled together.

    `root` is a container with the tag `""` whose children are the top-level data nodes of all implemented
    modules. `identities` maps each identity (module-name form) to those derived from it, itself included.
    """

    root: SchemaNode
    modules: tuple[ModuleInfo, ...]
    constraints: tuple[Constraint, ...]
    operations: tuple[Operation, ...]
    sources: ModuleSources
    identities: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @cached_property
    def by_name(self) -> Mapping[str, ModuleInfo]:
        """Module name → module."""
        return {module.name: module for module in self.modules}

    @cached_property
    def by_namespace(self) -> Mapping[str, ModuleInfo]:
        """Namespace → module."""
        return {module.namespace: module for module in self.modules}

    @cached_property
    def content_id(self) -> str:
        """Hash of everything that yang-library reports: stable over restarts (RFC 8525 section 3)."""
        from server.schema.library import content_id

        return content_id(self)

    def walk(self, module_name: str | None = None) -> Iterator[SchemaNode]:
        """All data nodes in schema order, or those that `module_name` defines (augments included)."""
        for node in self.root.walk():
            if node is not self.root and (module_name is None or node.module == module_name):
                yield node

    def node(self, path: str) -> SchemaNode:
        """Find a data node by its `SchemaNode.path`; raises KeyError."""
        return self._by_path[path]

    @cached_property
    def _by_path(self) -> Mapping[str, SchemaNode]:
        return {node.path: node for node in self.walk()}

    @cached_property
    def leafrefs_to(self) -> Mapping[SchemaNode, tuple[Constraint, ...]]:
        """Target leaf → the leafrefs that point at it."""
        found: dict[SchemaNode, list[Constraint]] = {}
        for constraint in self.constraints:
            if constraint.target is not None:
                found.setdefault(constraint.target, []).append(constraint)
        return {node: tuple(items) for node, items in found.items()}

    def operation_at(self, parent: SchemaNode, tag: Tag) -> Operation | None:
        """The operation whose element `tag` stands directly in `parent`; an rpc stands in the root."""
        return self._operations_by_place.get((parent, tag))

    @cached_property
    def _operations_by_place(self) -> Mapping[tuple[SchemaNode, Tag], Operation]:
        return {(item.parent or self.root, item.tag): item for item in self.operations}

    @cached_property
    def rpcs(self) -> Mapping[Tag, Operation]:
        """Clark name of the rpc → its parameters."""
        return {item.tag: item for item in self.operations if item.kind == "rpc"}


def load_schema(sources: ModuleSources) -> Schema:
    """Compile `sources` into a `Schema`; raises SchemaError naming file, line and what is wrong."""
    from server.schema.build import build_schema
    from server.schema.compiler import compile_modules

    return build_schema(sources, compile_modules(sources))

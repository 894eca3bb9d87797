"""Nodes of the schema tree: what the YANG modules say, in the form that the other parts read.

Owns the types only. They are filled once by `server.schema.build` and never change afterwards. Choices
and cases are transparent (RFC 7950 section 7.9): they appear in `SchemaNode.cases`, not as nodes.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

Tag = str
"""A qualified name in Clark notation, `{namespace}name`."""


class NodeKind(StrEnum):
    """The kinds of data nodes (RFC 7950 section 3); anyxml counts as anydata."""

    CONTAINER = "container"
    LIST = "list"
    LEAF = "leaf"
    LEAF_LIST = "leaf-list"
    ANYDATA = "anydata"


class ConstraintKind(StrEnum):
    """The statements whose verdict depends on other nodes (RFC 7950 section 8.1)."""

    MUST = "must"
    WHEN = "when"
    LEAFREF = "leafref"


@dataclass(eq=False, slots=True)
class TypeInfo:
    """The type of a leaf or leaf-list after typedefs are resolved (RFC 7950 sections 7.3 and 9).

    `base` is the built-in type's name, or `xpath1.0`. `members` are the types of a union. `has_prefix` is
    true for an identityref, an instance-identifier, an XPath expression, and a union or leafref that may hold
    one: the XML form of such a value carries prefixes (see `server.schema.names`). `identities` are the
    values an identityref takes, in module-name form (`iana-if-type:ethernetCsmacd`). `enums` are the names of
    an enumeration, and `has_pattern` says that a string has one. `target` is the leaf that a leafref points
    at, or None when the path could not be resolved; a value then has the form of `target.type`. `range` and
    `length` are the restrictions that apply, as the modules write them.
    """

    base: str
    has_prefix: bool = False
    members: tuple["TypeInfo", ...] = ()
    identities: frozenset[str] = frozenset()
    enums: frozenset[str] = frozenset()
    has_pattern: bool = False
    path: str = ""
    target: "SchemaNode | None" = None
    require_instance: bool = True
    default: str | None = None
    units: str = ""
    range: str = ""
    length: str = ""


@dataclass(eq=False, slots=True, frozen=True)
class Read:
    """One set of nodes that the verdict of a constraint depends on.

    `target` is what the location path ends at. Its value and its existence are read; for a container, list
    or anydata this covers everything below it. Predicates give reads of their own.

    `anchor` is the lowest ancestor-or-self of the context node that the path passes before it goes down
    (the schema root for an absolute path). Instances of `target` that the constraint can see are those
    below the same instance of `anchor` as the context node.

    `leaves_entry` says whether the path leaves the context node's top-most list entry: False means that
    every instance that is read lies in the same entry of `context.top_list` as the context node, so a slice
    that holds the entry holds all that is read. It is True when the anchor lies above the top-most list, and
    when the context node is in no list at all while the target is.

    `lookups` pins down which entry of a list outside is read, when the predicates say so exactly:
    `lookups[tag of a key of the list]` is the leaf, in the context node's own entry (or in no entry at all),
    whose value the key has to equal. It is empty when the predicates bound nothing, otherwise it names
    every key of `lookup_list`, the top-most list entry outside that the path passes.
    """

    target: "SchemaNode"
    anchor: "SchemaNode"
    leaves_entry: bool
    lookup_list: "SchemaNode | None" = None
    lookups: Mapping[Tag, "SchemaNode"] = field(default_factory=dict)


@dataclass(eq=False, slots=True, frozen=True)
class Constraint:
    """A must, when or leafref (RFC 7950 sections 7.5.3, 7.21.5, 9.9).

    `node` is the data node that carries it: instances of `node` are accepted or refused. `context` is where
    its XPath starts: `node` itself, or, for a `when` of a choice, case, uses or augment, the closest data
    node above. A constraint is evaluated once for every instance of `node`; a must of a container without
    presence also when the container is absent but its parent exists.

    `reads` are the nodes it depends on. `unbounded` means that they could not be told from the schema
    alone (descendant axes, sibling axes, positions, variables, `deref` of what is no leafref); a change
    of anything may then change the verdict, and `reads` is incomplete.
    """

    kind: ConstraintKind
    node: "SchemaNode"
    context: "SchemaNode"
    expression: str
    xpath: Any
    prefixes: Mapping[str, str]
    reads: tuple[Read, ...] = ()
    unbounded: bool = False
    error_message: str = ""
    error_app_tag: str = ""
    require_instance: bool = True

    @property
    def target(self) -> "SchemaNode | None":
        """The leaf that a leafref points at; None for the other kinds."""
        return self.reads[0].target if self.kind is ConstraintKind.LEAFREF and self.reads else None

    @property
    def target_is_top_key(self) -> bool:
        """Whether a leafref's target is the only key of a list that no other list holds."""
        target = self.target
        if target is None or target.parent is None:
            return False
        entry = target.parent
        return entry.keys == (target.tag,) and entry.top_list is entry


@dataclass(eq=False, slots=True)
class SchemaNode:
    """One data node of the schema.

    `parent` is the data node above; top-level nodes have `Schema.root`, which has None. `children` are in
    schema order. `uniques` holds, for each unique statement, its paths as tags below the entry. `cases` is
    the chain of (choice id, case name) this node sits in, outermost first and only up to the parent data
    node: two siblings with the same choice id and different case names exclude each other. `path` is for
    people: `/twincast-remote-backup:remote-backup/remote-backup-profile`. `max_elements` None is unbounded.
    `default_deny_all` and `default_deny_write` are inherited by all nodes below (RFC 8341 section 3.2.2).
    `musts`, `whens` and `leafref` are the same objects as in `Schema.constraints`. `actions` and
    `notifications` are names defined directly below this node.
    """

    name: str
    module: str
    namespace: str
    prefix: str
    tag: Tag
    kind: NodeKind
    config: bool = True
    parent: "SchemaNode | None" = None
    children: "dict[Tag, SchemaNode]" = field(default_factory=dict)
    keys: tuple[Tag, ...] = ()
    user_ordered: bool = False
    presence: bool = False
    mandatory: bool = False
    defaults: tuple[str, ...] = ()
    min_elements: int = 0
    max_elements: int | None = None
    uniques: tuple[tuple[tuple[Tag, ...], ...], ...] = ()
    type: TypeInfo | None = None
    cases: tuple[tuple[str, str], ...] = ()
    musts: tuple[Constraint, ...] = ()
    whens: tuple[Constraint, ...] = ()
    leafref: Constraint | None = None
    default_deny_all: bool = False
    default_deny_write: bool = False
    path: str = ""
    default_cases: dict[str, str] = field(default_factory=dict)
    actions: tuple[str, ...] = ()
    notifications: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"<{self.kind} {self.path or '/'}>"

    @property
    def top_list(self) -> "SchemaNode | None":
        """The top-most list among this node and those above it, or None."""
        found = None
        for node in self.ancestors_or_self():
            if node.kind is NodeKind.LIST:
                found = node
        return found

    def ancestors_or_self(self) -> "Iterator[SchemaNode]":
        """This node, its parent and so on up to the schema root, which is included."""
        node: SchemaNode | None = self
        while node is not None:
            yield node
            node = node.parent

    def chain(self) -> "tuple[SchemaNode, ...]":
        """The nodes from the top level down to this one, without the schema root."""
        return tuple(reversed([node for node in self.ancestors_or_self() if node.parent is not None]))

    def walk(self) -> "Iterator[SchemaNode]":
        """This node and all below it, in schema order."""
        yield self
        for child in self.children.values():
            yield from child.walk()

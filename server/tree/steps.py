"""The steps of an edit-config: what to do with which node, and what is wrong with it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from server.protocol.errors import RpcError
from server.schema.node import NodeKind, SchemaNode
from server.tree.location import Location
from server.tree.members import Insert, Key
from server.tree.node import Entry


class Operation(StrEnum):
    """The values of the operation attribute (RFC 6241 section 7.2), and `none`, which is only a default."""

    MERGE = "merge"
    REPLACE = "replace"
    CREATE = "create"
    DELETE = "delete"
    REMOVE = "remove"
    NONE = "none"


MAX_ERRORS: Final = 256
"""Errors reported for one request; a larger reply helps nobody."""

REMOVING: Final = (Operation.DELETE, Operation.REMOVE)


class Step:
    """One element of the payload: what to do with one node.

    `operation` is the one in effect. `text` is the value of a leaf or leaf-list, `key` that of an entry; both
    are the client's until `canonical` has replaced them. `unit` numbers the part of the payload that succeeds
    or fails together under continue-on-error. `point` is what `insert` refers to: a key, or a value in a
    tuple. `keys` are the steps of an entry's key leaves, which are not among its `children`. `uniform`: below
    are only leaves and containers, without operations of their own; an entry then has `entry`, its canonical
    form, and its `children` may have no canonical values yet. `default`: the value is said to be the default
    (RFC 6243 section 4.5.2), which has to be so and then nobody sets it.
    """

    __slots__ = (
        "children",
        "default",
        "entry",
        "insert",
        "key",
        "keys",
        "operation",
        "parent",
        "point",
        "schema",
        "text",
        "uniform",
        "unit",
    )

    def __init__(
        self, schema: SchemaNode, parent: "Step | None", operation: Operation, unit: int = -1
    ) -> None:
        self.schema = schema
        self.parent = parent
        self.operation = operation
        self.unit = unit
        self.children: Sequence[Step] = ()
        self.keys: Sequence[Step] = ()
        self.key: Key = ()
        self.text = ""
        self.insert: Insert | None = None
        self.point: Key | None = None
        self.uniform = True
        self.entry: Entry | None = None
        self.default = False

    @property
    def named(self) -> str:
        """The node in words: an entry by its key, a value by itself unless nobody may read it by default."""
        told: Key = ()
        if not self.schema.default_deny_all:
            told = (self.text,) if self.schema.kind is NodeKind.LEAF_LIST else self.key
        return " ".join((self.schema.name, *map(repr, told)))

    @property
    def location(self) -> Location:
        """Where the node of this step is."""
        keys: list[Key] = []
        step: Step | None = self
        while step is not None:
            if step.schema.kind is NodeKind.LIST:
                # Below an entry without all of its keys the entries cannot be told either.
                keys = [*keys, step.key] if len(step.key) == len(step.schema.keys) else []
            step = step.parent
        value = self.text if self.schema.kind is NodeKind.LEAF_LIST else None
        return Location(self.schema, tuple(reversed(keys)), value)


@dataclass(slots=True)
class Payload:
    """All steps below `root`, what was wrong, and the units that are wrong.

    `units` has the top-most step of every unit. `replaces`: some step does. `plain`: it is a configuration
    and no edit, so that nothing has attributes. Unless `keep_going`, many errors end the reading. `premises`
    are steps whose nodes the client knows with an etag.
    """

    root: Step
    plain: bool = False
    keep_going: bool = False
    units: list[Step] = field(default_factory=list)
    errors: list[RpcError] = field(default_factory=list)
    failed: set[int] = field(default_factory=set)
    replaces: bool = False
    premises: list[tuple[Step, str]] = field(default_factory=list)

    @property
    def is_hopeless(self) -> bool:
        """Whether looking on for errors is of no use."""
        return len(self.errors) >= MAX_ERRORS and not self.keep_going

    def leaves(self) -> Iterator[Step]:
        """The steps that have none below them, in document order: all that the payload names."""
        pending = [self.root]
        while pending:
            step = pending.pop()
            pending.extend(reversed(step.children))
            if not step.children and step is not self.root:
                yield step

    def fail(self, step: Step, error: RpcError) -> None:
        """Note an error; the unit of `step` is not applied."""
        self.errors.append(error)
        self.failed.add(step.unit)

"""From libyang's data paths to schema nodes and to our instance paths.

libyang writes `/twincast-remote-backup:remote-backup/remote-backup-profile[name='rbp3']/backup-id`: module
names, only where they change, and keys in quotes that it does not escape.
"""

import re
from dataclasses import dataclass

from server.schema.model import Operation, Schema
from server.schema.names import Bindings, instance_path
from server.schema.node import NodeKind, SchemaNode

_NAME = r"[A-Za-z_][\w.\-]*"
_STEP = re.compile(rf"/(?:({_NAME}):)?({_NAME})")
# A value ends at the quote and bracket that are followed by what may follow a predicate.
_PREDICATE = re.compile(
    rf"""\[(?:(?:{_NAME}:)?(?P<name>{_NAME}|\.)=(?P<quote>['"])(?P<value>.*?)(?P=quote)|\d+)\](?=\[|/|$)""",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Located:
    """An instance: its schema node, the keys of every list on the way, the value of a leaf-list entry."""

    node: SchemaNode
    keys: tuple[tuple[str, ...], ...] = ()
    value: str | None = None

    def path(self, bindings: Bindings) -> str:
        """Return our instance path; its prefixes are added to `bindings`."""
        return instance_path(self.node, self.keys, self.value, bindings)[0]

    def child(self, node: SchemaNode) -> "Located":
        """The instance of `node` directly below this one."""
        return Located(node, self.keys)

    def without_own_keys(self) -> "Located":
        """The list or leaf-list itself in place of one of its entries."""
        if self.node.kind is NodeKind.LIST:
            lists = sum(step.kind is NodeKind.LIST for step in self.node.chain())
            return Located(self.node, self.keys[: lists - 1])
        return Located(self.node, self.keys)

    def below(self, path: str) -> "Located | None":
        """Follow a descendant path of bare names, as in a unique statement."""
        node = self.node
        for step in path.split("/"):
            found = child_named(node, step.rpartition(":")[2])
            if found is None:
                return None
            node = found
        return Located(node, self.keys)


def child_named(node: SchemaNode, name: str) -> SchemaNode | None:
    """Return the child called `name`, one of the node's own module first."""
    found = [child for child in node.children.values() if child.name == name]
    found.sort(key=lambda child: child.module != node.module)
    return found[0] if found else None


def locate(schema: Schema, path: str) -> Located | None:
    """Return what a libyang data path names, as far as the schema knows it; None for nothing at all."""
    node, module, position = schema.root, "", 0
    keys: list[tuple[str, ...]] = []
    value: str | None = None
    entered: Operation | None = None
    while (match := _STEP.match(path, position)) is not None:
        if entered is not None:  # input and output are no nodes of a path
            node, position = entered.output if match[2] == "output" else entered.input, match.end()
            entered = None
            continue
        module = match[1] or module
        found, entered = _child(schema, node, module, match[2])
        if found is None:
            break
        node, position = found, match.end()
        values, position = _values(path, position)
        value = values.get(".") if node.kind is NodeKind.LEAF_LIST else None
        if node.kind is NodeKind.LIST:
            keys.append(_keys(node, values))
    return None if node is schema.root else Located(node, tuple(keys), value)


def _child(
    schema: Schema, node: SchemaNode, module: str, name: str
) -> tuple[SchemaNode | None, Operation | None]:
    """The node of a step, and the rpc or action that it enters."""
    info = schema.by_name.get(module)
    if info is None:
        return None, None
    tag = f"{{{info.namespace}}}{name}"
    operation = None if tag in node.children else schema.operation_at(node, tag)
    if operation is None:
        return node.children.get(tag), None
    if operation.kind == "notification":
        return operation.output, None
    return operation.input, operation


def _values(path: str, position: int) -> tuple[dict[str, str], int]:
    values: dict[str, str] = {}
    while (match := _PREDICATE.match(path, position)) is not None:
        if match["name"]:
            values.setdefault(match["name"], match["value"])
        position = match.end()
    return values, position


def _keys(node: SchemaNode, values: dict[str, str]) -> tuple[str, ...]:
    """The values in key order; cut short where one is missing."""
    found: list[str] = []
    for key in node.keys:
        name = node.children[key].name
        if name not in values:
            break
        found.append(values[name])
    return tuple(found)

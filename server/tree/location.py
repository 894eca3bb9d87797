"""Where a node is: the schema node and the keys on the way, and its instance path (RFC 7950 section 9.13)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from server.protocol.errors import RpcError
from server.schema.names import instance_path, quoted
from server.schema.node import NodeKind, SchemaNode, Tag
from server.tree.members import Key

Place: TypeAlias = tuple[tuple[Tag, Key | str | None], ...]
"""The steps from the top to a node: its tag, with the key of an entry or the value of a leaf-list."""


@dataclass(frozen=True, slots=True)
class Location:
    """An instance of `schema`. `keys` has the key of every list entry on the way, outermost first.

    `value` tells a value of a leaf-list. A list with all its entries has one key less than an entry.
    """

    schema: SchemaNode
    keys: tuple[Key, ...] = ()
    value: str | None = None

    def child(self, schema: SchemaNode) -> "Location":
        """The location of a child node."""
        return Location(schema, self.keys)

    def entry(self, key: Key) -> "Location":
        """The location of an entry of this list."""
        return Location(self.schema, (*self.keys, key))

    def member(self, value: str) -> "Location":
        """The location of a value of this leaf-list."""
        return Location(self.schema, self.keys, value)

    @property
    def place(self) -> Place:
        """The way to it, to be compared: what is below begins with it."""
        keys = iter(self.keys)
        steps = [
            (node.tag, next(keys, ()) if node.kind is NodeKind.LIST else None) for node in self.schema.chain()
        ]
        if self.value is None:
            return tuple(steps)
        return (*steps[:-1], (self.schema.tag, self.value))

    @property
    def identifier(self) -> str:
        """The instance-identifier as trees have it, with module names as prefixes, and with all keys."""
        parts: list[str] = []
        above = ""
        keys = iter(self.keys)
        for node in self.schema.chain():
            label = node.name if node.module == above else f"{node.module}:{node.name}"
            above = node.module
            parts.append(f"/{label}")
            if node.kind is NodeKind.LIST:
                names = (node.children[tag].name for tag in node.keys)
                pairs = zip(names, next(keys, ()), strict=False)
                parts += [f"[{name}={quoted(value)}]" for name, value in pairs]
        if self.value is not None:
            parts.append(f"[.={quoted(self.value)}]")
        return "".join(parts)

    @property
    def path(self) -> str:
        """The instance path; each prefix is the module's own."""
        return instance_path(self.schema, self.keys, self.value)[0]

    @property
    def namespaces(self) -> Mapping[str, str]:
        """Prefix → namespace for `path`."""
        return instance_path(self.schema, self.keys, self.value)[1]

    def blame(self, error: RpcError) -> RpcError:
        """The error with this location as its path."""
        path, namespaces = instance_path(self.schema, self.keys, self.value)
        return error.at(path, namespaces)

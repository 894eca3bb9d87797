"""Where a node is: the schema node and the keys on the way, and its instance path (RFC 7950 section 9.13)."""

from collections.abc import Mapping
from dataclasses import dataclass

from server.protocol.errors import RpcError
from server.schema.names import instance_path
from server.schema.node import SchemaNode
from server.tree.members import Key


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

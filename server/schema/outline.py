"""The schema as a person is shown it: names, descriptions and types, in a form that can be kept in a file.

Owns the types only; `server.schema.outlining` fills them. A command line needs the words of the modules,
which `SchemaNode` leaves out, and has no time to compile them whenever it is started.
"""

from collections.abc import Iterator

import msgspec


class OutlineType(msgspec.Struct, frozen=True):
    """The type of a leaf with its typedefs resolved (RFC 7950 section 9).

    `base` is the built-in type's name. `patterns` are in the syntax of XML Schema, all have to match.
    `enums` are (name, description) in the order of the module, `identities` in module-name form, `members`
    the types of a union, and `target` the path of the leaf that a leafref points at.
    """

    base: str
    range: str = ""
    length: str = ""
    patterns: tuple[str, ...] = ()
    enums: tuple[tuple[str, str], ...] = ()
    identities: tuple[str, ...] = ()
    members: tuple["OutlineType", ...] = ()
    target: str = ""
    units: str = ""


class OutlineNode(msgspec.Struct, frozen=True):
    """One data node, or the parameter of an operation.

    `kind` is that of RFC 7950 section 3 (`container`, `list`, `leaf`, `leaf-list`, `anydata`), `path` that of
    `SchemaNode.path`. `keys` are names of children, and `secret` says that the node itself is marked
    nacm:default-deny-all: keys and the like. `actions` are those of this node itself.
    """

    name: str
    module: str
    namespace: str
    kind: str
    path: str
    config: bool = True
    description: str = ""
    keys: tuple[str, ...] = ()
    presence: bool = False
    mandatory: bool = False
    secret: bool = False
    default: str | None = None
    type: OutlineType | None = None
    children: tuple["OutlineNode", ...] = ()
    actions: tuple["OutlineAction", ...] = ()

    @property
    def tag(self) -> str:
        """The qualified name in Clark notation."""
        return f"{{{self.namespace}}}{self.name}"

    def child(self, name: str) -> "OutlineNode":
        """Return the child of that name; raises KeyError."""
        for child in self.children:
            if child.name == name:
                return child
        raise KeyError(f"{self.path}/{name}")

    def walk(self) -> Iterator["OutlineNode"]:
        """This node and all below it, in schema order."""
        yield self
        for child in self.children:
            yield from child.walk()


class OutlineAction(msgspec.Struct, frozen=True):
    """An action (RFC 7950 section 7.15) with its parameters."""

    name: str
    namespace: str
    description: str = ""
    input: tuple[OutlineNode, ...] = ()


class Outline(msgspec.Struct, frozen=True):
    """All top-level data nodes, and the namespace of each module."""

    roots: tuple[OutlineNode, ...]
    namespaces: dict[str, str]

    def root(self, module: str, name: str) -> OutlineNode | None:
        """Return a top-level node, None when the server has no such module."""
        return next((node for node in self.roots if (node.module, node.name) == (module, name)), None)

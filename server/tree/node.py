"""The nodes of a data tree: immutable values that share what did not change.

Every change returns a new node, and `a is b` means that nothing differs below. The root is a `Container`
of `Schema.root`. Values are canonical strings (RFC 7950 section 9.1); identityref and instance-identifier
values have module names as prefixes. A non-presence container without children does not exist. Attributes
that start with an underscore are caches: filled when first needed, equal whoever fills them.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Final, Self, TypeAlias

from server.schema.node import NodeKind, SchemaNode, Tag
from server.tree.members import Key, Members, Style

Value: TypeAlias = str


class Leaf:
    """One leaf (RFC 7950 section 7.6); the value of type empty is the empty string."""

    __slots__ = ("schema", "value")

    def __init__(self, schema: SchemaNode, value: Value) -> None:
        self.schema: Final = schema
        self.value: Final = value

    def __repr__(self) -> str:
        return f"Leaf({self.schema.name}={self.value!r})"


class AnyData:
    """One anydata or anyxml node (RFC 7950 sections 7.10, 7.11): `xml` is the whole element, canonical."""

    __slots__ = ("schema", "xml")

    def __init__(self, schema: SchemaNode, xml: bytes) -> None:
        self.schema: Final = schema
        self.xml: Final = xml


class LeafList:
    """All values of one leaf-list (RFC 7950 section 7.7)."""

    __slots__ = ("members", "schema")

    def __init__(self, schema: SchemaNode, members: "Members[Value, Value]") -> None:
        self.schema: Final = schema
        self.members: Final = members

    def __iter__(self) -> Iterator[Value]:
        return iter(self.members)

    def __len__(self) -> int:
        return len(self.members)

    def __contains__(self, value: Value) -> bool:
        return self.members.get(value) is not None

    @classmethod
    def of(cls, schema: SchemaNode, values: list[Value]) -> Self:
        """Build from values in order; values of a state leaf-list may repeat (RFC 7950 section 7.7)."""
        style = members_style(schema)
        return cls(schema, Members.build(style, [(value, value) for value in values]))


class DefaultLeaf(Leaf):
    """A leaf that nobody set: the value is the schema's default. It is in answers, never in a datastore."""

    __slots__ = ()


class DefaultLeafList(LeafList):
    """A leaf-list that nobody set, as `DefaultLeaf`."""

    __slots__ = ()


class Branch:
    """What a container and a list entry have in common: children by tag, keys first, in schema order.

    `digest` keeps what `server.tree.etag` makes of the content, None until it is asked for.
    """

    __slots__ = ("children", "digest", "schema")

    def __init__(self, schema: SchemaNode, children: "Mapping[Tag, Node]") -> None:
        self.schema: Final = schema
        self.children: Final = children
        self.digest: bytes | None = None

    def __iter__(self) -> "Iterator[Node]":
        return iter(self.children.values())

    def __len__(self) -> int:
        return len(self.children)

    def get(self, tag: Tag) -> "Node | None":
        """The child with this tag, None when it is not there."""
        return self.children.get(tag)

    def value(self, tag: Tag) -> Value | None:
        """The value of the leaf `tag`; None when it is not there or no leaf. Defaults are not filled in."""
        child = self.children.get(tag)
        return child.value if isinstance(child, Leaf) else None

    def branch(self, tag: Tag) -> "Container | None":
        """The container `tag`, None when it is not there."""
        child = self.children.get(tag)
        return child if isinstance(child, Container) else None

    def entries(self, tag: Tag) -> "Iterator[Entry]":
        """The entries of the list `tag`; none when it is not there."""
        child = self.children.get(tag)
        return iter(child) if isinstance(child, ListNode) else iter(())

    def values(self, tag: Tag) -> Iterator[Value]:
        """The values of the leaf-list `tag`; none when it is not there."""
        child = self.children.get(tag)
        return iter(child) if isinstance(child, LeafList) else iter(())

    def put(self, child: "Node") -> Self:
        """This node with `child` added or replaced. An empty list or non-presence container is removed."""
        tag = child.schema.tag
        if is_void(child):
            return self.remove(tag)
        present = self.children.get(tag)
        if present is child or same_leaf(present, child):
            return self
        changed = {**self.children, tag: child}
        return self.with_children(changed if present is not None else in_schema_order(self.schema, changed))

    def remove(self, tag: Tag) -> Self:
        """This node without the child `tag`; the same node when it is not there."""
        if tag not in self.children:
            return self
        return self.with_children({name: child for name, child in self.children.items() if name != tag})

    def with_children(self, children: "Mapping[Tag, Node]") -> Self:
        """A node of the same schema node and key with other children, which are in schema order."""
        return type(self)(self.schema, children)


class Container(Branch):
    """A container (RFC 7950 section 7.5), or the root of a tree."""

    __slots__ = ()

    @classmethod
    def of(cls, schema: SchemaNode, children: "Mapping[Tag, Node]") -> Self:
        """Build from children in any order; void ones are left out."""
        kept = {tag: child for tag, child in children.items() if not is_void(child)}
        return cls(schema, in_schema_order(schema, kept))


class Entry(Branch):
    """A list entry (RFC 7950 section 7.8). `key` are the key values in schema order, () without keys.

    `schema` is the list's. `cache` keeps what was derived from this entry alone.
    """

    __slots__ = ("cache", "key")

    def __init__(self, schema: SchemaNode, children: "Mapping[Tag, Node]", key: Key | None = None) -> None:
        super().__init__(schema, children)
        self.key: Final = key_of(schema, children) if key is None else key
        self.cache: Final[dict[object, object]] = {}

    @classmethod
    def of(cls, schema: SchemaNode, children: "Mapping[Tag, Node]") -> Self:
        """Build from children in any order; raises KeyError when a key leaf is missing."""
        kept = {tag: child for tag, child in children.items() if not is_void(child)}
        return cls(schema, in_schema_order(schema, kept))

    def with_children(self, children: "Mapping[Tag, Node]") -> Self:
        """The entry with other children but the same key."""
        return type(self)(self.schema, children, self.key)


class ListNode:
    """All entries of one list (RFC 7950 section 7.8)."""

    __slots__ = ("members", "schema")

    def __init__(self, schema: SchemaNode, members: "Members[Key, Entry]") -> None:
        self.schema: Final = schema
        self.members: Final = members

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.members)

    def __len__(self) -> int:
        return len(self.members)

    @classmethod
    def of(cls, schema: SchemaNode, entries: list[Entry]) -> Self:
        """Build from entries in the user's order; of equal keys the last wins."""
        return cls(schema, Members.build(members_style(schema), [(entry.key, entry) for entry in entries]))

    def get(self, key: Key) -> Entry | None:
        """The entry with these key values."""
        return self.members.get(key)

    def put(self, entry: Entry) -> Self:
        """The list with `entry` replacing the one with its key, in its place, or else added at the end."""
        members = self.members.put(entry.key, entry)
        return self if members is self.members else type(self)(self.schema, members)

    def remove(self, key: Key) -> Self:
        """The list without the entry `key`; the same list when it is not there."""
        members = self.members.remove(key)
        return self if members is self.members else type(self)(self.schema, members)


class StreamedList(ListNode):
    """A list of state whose entries come in parts, each made when it is asked for and not kept.

    For answers that are too large to be held: it can be printed, and filtered part by part. As a list it
    appears to have no members; iterating and `get` go through the parts anew each time.
    """

    __slots__ = ("_parts",)

    def __init__(self, schema: SchemaNode, parts: Callable[[], Iterator[ListNode]]) -> None:
        super().__init__(schema, Members.build(members_style(schema), []))
        self._parts: Final = parts

    def parts(self) -> Iterator[ListNode]:
        """The entries, some at a time; raises what their source raises."""
        return self._parts()

    def map(self, change: "Callable[[ListNode], ListNode | None]") -> "StreamedList":
        """The list with each part changed when it comes."""
        return StreamedList(self.schema, lambda: filter(None, map(change, self._parts())))

    def __iter__(self) -> Iterator[Entry]:
        for part in self._parts():
            yield from part

    def __bool__(self) -> bool:
        """It is there, whether or not entries will come."""
        return True

    def get(self, key: Key) -> Entry | None:
        """The entry with these key values."""
        return next((entry for entry in self if entry.key == key), None)


Node: TypeAlias = Leaf | LeafList | Container | ListNode | AnyData


def members_style(schema: SchemaNode) -> Style:
    """How the members of a list or leaf-list are told apart and ordered.

    State lists without keys and state leaf-lists may hold equal members: only their position tells them
    apart.
    """
    if not schema.config and (schema.kind is NodeKind.LEAF_LIST or not schema.keys):
        return Style.POSITIONAL
    return Style.USER if schema.user_ordered else Style.SYSTEM


def key_of(schema: SchemaNode, children: Mapping[Tag, Node]) -> Key:
    """The key values of an entry with these children; raises KeyError naming the missing key's tag."""
    key = []
    for tag in schema.keys:
        leaf = children[tag]
        if not isinstance(leaf, Leaf):
            raise KeyError(tag)
        key.append(leaf.value)
    return tuple(key)


def in_schema_order(schema: SchemaNode, children: Mapping[Tag, Node]) -> Mapping[Tag, Node]:
    """The children with keys first and the rest as the schema orders them (RFC 7950 section 7.8.5)."""
    if len(children) < 2:
        return children
    ordered = {tag: children[tag] for tag in schema.keys if tag in children}
    for tag in schema.children:
        if tag in children:
            ordered[tag] = children[tag]
    return ordered


def is_void(node: Node) -> bool:
    """Whether the node has no meaning: a list without members, an empty non-presence container."""
    if isinstance(node, StreamedList):
        return False
    if isinstance(node, Container):
        return not node.children and not node.schema.presence
    return isinstance(node, (ListNode, LeafList)) and not len(node.members)


def same_leaf(present: Node | None, other: Node) -> bool:
    """Whether both are leaves with the same value."""
    return isinstance(present, Leaf) and isinstance(other, Leaf) and present.value == other.value


def empty_root(schema_root: SchemaNode) -> Container:
    """A tree without any data; `schema_root` is `Schema.root`."""
    return Container(schema_root, {})

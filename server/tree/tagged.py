"""A configuration with etags, without what a client has already (draft-ietf-netconf-transaction-id).

The etag of a node is that of all of it that the reader may see, however little of it a filter selects. So
what was selected is walked beside the configuration that it was selected from.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final

from server.schema.model import Schema
from server.schema.node import SchemaNode, Tag
from server.tree.etag import MATCH, etag
from server.tree.filter import Pattern, Siblings
from server.tree.members import Key
from server.tree.node import Branch, Container, Entry, ListNode, Node, StreamedList
from server.tree.sorted_map import Chunk
from server.tree.xml import Printer

_KEPT_AS: Final = "xml with etags"


@dataclass(frozen=True, slots=True)
class Asked:
    """What a client wants etags of.

    `root` is what it has as the etag of the datastore, `?` if it has none, empty when it does not ask for
    all; `filters` its filter, whose elements may have etags.
    """

    root: str = ""
    filters: tuple[Siblings, ...] = ()

    @classmethod
    def of(cls, root: str, siblings: Siblings | None) -> "Asked | None":
        """Return what is asked for; None when no etag is."""
        narrow = None if siblings is None else _narrowed(siblings)
        return cls(root, () if narrow is None else (narrow,)) if root or narrow is not None else None


def _narrowed(siblings: Siblings) -> Siblings | None:
    """What leads to elements with etags; None when there are none."""
    kept: dict[Tag, list[Pattern]] = {}
    for tag, patterns in siblings.patterns.items():
        for pattern in patterns:
            below = None if pattern.below is None else _narrowed(pattern.below)
            if pattern.etag or below is not None:
                matches = Siblings() if pattern.below is None else Siblings(pattern.below.matches)
                kept.setdefault(tag, []).append(Pattern(pattern.node, below or matches, pattern.etag))
    return Siblings(siblings.matches, kept) if kept else None


@dataclass(frozen=True, slots=True)
class _At:
    """Where the walk is: the filters for what is below, and whether etags are told here."""

    filters: tuple[Siblings, ...]
    told: bool

    def patterns(self, tag: Tag) -> list[Pattern]:
        """The elements of the filter for a child."""
        return [pattern for siblings in self.filters for pattern in siblings.patterns.get(tag, ())]

    def below(self, patterns: Iterable[Pattern]) -> "_At":
        """Inside a child that these elements are for."""
        told = self.told or any(pattern.etag for pattern in patterns)
        return _At(tuple(pattern.below for pattern in patterns if pattern.below is not None), told)


_WHOLE: Final = _At((), told=True)


class _OfEntries:
    """The elements of a filter for the entries of a list; those that name a key are looked up by it."""

    def __init__(self, schema: SchemaNode, patterns: Iterable[Pattern]) -> None:
        self._by_key: dict[Key | None, list[Pattern]] = {None: []}
        for pattern in patterns:
            key = None if pattern.below is None else pattern.below.key(schema)
            self._by_key.setdefault(key, []).append(pattern)

    def of(self, entry: Entry) -> list[Pattern]:
        """Those that are for this entry."""
        possible = chain(self._by_key[None], self._by_key.get(entry.key, ()))
        return [each for each in possible if each.below is None or each.below.accept(entry)]


class TaggedPrinter:
    """Prints what was selected of one configuration, `config`.

    With `state` the tree holds state too: then nothing is left out, since no etag speaks of state.
    """

    def __init__(
        self,
        schema: Schema,
        config: Container,
        above: frozenset[SchemaNode] = frozenset(),
        *,
        tagged: bool = False,
        state: bool = False,
    ) -> None:
        """`above` and `tagged` are those of `server.tree.xml.stream_xml`."""
        self._config = config
        self._above = above
        self._state = state
        self._printer = Printer(schema, above, tagged=tagged)

    def root(self, asked: Asked) -> str:
        """The etag of the datastore as the client is told it; empty when it does not ask."""
        if not asked.root:
            return ""
        own = etag(self._config)
        return MATCH if own == asked.root and not self._state else own

    def pieces(self, selected: Container, asked: Asked) -> Iterator[bytes]:
        """The top-level elements, piece by piece as they are made; none when the client has all of it."""
        if self.root(asked) == MATCH:
            return
        at = _At(asked.filters, bool(asked.root))
        for child in selected:
            yield from self._node(child, self._config, at)

    def _node(self, node: Node, above: Branch, at: _At) -> Iterator[bytes]:
        """One child of a branch; `above` is that branch in the configuration."""
        schema, beside = node.schema, above.get(node.schema.tag)
        patterns = at.patterns(schema.tag)
        if isinstance(node, StreamedList) or not (at.told or patterns) or not schema.config:
            yield from self._printer.pieces(node)
        elif isinstance(node, ListNode) and isinstance(beside, ListNode):
            yield from self._list(node, beside, at, patterns)
        elif isinstance(node, Container) and isinstance(beside, Container):
            yield from self._branch(node, beside, at.below(patterns), patterns)
        elif not isinstance(node, (ListNode, Container)) and self._known(above, patterns):
            yield self._element(schema, MATCH, ())
        else:
            yield from self._printer.pieces(node)

    def _known(self, branch: Branch, patterns: Iterable[Pattern]) -> bool:
        """Whether the client has what is in a branch already."""
        given = [pattern.etag for pattern in patterns if pattern.etag]
        return bool(given) and not self._state and etag(branch) in given

    def _list(self, node: ListNode, beside: ListNode, at: _At, patterns: list[Pattern]) -> Iterator[bytes]:
        if node is beside and not patterns:
            yield from map(self._chunk, node.members.places.chunks)
            return
        of_entries = _OfEntries(node.schema, patterns)
        for entry in node:
            known = beside.get(entry.key)  # what is state alone is not there
            mine = [] if known is None else of_entries.of(known)
            inside = at.below(mine)
            if known is not None and (inside.told or inside.filters):
                yield from self._branch(entry, known, inside, mine)
            else:
                yield from self._printer.pieces(ListNode.of(node.schema, [entry]))

    def _chunk(self, chunk: Chunk[Any, Entry]) -> bytes:
        """Whole entries with all their etags; the bytes are kept with the chunk."""
        kept: bytes | None = chunk.cache.get(_KEPT_AS)
        if kept is None:
            pieces = chain.from_iterable(self._branch(each, each, _WHOLE, ()) for each in chunk.values)
            kept = chunk.cache[_KEPT_AS] = b"".join(pieces)
        return kept

    def _branch(
        self, branch: Container | Entry, beside: Branch, inside: _At, patterns: Sequence[Pattern]
    ) -> Iterator[bytes]:
        """A container or entry that the filter elements `patterns` are for."""
        schema = branch.schema
        keys = [branch.children[tag] for tag in schema.keys]
        if self._known(beside, patterns):
            yield self._element(schema, MATCH, keys)
            return
        own = etag(beside) if inside.told else ""
        start, end = self._printer.tags(schema)
        begin = b"".join((_marked(start, schema, own), *self._printed(keys)))
        others = [child for child in branch if child.schema.tag not in schema.keys]
        pieces = chain.from_iterable(self._node(child, beside, inside) for child in others)
        first = next(pieces, None)
        if first is None and others and schema in self._above:
            return  # nothing of what was streamed has passed the filter
        yield begin
        if first is not None:
            yield first
        yield from pieces
        yield end.encode()

    def _element(self, schema: SchemaNode, own: str, children: Iterable[Node]) -> bytes:
        start, end = self._printer.tags(schema)
        return b"".join((_marked(start, schema, own), *self._printed(children), end.encode()))

    def _printed(self, nodes: Iterable[Node]) -> Iterator[bytes]:
        return chain.from_iterable(map(self._printer.pieces, nodes))


def _marked(start: str, schema: SchemaNode, own: str) -> bytes:
    """A start tag with an etag, if there is one; the prefix is bound around it."""
    if not own:
        return start.encode()
    name = f"<{schema.name}"
    return f'{name} txid:etag="{own}"{start.removeprefix(name)}'.encode()

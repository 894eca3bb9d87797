"""The nodes of a tree as XPath sees them: with a parent, an order and a string value.

Trees share what they have in common and know no parents, so an evaluation makes items of the nodes that it
comes by; each node is the same item however it is reached. Every item costs a step of the budget.
"""

from collections.abc import Callable, Iterator
from typing import Any, Final

from server.schema.node import SchemaNode
from server.tree.members import Key
from server.tree.node import AnyData, Branch, Entry, Leaf, LeafList, ListNode, StreamedList
from server.xpath.syntax import XPathLimitError

_BETWEEN_LOOKS: Final = 2_000
"""Steps between two looks at the clock."""
_CHARACTERS: Final = 64
"""Characters of text that cost as much as a node."""


class Budget:
    """The steps that an evaluation may still take, and the time.

    `clock` tells seconds, and is asked now and then whether `seconds` have gone by; without one the steps
    alone count. `view` tells what is seen in the place of a node, such as the same with its defaults.
    """

    def __init__(
        self,
        steps: int,
        seconds: float = 0.0,
        clock: Callable[[], float] | None = None,
        view: Callable[[Any], Any] | None = None,
    ) -> None:
        self.view: Final = view
        self._left = steps
        self._clock = clock
        self._deadline = clock() + seconds if clock is not None else 0.0
        self._ask_at = steps - _BETWEEN_LOOKS

    def spend(self, steps: int = 1) -> None:
        """Take steps; raises XPathLimitError when there are none left, or no time."""
        self._left -= steps
        if self._left < self._ask_at:
            self._look()

    def _look(self) -> None:
        self._ask_at = max(self._left - _BETWEEN_LOOKS, 0)
        if self._left < 0 or (self._clock is not None and self._clock() > self._deadline):
            raise XPathLimitError

    def spend_text(self, text: str) -> str:
        """Pay for a string and return it."""
        self.spend(1 + len(text) // _CHARACTERS)
        return text


class Item:
    """A node and the way to it. `node` of a text node is its string, and `schema` None.

    `place` orders it among its siblings.
    """

    __slots__ = ("_budget", "_children", "node", "parent", "place", "schema")

    def __init__(
        self,
        node: Any,  # noqa: ANN401 - a Branch, Leaf or AnyData, or the text of a leaf
        parent: "Item | None",
        place: tuple[Any, ...],
        budget: Budget,
        schema: SchemaNode | None,
    ) -> None:
        budget.spend()
        self.node: Final = node if budget.view is None else budget.view(node)
        self.parent: Final = parent
        self.place: Final = place
        self.schema: Final = schema
        self._budget: Final = budget
        self._children: dict[tuple[Any, ...], Item] | None = None

    @property
    def is_text(self) -> bool:
        """Whether it is a text node, which no schema node stands for."""
        return self.schema is None

    def children(self, wanted: Callable[[SchemaNode], bool] | None = None) -> "Iterator[Item]":
        """The children in document order; of nodes with a schema those that are `wanted`."""
        node = self.node
        if isinstance(node, Branch):
            for number, child in enumerate(node.children.values()):
                if wanted is None or wanted(child.schema):
                    yield from self._members(number, child)
        elif isinstance(node, Leaf) and wanted is None and node.value:
            yield self._child((0,), node.value, None)

    def _members(self, number: int, child: Any) -> "Iterator[Item]":  # noqa: ANN401 - a Node
        schema: SchemaNode = child.schema
        if isinstance(child, StreamedList):
            for count, entry in enumerate(child):
                yield self._child((number, entry.key if schema.keys else count), entry, schema)
        elif isinstance(child, (ListNode, LeafList)):
            for place, member in child.members.places.items():
                node = member if isinstance(member, Entry) else Leaf(schema, member)
                yield self._child((number, place), node, schema)
        else:
            yield self._child((number,), child, schema)

    def entry(self, schema: SchemaNode, key: Key) -> "Item | None":
        """The entry of a child list with this key, without looking at the others."""
        node = self.node
        child = node.get(schema.tag) if isinstance(node, Branch) else None
        found = child.get(key) if isinstance(child, ListNode) else None
        if found is None or not isinstance(child, ListNode):
            return None
        number = list(node.children).index(schema.tag)
        place = key if isinstance(child, StreamedList) else child.members.place(key)
        return self._child((number, place), found, schema)

    def _child(self, place: tuple[Any, ...], node: Any, schema: SchemaNode | None) -> "Item":  # noqa: ANN401
        if self._children is None:
            self._children = {}
        found = self._children.get(place)
        if found is None:
            found = self._children[place] = Item(node, self, place, self._budget, schema)
        else:
            self._budget.spend()
        return found

    def order(self) -> tuple[Any, ...]:
        """What sorts items in document order."""
        places: list[Any] = []
        item: Item | None = self
        while item is not None:
            places.append(item.place)
            item = item.parent
        return tuple(reversed(places))

    def descendants(self, wanted: Callable[[SchemaNode], bool] | None = None) -> "Iterator[Item]":
        """All nodes below in document order, without those that are not `wanted` and what is below them."""
        waiting = [self.children(wanted)]
        while waiting:
            child = next(waiting[-1], None)
            if child is None:
                waiting.pop()
            else:
                yield child
                waiting.append(child.children(wanted))

    def ancestors(self) -> "Iterator[Item]":
        """The parent and so on up to the root."""
        item = self.parent
        while item is not None:
            yield item
            item = item.parent

    def text(self) -> str:
        """The string value (section 5)."""
        node = self.node
        if isinstance(node, str):
            return self._budget.spend_text(node)
        if isinstance(node, Leaf):
            return self._budget.spend_text(node.value)
        if isinstance(node, AnyData):
            return self._budget.spend_text(node.xml.decode())
        return "".join(item.text() for item in self.descendants() if isinstance(item.node, (Leaf, AnyData)))

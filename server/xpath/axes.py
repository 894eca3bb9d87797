"""The axes of XPath (W3C REC-xpath-19991116 section 2.2): which nodes a step comes by, and in which order."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from types import MappingProxyType
from typing import Final

from server.xpath.items import Item
from server.xpath.syntax import Axis


def on_axis(axis: Axis, item: Item) -> Iterator[Item]:
    """The nodes on an axis, in the order in which they are counted."""
    return _AXES[axis](item)


def _itself(item: Item) -> Iterator[Item]:
    yield item


def _nothing(_item: Item) -> Iterator[Item]:
    return iter(())


def _parent(item: Item) -> Iterator[Item]:
    if item.parent is not None:
        yield item.parent


def _descendants_or_self(item: Item) -> Iterator[Item]:
    yield item
    yield from item.descendants()


def _ancestors_or_self(item: Item) -> Iterator[Item]:
    yield item
    yield from item.ancestors()


def _siblings(item: Item, *, reverse: bool) -> Iterator[Item]:
    if item.parent is None:
        return
    siblings = list(item.parent.children())
    at = siblings.index(item)
    yield from reversed(siblings[:at]) if reverse else siblings[at + 1 :]


def _beside(item: Item, *, reverse: bool) -> Iterator[Item]:
    for above in (item, *item.ancestors()):
        for sibling in _siblings(above, reverse=reverse):
            whole = [sibling, *sibling.descendants()]
            yield from reversed(whole) if reverse else whole


_AXES: Final[Mapping[Axis, Callable[[Item], Iterator[Item]]]] = MappingProxyType(
    {
        Axis.ANCESTOR: Item.ancestors,
        Axis.ANCESTOR_OR_SELF: _ancestors_or_self,
        Axis.ATTRIBUTE: _nothing,
        Axis.CHILD: Item.children,
        Axis.DESCENDANT: Item.descendants,
        Axis.DESCENDANT_OR_SELF: _descendants_or_self,
        Axis.FOLLOWING: partial(_beside, reverse=False),
        Axis.FOLLOWING_SIBLING: partial(_siblings, reverse=False),
        Axis.NAMESPACE: _nothing,
        Axis.PARENT: _parent,
        Axis.PRECEDING: partial(_beside, reverse=True),
        Axis.PRECEDING_SIBLING: partial(_siblings, reverse=True),
        Axis.SELF: _itself,
    }
)

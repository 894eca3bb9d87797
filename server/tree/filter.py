"""Subtree filters (RFC 6241 section 6): what a client asks for, and what has to be built for it."""

from lxml import etree

from server.schema.model import Schema
from server.schema.node import SchemaNode
from server.tree.members import Key
from server.tree.node import Container


class Selection:
    """What a request asks for, read from its filter before any data exists.

    A state source asks `wants` before it builds something, and `keys` before it builds the entries of a list.
    Both may promise too much, never too little: the filter itself is applied to the result.
    """

    def __init__(self, schema: Schema, filters: "tuple[etree._Element, ...] | None") -> None:
        raise NotImplementedError

    def wants(self, node: SchemaNode | str) -> bool:
        """Whether an instance of `node`, or something above or below one, may be in the answer.

        `node` is a SchemaNode or its path: `/twincast-remote-backup:remote-backup/remote-backup-profile`.
        """
        raise NotImplementedError

    def keys(self, node: SchemaNode | str) -> frozenset[Key] | None:
        """The keys of the entries asked for of a list, None when that may be any.

        The list is looked at in all its instances: for a nested list the keys are those asked for in any
        of the entries above.
        """
        raise NotImplementedError


def everything(schema: Schema) -> Selection:
    """The selection of a request without a filter."""
    return Selection(schema, None)


def subtree(schema: Schema, root: Container, filter_element: etree._Element) -> Container:
    """What the subtree filter selects from `root` (RFC 6241 section 6); an empty filter selects nothing.

    `filter_element` is the `<filter>` element; its children are the filter.
    """
    raise NotImplementedError

"""A whole configuration given in a request, as copy-config and validate take it."""

from lxml import etree

from server.schema.model import Schema
from server.schema.validator import Validator
from server.tree.node import Container
from server.tree.xml import parse_bytes


class Inline:
    """Turns a `<config>` element into a tree."""

    def __init__(self, schema: Schema, validator: Validator) -> None:
        self._schema = schema
        self._validator = validator

    def parse(self, config: etree._Element) -> Container:
        """Return the configuration in canonical form.

        Raises RpcErrors for unknown nodes, wrong types, missing keys and state data; nothing else is judged.
        """
        children = (child for child in config if isinstance(child.tag, str))
        text = b"".join(etree.tostring(child, with_tail=False) for child in children)
        return parse_bytes(self._schema, self._validator.canonical(text))

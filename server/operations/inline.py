"""A whole configuration given in a request, as copy-config and validate take it."""

from lxml import etree

from server.datastores.judge import refuse
from server.schema.model import Schema
from server.schema.validator import Validator
from server.tree.edit import DefaultOperation, ErrorOption, apply_edit
from server.tree.node import Container, empty_root


class Inline:
    """Turns a `<config>` element into a tree."""

    def __init__(self, schema: Schema, validator: Validator) -> None:
        self._schema = schema
        self._validator = validator

    def parse(self, config: etree._Element) -> Container:
        """Return the configuration in canonical form.

        Raises RpcErrors for unknown nodes, wrong types, missing keys, what is given twice and state data,
        and for attributes, which only edit-config has; nothing else is judged.
        """
        outcome = apply_edit(
            self._schema,
            empty_root(self._schema.root),
            config,
            default_operation=DefaultOperation.MERGE,
            error_option=ErrorOption.ROLLBACK_ON_ERROR,
            canonical=self._validator.canonical,
            plain=True,
        )
        refuse(outcome.errors)
        return outcome.root

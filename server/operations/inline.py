"""A whole configuration, of a datastore, in a request or behind a URL: what copy-config and validate take."""

from lxml import etree

from server.datastores.judge import refuse
from server.datastores.store import Store
from server.operations.sources import Source
from server.operations.urls import Urls
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


class Configurations:
    """The configurations that sources stand for."""

    def __init__(self, store: Store, inline: Inline, urls: Urls) -> None:
        self._store = store
        self._inline = inline
        self._urls = urls

    def root(self, source: Source, session_id: int) -> Container:
        """Return it in canonical form, the candidate as the session has it.

        Raises RpcErrors as `Inline.parse`, and RpcError for a URL.
        """
        if source.datastore is not None:
            return self._store.root(source.datastore, session_id)
        config = source.config
        if source.url is not None:
            config = self._urls.read(source.url)
        if config is None:
            raise ValueError("a source without content")
        return self._inline.parse(config)

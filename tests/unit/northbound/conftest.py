"""The schema that Twincast serves, and trees of it from plain data."""

from collections.abc import Callable
from functools import cache

import pytest

from server.northbound.config import ConfigReader
from server.schema.model import Schema, load_schema
from server.schema.sources import default_sources
from server.tree.build import from_data
from server.tree.node import Container

Make = Callable[..., Container]


@cache
def _schema() -> Schema:
    return load_schema(default_sources())


@pytest.fixture(scope="session")
def schema() -> Schema:
    return _schema()


@pytest.fixture
def reader(schema: Schema) -> ConfigReader:
    return ConfigReader(schema)


@pytest.fixture
def make(schema: Schema) -> Make:
    def tree(
        services: list[dict[str, object]] | None = None,
        profiles: list[dict[str, object]] | None = None,
        interfaces: dict[str, dict[str, object] | None] | None = None,
    ) -> Container:
        backup = {"remote-backup-service": services or [], "remote-backup-profile": profiles or []}
        entries = [
            {
                "name": name,
                "type": "iana-if-type:ethernetCsmacd",
                "twincast-remote-backup:multicast": multicast,
            }
            for name, multicast in (interfaces or {}).items()
        ]
        return from_data(
            schema,
            {
                "twincast-remote-backup:remote-backup": backup,
                "ietf-interfaces:interfaces": {"interface": entries},
            },
        )

    return tree

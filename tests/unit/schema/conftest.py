"""Schemas and validator children for the tests of this folder."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from server.schema.model import Schema, load_schema
from server.schema.sources import ModuleSources, default_sources
from tests.support.schema import ValidatorKeeper, sources_of

SHOP = Path(__file__).with_name("shop.yang")


@pytest.fixture(scope="session")
def default_schema() -> Schema:
    return load_schema(default_sources())


@pytest.fixture(scope="session")
def shop_sources() -> ModuleSources:
    """The default modules and `shop.yang`, which has one node of every kind."""
    return default_sources([str(SHOP)])


@pytest.fixture(scope="session")
def shop(shop_sources: ModuleSources) -> Schema:
    return load_schema(shop_sources)


@pytest.fixture
def load(tmp_path: Path) -> Callable[..., Schema]:
    """Write modules (name → body without header) and compile the named ones, all features on."""

    def run(*implement: str, **bodies: str) -> Schema:
        return load_schema(sources_of(tmp_path, *implement, **bodies))

    return run


@pytest.fixture
def keeper(tmp_path: Path, shop_sources: ModuleSources) -> Iterator[ValidatorKeeper]:
    holder = ValidatorKeeper(tmp_path / "v.sock", shop_sources)
    yield holder
    holder.close()

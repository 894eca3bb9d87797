"""A real validator for the tests of this folder."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from server.schema.model import Schema, load_schema
from server.schema.resolve import resolve
from server.schema.sources import ModuleChoice, standard_folders
from server.schema.validator import Validator
from tests.support import trees


@pytest.fixture(scope="session")
def schema() -> Schema:
    return trees.garden()


@pytest.fixture
def nest(tmp_path: Path) -> Schema:
    """Containers in containers."""
    file = tmp_path / "nest.yang"
    file.write_text(
        'module nest { namespace "urn:nest"; prefix n;'
        " container a { container b { container c { leaf d { type string; } } } } }"
    )
    return load_schema(resolve([ModuleChoice("nest", str(file))], standard_folders()))


@pytest.fixture(scope="session")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Validator]:
    folder: Path = tmp_path_factory.mktemp("v")
    with trees.validator(trees.garden_sources(), trees.garden(), folder) as client:
        yield client

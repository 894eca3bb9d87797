"""A real validator for the tests of this folder."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from server.schema.model import Schema
from server.schema.validator import Validator
from tests.support import trees


@pytest.fixture(scope="session")
def schema() -> Schema:
    return trees.garden()


@pytest.fixture(scope="session")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Validator]:
    folder: Path = tmp_path_factory.mktemp("v")
    with trees.validator(trees.garden_sources(), trees.garden(), folder) as client:
        yield client

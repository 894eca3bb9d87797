"""Settings that the whole suite shares."""

import os

import pytest
from hypothesis import HealthCheck, settings

from tests.support import skips

settings.register_profile(
    "gate",
    derandomize=True,
    max_examples=60,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("hunt", max_examples=5_000, deadline=None)
settings.load_profile(os.environ.get("TWINCAST_HYPOTHESIS", "gate"))


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options of our own."""
    parser.addoption(
        "--update-expected", action="store_true", help="write what the cases of tests/conformance do now"
    )
    skips.add_options(parser)


def pytest_configure(config: pytest.Config) -> None:
    """In the gate a test that is skipped for a reason nobody expected is a failure."""
    skips.configure(config)

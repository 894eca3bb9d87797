"""Failed logins by source."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.access.failures import MAXIMUM_SOURCES, FailureWindow, source_of


def test_a_source_is_blocked_at_the_limit_and_forgotten_evenly() -> None:
    window = FailureWindow()
    for _ in range(3):
        assert not window.blocked("a", 0.0, 3, 30.0)
        window.add("a", 0.0, 3, 30.0)
    assert window.blocked("a", 9.0, 3, 30.0)
    assert not window.blocked("a", 10.5, 3, 30.0)
    assert not window.blocked("b", 0.0, 3, 30.0)
    window.add("a", 10.5, 3, 30.0)
    assert window.blocked("a", 10.5, 3, 30.0)


@given(st.lists(st.floats(0, 10), max_size=60), st.integers(1, 20), st.floats(1, 100))
def test_whoever_stays_away_for_the_window_is_forgotten(
    pauses: list[float], limit: int, length: float
) -> None:
    window, now = FailureWindow(), 0.0
    for pause in pauses:
        now += pause
        window.add("a", now, limit, length)
    assert not window.blocked("a", now + length, limit, length)


def test_the_sources_are_bounded_and_the_worst_are_kept() -> None:
    window = FailureWindow()
    for _ in range(5):
        window.add("worst", 0.0, 5, 1e9)
    for number in range(MAXIMUM_SOURCES + 10):
        window.add(str(number), 0.0, 5, 1e9)
    assert len(window) == MAXIMUM_SOURCES
    assert window.blocked("worst", 0.0, 5, 1e9)


@pytest.mark.parametrize(
    ("address", "source"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
    ],
)
def test_what_counts_as_one_source(address: str, source: str) -> None:
    assert source_of(address) == source

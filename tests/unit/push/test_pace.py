"""When updates are due."""

from hypothesis import given
from hypothesis import strategies as st

from server.push.pace import OnChange, Periodic

TIMES = st.integers(0, 10**15)
PERIODS = st.integers(1, 10**12)


def test_without_an_anchor_the_first_is_due_at_once_and_gives_the_beat() -> None:
    pace = Periodic(100)
    assert pace.first(1_234) == 1_234
    assert [pace.following(1_234, now) for now in (1_234, 1_333, 1_334)] == [1_334, 1_334, 1_434]


def test_a_period_that_was_missed_is_left_out() -> None:
    assert Periodic(100).following(0, 1_050) == 1_100


@given(TIMES, PERIODS, TIMES)
def test_with_an_anchor_all_are_multiples_of_the_period_from_it(anchor: int, period: int, now: int) -> None:
    """Whether it lies in the past or in the future (RFC 8641, anchor-time)."""
    pace = Periodic(period, anchor)
    first = pace.first(now)
    assert (first - anchor) % period == 0
    assert now <= first < now + period
    following = pace.following(first, now)
    assert (following - anchor) % period == 0
    assert now < following <= now + period


@given(st.integers(0, 10**9), TIMES, TIMES)
def test_updates_on_change_are_dampened(dampening: int, last: int, now: int) -> None:
    pace = OnChange(dampening)
    assert pace.due(None, now) == now
    due = pace.due(last, now)
    assert due >= now
    assert due >= last + dampening
    assert due in (now, last + dampening)

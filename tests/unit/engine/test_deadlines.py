"""The deadlines of many parts, some of which move theirs."""

from hypothesis import given
from hypothesis import strategies as st

from dataplane.engine.deadlines import Deadlines

KEYS = st.sampled_from(["a", "b", "c", "d"])
TIMES = st.integers(0, 20).map(float)


def test_a_moved_deadline_counts_once() -> None:
    deadlines: Deadlines[str] = Deadlines()
    deadlines.set("a", 5.0)
    deadlines.set("a", 9.0)
    deadlines.set("b", 7.0)
    assert deadlines.next() == 7.0
    assert deadlines.due(8.0) == ["b"]
    assert deadlines.due(9.0) == ["a"]
    assert deadlines.next() is None


def test_stale_items_do_not_pile_up() -> None:
    deadlines: Deadlines[str] = Deadlines()
    for number in range(10_000):
        deadlines.set("a", float(number))
    assert len(deadlines._heap) < 100
    assert deadlines.next() == 9_999.0


@given(st.lists(st.tuples(KEYS, st.none() | TIMES)), TIMES)
def test_it_agrees_with_a_plain_dictionary(steps: list[tuple[str, float | None]], now: float) -> None:
    deadlines: Deadlines[str] = Deadlines()
    model: dict[str, float] = {}
    for key, when in steps:
        deadlines.set(key, when)
        if when is None:
            model.pop(key, None)
        else:
            model[key] = when
    assert deadlines.next() == min(model.values(), default=None)
    due = [key for key, when in model.items() if when <= now]
    found = deadlines.due(now)
    assert sorted(found) == sorted(due)
    assert [model[key] for key in found] == sorted(model[key] for key in due)

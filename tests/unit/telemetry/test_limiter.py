"""The rate of notifications: bursts, what is left out, and that the last always arrives."""

from hypothesis import given
from hypothesis import strategies as st

from server.telemetry.limiter import Limiter, Rate

RATE = Rate(burst=3, per_second=1.0)


def test_a_burst_goes_out_and_the_last_of_it_later() -> None:
    limiter: Limiter[int] = Limiter(RATE)
    sent = [item for number in range(6) for item in limiter.offer("role", number, 100.0)]
    assert sent == [(0, 0), (1, 0), (2, 0)]
    assert limiter.next_due() == 101.0
    assert list(limiter.due(100.5)) == []
    assert list(limiter.due(101.0)) == [(5, 2)]
    assert limiter.next_due() is None


def test_kinds_do_not_disturb_each_other() -> None:
    limiter: Limiter[int] = Limiter(RATE)
    for number in range(10):
        list(limiter.offer("role", number, 0.0))
    assert list(limiter.offer("batch", 1, 0.0)) == [(1, 0)]


def test_what_waits_goes_before_what_comes() -> None:
    limiter: Limiter[int] = Limiter(RATE)
    for number in range(4):
        list(limiter.offer("role", number, 0.0))
    assert list(limiter.offer("role", 4, 2.0)) == [(3, 0), (4, 0)]


def test_what_others_left_out_is_counted_too() -> None:
    limiter: Limiter[int] = Limiter(RATE)
    assert list(limiter.offer("role", 1, 0.0, suppressed=7)) == [(1, 7)]
    assert list(limiter.offer("role", 2, 0.0)) == [(2, 0)]


@given(st.lists(st.tuples(st.sampled_from("ab"), st.floats(0, 3)), max_size=60))
def test_every_item_is_sent_or_counted_and_the_last_is_sent(steps: list[tuple[str, float]]) -> None:
    limiter: Limiter[int] = Limiter(RATE)
    now, offered, sent = 0.0, {"a": 0, "b": 0}, []
    last: dict[str, int] = {}
    for number, (kind, wait) in enumerate(steps):
        now += wait
        offered[kind] += 1
        last[kind] = number
        sent += limiter.offer(kind, number, now)
    while (due := limiter.next_due()) is not None:
        sent += limiter.due(due + 1e-6)
    kinds = dict(enumerate(kind for kind, _ in steps))
    for kind, count in offered.items():
        mine = [(number, suppressed) for number, suppressed in sent if kinds[number] == kind]
        assert sum(1 + suppressed for _, suppressed in mine) == count
        assert [number for number, _ in mine] == sorted(number for number, _ in mine)
        assert not count or mine[-1][0] == last[kind]

"""What a failure cost, computed from both sides of a stream."""

from cli.lab.measure import Loss, loss

MILLISECOND = 1_000_000
STREAM = [number * MILLISECOND for number in range(2_000)]
"""Two seconds of a packet a millisecond."""


def arrivals(*missing: range) -> list[tuple[int, int]]:
    gone = {number for numbers in missing for number in numbers}
    return [(number, moment + 1000) for number, moment in enumerate(STREAM) if number not in gone]


def test_nothing_lost() -> None:
    assert loss(STREAM, arrivals(), 500 * MILLISECOND, 2_000 * MILLISECOND) == Loss(1_500, 0, 1.0)


def test_three_lost_at_the_failure() -> None:
    found = loss(STREAM, arrivals(range(500, 503)), 500 * MILLISECOND, 2_000 * MILLISECOND)
    assert found == Loss(1_500, 3, 4.0)


def test_a_stream_that_stays_away_has_no_gap_but_a_loss() -> None:
    found = loss(STREAM, arrivals(range(500, 2_000)), 500 * MILLISECOND, 2_000 * MILLISECOND)
    assert found == Loss(1_500, 1_500, None)


def test_losses_before_the_failure_do_not_count() -> None:
    found = loss(STREAM, arrivals(range(100, 200)), 500 * MILLISECOND, 2_000 * MILLISECOND)
    assert found == Loss(1_500, 0, 1.0)


def test_a_gap_that_began_before_the_failure_is_seen_whole() -> None:
    found = loss(STREAM, arrivals(range(495, 510)), 500 * MILLISECOND, 2_000 * MILLISECOND)
    assert found == Loss(1_500, 10, 16.0)


def test_a_few_packets_and_then_silence_is_no_return() -> None:
    found = loss(STREAM, arrivals(range(510, 2_000)), 500 * MILLISECOND, 2_000 * MILLISECOND)
    assert found.gap_ms is None
    assert found.lost == 1_490

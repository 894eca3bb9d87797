"""What a failure cost, computed from both sides of a stream."""

from cli.lab.measure import Loss, loss

MILLISECOND = 1_000_000
STREAM = [number * MILLISECOND for number in range(2_000)]
"""Two seconds of a packet a millisecond."""
CUT = (500 * MILLISECOND, 500 * MILLISECOND)
END = 2_000 * MILLISECOND


def arrivals(*missing: range) -> list[tuple[int, int]]:
    gone = {number for numbers in missing for number in numbers}
    return [(number, moment + 1000) for number, moment in enumerate(STREAM) if number not in gone]


def test_nothing_lost() -> None:
    assert loss(STREAM, arrivals(), CUT, END) == Loss(1_500, 0, 1.0)


def test_three_lost_at_the_failure() -> None:
    found = loss(STREAM, arrivals(range(500, 503)), CUT, END)
    assert found == Loss(1_500, 3, 4.0)


def test_a_stream_that_stays_away_has_no_gap_but_a_loss() -> None:
    found = loss(STREAM, arrivals(range(500, 2_000)), CUT, END)
    assert found == Loss(1_500, 1_500, None)


def test_losses_before_the_failure_do_not_count() -> None:
    found = loss(STREAM, arrivals(range(100, 200)), CUT, END)
    assert found == Loss(1_500, 0, 1.0)


def test_a_gap_that_began_before_the_failure_is_seen_whole() -> None:
    found = loss(STREAM, arrivals(range(495, 510)), CUT, END)
    assert found == Loss(1_500, 10, 16.0)


def test_a_few_packets_and_then_silence_is_no_return() -> None:
    found = loss(STREAM, arrivals(range(510, 2_000)), CUT, END)
    assert found.gap_ms is None
    assert found.lost == 1_490


def test_the_failure_is_the_first_loss_while_the_link_is_cut() -> None:
    slow = (490 * MILLISECOND, 510 * MILLISECOND)
    assert loss(STREAM, arrivals(range(495, 2_000)), slow, END) == Loss(1_505, 1_505, None)


def test_the_failure_is_the_end_of_the_cut_when_nothing_is_lost() -> None:
    slow = (490 * MILLISECOND, 510 * MILLISECOND)
    assert loss(STREAM, arrivals(), slow, END) == Loss(1_490, 0, 1.0)

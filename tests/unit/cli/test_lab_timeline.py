from cli.lab.timeline import SECOND, MarkKind
from tests.support.timelines import BEGIN, timeline


def test_the_rate_is_counted_from_the_begin_on() -> None:
    line = timeline(2.0)
    early = type(line)(BEGIN + SECOND, line.end, line.sent_at, line.received)
    assert early.rates_sent(0.25) == [1000.0] * 4
    assert early.rates_received(0.25) == [1000.0] * 4


def test_each_run_of_lost_packets_is_an_outage() -> None:
    line = timeline(1.0, lost={*range(100, 110), 500})
    spans = [(line.since(begin), line.since(end), count) for begin, end, count in line.outages()]
    assert spans == [(0.1, 0.11, 10), (0.5, 0.501, 1)]


def test_what_was_sent_before_the_join_is_not_lost() -> None:
    assert timeline(1.0, lost=range(400)).outages() == []


def test_a_stream_that_does_not_come_back_is_lost_until_the_end() -> None:
    line = timeline(1.0, lost=range(600, 1000))
    assert line.outages() == [(BEGIN + 600 * SECOND // 1000, line.end, 400)]


def test_packets_that_arrive_twice_are_counted() -> None:
    assert timeline(1.0, twice={1, 2, 3}).twice() == 3


def test_a_part_has_the_marks_of_its_time() -> None:
    marks = [(MarkKind.COMMIT, 0.2, "early"), (MarkKind.FAILURE, 0.5, "in it")]
    part = timeline(1.0, marks=marks).part(BEGIN + SECOND // 4, BEGIN + SECOND * 3 // 4)
    assert [mark.text for mark in part.marks] == ["in it"]
    assert part.seconds == 0.5

"""What a plane refuses is told, and cannot fill the log."""

import logging

from dataplane.forwarding.refusals import LINES, PERIOD, Refusals


def test_so_many_lines_a_minute_and_the_next_one_says_how_many_were_left_out(caplog) -> None:
    refusals = Refusals()
    with caplog.at_level(logging.ERROR):
        for number in range(LINES + 5):
            refusals.note("ChangeRoutes", f"entry {number}", 100.0 + number * 0.01)
        assert len(caplog.records) == LINES
        assert not any(hasattr(record, "suppressed") for record in caplog.records)
        for _ in range(2):
            refusals.note("ChangeRoutes", "entry", 100.0 + PERIOD)
    assert [getattr(record, "suppressed", 0) for record in caplog.records[LINES:]] == [5, 0]

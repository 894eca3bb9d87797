"""Acceptance 5 of the channel: whatever happens to it, the two tables are equal again without a person."""

from pathlib import Path

from tests.netns.faults import FAULTS, play_all, table


def test_after_every_fault_the_tables_are_equal_again(tmp_path: Path) -> None:
    results = play_all(tmp_path)
    print(table(results))
    assert [result.name for result in results] == list(FAULTS)

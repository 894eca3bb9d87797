"""The log that replays read: order, bounds, durability, files that are broken."""

import sqlite3
from pathlib import Path

import pytest

from server.telemetry.replay import MICROSECONDS, Record, ReplayError, ReplayLimits, ReplayLog, open_log

DAY = 24 * 3600 * MICROSECONDS
NOW = 20_000 * DAY


def record(number: int, when: int = NOW) -> Record:
    return Record(when + number, "/m:list/event", (("a", str(number)),), f"<event>{number}</event>".encode())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "events.db"


def test_what_was_appended_is_read_in_order(path: Path) -> None:
    log = ReplayLog(path, NOW)
    assert log.append([record(1), record(2)], NOW)
    assert log.append([record(3)], NOW)
    assert [found for _, found in log.after(0, 0)] == [record(1), record(2), record(3)]
    assert [number for number, _ in log.after(1, 0)] == [2, 3]
    assert [number for number, _ in log.after(0, NOW + 2)] == [2, 3]
    assert [number for number, _ in log.after(0, 0, most=1)] == [1]
    log.close()


def test_it_outlives_its_process(path: Path) -> None:
    log = ReplayLog(path, NOW)
    log.append([record(1)], NOW)
    again = ReplayLog(path, NOW + DAY)  # the first was not closed: killed, say
    assert (again.last_id, again.created) == (1, NOW)
    assert again.append([record(2)], NOW)
    assert [number for number, _ in again.after(0, 0)] == [1, 2]
    again.close()
    log.close()


def test_the_number_is_bounded_and_ids_go_on(path: Path) -> None:
    log = ReplayLog(path, NOW, ReplayLimits(number=10))
    assert log.aged is None
    for number in range(1, 26):
        log.append([record(number)], NOW)
    assert [number for number, _ in log.after(0, 0)] == list(range(16, 26))
    assert log.aged == NOW + 15
    log.close()


def test_the_age_is_bounded(path: Path) -> None:
    log = ReplayLog(path, NOW, ReplayLimits(age=3600))
    log.append([record(1)], NOW)
    log.append([record(2, NOW + DAY)], NOW + DAY)
    assert [number for number, _ in log.after(0, 0)] == [2]
    assert log.aged == NOW + 1
    log.close()
    assert ReplayLog(path, NOW).last_id == 2


def test_ids_are_not_used_again_when_all_has_aged(path: Path) -> None:
    log = ReplayLog(path, NOW, ReplayLimits(number=1))
    log.append([record(1), record(2)], NOW)
    log.close()
    with sqlite3.connect(path) as database:
        database.execute("DELETE FROM event")
    again = ReplayLog(path, NOW)
    assert again.last_id == 2
    again.append([record(3)], NOW)
    assert [number for number, _ in again.after(0, 0)] == [3]
    again.close()


def test_a_broken_file_is_put_aside(path: Path) -> None:
    path.write_bytes(b"no database" * 1000)
    with pytest.raises(ReplayError, match=r"events\.db"):
        ReplayLog(path, NOW)
    log = open_log(path, NOW)
    assert log.append([record(1)], NOW)
    log.close()
    assert path.with_name("events.db.broken").read_bytes().startswith(b"no database")


def test_a_disk_that_refuses_costs_the_replay_and_nothing_else(path: Path) -> None:
    log = ReplayLog(path, NOW)
    with sqlite3.connect(path) as database:
        database.execute("DROP TABLE event")
    assert not log.append([record(1)], NOW)
    assert log.last_id == 0
    log.close()

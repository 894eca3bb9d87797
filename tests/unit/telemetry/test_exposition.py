"""What a scrape asks for, and what it tells when the dataplane does not answer."""

import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from server.schema.model import Schema, load_schema
from server.schema.sources import default_sources
from server.telemetry import exposition
from server.telemetry.exposition import Sources, StateCollector
from server.telemetry.metrics import LIMIT
from server.tree.build import from_data
from server.tree.filter import Selection

BACKUP = "twincast-remote-backup:remote-backup"
PROFILE = f"/{BACKUP}/remote-backup-profile"
SERVICE = f"/{BACKUP}/remote-backup-service"


@pytest.fixture(scope="module")
def schema() -> Schema:
    return load_schema(default_sources())


def collector(
    schema: Schema,
    state: Callable[[Selection], Mapping[str, object]],
    running: Mapping[str, Any] | None = None,
    *,
    connected: bool = True,
) -> StateCollector:
    tree = from_data(schema, running or {})
    where = Sources(
        state, (), lambda: tree, lambda: connected, lambda: (("twincast_x", "X.", "y", {"z": 3}),)
    )
    return StateCollector(schema, where)


def text(made: StateCollector) -> list[str]:
    registry = CollectorRegistry()
    registry.register(made)
    return [line for line in generate_latest(registry).decode().splitlines() if not line.startswith("#")]


def profiles(count: int) -> dict[str, Any]:
    return {BACKUP: {"remote-backup-profile": [{"name": f"p{number:05}"} for number in range(count)]}}


def test_a_scrape_does_not_ask_for_memberships(schema: Schema) -> None:
    asked: list[Selection] = []

    def state(selection: Selection) -> dict[str, object]:
        asked.append(selection)
        return {}

    text(collector(schema, state, profiles(2)))
    assert asked
    for selection in asked:
        assert not selection.wants(f"{PROFILE}/group")
        assert selection.wants(f"{PROFILE}/igmp-copy-status/subscriber-type/statistics/copied/total")
        assert selection.wants(f"{SERVICE}/statistics/sent/total")
        assert selection.keys(PROFILE) is None


def test_of_many_profiles_the_first_are_asked_for_by_name(schema: Schema) -> None:
    asked: list[Selection] = []

    def state(selection: Selection) -> dict[str, object]:
        asked.append(selection)
        return {}

    lines = text(collector(schema, state, profiles(LIMIT + 7)))
    assert {keys for selection in asked for keys in selection.keys(PROFILE) or ()} == {
        (f"p{number:05}",) for number in range(LIMIT)
    }
    assert 'twincast_metrics_left_out{kind="profile"} 7.0' in lines
    assert 'twincast_metrics_left_out{kind="service"} 0.0' in lines


def test_what_is_counted_besides_is_told(schema: Schema) -> None:
    lines = text(collector(schema, lambda _: {}))
    assert 'twincast_x_total{y="z"} 3.0' in lines
    assert "twincast_dataplane_up 1.0" in lines


def test_a_dataplane_that_is_away_is_told(schema: Schema) -> None:
    assert "twincast_dataplane_up 0.0" in text(collector(schema, lambda _: {}, connected=False))


def test_a_state_that_cannot_be_built_is_told_and_asked_for_again(schema: Schema) -> None:
    answers: Iterator[Any] = iter([ValueError("a fault"), {}])

    def state(_: Selection) -> Mapping[str, object]:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return dict(answer)

    made = collector(schema, state)
    assert "twincast_dataplane_up 0.0" in text(made)
    assert "twincast_dataplane_up 1.0" in text(made)


def test_a_dataplane_that_hangs_holds_no_scrape(schema: Schema, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exposition, "STATE_SECONDS", 0.05)
    free, asked = threading.Event(), []

    def state(_: Selection) -> Mapping[str, object]:
        asked.append(1)
        free.wait(60)
        return {}

    made = collector(schema, state)
    try:
        for _ in range(3):
            assert "twincast_dataplane_up 0.0" in text(made)
        assert len(asked) == 1, "a question that waits for its answer is not asked again"
    finally:
        free.set()


def test_two_scrapes_at_once_share_a_question(schema: Schema) -> None:
    free, asked, told = threading.Event(), [], []

    def state(_: Selection) -> Mapping[str, object]:
        asked.append(1)
        free.wait(60)
        return {}

    made = collector(schema, state)
    scrapes = [threading.Thread(target=lambda: told.append(text(made))) for _ in range(2)]
    for scrape in scrapes:
        scrape.start()
    free.set()
    for scrape in scrapes:
        scrape.join(60)
    assert [("twincast_dataplane_up 1.0" in lines) for lines in told] == [True, True]
    assert len(asked) <= 2

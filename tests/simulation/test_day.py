"""Half an hour of a simulated day on two routers, compared with the reference model every minute.

More days: TWINCAST_DAYS=20. A day that fails is played again with its seed, and ends at the same minute.
"""

import os

import pytest

from dataplane.engine.effects import Effect
from dataplane.recording.journal import read
from dataplane.recording.plain import plain
from dataplane.recording.replay import replay
from tests.simulation.day import Day

SEEDS = range(1, 1 + int(os.environ.get("TWINCAST_DAYS", "2")))
MINUTES = 30


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.timeout(300)
def test_at_every_minute_both_routers_know_what_they_should(seed: int) -> None:
    day = Day(seed)
    counts = day.run(MINUTES)
    print(f"seed {seed}:", ", ".join(f"{what} {count}" for what, count in sorted(counts.items())))
    assert day.problems == []
    assert counts["compared"] > 3_000
    assert counts["undecided"] < counts["compared"] / 10


def test_a_router_that_is_played_again_does_the_same() -> None:
    day = Day(77, boxes=80)
    done: list[Effect] = []
    router = day.town.routers["b"]
    router.record()
    perform = router.perform

    def performed(effect: Effect) -> object:
        done.append(effect)
        return perform(effect)

    router.perform = performed  # type: ignore[method-assign, assignment]
    day.run(4)
    assert router.recording is not None
    again = [effect for step in replay(read(router.recording)) for effect in step.effects]
    assert len(again) > 1_000
    assert [_told(effect) for effect in again] == [_told(effect) for effect in done]


def _told(effect: Effect) -> object:
    """An effect without what a key signs."""
    return plain(effect) if "Hello" not in type(effect).__name__ else type(effect)

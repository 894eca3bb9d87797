import pytest

from cli.lab.scenes import Scenario, Scene
from cli.lab.timeline import MarkKind
from tests.support.timelines import timeline

FAILURE = (MarkKind.FAILURE, 1.0, "core link fails")


def scene(allowed: int | None, *lost: int) -> Scene:
    return Scene("a stream", "", timeline(3.0, lost=lost, marks=[FAILURE]), allowed)


def test_only_what_was_sent_after_the_failure_counts() -> None:
    found = scene(2, 10, 1001, 1002).loss()
    assert (found.sent, found.lost) == (2000, 2)


@pytest.mark.parametrize(
    ("allowed", "lost", "miss"),
    [
        (2, range(1000, 1002), []),
        (2, range(1000, 1003), ["lost 3 packets, 2 are allowed"]),
        (2, range(1000, 3000), ["the stream did not come back"]),
        (None, range(1000, 3000), []),
        (None, range(1000, 1003), ["the stream came back though nobody copied its join"]),
    ],
)
def test_what_a_scene_should_have_shown(allowed: int | None, lost: range, miss: list[str]) -> None:
    assert scene(allowed, *lost).misses() == miss


def test_a_scenario_misses_what_its_scenes_miss_and_joins_without_an_entry() -> None:
    scenario = Scenario("storm", "", "", [scene(0, 1500)], missing=2, found=["odd"])
    assert scenario.misses() == ["a stream: lost 1 packets, 0 are allowed", "odd", "2 joins without an entry"]


def test_latencies() -> None:
    scenario = Scenario("storm", "", "", latencies=[float(number) for number in range(1, 101)])
    assert scenario.latency() == pytest.approx({"median": 50.5, "p99": 99.01, "most": 100.0})
    assert Scenario("none", "", "").latency() == {}

"""Recorded inputs and what is expected of them: effects, and the state at the end.

`--update-expected` writes what happens now; the change is reviewed as a diff. `case.md` tells what a case is
about, and by which section of which RFC, or which rule, it is judged.
"""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from dataplane.recording.journal import read
from dataplane.recording.replay import Step, replay, shown, state

CASES = sorted(path.parent for path in Path(__file__).parent.glob("*/*/input.jsonl"))


def _effects(steps: list[Step]) -> Iterator[str]:
    for step in steps:
        if step.effects:
            line = {
                "at": round(step.at, 3),
                "message": type(step.message).__name__,
                "effects": [shown(effect) for effect in step.effects],
            }
            yield msgspec.json.encode(line).decode() + "\n"


def test_there_are_cases() -> None:
    assert len(CASES) >= 5


@pytest.mark.parametrize("folder", CASES, ids=lambda folder: f"{folder.parent.name}-{folder.name}")
def test_case(folder: Path, request: pytest.FixtureRequest) -> None:
    assert (folder / "case.md").read_text().startswith("# ")
    with (folder / "input.jsonl").open("rb") as lines:
        steps = list(replay(read(lines)))
    last = steps[-1]
    found = {
        "effects.jsonl": "".join(_effects(steps)),
        "state.json": msgspec.json.format(msgspec.json.encode(state(last.engine, last.at))).decode() + "\n",
    }
    if request.config.getoption("--update-expected"):
        for name, text in found.items():
            (folder / name).write_text(text)
    for name, text in found.items():
        assert text.splitlines() == (folder / name).read_text().splitlines()

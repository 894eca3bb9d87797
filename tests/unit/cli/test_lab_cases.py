"""What each case of the laboratory must show, and the shape of its result file."""

import json

import pytest

from cli.lab.cases import CaseName, CaseResult, group_block
from cli.lab.measure import Loss
from cli.lab.report import as_json

GOOD = Loss(10_000, 2, 3.1)
GONE = Loss(10_000, 10_000, None)


def result(
    name: CaseName, loss: Loss, entries: int, retained: int = 0, zap_ms: float | None = None
) -> CaseResult:
    return CaseResult(name, name is not CaseName.NOT_COPIED, 20, entries, retained, loss, zap_ms)


@pytest.mark.parametrize(
    "good",
    [
        result(CaseName.COPIED, GOOD, 20),
        result(CaseName.NOT_COPIED, GONE, 0, retained=20),
        result(CaseName.RE_ENABLED, GOOD, 20, retained=20),
        result(CaseName.DUAL_HOMED, GOOD, 20),
        result(CaseName.ZAP, GOOD, 20, zap_ms=50.0),
    ],
    ids=lambda case: case.name,
)
def test_what_is_expected_is_not_a_miss(good: CaseResult) -> None:
    assert good.misses() == []


@pytest.mark.parametrize(
    ("bad", "about"),
    [
        (result(CaseName.COPIED, GOOD, 19), "19 of 20 entries"),
        (result(CaseName.COPIED, Loss(10_000, 6, 6.0), 20), "lost 6"),
        (result(CaseName.RE_ENABLED, GONE, 20), "did not come back"),
        (result(CaseName.COPIED, Loss(0, 0, 0.0), 20), "no packet was sent"),
        (result(CaseName.NOT_COPIED, GONE, 1, retained=20), "1 entries"),
        (result(CaseName.NOT_COPIED, GONE, 0, retained=19), "19 of 20 entries retained"),
        (result(CaseName.NOT_COPIED, GOOD, 0, retained=20), "9998 packets arrived"),
        (result(CaseName.ZAP, GOOD, 20), "new channel"),
        (result(CaseName.ZAP, GOOD, 20, zap_ms=1001.0), "new channel"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_not_expected_is_named(bad: CaseResult, about: str) -> None:
    assert any(about in miss for miss in bad.misses())


def test_result_file() -> None:
    content = as_json("kernel", 20, [result(CaseName.NOT_COPIED, GONE, 0, retained=20)])
    assert json.loads(json.dumps(content)) == {
        "plane": "kernel",
        "groups": 20,
        "cases": [
            {
                "name": "not-copied-link-failure",
                "igmp_copy": False,
                "entries_on_backup": 0,
                "retained_entries": 20,
                "sent": 10_000,
                "lost": 10_000,
                "gap_ms": None,
            }
        ],
    }


def test_blocks_do_not_overlap_and_stay_in_scope() -> None:
    blocks = [group_block(number, 4_000) for number in (1, 2)]
    assert len({group for block in blocks for group in block}) == 8_000
    assert all(group.startswith("239.") for block in blocks for group in block)

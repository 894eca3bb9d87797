"""docs/rules.md: every rule of the domain is there, and the tests that it names exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs" / "rules.md").read_text(encoding="utf-8")
ROWS = {int(match[1]): match[0] for match in re.finditer(r"^\| (\d+) \|.*$", PAGE, re.MULTILINE)}


def names_in(file: str) -> set[str]:
    return {
        name
        for path in (ROOT / "tests").rglob(file)
        for name in re.findall(r"^(?:async )?def (test_\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)
    }


def test_every_rule_has_a_row() -> None:
    assert sorted(ROWS) == list(range(1, 21))


@pytest.mark.parametrize("rule", range(1, 21))
def test_the_names_in_a_rule_exist_and_bear_its_number(rule: int) -> None:
    named = re.findall(r"`(test_\w+\.py)::(test_\w+)`", ROWS[rule])
    assert [name for file, name in named if name not in names_in(file)] == []
    assert any(re.match(rf"test_rules?_(\d+_and_)?{rule}_", name) for _, name in named)
    if "every_kind" in ROWS[rule]:
        numbered = [name for name in names_in("test_rules_of_every_kind.py") if f"_{rule}_" in name]
        assert numbered != []

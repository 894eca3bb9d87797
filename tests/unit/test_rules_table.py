"""docs/rules.md: every rule of the domain is there, and the tests that it names exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs" / "rules.md").read_text(encoding="utf-8")
RULES, _, PLAYED = PAGE.partition("## What is seen")


def _rows(text: str) -> dict[int, str]:
    return {int(match[1]): match[0] for match in re.finditer(r"^\| (\d+) \|.*$", text, re.MULTILINE)}


ROWS, SEEN = _rows(RULES), _rows(PLAYED)
"""Of the table of rules, and of that of what is seen, which `tests/netns/test_rules.py` compares."""


def names_in(file: str) -> set[str]:
    return {
        name
        for path in (ROOT / "tests").rglob(file)
        for name in re.findall(r"^(?:async )?def (test_\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)
    }


def test_every_rule_has_a_row() -> None:
    assert sorted(ROWS) == sorted(SEEN) == list(range(1, 21))


@pytest.mark.parametrize("rule", range(1, 21))
def test_the_names_in_a_rule_exist_and_bear_its_number(rule: int) -> None:
    named = _named(ROWS[rule])
    assert [name for file, name in named if name not in names_in(file)] == []
    assert any(re.match(rf"test_rules?_(\d+_and_)?{rule}_", name) for _, name in named)
    if "every_kind" in ROWS[rule]:
        numbered = [name for name in names_in("test_rules_of_every_kind.py") if f"_{rule}_" in name]
        assert numbered != []


@pytest.mark.parametrize("rule", range(1, 21))
def test_every_rule_is_played_on_real_kernels(rule: int) -> None:
    ((file, name),) = _named(SEEN[rule])
    assert file == "netns/test_rules.py"
    assert name in names_in(file)
    assert name.startswith(f"test_rule_{rule}_")


def _named(row: str) -> list[tuple[str, str]]:
    return re.findall(r"`((?:\w+/)?test_\w+\.py)::(test_\w+)`", row)

"""Each page of the documentation is played on the laboratory's routers, as a reader would play it."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from cli.lab.namespaces import user_namespaces_problem
from tests.docs.blocks import blocks_of

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]
COMMAND = re.compile(r"^ {4,}(\$ |sudo |twincast |make |ssh |pip |systemctl )", re.MULTILINE)
SHELLS = {"sh", "bash", "console", "shell"}


def played(page: Path) -> bool:
    """Whether a page has something to type that is not said to be played elsewhere."""
    return any(block.language == "sh" and "sample" not in block.options for block in _blocks(page))


def _blocks(page: Path):
    return blocks_of(page.read_text(encoding="utf-8"))


@pytest.mark.timeout(600)
@pytest.mark.skipif(user_namespaces_problem() is not None, reason="user namespaces are off")
@pytest.mark.parametrize("name", [name for name, page in zip(NAMES, PAGES, strict=True) if played(page)])
def test_a_page_does_what_it_says(name):
    done = subprocess.run(
        [sys.executable, "-m", "tests.docs.play", str(ROOT / name)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", NAMES)
def test_what_is_to_be_typed_is_in_a_block_that_is_played_or_says_where_it_is(name):
    page = ROOT / name
    assert COMMAND.findall(page.read_text(encoding="utf-8")) == []
    for block in _blocks(page):
        assert block.language not in SHELLS - {"sh"}, f"line {block.line}"
        if block.language == "sh" and (reason := block.options.get("sample")) is not None:
            assert len(reason) > 8, f"line {block.line}: why is it not played?"
            for path in re.findall(r"tests/\S+\.py", reason):
                assert (ROOT / path).exists(), f"line {block.line}: {path}"


@pytest.mark.parametrize("name", NAMES)
def test_a_link_leads_somewhere(name):
    page = ROOT / name
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", text):
        if "://" not in target:
            assert (page.parent / target).exists(), target

"""docs/capabilities.md tells what running servers say, and each row has a test that is there."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.capabilities import CAPABILITIES, LIBRARY, MODULES, ask, document

ROOT = Path(__file__).parents[2]
PROOFS = {**CAPABILITIES, **MODULES}


@pytest.fixture(scope="module")
def announced(tmp_path_factory):
    return ask(tmp_path_factory.mktemp("capabilities"))


def test_the_document_says_what_the_servers_say(announced):
    expected = (ROOT / "docs" / "capabilities.md").read_text()
    assert document(*announced) == expected, "python -m tests.capabilities > docs/capabilities.md"


def test_no_row_is_about_what_is_not_announced(announced):
    _plain, full = announced
    assert set(CAPABILITIES) <= set(full.capabilities)
    assert set(MODULES) <= set(full.modules)


def test_every_test_that_is_named_is_there():
    named = sorted({f"tests/{proof}" for proof in PROOFS.values()})
    command = [sys.executable, "-m", "pytest", "--collect-only", "--quiet", "-p", "no:cacheprovider", *named]
    done = subprocess.run(command, capture_output=True, text=True, timeout=170, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]


def test_every_module_can_be_fetched(server, session):
    library = session.get(("subtree", LIBRARY)).data
    wanted = [
        (entry.findtext("{*}name"), entry.findtext("{*}revision"))
        for entry in library.iter("{*}module", "{*}import-only-module")
    ]
    assert len(wanted) > 20
    for name, revision in wanted:
        text = session.get_schema(name, version=revision).data
        assert text.lstrip().split()[:2] == ["module", name], name

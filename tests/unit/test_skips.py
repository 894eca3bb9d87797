"""The gate fails for a skip that nobody expects, of a test and of a whole file."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.support.skips import ExpectedSkips

ROOT = Path(__file__).parents[2]
EXPECTED = """
[[skip]]
reason = "too small"
because = "some machines are"
[[skip]]
reason = "tshark is not installed"
package = "tshark"
because = "a judge"
"""
FILE = """
import pytest
def test_runs(): pass
def test_skips(): pytest.skip({reason!r})
@pytest.mark.xfail
def test_is_known_to_fail(): raise OSError
"""


@pytest.fixture
def run(tmp_path):
    """Run pytest on one file; its exit status and what it printed."""
    (tmp_path / "expected.toml").write_text(EXPECTED)
    (tmp_path / "conftest.py").write_text(
        "from tests.support import skips\n"
        "def pytest_addoption(parser): skips.add_options(parser)\n"
        "def pytest_configure(config): skips.configure(config)\n"
    )

    environment = {name: value for name, value in os.environ.items() if name != "PYTEST_ADDOPTS"}

    def pytest_on(text, *options):
        (tmp_path / "test_file.py").write_text(text)
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--rootdir={tmp_path}"]
        command += ["--expected-skips", str(tmp_path / "expected.toml"), *options, str(tmp_path)]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=120, cwd=ROOT, env=environment, check=False
        )
        return done.returncode, done.stdout

    return pytest_on


def test_an_expected_skip_is_one(run):
    status, printed = run(FILE.format(reason="this machine is too small for it"))
    assert (status, "1 passed, 1 skipped, 1 xfailed" in printed) == (0, True), printed


@pytest.mark.parametrize("options", [(), ("--numprocesses=1",)], ids=["alone", "by a worker"])
def test_an_unexpected_skip_fails(run, options):
    status, printed = run(FILE.format(reason="no time"), *options)
    assert status == 1
    assert "test_skips: unexpected skip: no time" in printed


@pytest.mark.parametrize("options", [(), ("--numprocesses=1",)], ids=["alone", "by a worker"])
def test_a_file_that_skips_itself_fails(run, options):
    text = "import pytest\npytest.skip('not today', allow_module_level=True)\n"
    status, printed = run(text, *options)
    assert status != 0
    assert "unexpected skip: not today" in printed


def test_a_program_counts_as_missing_only_where_it_is(tmp_path):
    path = tmp_path / "expected.toml"
    path.write_text(EXPECTED)
    assert not ExpectedSkips.read(path, ()).allow("Skipped: tshark is not installed")
    assert ExpectedSkips.read(path, ("tshark",)).allow("Skipped: tshark is not installed")
    assert ExpectedSkips.read(path, ()).allow("Skipped: too small")


def test_the_list_of_the_project_is_about_packages_that_the_gate_installs():
    entries = tomllib.loads((ROOT / "tests" / "expected_skips.toml").read_text())["skip"]
    assert all(entry["reason"] and entry["because"] for entry in entries)
    gate = (ROOT / ".ci" / "run").read_text()
    named = gate.partition('programs="')[2].partition('"')[0] + " " + gate.partition("absent $programs ")[2]
    installed = {pair.partition(":")[2] for pair in re.findall(r"[a-z0-9-]+:[a-z0-9-]+", named)}
    assert {entry["package"] for entry in entries if "package" in entry} == installed

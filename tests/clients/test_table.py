"""docs/clients.md tells of the clients what the tests do, in the versions that they do it with."""

import json
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.clients.table import CLIENTS, COLLECTIONS, FOLDER, lines, pinned

DOCUMENT = FOLDER.parents[1] / "docs" / "clients.md"


def test_the_document_has_the_table():
    text = DOCUMENT.read_text()
    found = [line for line in text.splitlines() if line.startswith("| ") and "tests/clients/" in line]
    assert found == list(lines())[2:], (
        "write what `python -m tests.clients.table` prints into docs/clients.md"
    )


def test_every_file_of_tests_has_a_row():
    files = {path.name for path in FOLDER.glob("test_*.py")} - {
        Path(__file__).name,
        "test_examples.py",
        "test_site.py",
    }
    assert {client.tests for client in CLIENTS} == files


def test_the_versions_are_those_that_are_installed():
    for package in sorted(pinned().keys() - COLLECTIONS.keys()):
        assert version(package) == pinned()[package], package


@pytest.mark.parametrize("name", sorted(COLLECTIONS))
def test_the_collection_is_the_one_that_is_installed(name):
    folder = Path(sys.prefix, "collections", "ansible_collections", *name.split("."))
    if not folder.exists():
        pytest.skip(f"{name} is not in this environment: make interop")
    manifest = json.loads((folder / "MANIFEST.json").read_text())
    assert manifest["collection_info"]["version"] == COLLECTIONS[name]


def test_the_versions_of_debian():
    release = Path("/etc/os-release")
    if not release.exists() or 'VERSION_ID="12"' not in release.read_text():
        pytest.skip("the versions of distribution packages are those of Debian 12")
    known = {name: version for client in CLIENTS for name, version in (client.debian or {}).items()}
    assert re.search(rf"OpenSSH_{known['ssh']}\b", _printed("ssh", "-V"))
    assert f"Version: {known['yangcli']}-" in _printed("dpkg-query", "--status", "yangcli")


def _printed(*command):
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    except (FileNotFoundError, subprocess.CalledProcessError):
        pytest.skip(
            f"the Debian package {'openssh-client' if command[0] == 'ssh' else command[-1]} is not installed"
        )
    return done.stdout + done.stderr

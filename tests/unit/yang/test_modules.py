"""The YANG modules are a product: lint, descriptions, and errors that an operator understands."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pyang import context, repository

FOLDER = Path(__file__).parents[3] / "yang"
MODULES = sorted(FOLDER.glob("*.yang"))


INTERFACE_MODULES = {
    "ietf-netconf-partial-lock": "",
    "ietf-netconf-private-candidate": "",
    "ietf-netconf-txid": "",
    "ietf-nmda-compare": "",
    "nc-notifications": "",
    "notifications": "notifications.yang:1: warning: RFC 8407: 4.1: no module name prefix string used\n",
}
"""Modules with names that others chose (RFCs 5277, 5717, 9144, drafts), and what lint says of the name."""


def test_there_are_modules() -> None:
    assert {path.stem for path in MODULES} == {
        "twincast-commit-history",
        "twincast-remote-backup",
        "twincast-server",
        *INTERFACE_MODULES,
    }


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_strict_lint(path: Path) -> None:
    pyang = Path(sys.executable).with_name("pyang")
    done = subprocess.run(
        [pyang, "--strict", "--lint", "--path", str(FOLDER), str(path)],
        capture_output=True,
        text=True,
        check=False,
    )
    said = done.stderr.replace(f"{FOLDER}/", "")
    assert (done.returncode, done.stdout, said) == (0, "", INTERFACE_MODULES.get(path.stem, ""))


def test_interface_modules_say_that_their_text_is_ours() -> None:
    for name in INTERFACE_MODULES:
        assert re.search("Interface module: (RFC|draft-)", (FOLDER / f"{name}.yang").read_text())


def statements(path: Path) -> Iterator[Any]:
    ctx = context.Context(repository.FileRepository(str(FOLDER)))
    pending = [ctx.add_module(path.name, path.read_text())]
    while pending:
        statement = pending.pop()
        yield statement
        pending.extend(statement.substmts)


def has(statement: Any, keyword: str) -> bool:
    return any(child.keyword == keyword for child in statement.substmts)


def test_every_must_explains_itself() -> None:
    musts = [found for path in MODULES for found in statements(path) if found.keyword == "must"]
    assert len(musts) >= 6
    for must in musts:
        assert has(must, "error-message"), must.pos
        assert has(must, "error-app-tag"), must.pos


DESCRIBED = (
    "container",
    "list",
    "leaf",
    "leaf-list",
    "choice",
    "case",
    "action",
    "notification",
    "enum",
    "typedef",
    "grouping",
    "feature",
)


def test_every_node_is_described() -> None:
    for path in MODULES:
        for statement in statements(path):
            if statement.keyword in DESCRIBED:
                assert has(statement, "description"), f"{statement.pos}: {statement.keyword} {statement.arg}"


def test_nothing_is_deviated() -> None:
    """What the model has, the product does."""
    assert not [path for path in MODULES for found in statements(path) if found.keyword == "deviation"]

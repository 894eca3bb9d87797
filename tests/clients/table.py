"""The table of docs/clients.md: client, version, what was exercised, and the tests that do it.

`python -m tests.clients.table` prints it: what was exercised is what the tests are marked with, and the
versions are those of requirements.txt and of Debian 12.
"""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent
HEADER: Final = (
    "| client | version | exercised | tests |",
    "| --- | --- | --- | --- |",
)


@dataclass(frozen=True, slots=True)
class Client:
    """A client and the versions to be told; those with `==` are pinned, the others are Debian's."""

    name: str
    tests: str
    packages: tuple[str, ...] = ()
    debian: Mapping[str, str] | None = None


CLIENTS: Final = (
    Client(
        "ncclient, over paramiko and over libssh", "test_ncclient.py", ("ncclient", "paramiko", "ssh-python")
    ),
    Client("netconf-client", "test_netconf_client.py", ("netconf-client",)),
    Client(
        "scrapli-netconf, over OpenSSH, paramiko and libssh2",
        "test_scrapli.py",
        ("scrapli-netconf", "scrapli", "ssh2-python"),
    ),
    Client("netconf-console2", "test_netconf_console.py", ("netconf-console2",)),
    Client("Ansible's ansible.netcommon", "test_ansible.py", ("ansible.netcommon", "ansible-core")),
    Client("yangcli of yuma123", "test_yangcli.py", debian={"yangcli": "2.13"}),
    Client("OpenSSH's ssh", "test_openssh.py", debian={"ssh": "9.2p1"}),
)
COLLECTIONS: Final = {"ansible.netcommon": "8.2.0"}
"""Of the wheel that fetch_collections.py takes them from."""


def lines() -> Iterator[str]:
    """The lines of the table."""
    pins = pinned()
    yield from HEADER
    for client in CLIENTS:
        versions = {package: pins[package] for package in client.packages} | dict(client.debian or {})
        told = ", ".join(f"{name} {version}" for name, version in versions.items())
        where = f"tests/clients/{client.tests}"
        yield f"| {client.name} | {told} | {', '.join(exercised(FOLDER / client.tests))} | `{where}` |"


def pinned() -> dict[str, str]:
    """The versions that `make interop` installs."""
    requirements = (FOLDER / "requirements.txt").read_text().splitlines()
    return dict(line.split("==", 1) for line in requirements if "==" in line) | COLLECTIONS


def exercised(path: Path) -> tuple[str, ...]:
    """What the tests of a file are marked with, each once and in the order of the file."""
    marks = [
        decorator
        for function in ast.parse(path.read_text()).body
        if isinstance(function, ast.FunctionDef) and function.name.startswith("test_")
        for decorator in function.decorator_list
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "covers"
    ]
    return tuple(dict.fromkeys(str(ast.literal_eval(each)) for mark in marks for each in mark.args))


if __name__ == "__main__":
    print("\n".join(lines()))

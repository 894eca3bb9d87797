"""Schemas made of a few lines, and validator children as the supervisor keeps them."""

import socket
import subprocess
import sys
from pathlib import Path

from server.schema.resolve import resolve
from server.schema.sources import ModuleChoice, ModuleSources, standard_folders

_CHILD = """
import socket, sys
from server.schema.sources import ModuleSources
from server.schema.validator_child import run_child
run_child(socket.socket(fileno=int(sys.argv[1])), ModuleSources.from_json(sys.stdin.read()))
"""


def sources_of(folder: Path, *implement: str, **bodies: str) -> ModuleSources:
    """Write modules (name → body without header) to `folder` and select those named, else all of them.

    All features are on; the standard modules are found for imports.
    """
    for name, body in bodies.items():
        head = f'  yang-version 1.1;\n  namespace "urn:{name}";\n  prefix {name};\n'
        (folder / f"{name}.yang").write_text(f"module {name} {{\n{head}{body}\n}}\n")
    choices = [ModuleChoice(name) for name in implement or bodies]
    return resolve(choices, [folder, *standard_folders()])


class ValidatorKeeper:
    """Holds a listener and starts validator children on it; `connect` suits `Validator`."""

    def __init__(self, path: Path, sources: ModuleSources) -> None:
        self.path = path
        self._sources = sources
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(str(path))
        self.listener.listen(8)
        self.children: list[subprocess.Popen[str]] = []

    def start(self) -> "subprocess.Popen[str]":
        """Start one child more and return it; it accepts connections when its modules are loaded."""
        descriptor = self.listener.fileno()
        child = subprocess.Popen(
            [sys.executable, "-c", _CHILD, str(descriptor)],
            pass_fds=[descriptor],
            stdin=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        self.children.append(child)
        if child.stdin is not None:
            child.stdin.write(self._sources.to_json())
            child.stdin.close()
        return child

    def connect(self) -> socket.socket:
        """Open a connection; it waits in the listener when no child is there."""
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.connect(str(self.path))
        return connection

    def close(self) -> None:
        """Kill all children and close the listener."""
        for child in self.children:
            child.kill()
            child.wait()
        self.listener.close()

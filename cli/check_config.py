"""`twincast check-config`: would a server take this configuration? Says so without one.

It is judged by what a commit is judged by: the schema, libyang in a process of its own, and the checks of the
dataplane's and the server's own configuration. What only a running dataplane can say is not asked.
"""

import os
import socket
import subprocess
import sys
from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from lxml import etree

from cli import documents
from cli.documents import DocumentError
from server.datastores.judge import Judge
from server.management.config import Checker as ServerChecker
from server.northbound.checks import Checker as BackupChecker
from server.northbound.config import ConfigReader
from server.protocol.errors import RpcError, RpcErrors
from server.schema.model import Schema
from server.schema.sources import SchemaError
from server.schema.validator import Validator
from server.transport.handover import connect_unix
from server.tree.edit import DefaultOperation, ErrorOption, apply_edit
from server.tree.json import JsonError
from server.tree.node import Container, empty_root

VALID: Final = 0
INVALID: Final = 1
UNREADABLE: Final = 2
START_SECONDS: Final = 60.0


def check_config(options: Namespace) -> int:
    """Print what is wrong, one line each. Returns 0 for valid, 1 for not valid, 2 when it cannot be read."""
    try:
        content = documents.read(options.file)
        faults = find_faults(content, documents.schema(options.module, options.yang_path))
    except (DocumentError, SchemaError) as error:
        print(f"twincast check-config: {options.file}: {error}", file=sys.stderr)
        return UNREADABLE
    except OSError as error:
        print(f"twincast check-config: {options.file}: {error.strerror or error}", file=sys.stderr)
        return UNREADABLE
    for fault in faults:
        print(fault, file=sys.stderr)
    if not faults:
        print(f"{options.file}: valid")
    return INVALID if faults else VALID


def find_faults(content: bytes, schema: Schema) -> tuple[str, ...]:
    """Return what is wrong with a file's content, each with its path; nothing when it is valid.

    Raises DocumentError when it is no configuration at all.
    """
    try:
        config = documents.config_of(content, schema)
    except JsonError as error:
        return tuple(map(str, error.faults))
    with validator(schema) as judging:
        return tuple(map(_line, _judge(config, schema, judging)))


def _judge(config: etree._Element, schema: Schema, judging: Validator) -> Sequence[RpcError]:
    """First names and values, an error for each entry that has one; only where those are right, the rest."""
    try:
        read = apply_edit(
            schema,
            empty_root(schema.root),
            config,
            default_operation=DefaultOperation.MERGE,
            error_option=ErrorOption.CONTINUE_ON_ERROR,
            canonical=judging.canonical,
            plain=True,
        )
        return read.errors or Judge(schema, judging, _Checks(schema)).whole(read.root)
    except RpcErrors as refused:
        return refused.errors


class _Checks:
    """What is wrong beyond what YANG says, as far as no process has to be asked."""

    def __init__(self, schema: Schema) -> None:
        self._checkers = (BackupChecker(schema, ConfigReader(schema)), ServerChecker(schema))

    def check(self, root: Container) -> Sequence[RpcError]:
        return [error for checker in self._checkers for error in checker.check(root)]


def _line(error: RpcError) -> str:
    tags = f"{error.tag}, {error.app_tag}" if error.app_tag else str(error.tag)
    return f"{error.path or '/'}: {error.message} ({tags})"


@contextmanager
def validator(schema: Schema) -> Iterator[Validator]:
    """Start a validator for as long as it is needed."""
    from cli import children

    with TemporaryDirectory(prefix="twincast-") as folder, socket.socket(socket.AF_UNIX) as listener:
        path = Path(folder) / "validator.sock"
        listener.bind(str(path))
        listener.listen(4)
        arguments = children.ValidatorArguments(listener.fileno(), schema.sources.to_json())
        invocation = children.Invocation(os.getpid(), "error", arguments)
        child = subprocess.Popen(
            children.command(invocation), stdin=subprocess.DEVNULL, pass_fds=[listener.fileno()]
        )
        client = Validator(lambda: connect_unix(path), schema, restart_timeout=START_SECONDS)
        try:
            yield client
        finally:
            client.close()
            child.kill()
            child.wait()

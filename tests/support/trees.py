"""Schemas, trees and a real validator for the tests of trees and of what works on them."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from lxml import etree

from server.schema.model import Schema, load_schema
from server.schema.resolve import resolve
from server.schema.sources import ModuleChoice, ModuleSources, standard_folders
from server.schema.validator import Validator
from server.tree.node import Container
from server.tree.xml import parse_bytes, to_xml

GARDEN = "urn:test:garden"
NETCONF = "urn:ietf:params:xml:ns:netconf:base:1.0"
YANG = "urn:ietf:params:xml:ns:yang:1"

_CHILD = """
import socket, sys
from server.schema.sources import ModuleSources
from server.schema.validator_child import run_child
run_child(socket.socket(fileno=int(sys.argv[1])), ModuleSources.from_json(sys.stdin.read()))
"""


@cache
def garden_sources() -> ModuleSources:
    """`garden.yang` alone."""
    file = Path(__file__).with_name("garden.yang")
    return resolve([ModuleChoice("garden", str(file))], standard_folders())


@cache
def garden() -> Schema:
    """The compiled schema of `garden.yang`."""
    return load_schema(garden_sources())


@contextmanager
def validator(sources: ModuleSources, schema: Schema, folder: Path) -> Iterator[Validator]:
    """A validator with a child process of its own; `folder` takes its socket."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    path = folder / "v.sock"
    listener.bind(str(path))
    listener.listen(8)
    descriptor = listener.fileno()
    child = subprocess.Popen(
        [sys.executable, "-c", _CHILD, str(descriptor)],
        pass_fds=[descriptor],
        stdin=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )
    assert child.stdin is not None
    child.stdin.write(sources.to_json().encode())
    child.stdin.close()

    def connect() -> socket.socket:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.connect(str(path))
        return connection

    client = Validator(connect, schema, restart_timeout=60.0)
    try:
        yield client
    finally:
        client.close()
        child.kill()
        child.wait()
        listener.close()


def tree(schema: Schema, xml: str) -> Container:
    """The tree of sibling top-level elements that are canonical already."""
    return parse_bytes(schema, xml.encode())


def text(schema: Schema, root: Container) -> str:
    """The tree as XML."""
    return b"".join(to_xml(schema, root)).decode()


def config(xml: str) -> etree._Element:
    """A `<config>` element with these children; the prefixes nc, yang and g are bound."""
    start = f'<config xmlns="{GARDEN}" xmlns:nc="{NETCONF}" xmlns:yang="{YANG}" xmlns:g="{GARDEN}">'
    return etree.fromstring(f"{start}{xml}</config>")


def bed(inner: str) -> str:
    """`<garden>` around this XML, in its namespace."""
    return f'<garden xmlns="{GARDEN}">{inner}</garden>'

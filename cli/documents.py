"""Configuration in files: XML as `<config>`, `<data>` or the elements themselves, and JSON of RFC 7951."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from lxml import etree

from server.protocol.messages import BASE_NAMESPACE
from server.schema.model import Schema, load_schema
from server.schema.sources import default_sources
from server.tree.json import read as read_json
from server.tree.json import to_json
from server.tree.xml import parse_config

MAX_DOCUMENT: Final = 64 * 1024 * 1024
"""Bytes of a file; the server takes messages of this size."""
_WRAPPERS: Final = ("config", "data")


class DocumentError(Exception):
    """A file holds no configuration that can be read; the text says why."""


def schema(modules: Sequence[str], yang_path: Sequence[str]) -> Schema:
    """Compile what `twincast run` serves with these options. Raises SchemaError."""
    return load_schema(default_sources(modules, tuple(map(Path, yang_path))))


def read(name: str) -> bytes:
    """Return the content of a file, `-` for standard input. Raises DocumentError, OSError."""
    if name == "-":
        content = sys.stdin.buffer.read(MAX_DOCUMENT + 1)
    else:
        with Path(name).open("rb") as file:
            content = file.read(MAX_DOCUMENT + 1)
    if len(content) > MAX_DOCUMENT:
        raise DocumentError(f"larger than {MAX_DOCUMENT} bytes")
    return content


def is_json(content: bytes) -> bool:
    """Whether a content is meant to be JSON: it begins with a brace."""
    return content.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"{"


def config_of(content: bytes, compiled: Schema | None) -> etree._Element:
    """Return the `<config>` element of a file's content; JSON needs the schema.

    Raises DocumentError, and JsonError with the place of every fault.
    """
    if is_json(content):
        if compiled is None:
            raise ValueError("JSON cannot be read without the schema")
        return read_json(compiled, content.removeprefix(b"\xef\xbb\xbf"))
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, remove_comments=True, remove_pis=True, huge_tree=True
    )
    try:
        root = etree.fromstring(content, parser)
    except etree.XMLSyntaxError as error:
        raise DocumentError(f"neither JSON nor XML: {error.msg}") from error
    if root.getroottree().docinfo.internalDTD is not None:
        raise DocumentError("a document type declaration is not taken")
    return _config(list(root) if etree.QName(root).localname in _WRAPPERS else [root])


def _config(elements: Sequence[etree._Element]) -> etree._Element:
    default: dict[Any, str] = {None: BASE_NAMESPACE}
    config = etree.Element(f"{{{BASE_NAMESPACE}}}config", nsmap=default)
    config.extend(elements)
    return config


def as_xml(elements: Sequence[etree._Element]) -> str:
    """Return a document with these elements at its top, indented."""
    config = _config(elements)
    etree.indent(config)
    return etree.tostring(config, encoding="unicode") + "\n"


def as_json(compiled: Schema, elements: Sequence[etree._Element]) -> str:
    """Return the same as JSON. Raises DocumentError for a module that the schema has not."""
    try:
        tree = parse_config(compiled, elements)
    except KeyError as error:
        raise DocumentError(
            f"the server has a node {error} that is unknown here: give its --module"
        ) from error
    return json.dumps(to_json(tree), indent=2, ensure_ascii=False) + "\n"

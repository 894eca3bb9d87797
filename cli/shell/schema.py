"""The outline of the server's own model: asked of the server once, then kept in the cache folder.

Whatever modules a server has, of ours, the standard's or its user's, get their commands. The content-id of
yang-library, which the hello carries (RFC 8526 section 2), tells when what is kept still holds.
"""

import hashlib
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec
from lxml import etree

from cli.shell.link import LinkError
from cli.shell.netconf import Netconf
from server.schema.outline import Outline
from server.schema.sources import ModuleChoice

_FORMAT: Final = 1
"""Of the kept file; a new number when `Outline` changes."""
_CONTENT_ID: Final = re.compile(r"[?&]content-id=([^&]+)")
_LIBRARY: Final = "urn:ietf:params:xml:ns:yang:ietf-yang-library"
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.\-]{0,127}")
_REVISION: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}|")
_LARGEST: Final = 64 * 1024 * 1024


def cache_folder() -> Path:
    """Return the folder of the XDG base directory specification."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "twincast"


def outline(netconf: Netconf, place: str, folder: Path) -> Outline:
    """Return the outline of a server's model; raises LinkError, and Refused when it may not be read.

    `place` names the server: what one server says of itself is believed for that one only.
    """
    found = [_CONTENT_ID.search(item) for item in netconf.link.capabilities]
    content = next((match[1] for match in found if match), "")
    name = hashlib.sha256(f"{_FORMAT}\n{place}\n{content}".encode()).hexdigest()[:32]
    file = folder / f"outline-{name}.json"
    kept = _read(file) if content else None
    if kept is not None:
        return kept
    made = _compile(netconf)
    if content:
        _keep(file, made)
    return made


def _read(file: Path) -> Outline | None:
    try:
        if file.stat().st_size > _LARGEST:
            return None
        return msgspec.json.decode(file.read_bytes(), type=Outline)
    except (OSError, msgspec.DecodeError, msgspec.ValidationError):
        return None


def _keep(file: Path, made: Outline) -> None:
    """Without a place to keep it the outline is made anew each time, which takes a second or two."""
    with suppress(OSError):
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=".outline-")
        with os.fdopen(descriptor, "wb") as fresh:
            fresh.write(msgspec.json.encode(made))
        Path(name).replace(file)


def _compile(netconf: Netconf) -> Outline:
    from server.schema.outlining import outline_of
    from server.schema.resolve import resolve
    from server.schema.sources import SchemaError

    with tempfile.TemporaryDirectory(prefix="twincast-shell-") as folder:
        choices = list(_fetch(netconf, Path(folder)))
        try:
            return outline_of(resolve(choices, [Path(folder)]))
        except SchemaError as error:
            raise LinkError(f"the server's YANG modules cannot be read: {error}") from error


def _fetch(netconf: Netconf, folder: Path) -> Iterator[ModuleChoice]:
    """Put every module of the server's library into `folder`; yields those to implement."""
    wanted = etree.Element("{urn:ietf:params:xml:ns:netconf:base:1.0}filter", type="subtree")
    etree.SubElement(wanted, f"{{{_LIBRARY}}}yang-library")
    data = netconf.get(wanted)
    for implemented, kind in ((True, "module"), (False, "import-only-module")):
        for entry in data.iter(f"{{{_LIBRARY}}}{kind}"):
            file = _put(netconf, folder, entry)
            for part in entry.findall(f"{{{_LIBRARY}}}submodule"):
                _put(netconf, folder, part)
            if implemented:
                features = tuple(item.text or "" for item in entry.findall(f"{{{_LIBRARY}}}feature"))
                name, revision = _names(entry)
                yield ModuleChoice(name, str(file), features, revision)


def _put(netconf: Netconf, folder: Path, entry: etree._Element) -> Path:
    name, revision = _names(entry)
    file = folder / (f"{name}@{revision}.yang" if revision else f"{name}.yang")
    file.write_text(netconf.schema(name, revision), encoding="utf-8")
    return file


def _names(entry: etree._Element) -> tuple[str, str]:
    """Name and revision, which become the name of a file here. Raises LinkError."""
    name = entry.findtext(f"{{{_LIBRARY}}}name", "")
    revision = entry.findtext(f"{{{_LIBRARY}}}revision", "")
    if not _NAME.fullmatch(name) or not _REVISION.fullmatch(revision):
        raise LinkError("the server's yang-library names a module that cannot be one")
    return name, revision

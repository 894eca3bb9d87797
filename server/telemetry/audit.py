"""What the audit log says of one request beside who sent it: the datastore, the paths, the commit.

Only names and keys stand here, never values; keys and values that nobody may read by default are left out of
every path (see `server.schema.names.instance_path`). Everything that a client chooses is cut to a length.
"""

from collections.abc import Collection, Iterable
from itertools import islice
from typing import Final

from lxml import etree

from server.protocol.errors import RpcError
from server.tree.diff import Change
from server.tree.location import Location

MAX_PATHS: Final = 20
"""Paths of one request that are named; the others are counted."""
MAX_PATH: Final = 400
MAX_WORD: Final = 64
"""Characters of a path, and of a word that the client chooses."""
UNKNOWN: Final = "unknown"

_SOURCES: Final = ("target", "source", "datastore")
_DATASTORES: Final = frozenset(
    {"running", "candidate", "startup", "intended", "operational", "url", "config"}
)
_IMPLIED: Final = {
    "get": "running",
    "commit": "running",
    "cancel-commit": "running",
    "discard-changes": "candidate",
    "update": "candidate",
    "partial-lock": "running",
    "partial-unlock": "running",
    "rollback-to-commit": "running",
}
"""The datastore of operations that do not name one."""


class Trail:
    """What the request that a session carries out has touched so far. For the session's thread alone."""

    __slots__ = ("commit_id", "count", "killed", "paths")

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Forget the last request."""
        self.paths: tuple[str, ...] = ()
        self.count = 0
        self.commit_id = 0
        self.killed = 0

    def named(self, locations: Iterable[Location], count: int) -> None:
        """Note what a request is about; of `count` locations the first are kept."""
        self.paths = tuple(shown(at) for at in islice(locations, MAX_PATHS))
        self.count = count

    def touched(self, changes: Collection[Change], commit_id: int = 0) -> None:
        """Note what was changed, instead of what was named, and the number of the commit."""
        self.named((change.location for change in changes), len(changes))
        self.commit_id = commit_id

    def fields(self) -> dict[str, object]:
        """Return what there is to say, in the order of the log line.

        The paths are joined as XPath joins them, so that they stay one expression.
        """
        said: dict[str, object] = {}
        if self.killed:
            said["killed"] = self.killed
        if self.commit_id:
            said["commit"] = self.commit_id
        if self.paths:
            said["paths"] = " | ".join(self.paths)
        if self.count > len(self.paths):
            said["more"] = self.count - len(self.paths)
        return said


def shown(at: Location) -> str:
    """Return a path as the log has it."""
    return cut(at.path or "/", MAX_PATH)


def cut(text: str, longest: int = MAX_WORD) -> str:
    """Return a text that is not longer than that; what was cut ends with three dots."""
    return text if len(text) <= longest else f"{text[: longest - 3]}..."


def datastore(operation: etree._Element) -> str:
    """Return which datastore an operation is for, from its target or source; empty when it has none.

    It is looked for in the request as it came, so that one that was refused has it too.
    """
    parameters = {etree.QName(child).localname: child for child in operation}
    found = next((parameters[name] for name in _SOURCES if name in parameters), None)
    if found is None:
        return _IMPLIED.get(etree.QName(operation).localname, "")
    named = etree.QName(found[0]).localname if len(found) else (found.text or "").strip()
    if named == "datastore":  # RFC 8526 section 3.2: named by its identity
        named = (found[0].text or "").strip()
    known = named.rpartition(":")[2]
    return known if known in _DATASTORES else UNKNOWN


def result(errors: Iterable[RpcError]) -> str:
    """Return what an operation came to: `ok`, or each error-tag with its app-tag, once."""
    tags = (f"{error.tag}/{error.app_tag}" if error.app_tag else str(error.tag) for error in errors)
    return ",".join(dict.fromkeys(tags)) or "ok"

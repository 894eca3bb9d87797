"""Reads the files of modules as far as has to be known before anything is compiled.

Owns how pyang is asked to parse and how its errors become `SchemaError`.
"""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from pyang import error as pyang_error
from pyang import yang_parser
from pyang.context import Context
from pyang.repository import Repository

from server.schema.sources import SchemaError, read_module

Statement = Any
"""A statement of pyang, which has no types."""

Import = tuple[str, str, Statement]
"""An import: module name, revision-date or empty, the statement."""

# The statements whose argument names nodes or identities of other modules.
_REFERRING = frozenset({"augment", "deviation", "path", "must", "when", "base", "default"})
_USING = {"type": "typedef", "uses": "grouping"}
_PREFIX = re.compile(r"([A-Za-z_][\w.\-]*):[A-Za-z_]")


class NoRepository(Repository):  # type: ignore[misc]
    """A repository without modules: we hand over every text ourselves."""

    def get_modules_and_revisions(self, _ctx: object) -> list[object]:
        """Return nothing."""
        return []


def new_context() -> Context:
    """Return a pyang context that searches nowhere by itself."""
    return Context(NoRepository())


def raise_errors(ctx: Context) -> None:
    """Raise SchemaError for the first few errors that pyang has found; warnings are passed over."""
    texts = []
    for position, tag, arguments in ctx.errors:
        if pyang_error.is_error(pyang_error.err_level(tag)):
            text = f"{position.label()}: {pyang_error.err_to_str(tag, arguments)}"
            if text not in texts:
                texts.append(text)
    if texts:
        raise SchemaError("\n".join(texts[:10]))


@dataclass(frozen=True, eq=False)
class Header:
    """What has to be known of a file before anything is compiled."""

    statement: Statement
    path: Path

    @property
    def name(self) -> str:
        """The module's name."""
        return str(self.statement.arg)

    @cached_property
    def revision(self) -> str:
        """The latest revision, or empty."""
        return max((str(item.arg) for item in self.statement.search("revision")), default="")

    @cached_property
    def imports(self) -> dict[str, Import]:
        """What it imports, by prefix."""
        found = {}
        for item in self.statement.search("import"):
            prefix, date = item.search_one("prefix"), item.search_one("revision-date")
            found[str(prefix.arg if prefix else item.arg)] = (
                str(item.arg),
                str(date.arg if date else ""),
                item,
            )
        return found

    @cached_property
    def includes(self) -> tuple[tuple[str, str, Statement], ...]:
        """(Submodule, revision-date or empty, statement)."""
        dates = [(item, item.search_one("revision-date")) for item in self.statement.search("include")]
        return tuple((str(item.arg), str(date.arg if date else ""), item) for item, date in dates)

    @cached_property
    def features(self) -> tuple[str, ...]:
        """The features it defines."""
        return tuple(str(item.arg) for item in self.statement.search("feature"))

    @cached_property
    def own_prefix(self) -> str:
        """The prefix by which the text calls its own module."""
        owner = self.statement.search_one("belongs-to") or self.statement
        prefix = owner.search_one("prefix")
        return str(prefix.arg) if prefix else ""

    @cached_property
    def definitions(self) -> dict[tuple[str, str], Statement]:
        """Its typedefs and groupings that others can use, by keyword and name."""
        found = [*self.statement.search("typedef"), *self.statement.search("grouping")]
        return {(str(item.keyword), str(item.arg)): item for item in found}


def referred_prefixes(statement: Statement, off: Collection[str] = ()) -> Iterator[str]:
    """The prefixes of nodes and identities used below `statement`; empty for an identity without one.

    `off` are features of the same module that are switched off: what depends on one refers to nothing.
    """
    for item in all_statements(statement, off):
        if item.keyword in _REFERRING and item.arg:
            yield from _PREFIX.findall(item.arg)
            if item.keyword == "base" and ":" not in item.arg:
                yield ""


def used_definitions(statement: Statement) -> Iterator[tuple[str, str, str]]:
    """(Prefix or empty, keyword, name) of the typedefs and groupings used in `statement` and below."""
    for item in all_statements(statement):
        if item.keyword in _USING and item.arg:
            prefix, _, name = item.arg.rpartition(":")
            yield prefix, _USING[item.keyword], name


def all_statements(statement: Statement, off: Collection[str] = ()) -> Iterator[Statement]:
    """All statements below `statement`, in order, but for those that a feature in `off` takes away."""
    for child in statement.substmts:
        if not any(condition.arg in off for condition in child.search("if-feature")):
            yield child
            yield from all_statements(child, off)


class Finder:
    """Finds and reads files by module name in an ordered list of folders."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = tuple(dict.fromkeys(folders))
        self._headers: dict[Path, Header] = {}

    def read(self, path: Path) -> Header:
        """The header of the module in `path`; raises SchemaError."""
        if path not in self._headers:
            ctx = new_context()
            statement = yang_parser.YangParser().parse(ctx, str(path), read_module(path))
            raise_errors(ctx)
            if statement is None or statement.keyword not in {"module", "submodule"} or not statement.arg:
                raise SchemaError(f"{path}:1: is not a YANG module")
            self._headers[path] = Header(statement, path)
        return self._headers[path]

    def find(self, name: str, revision: str, where: str) -> Header:
        """The header of module `name`; the newest revision of the first folder that has it."""
        for folder in self._folders:
            files = [*folder.glob(f"{name}.yang"), *folder.glob(f"{name}@*.yang")]
            headers = [self.read(file) for file in sorted(files)]
            fitting = [header for header in headers if revision in {"", header.revision}]
            if fitting:
                return max(fitting, key=lambda header: header.revision)
        wanted = f"{name}@{revision}" if revision else name
        raise SchemaError(f"{where}: module {wanted!r} is not found")

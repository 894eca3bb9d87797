"""From a few chosen modules to everything that has to be loaded: imports, submodules, implied modules.

An imported module is implemented too when an implemented one augments or deviates it, refers to its
nodes in a path, must or when, or uses its identities (RFC 7950 section 5.6.5): libyang knows the identities
and nodes of implemented modules only.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from pyang import error as pyang_error
from pyang import yang_parser
from pyang.context import Context
from pyang.repository import Repository

from server.schema.sources import ModuleChoice, ModuleSource, ModuleSources, SchemaError, read_module

Statement = Any
"""A statement of pyang, which has no types."""

# The statements whose argument names nodes or identities of other modules.
_REFERRING = frozenset({"augment", "deviation", "path", "must", "when", "base", "default"})
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


@dataclass(frozen=True)
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
    def imports(self) -> dict[str, tuple[str, str, Statement]]:
        """Prefix → (module, revision-date or empty, statement)."""
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
    def referred(self) -> frozenset[str]:
        """The imported modules whose nodes or identities it uses."""
        prefixes: set[str] = set()
        for item in _all_statements(self.statement):
            if item.keyword in _REFERRING and item.arg:
                prefixes.update(_PREFIX.findall(item.arg))
        return frozenset(self.imports[prefix][0] for prefix in prefixes if prefix in self.imports)


def _all_statements(statement: Statement) -> Iterator[Statement]:
    for child in statement.substmts:
        yield child
        yield from _all_statements(child)


class _Finder:
    """Finds and reads files by module name in an ordered list of folders."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = tuple(dict.fromkeys(folders))
        self._headers: dict[Path, Header] = {}

    def read(self, path: Path) -> Header:
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


class _Resolver:
    def __init__(self, finder: _Finder) -> None:
        self._finder = finder
        self._implemented: dict[str, ModuleSource] = {}
        self._imported: dict[tuple[str, str], ModuleSource] = {}
        self._submodules: dict[tuple[str, str], ModuleSource] = {}
        self._chosen: dict[str, ModuleChoice] = {}

    def run(self, choices: Sequence[ModuleChoice]) -> ModuleSources:
        self._chosen = {choice.name: choice for choice in choices}
        for choice in choices:
            self._implement(choice, f"module {choice.name}")
        imported = [item for item in self._imported.values() if not self._is_implemented(item)]
        return ModuleSources((*self._implemented.values(), *imported, *self._submodules.values()))

    def _is_implemented(self, item: ModuleSource) -> bool:
        found = self._implemented.get(item.name)
        return found is not None and found.revision == item.revision

    def _implement(self, choice: ModuleChoice, where: str) -> None:
        if choice.name in self._implemented:
            return
        header = self._header(choice, where)
        parts = [header, *self._include(header, implemented=True)]
        known = [name for part in parts for name in part.features]
        features = tuple(known) if choice.features is None else choice.features
        for name in features:
            if name not in known:
                raise SchemaError(f"{header.path}: module {header.name} has no feature {name!r}")
        source = ModuleSource(header.name, header.revision, str(header.path), True, features)
        self._implemented[header.name] = source
        for part in parts:
            self._follow(part, implemented=True)

    def _header(self, choice: ModuleChoice, where: str) -> Header:
        if not choice.path:
            return self._finder.find(choice.name, choice.revision, where)
        header = self._finder.read(Path(choice.path))
        if header.name != choice.name:
            raise SchemaError(f"{header.path}:1: the module in this file is named {header.name!r}")
        if header.statement.keyword == "submodule":
            raise SchemaError(f"{header.path}:1: is a submodule; name the module that includes it")
        return header

    def _include(self, header: Header, *, implemented: bool) -> list[Header]:
        parts = []
        for name, date, item in header.includes:
            part = self._finder.find(name, date, item.pos.label())
            key = (part.name, part.revision)
            if key not in self._submodules:
                self._submodules[key] = ModuleSource(
                    part.name, part.revision, str(part.path), implemented, submodule=True
                )
                parts += [part, *self._include(part, implemented=implemented)]
        return parts

    def _follow(self, header: Header, *, implemented: bool) -> None:
        for name, date, item in header.imports.values():
            where = item.pos.label()
            if implemented and name in header.referred:
                self._implement(self._chosen.get(name, ModuleChoice(name, revision=date)), where)
            self._import(name, date, where)

    def _import(self, name: str, date: str, where: str) -> None:
        if not date and (name in self._chosen or name in self._implemented):
            return
        header = self._finder.find(name, date, where)
        key = (header.name, header.revision)
        if key in self._imported:
            return
        self._imported[key] = ModuleSource(header.name, header.revision, str(header.path), False)
        for part in [header, *self._include(header, implemented=False)]:
            self._follow(part, implemented=False)


def resolve(choices: Sequence[ModuleChoice], folders: Sequence[Path]) -> ModuleSources:
    """Find the files of `choices` and of all they need in `folders`, the first that has a module wins.

    Raises SchemaError naming file, line and what is wrong: a syntax error, an import that is not found,
    a feature that does not exist.
    """
    return _Resolver(_Finder(folders)).run(choices)

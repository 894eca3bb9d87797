"""From a few chosen modules to everything that has to be loaded: imports, submodules, implied modules.

An imported module is implemented too when an implemented one augments or deviates it, refers to its
nodes in a path, must or when, or uses its identities (RFC 7950 section 5.6.5): libyang knows the identities
and nodes of implemented modules only. What a typedef or grouping refers to counts for those who use it.
"""

from collections.abc import Collection, Sequence
from pathlib import Path

from server.schema.headers import Finder, Header, Import, Statement, referred_prefixes, used_definitions
from server.schema.sources import ModuleChoice, ModuleSource, ModuleSources, SchemaError


class _Resolver:
    def __init__(self, finder: Finder) -> None:
        self._finder = finder
        self._implemented: dict[str, ModuleSource] = {}
        self._imported: dict[tuple[str, str], ModuleSource] = {}
        self._submodules: dict[tuple[str, str], ModuleSource] = {}
        self._chosen: dict[str, ModuleChoice] = {}
        self._borrowed: set[tuple[str, str, str]] = set()

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
        parts = self._parts(header)
        known = [name for part in parts for name in part.features]
        features = tuple(known) if choice.features is None else choice.features
        for name in features:
            if name not in known:
                raise SchemaError(f"{header.path}: module {header.name} has no feature {name!r}")
        source = ModuleSource(header.name, header.revision, str(header.path), True, features)
        self._implemented[header.name] = source
        self._add_submodules(parts[1:], implemented=True)
        off = frozenset(known).difference(features)
        for part in parts:
            self._follow(part, off)

    def _header(self, choice: ModuleChoice, where: str) -> Header:
        if not choice.path:
            return self._finder.find(choice.name, choice.revision, where)
        header = self._finder.read(Path(choice.path))
        if header.name != choice.name:
            raise SchemaError(f"{header.path}:1: the module in this file is named {header.name!r}")
        if header.statement.keyword == "submodule":
            raise SchemaError(f"{header.path}:1: is a submodule; name the module that includes it")
        return header

    def _parts(self, header: Header) -> list[Header]:
        """The module and its submodules, also those that submodules include."""
        found = [header]
        for part in found:
            for name, date, item in part.includes:
                submodule = self._finder.find(name, date, item.pos.label())
                if submodule not in found:
                    found.append(submodule)
        return found

    def _add_submodules(self, parts: Sequence[Header], *, implemented: bool) -> None:
        for part in parts:
            key = (part.name, part.revision)
            source = ModuleSource(part.name, part.revision, str(part.path), implemented, submodule=True)
            if implemented or key not in self._submodules:
                self._submodules[key] = source

    def _follow(self, part: Header, off: Collection[str]) -> None:
        """Take in what an implemented module or submodule imports; `off`: its features that are not on."""
        for prefix in referred_prefixes(part.statement, off):
            if prefix in part.imports:
                self._imply(*part.imports[prefix])
        for prefix, keyword, name in used_definitions(part.statement):
            if prefix in part.imports:
                self._borrow(part.imports[prefix], keyword, name)
        for imported in part.imports.values():
            self._import(*imported)

    def _imply(self, name: str, date: str, item: Statement) -> None:
        self._implement(self._chosen.get(name, ModuleChoice(name, revision=date)), item.pos.label())

    def _borrow(self, module: Import, keyword: str, name: str) -> None:
        """Imply what a typedef or grouping of another module refers to."""
        if module[0] in self._implemented or (module[0], keyword, name) in self._borrowed:
            return
        self._borrowed.add((module[0], keyword, name))
        chosen = self._chosen.get(module[0], ModuleChoice(module[0], revision=module[1]))
        for part in self._parts(self._header(chosen, module[2].pos.label())):
            definition = part.definitions.get((keyword, name))
            if definition is None:
                continue
            around = {**part.imports, part.own_prefix: module, "": module}
            for prefix in referred_prefixes(definition):
                if prefix in around:
                    self._imply(*around[prefix])
            for prefix, inner, used in used_definitions(definition):
                if prefix in around:
                    self._borrow(around[prefix], inner, used)

    def _import(self, name: str, date: str, item: Statement) -> None:
        if not date and (name in self._chosen or name in self._implemented):
            return
        header = self._finder.find(name, date, item.pos.label())
        key = (header.name, header.revision)
        if key in self._imported:
            return
        self._imported[key] = ModuleSource(header.name, header.revision, str(header.path), False)
        parts = self._parts(header)
        self._add_submodules(parts[1:], implemented=False)
        for part in parts:
            for imported in part.imports.values():
                self._import(*imported)


def resolve(choices: Sequence[ModuleChoice], folders: Sequence[Path]) -> ModuleSources:
    """Find the files of `choices` and of all they need in `folders`, the first that has a module wins.

    Raises SchemaError naming file, line and what is wrong: a syntax error, an import that is not found,
    a feature that does not exist.
    """
    return _Resolver(Finder(folders)).run(choices)

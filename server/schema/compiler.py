"""Runs pyang over a selection of modules and returns its statement trees.

pyang applies a deviation when it validates the module that holds it, and leaves out what a feature switches
off when the features of every module are given before validation; both happen here.
"""

from dataclasses import dataclass

from pyang.context import Context

from server.schema.headers import Statement, new_context, raise_errors
from server.schema.sources import ModuleSource, ModuleSources, SchemaError


@dataclass(frozen=True)
class CompiledModule:
    """One file of the selection with its statement tree."""

    source: ModuleSource
    statement: Statement
    text: str

    @property
    def namespace(self) -> str:
        """The module's namespace; empty for a submodule."""
        return argument(self.statement, "namespace")

    @property
    def prefix(self) -> str:
        """The module's own prefix."""
        return argument(self.statement, "prefix")


def argument(statement: Statement, keyword: str | tuple[str, str], default: str = "") -> str:
    """Return the argument of the first substatement `keyword`, or `default`."""
    found = statement.search_one(keyword)
    return default if found is None or found.arg is None else str(found.arg)


def compile_modules(sources: ModuleSources) -> tuple[CompiledModule, ...]:
    """Compile all modules together; raises SchemaError with file, line and cause of the first errors."""
    ctx = new_context()
    # Submodules first: a module that includes one looks for it in the context.
    ordered = sorted(sources.modules, key=lambda module: not module.submodule)
    compiled = {module: _add(ctx, module) for module in ordered}
    ctx.features = _Features(sources)
    # Deviating modules last, as they change what the others defined.
    ctx.deviation_modules = [
        item.statement for item in compiled.values() if item.statement.search("deviation")
    ]
    ctx.validate()
    raise_errors(ctx)
    return tuple(compiled[module] for module in sources.modules)


def _add(ctx: Context, module: ModuleSource) -> CompiledModule:
    text = module.text()
    statement = ctx.add_module(module.path, text, "yang")
    raise_errors(ctx)
    if statement is None:
        raise SchemaError(f"{module.path}: cannot be compiled")
    if statement.arg != module.name:
        raise SchemaError(f"{module.path}:1: the module in this file is named {statement.arg!r}")
    return CompiledModule(module, statement, text)


class _Features(dict[str, list[str]]):
    """Enabled features by module; a module that is not implemented has none (RFC 8525 section 3)."""

    def __init__(self, sources: ModuleSources) -> None:
        super().__init__({module.name: list(module.features) for module in sources.implemented})

    def __contains__(self, _name: object) -> bool:
        return True

    def __missing__(self, _name: str) -> list[str]:
        return []

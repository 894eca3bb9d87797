"""Collects must, when and leafref statements and tells what each of them reads."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from server.schema.compiler import argument
from server.schema.headers import Statement
from server.schema.node import Constraint, ConstraintKind, NodeKind, SchemaNode, TypeInfo
from server.schema.sources import SchemaError
from server.schema.xpath import Resolver, parse


@dataclass(frozen=True, slots=True)
class PendingConstraint:
    """A must or when met while the tree is built; its paths are resolved when the tree is complete."""

    kind: ConstraintKind
    statement: Statement
    node: SchemaNode
    context: SchemaNode


@dataclass(frozen=True, slots=True)
class PendingPath:
    """A leafref met while the tree is built: its type, the path statement and the leaf that carries it."""

    info: TypeInfo
    statement: Statement
    node: SchemaNode
    member: bool


class Prefixes:
    """The prefixes that the text of a statement binds: prefix → module, prefix → namespace."""

    def __init__(self, namespaces: Mapping[str, str]) -> None:
        self._namespaces = namespaces

    def modules(self, statement: Statement) -> dict[str, str]:
        """Prefix → module name in the module or submodule where `statement` was written."""
        bound = statement.i_orig_module.i_prefixes
        return {prefix: module for prefix, (module, _revision) in bound.items()}

    def namespaces(self, statement: Statement) -> dict[str, str]:
        """Prefix → namespace in the module or submodule where `statement` was written."""
        modules = self.modules(statement)
        return {
            prefix: self._namespaces[name] for prefix, name in modules.items() if name in self._namespaces
        }


def resolve_leafrefs(pending: Iterable[PendingPath], prefixes: Prefixes) -> list[Constraint]:
    """Set the target of every leafref type and return the constraints of those that judge configuration.

    There is a second round since `deref` in a path needs the target of another leafref.
    """
    pending = tuple(pending)
    found: dict[int, Constraint] = {}
    for _round in range(2):
        for item in pending:
            found[id(item)] = _leafref(item, prefixes)
    for item in pending:
        _mark_prefixed(item.info)
    return [constraint for constraint in found.values() if constraint.node.config]


def _leafref(item: PendingPath, prefixes: Prefixes) -> Constraint:
    syntax = _parse(item.statement)
    bound = prefixes.namespaces(item.statement)
    resolution = Resolver(item.node, bound, item.node.namespace).path(syntax)
    if resolution.reads and resolution.reads[0].target.kind in {NodeKind.LEAF, NodeKind.LEAF_LIST}:
        item.info.target = resolution.reads[0].target
    constraint = Constraint(
        kind=ConstraintKind.LEAFREF,
        node=item.node,
        context=item.node,
        expression=str(item.statement.arg),
        xpath=syntax,
        prefixes=bound,
        reads=tuple(resolution.reads),
        unbounded=resolution.unbounded or item.info.target is None,
        require_instance=item.info.require_instance,
    )
    if not item.member:
        item.node.leafref = constraint
    return constraint


def _mark_prefixed(info: TypeInfo) -> None:
    seen = {id(info)}
    target = info.target
    while target is not None and target.type is not None and id(target.type) not in seen:
        seen.add(id(target.type))
        if target.type.base != "leafref":
            info.has_prefix = target.type.has_prefix
        target = target.type.target


def resolve_constraint(item: PendingConstraint, prefixes: Prefixes) -> Constraint:
    """Resolve the paths of a must or when; raises SchemaError when its XPath is not well-formed."""
    syntax = _parse(item.statement)
    bound = prefixes.namespaces(item.statement)
    resolution = Resolver(item.context, bound, item.node.namespace).expression(syntax)
    return Constraint(
        kind=item.kind,
        node=item.node,
        context=item.context,
        expression=str(item.statement.arg),
        xpath=syntax,
        prefixes=bound,
        reads=tuple(resolution.reads),
        unbounded=resolution.unbounded,
        error_message=argument(item.statement, "error-message"),
        error_app_tag=argument(item.statement, "error-app-tag"),
    )


def _parse(statement: Statement) -> object:
    try:
        return parse(str(statement.arg))
    except ValueError as error:
        raise SchemaError(f"{statement.pos.label()}: {error}") from error

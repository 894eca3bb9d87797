"""Makes the outline of a selection of modules from pyang's statement trees."""

from collections.abc import Iterator
from typing import Final

from server.schema.build import build_schema
from server.schema.compiler import CompiledModule, argument, compile_modules
from server.schema.headers import Statement
from server.schema.model import Schema
from server.schema.node import SchemaNode, TypeInfo
from server.schema.outline import Outline, OutlineAction, OutlineNode, OutlineType
from server.schema.sources import ModuleSources

_DENY_ALL: Final = ("ietf-netconf-acm", "default-deny-all")
_TRANSPARENT: Final = frozenset({"choice", "case", "input", "output"})


def outline_of(sources: ModuleSources) -> Outline:
    """Compile `sources` and return their outline; raises SchemaError as `load_schema` does."""
    compiled = compile_modules(sources)
    schema = build_schema(sources, compiled)
    roots = _Roots(compiled)
    nodes = tuple(_node(schema, node, roots.statement(node)) for node in schema.root.children.values())
    return Outline(nodes, {module.name: module.namespace for module in schema.modules})


class _Roots:
    """The statements of top-level nodes, each in the module that defines it."""

    def __init__(self, compiled: tuple[CompiledModule, ...]) -> None:
        self._modules = {item.source.name: item for item in compiled if item.source.implemented}

    def statement(self, node: SchemaNode) -> Statement:
        return _find(self._modules[node.module].statement, node)


def _find(parent: Statement, node: SchemaNode) -> Statement:
    """The statement below `parent` that `node` was made from; choices and cases are looked into."""
    return next(item for item in _below(parent) if _is_of(item, node))


def _below(parent: Statement) -> Iterator[Statement]:
    for child in parent.i_children:
        if getattr(child, "i_not_implemented", False):
            continue
        if child.keyword in _TRANSPARENT:
            yield from _below(child)
        else:
            yield child


def _is_of(statement: Statement, node: SchemaNode) -> bool:
    return (statement.arg, statement.i_module.i_modulename) == (node.name, node.module)


def _node(schema: Schema, node: SchemaNode, statement: Statement) -> OutlineNode:
    kind = node.type
    return OutlineNode(
        name=node.name,
        module=node.module,
        namespace=node.namespace,
        kind=str(node.kind),
        path=node.path,
        config=node.config,
        description=_description(statement),
        keys=tuple(tag.rpartition("}")[2] for tag in node.keys),
        presence=node.presence,
        mandatory=node.mandatory,
        secret=statement.search_one(_DENY_ALL) is not None,
        default=node.defaults[0] if node.defaults else None,
        type=_type(kind, statement.search_one("type")) if kind is not None else None,
        children=tuple(_node(schema, child, _find(statement, child)) for child in node.children.values()),
        actions=tuple(_actions(schema, node, statement)),
    )


def _actions(schema: Schema, node: SchemaNode, statement: Statement) -> Iterator[OutlineAction]:
    for operation in schema.operations:
        if operation.kind != "action" or operation.parent is not node:
            continue
        found = next(item for item in _below(statement) if _is_of(item, operation.input))
        given = next((part for part in found.i_children if part.keyword == "input"), None)
        parameters = operation.input.children.values() if given is not None else ()
        yield OutlineAction(
            name=operation.name,
            namespace=operation.input.namespace,
            description=_description(found),
            input=tuple(_node(schema, item, _find(given, item)) for item in parameters),
        )


def _description(statement: Statement) -> str:
    return " ".join(argument(statement, "description").split())


def _type(info: TypeInfo, statement: Statement) -> OutlineType:
    """`statement` is the type statement that `info` was built from."""
    chain = list(_typedef_chain(statement))
    members = chain[-1].search("type")
    return OutlineType(
        base=info.base,
        range=info.range,
        length=info.length,
        patterns=tuple(str(item.arg) for part in chain for item in _patterns(part)),
        enums=_enums(chain),
        identities=tuple(sorted(info.identities)),
        members=tuple(_type(item, part) for item, part in zip(info.members, members, strict=True)),
        target=info.target.path if info.target is not None else "",
        units=info.units,
    )


def _typedef_chain(statement: Statement) -> Iterator[Statement]:
    """The type statement, then that of its typedef, down to the built-in type."""
    yield statement
    while getattr(statement, "i_typedef", None) is not None:
        statement = statement.i_typedef.search_one("type")
        yield statement


def _patterns(statement: Statement) -> Iterator[Statement]:
    """The patterns that have to match; inverted ones are left to the server."""
    return (item for item in statement.search("pattern") if item.search_one("modifier") is None)


def _enums(chain: list[Statement]) -> tuple[tuple[str, str], ...]:
    """Those nearest to the leaf restrict most (RFC 7950 section 9.6.4)."""
    for part in chain:
        found = [item for item in part.search("enum") if not getattr(item, "i_not_implemented", False)]
        if found:
            texts = {str(item.arg): _description(item) for item in _described(chain)}
            return tuple((str(item.arg), _description(item) or texts[str(item.arg)]) for item in found)
    return ()


def _described(chain: list[Statement]) -> Iterator[Statement]:
    for part in chain:
        yield from part.search("enum")

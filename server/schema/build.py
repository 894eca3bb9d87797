"""Builds the schema tree from pyang's statement trees.

Groupings and augments are expanded by pyang; what features and deviations take away, and what modules that
are import-only define, is left out. Choices and cases become the `cases` of the data nodes in them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from server.schema.compiler import CompiledModule, argument
from server.schema.constraints import (
    PendingConstraint,
    PendingPath,
    Prefixes,
    resolve_constraint,
    resolve_leafrefs,
)
from server.schema.headers import Statement
from server.schema.model import ModuleInfo, Operation, Schema, SubmoduleInfo
from server.schema.node import Constraint, ConstraintKind, NodeKind, SchemaNode, TypeInfo
from server.schema.sources import ModuleSources
from server.schema.typeinfo import TypeBuilder, derived_identities, leaf_defaults, refresh_union

_KINDS = {
    "container": NodeKind.CONTAINER,
    "list": NodeKind.LIST,
    "leaf": NodeKind.LEAF,
    "leaf-list": NodeKind.LEAF_LIST,
    "anydata": NodeKind.ANYDATA,
    "anyxml": NodeKind.ANYDATA,
}
_NACM = "ietf-netconf-acm"


def build_schema(sources: ModuleSources, compiled: tuple[CompiledModule, ...]) -> Schema:
    """Return the schema of modules that compiled without error."""
    modules = _module_infos(compiled)
    builder = _Builder(compiled)
    root = SchemaNode("", "", "", "", "", NodeKind.CONTAINER)
    for module in compiled:
        if module.source.implemented and not module.source.submodule:
            builder.children(module.statement, root, _Position())
    return Schema(
        root, modules, builder.constraints(), tuple(builder.operations), sources, builder.identities
    )


def _module_infos(compiled: tuple[CompiledModule, ...]) -> tuple[ModuleInfo, ...]:
    by_name = {module.source.name: module for module in compiled if module.source.submodule}
    deviations = _deviations(compiled)
    return tuple(
        ModuleInfo(
            name=module.source.name,
            revision=module.source.revision,
            namespace=module.namespace,
            prefix=module.prefix,
            yang_version=argument(module.statement, "yang-version", "1"),
            implemented=module.source.implemented,
            features=module.source.features,
            deviated_by=tuple(deviations.get(module.source.name, ())) if module.source.implemented else (),
            text=module.text,
            submodules=_submodules(module, by_name),
        )
        for module in compiled
        if not module.source.submodule
    )


def _submodules(module: CompiledModule, by_name: dict[str, CompiledModule]) -> tuple[SubmoduleInfo, ...]:
    """What the module includes; a YANG 1 submodule may include others of its own (RFC 6020 section 7.1.6)."""
    found: dict[str, SubmoduleInfo] = {}
    pending = [module.statement]
    while pending:
        for include in pending.pop().search("include"):
            part = by_name.get(include.arg)
            if part is not None and part.source.name not in found:
                found[part.source.name] = SubmoduleInfo(part.source.name, part.source.revision, part.text)
                pending.append(part.statement)
    return tuple(found.values())


def _deviations(compiled: tuple[CompiledModule, ...]) -> dict[str, list[str]]:
    """Deviated module → the modules that deviate it."""
    found: dict[str, list[str]] = {}
    for module in compiled:
        for deviation in module.statement.search("deviation"):
            target = getattr(deviation, "i_target_node", None)
            if target is not None and module.source.implemented:
                names = found.setdefault(target.i_module.i_modulename, [])
                if module.source.name not in names:
                    names.append(module.source.name)
    return found


@dataclass(frozen=True, slots=True)
class _Position:
    """What the choices, cases, uses and augments around a node hand down to it."""

    cases: tuple[tuple[str, str], ...] = ()
    whens: tuple[Statement, ...] = ()

    def inside(self, statement: Statement, cases: tuple[tuple[str, str], ...] = ()) -> "_Position":
        augment = getattr(statement, "i_augment", None)
        whens = (*statement.search("when"), *(augment.search("when") if augment is not None else ()))
        return _Position((*self.cases, *cases), (*self.whens, *whens))


class _Builder:
    def __init__(self, compiled: Sequence[CompiledModule]) -> None:
        implemented = [module for module in compiled if module.source.implemented]
        mains = [module for module in compiled if not module.source.submodule]
        self._modules = {module.source.name: module for module in mains if module.source.implemented}
        self._prefixes = Prefixes({module.source.name: module.namespace for module in mains})
        self.identities = derived_identities(implemented)
        self.operations: list[Operation] = []
        self._pending: list[PendingConstraint] = []
        self._paths: list[PendingPath] = []

    def constraints(self) -> tuple[Constraint, ...]:
        """Resolve all that was met, now that the tree is complete."""
        found = resolve_leafrefs(self._paths, self._prefixes)
        for path in self._paths:
            if path.node.type is not None:
                refresh_union(path.node.type)
        for item in self._pending:
            constraint = resolve_constraint(item, self._prefixes)
            found.append(constraint)
            if item.kind is ConstraintKind.MUST:
                item.node.musts += (constraint,)
            else:
                item.node.whens += (constraint,)
        return tuple(found)

    def children(self, statement: Statement, parent: SchemaNode, position: _Position) -> None:
        """Add the data nodes of `statement` to `parent`; choices and cases are walked through."""
        for child in statement.i_children:
            module = self._modules.get(child.i_module.i_modulename)
            if module is None or getattr(child, "i_not_implemented", False):
                continue
            if child.keyword == "choice":
                self._choice(child, parent, position)
            elif child.keyword == "case":
                self.children(child, parent, position.inside(child))
            elif child.keyword in _KINDS:
                self._data_node(child, module, parent, position)
            elif child.keyword in {"rpc", "action", "notification"}:
                self._operation(child, module, parent)

    def _choice(self, statement: Statement, parent: SchemaNode, position: _Position) -> None:
        around = "".join(f"({choice}:{case})" for choice, case in position.cases)
        choice_id = f"{parent.path}/{around}{statement.arg}"
        default = argument(statement, "default")
        if default:
            parent.default_cases[choice_id] = default.rpartition(":")[2]
        inner = position.inside(statement)
        for case in statement.i_children:
            if not getattr(case, "i_not_implemented", False):
                self.children(case, parent, inner.inside(case, ((choice_id, str(case.arg)),)))

    def _data_node(
        self, statement: Statement, module: CompiledModule, parent: SchemaNode, position: _Position
    ) -> None:
        node = self._node(statement, module, parent)
        node.cases = position.cases
        parent.children[node.tag] = node
        self._constraints_of(statement, node, position)
        if node.kind in {NodeKind.LEAF, NodeKind.LEAF_LIST}:
            self._type_of(statement, node)
        elif node.kind is not NodeKind.ANYDATA:
            self.children(statement, node, _Position())
        if node.kind is NodeKind.LIST:
            _list_facts(statement, node)

    def _node(self, statement: Statement, module: CompiledModule, parent: SchemaNode) -> SchemaNode:
        name = str(statement.arg)
        label = name if parent.module == module.source.name else f"{module.source.name}:{name}"
        deny_all = statement.search_one((_NACM, "default-deny-all")) is not None
        deny_write = statement.search_one((_NACM, "default-deny-write")) is not None
        return SchemaNode(
            name=name,
            module=module.source.name,
            namespace=module.namespace,
            prefix=module.prefix,
            tag=f"{{{module.namespace}}}{name}",
            kind=_KINDS[statement.keyword],
            config=statement.i_config is True,
            parent=parent,
            user_ordered=argument(statement, "ordered-by") == "user",
            presence=statement.search_one("presence") is not None,
            mandatory=argument(statement, "mandatory") == "true",
            min_elements=int(argument(statement, "min-elements", "0")),
            max_elements=_maximum(statement),
            default_deny_all=deny_all or parent.default_deny_all,
            default_deny_write=deny_write or parent.default_deny_write,
            path=f"{parent.path}/{label}",
        )

    def _type_of(self, statement: Statement, node: SchemaNode) -> None:
        def path_found(info: TypeInfo, path: Statement, member: bool) -> None:
            self._paths.append(PendingPath(info, path, node, member))

        node.type = TypeBuilder(self.identities, path_found).build(statement.search_one("type"))
        node.defaults = leaf_defaults(node, statement)

    def _constraints_of(self, statement: Statement, node: SchemaNode, position: _Position) -> None:
        if not node.config or node.parent is None:
            return
        pending = [(ConstraintKind.MUST, must, node) for must in statement.search("must")]
        for when in statement.search("when"):
            from_uses = getattr(when, "i_origin", "") == "uses"
            pending.append((ConstraintKind.WHEN, when, node.parent if from_uses else node))
        augment = getattr(statement, "i_augment", None)
        outer = (*position.whens, *(augment.search("when") if augment is not None else ()))
        pending += [(ConstraintKind.WHEN, when, node.parent) for when in outer]
        self._pending += [PendingConstraint(kind, item, node, context) for kind, item, context in pending]

    def _operation(self, statement: Statement, module: CompiledModule, parent: SchemaNode) -> None:
        name = str(statement.arg)
        input_root, output_root = (self._parameters(module, parent, name) for _ in range(2))
        if statement.keyword == "notification":
            self.children(statement, output_root, _Position())
            parent.notifications += (name,)
        else:
            for part in statement.i_children:
                self.children(part, input_root if part.keyword == "input" else output_root, _Position())
            if statement.keyword == "action":
                parent.actions += (name,)
        self.operations.append(
            Operation(
                kind=str(statement.keyword),
                name=name,
                module=module.source.name,
                tag=input_root.tag,
                parent=parent if parent.parent is not None else None,
                input=input_root,
                output=output_root,
                default_deny_all=statement.search_one((_NACM, "default-deny-all")) is not None,
            )
        )

    def _parameters(self, module: CompiledModule, parent: SchemaNode, name: str) -> SchemaNode:
        """A node for the input or output: paths in it may climb out into the data tree of an action."""
        namespace = module.namespace
        label = name if parent.module == module.source.name else f"{module.source.name}:{name}"
        above = parent if parent.parent is not None else None
        tag = f"{{{namespace}}}{name}"
        node = SchemaNode(name, module.source.name, namespace, module.prefix, tag, NodeKind.CONTAINER)
        node.config, node.parent, node.path = False, above, f"{parent.path}/{label}"
        return node


def _maximum(statement: Statement) -> int | None:
    text = argument(statement, "max-elements", "unbounded")
    return None if text == "unbounded" else int(text)


def _list_facts(statement: Statement, node: SchemaNode) -> None:
    keys = argument(statement, "key").split()
    node.keys = tuple(f"{{{node.namespace}}}{key.rpartition(':')[2]}" for key in keys)
    for key in node.keys:
        # A key is mandatory by its nature and has no default (RFC 7950 section 7.8.2).
        node.children[key].mandatory = False
        node.children[key].defaults = ()
    uniques = (item.arg.split() for item in statement.search("unique"))
    node.uniques = tuple(tuple(_unique_path(node, path) for path in paths) for paths in uniques)


def _unique_path(node: SchemaNode, path: str) -> tuple[str, ...]:
    """The tags of a descendant path; choices and cases in it are left out (RFC 7950 section 7.8.3)."""
    tags: list[str] = []
    for step in path.split("/"):
        name = step.rpartition(":")[2]
        found = next((child for child in node.children.values() if child.name == name), None)
        if found is not None:
            tags.append(found.tag)
            node = found
    return tuple(tags)

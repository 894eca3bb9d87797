"""Names with prefixes: instance paths for errors, and values whose XML form carries prefixes.

In the tree an identityref or instance-identifier is kept with module names as prefixes (RFC 7951 sections
6.8 and 6.11); in XML the prefixes are those that the element's namespace declarations bind (RFC 7950
sections 9.10.3 and 9.13.2).
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from server.schema.model import Schema
from server.schema.node import NodeKind, SchemaNode, TypeInfo

ALL_CONTENTS = "/"
"""The path of an access control rule about everything, which is no instance-identifier (RFC 8341 3.5)."""

_NAME = r"[A-Za-z_][\w.\-]*"
_STEP = re.compile(rf"\s*/\s*(?:({_NAME}):)?({_NAME})\s*")
_EXPRESSION = re.compile(
    rf"""(?P<literal>"[^"]*"|'[^']*'|::)|(?<![\w.\-])(?P<prefix>{_NAME}):(?=[A-Za-z_*])"""
)
"""The literals of an XPath expression, and its prefixes; `child::` is none."""
_PREDICATE = re.compile(
    rf"""\[\s*(?:(?P<position>\d+)|(?:(?P<dot>\.)|(?:(?P<prefix>{_NAME}):)?(?P<name>{_NAME}))\s*=\s*
    (?P<quote>['"])(?P<value>.*?)(?P=quote))\s*\]\s*""",
    re.VERBOSE | re.DOTALL,
)


@dataclass(slots=True)
class Bindings:
    """Prefix → namespace declarations; a module's own prefix is used unless another one has taken it."""

    namespaces: dict[str, str] = field(default_factory=dict)

    def prefix(self, preferred: str, namespace: str) -> str:
        """Return the prefix bound to `namespace`, binding `preferred` or a variant of it."""
        candidate, number = preferred, 1
        while self.namespaces.get(candidate, namespace) != namespace:
            number += 1
            candidate = f"{preferred}{number}"
        self.namespaces[candidate] = namespace
        return candidate


def quoted(value: str) -> str:
    """Return an XPath 1.0 literal, or a call of concat when `value` has quotes of both kinds."""
    if "'" not in value:
        return f"'{value}'"
    if '"' not in value:
        return f'"{value}"'
    parts = ', "\'", '.join(f"'{part}'" for part in value.split("'"))
    return f"concat({parts})"


def instance_path(
    node: SchemaNode,
    keys: Sequence[Sequence[str]] = (),
    value: str | None = None,
    bindings: Bindings | None = None,
) -> tuple[str, dict[str, str]]:
    """Return (path, prefix → namespace) of an instance of `node`.

    `keys` has one tuple of key values for every list on the way, outermost first; it may stop early (the
    remaining lists are named without predicates). `value` is the value of a leaf-list entry. Keys of lists
    that are default-deny-all are left out, since a path goes to whoever asked (RFC 8341 section 3.2.2).
    `bindings` lets several paths share their declarations.
    Example: `/trb:remote-backup/trb:remote-backup-profile[trb:name='rbp3']/trb:dhcp-stb/trb:igmp-copy`.
    """
    bindings = Bindings() if bindings is None else bindings
    remaining = list(keys)
    parts = []
    for step in node.chain():
        prefix = bindings.prefix(step.prefix, step.namespace)
        predicates = ""
        if step.kind is NodeKind.LIST and remaining:
            predicates = _key_predicates(step, remaining.pop(0), prefix)
        parts.append(f"/{prefix}:{step.name}{predicates}")
    if value is not None and node.kind is NodeKind.LEAF_LIST and not node.default_deny_all:
        parts.append(f"[.={quoted(value)}]")
    return "".join(parts), bindings.namespaces


def _key_predicates(node: SchemaNode, values: Sequence[str], prefix: str) -> str:
    if node.default_deny_all:
        return ""
    names = [node.children[key].name for key in node.keys]
    return "".join(f"[{prefix}:{name}={quoted(value)}]" for name, value in zip(names, values, strict=False))


def from_xml(schema: Schema, type_info: TypeInfo, text: str, nsmap: Mapping[str | None, str]) -> str:
    """Return the module-name form of the XML text of a value; other types come back as they are.

    `nsmap` are the namespace declarations in scope (lxml's `element.nsmap`). Raises ValueError when a
    prefix is not bound, a namespace is no module's or an instance-identifier is not well-formed.
    """
    if not type_info.has_prefix:
        return text
    info = real_type(type_info)
    if info.base == "identityref":
        return _identity_from_xml(schema, text, nsmap)
    if info.base == "instance-identifier":
        return _identifier_from_xml(schema, text, nsmap)
    if info.base == "xpath1.0":
        return _with_prefixes(text, lambda prefix: _module_of(schema, nsmap, prefix))
    return _union_from_xml(schema, info, text, nsmap)


def to_xml(schema: Schema, type_info: TypeInfo, value: str) -> tuple[str, dict[str, str]]:
    """Return (XML text, prefix → namespace to declare) of a value in module-name form.

    Raises ValueError when the value names a module that is not there.
    """
    if not type_info.has_prefix:
        return value, {}
    bindings = Bindings()
    return _value_to_xml(schema, type_info, value, bindings), bindings.namespaces


def _value_to_xml(schema: Schema, type_info: TypeInfo, value: str, bindings: Bindings) -> str:
    info = real_type(type_info)
    if info.base == "identityref":
        return _identity_to_xml(schema, value, bindings)
    if info.base == "instance-identifier":
        return _identifier_to_xml(schema, value, bindings)
    if info.base == "xpath1.0":
        return _with_prefixes(value, lambda module: _prefix_of(schema, bindings, module))
    member = _member_of(schema, info, value)
    return value if member is None else _value_to_xml(schema, member, value, bindings)


def real_type(type_info: TypeInfo) -> TypeInfo:
    """Follow leafrefs to the type that gives a value its form (RFC 7950 section 9.9.6)."""
    seen = 0
    while type_info.target is not None and type_info.target.type is not None and seen < 32:
        type_info = type_info.target.type
        seen += 1
    return type_info


def _with_prefixes(text: str, change: Callable[[str], str]) -> str:
    """An XPath expression with every prefix changed; what stands in its literals stays."""

    def changed(match: re.Match[str]) -> str:
        return match["literal"] or f"{change(match['prefix'])}:"

    return _EXPRESSION.sub(changed, text)


def _identity_from_xml(schema: Schema, text: str, nsmap: Mapping[str | None, str]) -> str:
    prefix, _, name = text.strip().rpartition(":")
    if not name:
        raise ValueError(f"{text!r} does not name an identity")
    return f"{_module_of(schema, nsmap, prefix or None)}:{name}"


def _module_of(schema: Schema, nsmap: Mapping[str | None, str], prefix: str | None) -> str:
    namespace = nsmap.get(prefix)
    module = schema.by_namespace.get(namespace) if namespace is not None else None
    if module is None:
        raise ValueError(f"prefix {prefix or ''!r} is not bound to a module's namespace")
    return module.name


def _identity_to_xml(schema: Schema, value: str, bindings: Bindings) -> str:
    module, _, identity = value.partition(":")
    if not identity:
        raise ValueError(f"{value!r} does not name an identity of a module")
    return f"{_prefix_of(schema, bindings, module)}:{identity}"


def _union_from_xml(schema: Schema, info: TypeInfo, text: str, nsmap: Mapping[str | None, str]) -> str:
    """The first member that takes the value decides (RFC 7950 section 9.12); a string takes any.

    Whether a string with a pattern does is left to the validator: only a text with a prefix is changed then.
    """
    for member in map(real_type, info.members):
        if text in member.enums or (member.base == "string" and (not member.has_pattern or ":" not in text)):
            return text
        if member.has_prefix:
            try:
                value = from_xml(schema, member, text, nsmap)
            except ValueError:
                continue
            if member.base != "identityref" or value in member.identities:
                return value
    return text


def _member_of(schema: Schema, info: TypeInfo, value: str) -> TypeInfo | None:
    for member in map(real_type, info.members):
        if member.base == "string" and not member.has_pattern:
            return None
        if member.base == "identityref" and value in member.identities:
            return member
        if member.base == "instance-identifier" and _is_identifier(schema, value):
            return member
        if member.base == "union" and (inner := _member_of(schema, member, value)) is not None:
            return inner
    return None


def _is_identifier(schema: Schema, value: str) -> bool:
    try:
        _identifier_to_xml(schema, value, Bindings())
    except ValueError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class Predicate:
    """`[module:name='value']`, `[.='value']` (name ".") or `[3]` (name empty)."""

    prefix: str
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Step:
    """One step of an instance-identifier as written: its prefix may be empty."""

    prefix: str
    name: str
    predicates: tuple[Predicate, ...]


def parse_identifier(text: str) -> list[Step]:
    """Split an instance-identifier (RFC 7950 section 14) into steps; raises ValueError."""
    steps: list[Step] = []
    position = 0
    while position < len(text):
        match = _STEP.match(text, position)
        if match is None:
            break
        predicates, position = _predicates(text, match.end())
        steps.append(Step(match[1] or "", match[2], tuple(predicates)))
    if position < len(text) or not steps:
        raise ValueError(f"{text!r} is not an instance-identifier")
    return steps


def parse_predicates(text: str) -> list[Predicate]:
    """Split the predicates of one entry, as the key attribute of insert has them; raises ValueError."""
    text = text.strip()
    found, position = _predicates(text, 0)
    if position < len(text):
        raise ValueError(f"{text!r} are not the keys of an entry")
    return found


def _predicates(text: str, position: int) -> tuple[list[Predicate], int]:
    found = []
    while (match := _PREDICATE.match(text, position)) is not None:
        name = match["dot"] or match["name"] or ""
        found.append(Predicate(match["prefix"] or "", name, match["value"] or match["position"] or ""))
        position = match.end()
    return found, position


def _identifier_from_xml(schema: Schema, text: str, nsmap: Mapping[str | None, str]) -> str:
    if text.strip() == ALL_CONTENTS:
        return ALL_CONTENTS
    parts: list[str] = []
    node: SchemaNode | None = schema.root
    above = ""
    for step in parse_identifier(text):
        module = _module_of(schema, nsmap, step.prefix or None)
        node = _child(schema, node, module, step.name)
        label = step.name if module == above else f"{module}:{step.name}"
        predicates = "".join(_json_predicate(schema, item, module, node, nsmap) for item in step.predicates)
        parts.append(f"/{label}{predicates}")
        above = module
    return "".join(parts)


def _json_predicate(
    schema: Schema, item: Predicate, module: str, node: SchemaNode | None, nsmap: Mapping[str | None, str]
) -> str:
    if not item.name:
        return f"[{item.value}]"
    if item.name == ".":
        leaf, label = node, "."
    else:
        own = _module_of(schema, nsmap, item.prefix or None)
        leaf = _child(schema, node, own, item.name)
        label = item.name if own == module else f"{own}:{item.name}"
    value = item.value
    if leaf is not None and leaf.type is not None:
        value = from_xml(schema, leaf.type, value, nsmap)
    return f"[{label}={quoted(value)}]"


def _identifier_to_xml(schema: Schema, value: str, bindings: Bindings) -> str:
    if value == ALL_CONTENTS:
        return value
    parts: list[str] = []
    node: SchemaNode | None = schema.root
    module = ""
    for step in parse_identifier(value):
        module = step.prefix or module
        prefix = _prefix_of(schema, bindings, module)
        node = _child(schema, node, module, step.name)
        parts.append(f"/{prefix}:{step.name}")
        parts += [_xml_predicate(schema, item, module, node, bindings) for item in step.predicates]
    return "".join(parts)


def _xml_predicate(
    schema: Schema, item: Predicate, module: str, node: SchemaNode | None, bindings: Bindings
) -> str:
    if not item.name:
        return f"[{item.value}]"
    if item.name == ".":
        leaf, label = node, "."
    else:
        own = item.prefix or module
        leaf = _child(schema, node, own, item.name)
        label = f"{_prefix_of(schema, bindings, own)}:{item.name}"
    value = item.value
    if leaf is not None and leaf.type is not None and leaf.type.has_prefix:
        value = _value_to_xml(schema, leaf.type, value, bindings)
    return f"[{label}={quoted(value)}]"


def _prefix_of(schema: Schema, bindings: Bindings, module: str) -> str:
    info = schema.by_name.get(module)
    if info is None:
        raise ValueError(f"{module!r} is not a module")
    return bindings.prefix(info.prefix, info.namespace)


def _child(schema: Schema, node: SchemaNode | None, module: str, name: str) -> SchemaNode | None:
    info = schema.by_name.get(module)
    if node is None or info is None:
        return None
    return node.children.get(f"{{{info.namespace}}}{name}")

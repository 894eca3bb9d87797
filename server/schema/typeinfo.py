"""Types of leaves: from pyang's type statements to `TypeInfo`, and defaults to their canonical form."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal, InvalidOperation

from server.schema.compiler import CompiledModule, argument
from server.schema.headers import Statement
from server.schema.node import SchemaNode, TypeInfo

_RESTRICTIONS = ("range", "length", "require-instance")
_INTEGERS = frozenset({"int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"})
_PATH_TYPE = ("ietf-netconf-acm", "node-instance-identifier")
"""A string by its definition, with the prefixes of an instance-identifier in it (RFC 8341 section 3.5)."""
_EXPRESSION_TYPE = ("ietf-yang-types", "xpath1.0")
"""A string by its definition, with prefixes in it (RFC 6991 section 3)."""

PathFound = Callable[[TypeInfo, Statement, bool], None]
"""Called for every leafref met: its type, the path statement, and whether it is a member of a union."""


def derived_identities(modules: Iterable[CompiledModule]) -> dict[str, frozenset[str]]:
    """Identity → all that are derived from it, itself included, in implemented modules (RFC 7950 7.18)."""
    bases: dict[str, set[str]] = {}
    for module in modules:
        for identity in module.statement.i_identities.values():
            if not getattr(identity, "i_not_implemented", False):
                bases[_identity_name(identity)] = {
                    _identity_name(base.i_identity) for base in identity.search("base") if base.i_identity
                }
    derived: dict[str, set[str]] = {name: {name} for name in bases}
    for name in bases:
        for base in _all_bases(name, bases):
            derived.setdefault(base, set()).add(name)
    return {name: frozenset(items) for name, items in derived.items()}


def _all_bases(name: str, bases: Mapping[str, set[str]]) -> Iterator[str]:
    for base in bases.get(name, ()):
        yield base
        yield from _all_bases(base, bases)


def _identity_name(identity: Statement) -> str:
    return f"{identity.i_module.i_modulename}:{identity.arg}"


class TypeBuilder:
    """Builds the types of one schema; `identities` as `derived_identities` returns them."""

    def __init__(self, identities: Mapping[str, frozenset[str]], path_found: PathFound) -> None:
        self._identities = identities
        self._path_found = path_found

    def build(self, statement: Statement, *, member: bool = False) -> TypeInfo:
        """Return the type of a `type` statement with its typedefs resolved."""
        last = statement
        default, units, is_path, is_expression = None, "", False, False
        facts = {name: argument(statement, name) for name in _RESTRICTIONS}
        has_pattern = statement.search_one("pattern") is not None
        while getattr(last, "i_typedef", None) is not None:
            typedef = last.i_typedef
            is_path = is_path or _typedef_name(typedef) == _PATH_TYPE
            is_expression = is_expression or _typedef_name(typedef) == _EXPRESSION_TYPE
            default = typedef.search_one("default") if default is None else default
            units = units or argument(typedef, "units")
            last = typedef.search_one("type")
            # What is nearest to the leaf restricts most (RFC 7950 sections 9.2.4 and 9.4.4).
            facts = {name: facts[name] or argument(last, name) for name in _RESTRICTIONS}
            has_pattern = has_pattern or last.search_one("pattern") is not None
        base = "instance-identifier" if is_path else "xpath1.0" if is_expression else str(last.arg)
        info = TypeInfo(base, units=units, range=facts["range"], length=facts["length"])
        info.require_instance = facts["require-instance"] != "false" and not is_path
        info.has_pattern = has_pattern
        self._fill(info, last, member=member)
        info.default = canonical_default(info, default) if default is not None else None
        return info

    def _fill(self, info: TypeInfo, statement: Statement, *, member: bool) -> None:
        if info.base == "union":
            info.members = tuple(self.build(item, member=True) for item in statement.search("type"))
            info.has_prefix = any(item.has_prefix for item in info.members)
        elif info.base == "identityref":
            info.identities = self._values(statement)
            info.has_prefix = True
        elif info.base in ("instance-identifier", "xpath1.0"):
            info.has_prefix = True
        elif info.base == "enumeration":
            info.enums = frozenset(str(item.arg) for item in statement.search("enum"))
        elif info.base == "leafref":
            path = statement.search_one("path")
            info.path = str(path.arg)
            self._path_found(info, path, member)

    def _values(self, statement: Statement) -> frozenset[str]:
        """What is derived from all bases; the bases themselves are no values (RFC 7950 section 9.10)."""
        names = [_identity_name(base.i_identity) for base in statement.search("base") if base.i_identity]
        sets = [self._identities.get(name, frozenset()) - {name} for name in names]
        return frozenset.intersection(*sets) if sets else frozenset()


def _typedef_name(typedef: Statement) -> tuple[str, str]:
    return str(typedef.i_module.i_modulename), str(typedef.arg)


def refresh_union(info: TypeInfo) -> None:
    """Set `has_prefix` of a union again once the leafrefs among its members have their targets."""
    for member in info.members:
        refresh_union(member)
    if info.members:
        info.has_prefix = any(member.has_prefix for member in info.members)


def leaf_defaults(node: SchemaNode, statement: Statement) -> tuple[str, ...]:
    """The defaults of a leaf or leaf-list in canonical form (RFC 7950 sections 7.6.1 and 7.7.2)."""
    info = node.type
    if info is None:
        return ()
    own = tuple(canonical_default(info, item) for item in statement.search("default"))
    if own or node.mandatory or node.min_elements > 0 or info.default is None:
        return own
    return (info.default,)


def canonical_default(info: TypeInfo, statement: Statement) -> str:
    """Return the value of a `default` statement in canonical form, with module names as prefixes."""
    text = str(statement.arg)
    if info.base in _INTEGERS:
        return _canonical_integer(text)
    if info.base == "decimal64":
        return _canonical_decimal(text)
    if info.base == "identityref":
        prefix, colon, name = text.rpartition(":")
        if not colon:
            return f"{statement.i_module.i_modulename}:{name}"
        return f"{statement.i_orig_module.i_prefixes[prefix][0]}:{name}"
    return text


def _canonical_integer(text: str) -> str:
    """Hexadecimal and octal forms are allowed in defaults only (RFC 7950 section 9.2.1)."""
    digits = text.lstrip("+-")
    base = 16 if digits[:2].lower() == "0x" else 8 if len(digits) > 1 and digits[0] == "0" else 10
    value = int(digits, base)
    return str(-value if text.startswith("-") else value)


def _canonical_decimal(text: str) -> str:
    """One digit at least before and after the point, no other zeros at either end (RFC 7950 9.3.2)."""
    try:
        plain = f"{Decimal(text):f}"
    except InvalidOperation:
        return text
    whole, _, fraction = plain.partition(".")
    return f"{whole}.{fraction.rstrip('0') or '0'}"

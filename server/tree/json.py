"""Configuration as JSON (RFC 7951): from a tree, and back to the XML that edit-config takes.

Pure. Reading judges the form only: names of modules, and what JSON type a value has to have. Everything else
is left to those who judge the XML, so that a fault has one text whichever form it came in.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from lxml import etree

from server.schema import names
from server.schema.model import Schema
from server.schema.node import NodeKind, SchemaNode, TypeInfo
from server.tree.node import AnyData, Branch, Container, Leaf, LeafList, ListNode, Node
from server.tree.payload import NETCONF_NAMESPACE

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | bool | None"

MAX_FAULTS: Final = 100
MAX_DEPTH: Final = 64
"""Nesting of objects; our modules go down nine levels."""
_NUMBERS: Final = frozenset({"int8", "int16", "int32", "uint8", "uint16", "uint32"})
"""Types that are JSON numbers; those of 64 bits are strings (RFC 7951 section 6.1)."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong and where: `/ietf-interfaces:interfaces/interface[2]/enabled`; entries count from 1."""

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}"


class JsonError(Exception):
    """A text is not the JSON of a configuration; `faults` has every fault, the first MAX_FAULTS at most."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        self.faults = faults
        super().__init__("; ".join(map(str, faults)))


def to_json(root: Container) -> dict[str, Json]:
    """Return the object of a tree."""
    return _members(root)


def _members(branch: Branch) -> dict[str, Json]:
    above = branch.schema.module
    return {_name(child.schema, above): _value(child) for child in branch.children.values()}


def _name(node: SchemaNode, above: str) -> str:
    return node.name if node.module == above and node.parent is not None else f"{node.module}:{node.name}"


def _value(node: Node) -> Json:
    if isinstance(node, Leaf):
        return _scalar(node.schema.type, node.value)
    if isinstance(node, LeafList):
        return [_scalar(node.schema.type, value) for value in node]
    if isinstance(node, ListNode):
        return [_members(entry) for entry in node]
    if isinstance(node, AnyData):
        return _any_content(etree.fromstring(node.xml))
    return _members(node)


def _scalar(kind: TypeInfo | None, text: str) -> Json:
    if kind is None:
        return text
    kind = names.real_type(kind)
    if kind.base == "union":
        return next((_scalar(each, text) for each in kind.members if _takes(each, text)), text)
    if kind.base in _NUMBERS:
        return int(text)
    if kind.base == "boolean":
        return text == "true"
    return [None] if kind.base == "empty" else text


def _takes(kind: TypeInfo, text: str) -> bool:
    """Whether a member of a union is what gives a canonical value its form."""
    kind = names.real_type(kind)
    if kind.base == "union":
        return any(_takes(each, text) for each in kind.members)
    if kind.base in _NUMBERS:
        return text.removeprefix("-").isdecimal() and text.isascii()
    if kind.base == "boolean":
        return text in ("true", "false")
    if kind.base == "enumeration":
        return text in kind.enums
    if kind.base == "empty":
        return not text
    return not (kind.has_pattern or kind.has_prefix) or (kind.has_prefix and ":" in text)


def _any_content(element: etree._Element) -> Json:
    """What is below an anydata element; without a schema every value is a string (RFC 7951 section 5.5)."""
    if not len(element):
        return element.text or ""
    content: dict[str, Json] = {}
    for child in element:
        value, name = _any_content(child), etree.QName(child).localname
        known = content.get(name)
        if known is None:
            content[name] = value
        elif isinstance(known, list):
            known.append(value)
        else:
            content[name] = [known, value]
    return content


def read(schema: Schema, text: str | bytes) -> etree._Element:
    """Return the `<config>` element that means the same as a JSON text. Raises JsonError."""
    document = _document(text)
    reader = _Reader(schema)
    config = etree.Element(f"{{{NETCONF_NAMESPACE}}}config", nsmap=_default(NETCONF_NAMESPACE))
    reader.members(config, schema.root, document, "", 0)
    if reader.faults:
        raise JsonError(tuple(reader.faults[:MAX_FAULTS]))
    return config


def _document(text: str | bytes) -> Mapping[str, Any]:
    try:
        document = json.loads(text, object_pairs_hook=_unique)
    except _TwiceError as twice:
        raise JsonError((Fault("/", f"the member {twice} is there twice in one object"),)) from None
    except RecursionError:
        raise JsonError((Fault("/", f"nested more than {MAX_DEPTH} deep"),)) from None
    except UnicodeDecodeError as error:
        raise JsonError((Fault("/", f"not UTF-8 at byte {error.start}"),)) from error
    except json.JSONDecodeError as error:
        where = f"line {error.lineno} column {error.colno}"
        raise JsonError((Fault("/", f"not JSON: {error.msg} at {where}"),)) from error
    if not isinstance(document, dict):
        raise JsonError((Fault("/", f"expected an object, got {_kind(document)}"),))
    return document


class _TwiceError(Exception):
    """A member name occurs twice in one object (RFC 7493 section 2.3)."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names_there = [name for name, _ in pairs]
        raise _TwiceError(next(name for name in found if names_there.count(name) > 1))
    return found


def _kind(value: object) -> str:
    kinds: tuple[tuple[type, str], ...] = (
        (bool, "a boolean"),
        (int, "a number"),
        (float, "a number with a fraction or exponent"),
        (str, "a string"),
        (list, "an array"),
        (dict, "an object"),
    )
    return next((name for kind, name in kinds if isinstance(value, kind)), "null")


@dataclass(slots=True)
class _Reader:
    """Adds what JSON says to XML elements; what does not fit goes to `faults`."""

    schema: Schema
    faults: list[Fault] = field(default_factory=list)

    def members(
        self, above: etree._Element, parent: SchemaNode, value: object, path: str, depth: int
    ) -> None:
        if not isinstance(value, dict):
            self._fault(path, f"expected an object, got {_kind(value)}")
        elif depth > MAX_DEPTH:
            self._fault(path, f"nested more than {MAX_DEPTH} deep")
        else:
            for name, member in value.items():
                self._member(above, parent, name, member, f"{path}/{name}", depth)

    def _member(
        self, above: etree._Element, parent: SchemaNode, name: str, value: object, path: str, depth: int
    ) -> None:
        module, colon, local = name.rpartition(":")
        if name.startswith("@"):
            self._fault(path, "metadata is not taken")
            return
        if not colon and parent.parent is None:
            self._fault(path, f"a name at the top has its module in front, as in ietf-interfaces:{name}")
            return
        namespace = self._namespace(module, path) if colon else parent.namespace
        node = parent.children.get(f"{{{namespace}}}{local}") if namespace else None
        if node is not None:
            fill: dict[NodeKind, Callable[..., None]] = {
                NodeKind.LIST: self._list,
                NodeKind.LEAF_LIST: self._leaf_list,
                NodeKind.LEAF: self._leaf,
                NodeKind.CONTAINER: self._container,
                NodeKind.ANYDATA: self._any,
            }
            fill[node.kind](above, node, value, path, depth)
        elif namespace:
            where = parent.path or "the top"
            self._fault(path, f"{module or parent.module} has no node {local} at {where}")

    def _namespace(self, module: str, path: str) -> str:
        known = self.schema.by_name.get(module)
        if known is None:
            self._fault(path, f"no module {module} is served here")
        return known.namespace if known is not None else ""

    def _container(
        self, above: etree._Element, node: SchemaNode, value: object, path: str, depth: int
    ) -> None:
        self.members(_element(above, node), node, value, path, depth + 1)

    def _list(self, above: etree._Element, node: SchemaNode, value: object, path: str, depth: int) -> None:
        for place, entry in self._items(value, path):
            self.members(_element(above, node), node, entry, place, depth + 1)

    def _leaf_list(
        self, above: etree._Element, node: SchemaNode, value: object, path: str, depth: int
    ) -> None:
        for place, item in self._items(value, path):
            self._leaf(above, node, item, place, depth)

    def _items(self, value: object, path: str) -> Iterator[tuple[str, object]]:
        if not isinstance(value, list):
            self._fault(path, f"expected an array, got {_kind(value)}")
            return
        for number, item in enumerate(value, 1):
            yield f"{path}[{number}]", item

    def _leaf(self, above: etree._Element, node: SchemaNode, value: object, path: str, _depth: int) -> None:
        kind = names.real_type(node.type) if node.type is not None else None
        text = _text(kind, value)
        if text is None:
            self._fault(path, f"expected {_expected(kind)}, got {_kind(value)}")
            return
        declared: dict[str, str] = {}
        if kind is not None and kind.has_prefix:
            if kind.base == "identityref" and ":" not in text:
                text = f"{node.module}:{text}"
            try:
                text, declared = names.to_xml(self.schema, kind, text)
            except ValueError as error:
                self._fault(path, str(error))
                return
        try:
            _element(above, node, declared).text = text
        except ValueError:
            self._fault(path, "a character that XML cannot carry")

    def _any(self, above: etree._Element, node: SchemaNode, value: object, path: str, depth: int) -> None:
        element = _element(above, node)
        if isinstance(value, dict):
            self._any_members(element, value, path, depth)
        else:
            self._fault(path, f"expected an object, got {_kind(value)}")

    def _any_members(self, above: etree._Element, value: Mapping[str, object], path: str, depth: int) -> None:
        if depth > MAX_DEPTH:
            self._fault(path, f"nested more than {MAX_DEPTH} deep")
            return
        for name, member in value.items():
            module, colon, local = name.rpartition(":")
            space = self._namespace(module, path) if colon else str(etree.QName(above).namespace)
            for item in member if isinstance(member, list) else [member]:
                child = etree.SubElement(above, f"{{{space}}}{local}", nsmap=_default(space))
                if isinstance(item, dict):
                    self._any_members(child, item, f"{path}/{name}", depth + 1)
                else:
                    child.text = _text(None, item)

    def _fault(self, path: str, message: str) -> None:
        self.faults.append(Fault(path or "/", message))


def _element(
    above: etree._Element, node: SchemaNode, declared: Mapping[str, str] | None = None
) -> etree._Element:
    return etree.SubElement(above, node.tag, nsmap={**_default(node.namespace), **(declared or {})})


def _default(namespace: str) -> dict[Any, str]:
    return {None: namespace}


def _text(kind: TypeInfo | None, value: object) -> str | None:
    """The text of a value, None when it has not the JSON type that RFC 7951 section 6 wants."""
    if kind is not None and kind.base == "union":
        return next((text for each in kind.members if (text := _text_of(each, value)) is not None), None)
    return _text_of(kind, value)


def _text_of(kind: TypeInfo | None, value: object) -> str | None:
    if kind is None:
        return value if isinstance(value, str) else json.dumps(value)
    kind = names.real_type(kind)
    if kind.base == "union":
        return _text(kind, value)
    if kind.base in _NUMBERS:
        return str(value) if isinstance(value, int) and not isinstance(value, bool) else None
    if kind.base == "boolean":
        return json.dumps(value) if isinstance(value, bool) else None
    if kind.base == "empty":
        return "" if value == [None] else None
    return value if isinstance(value, str) else None


def _expected(kind: TypeInfo | None) -> str:
    if kind is None or kind.base not in (*_NUMBERS, "boolean", "empty", "union"):
        return "a string"
    if kind.base == "union":
        return " or ".join(dict.fromkeys(_expected(names.real_type(each)) for each in kind.members))
    return {"boolean": "a boolean", "empty": "[null]"}.get(kind.base, "a whole number")

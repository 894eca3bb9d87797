"""The payload of an edit-config, checked against the schema tree and turned into steps.

What is checked here: names and namespaces, keys, attributes, doublets, cases of a choice (RFC 7950 section
8.3.1). Values are the validator's business. The recursion is as deep as the schema, never as the input.
"""

from collections.abc import Iterator
from types import MappingProxyType
from typing import Any, Final

from lxml import etree

from server.protocol import errors
from server.protocol.errors import RpcError
from server.schema import names
from server.schema.model import Schema
from server.schema.node import NodeKind, SchemaNode, Tag
from server.tree.etag import ETAG
from server.tree.members import Insert, Key
from server.tree.steps import REMOVING, Operation, Payload, Step
from server.tree.xml import DEFAULT_NAMESPACE, any_fault, any_text

NETCONF_NAMESPACE: Final = "urn:ietf:params:xml:ns:netconf:base:1.0"

_OPERATION: Final = f"{{{NETCONF_NAMESPACE}}}operation"
_DEFAULT: Final = f"{{{DEFAULT_NAMESPACE}}}default"
_BOOLEANS: Final = MappingProxyType({"true": True, "1": True, "false": False, "0": False})
_INSERT: Final = f"{{{errors.YANG_NAMESPACE}}}insert"
_KEY: Final = f"{{{errors.YANG_NAMESPACE}}}key"
_VALUE: Final = f"{{{errors.YANG_NAMESPACE}}}value"
_POINT: Final = (Insert.BEFORE, Insert.AFTER)


_UNIFORM: Final = (NodeKind.LEAF, NodeKind.CONTAINER)
_WITHOUT_CASE: Final = (*REMOVING, Operation.NONE)


def read_payload(
    schema: Schema,
    config: etree._Element,
    default: Operation,
    *,
    plain: bool = False,
    keep_going: bool = False,
) -> Payload:
    """Check the children of the `<config>` element and return them as steps."""
    root = Step(schema.root, None, default)
    payload = Payload(root, plain, keep_going, replaces=default is Operation.REPLACE)
    if not plain and ETAG in config.attrib:
        payload.premises.append((root, str(config.attrib[ETAG])))
    _Reader(schema, payload).children(config, root)
    return payload


class _Reader:
    def __init__(self, schema: Schema, payload: Payload) -> None:
        self._schema = schema
        self._payload = payload

    def children(self, element: etree._Element, parent: Step) -> None:
        """Read the children of `element` into `parent`."""
        seen: dict[Any, Step] = {}
        children: list[Step] = []
        keys: list[Step] = []
        stray = _is_stray(element.text)
        for child in element:
            if self._payload.is_hopeless:
                return
            stray = stray or _is_stray(child.tail)
            tag: Any = child.tag
            step = self._step(child, tag, parent) if isinstance(tag, str) else None
            if step is None:
                continue
            self._refuse_doublet(seen, step)
            if not step.uniform or step.schema.kind not in _UNIFORM:
                parent.uniform = False
            (keys if tag in parent.schema.keys else children).append(step)
        parent.children, parent.keys = children, keys
        if stray:
            name = parent.schema.name or "config"
            error = errors.bad_element(name, "text is not allowed here", errors.ErrorType.APPLICATION)
            self._payload.fail(parent, _at(parent, error))
        self._refuse_second_case(parent)

    def _step(self, element: etree._Element, tag: Tag, parent: Step) -> Step | None:
        node = parent.schema.children.get(tag)
        if node is None or not node.config:
            self._payload.fail(self._unit_of(parent), self._unknown(element, node, parent))
            return None
        step = Step(node, parent, parent.operation, parent.unit)
        if step.unit < 0 and node.kind is not NodeKind.CONTAINER:
            self._new_unit(step)
        kind = node.kind
        if kind is NodeKind.LIST or kind is NodeKind.LEAF_LIST:
            _name_provisionally(element, step)
        if element.items():
            parent.uniform = False
            self._attributes(element, step)
        if kind is NodeKind.LEAF or kind is NodeKind.LEAF_LIST:
            self._value(element, step)
        else:
            self._content(element, step)
        return step

    def _new_unit(self, step: Step) -> None:
        step.unit = len(self._payload.units)
        self._payload.units.append(step)

    def _unit_of(self, parent: Step) -> Step:
        """A step to blame in `parent`: itself, or a unit of its own outside the top-most lists."""
        if parent.unit >= 0:
            return parent
        alone = Step(parent.schema, parent.parent, parent.operation)
        self._new_unit(alone)
        return alone

    def _unknown(self, element: etree._Element, node: SchemaNode | None, parent: Step) -> RpcError:
        name = etree.QName(element)
        namespace = name.namespace or ""
        module = self._schema.by_namespace.get(namespace)
        if module is None:
            return _at(parent, errors.unknown_namespace(name.localname, namespace))
        here = parent.schema.name or "config"
        why = f"<{here}> has no element <{name.localname}>"
        if node is not None:
            why = f"<{name.localname}> is state data and cannot be configured"
        path, namespaces = parent.location.path, dict(parent.location.namespaces)
        error = errors.unknown_element(name.localname, why, errors.ErrorType.APPLICATION)
        namespaces[module.prefix] = namespace
        return error.at(f"{path if parent.parent else ''}/{module.prefix}:{name.localname}", namespaces)

    def _content(self, element: etree._Element, step: Step) -> None:
        if step.schema.kind is NodeKind.ANYDATA:
            step.text = any_text(element, _OPERATION)
            fault = any_fault(element)
            if fault:
                error = errors.bad_element(step.schema.name, fault, errors.ErrorType.APPLICATION)
                self._payload.fail(step, _at(step, error))
            return
        self.children(element, step)
        if step.schema.kind is NodeKind.LIST:
            self._key(step)

    def _value(self, element: etree._Element, step: Step) -> None:
        text = element.text or ""
        if len(element):
            inner = next((child for child in element if _is_element(child)), None)
            if inner is not None:
                self._payload.fail(step, self._unknown(inner, None, step))
                return
            text = "".join(_texts(element))
        kind = step.schema.type
        if kind is not None and kind.has_prefix and not _value_is_idle(step):
            try:
                text = self._prefixed(element, step.schema, text)
            except ValueError as error:
                self._payload.fail(step, _at(step, errors.invalid_value(str(error))))
        step.text = text

    def _key(self, step: Step) -> None:
        given = {key.schema.tag: key for key in step.keys}
        step.keys = [given[tag] for tag in step.schema.keys if tag in given]
        for tag in step.schema.keys:
            if tag not in given:
                name = step.schema.children[tag].name
                text = f"an entry of <{step.schema.name}> needs its key <{name}>"
                error = errors.missing_element(name, text, errors.ErrorType.APPLICATION)
                self._payload.fail(step, _at(step, error))
        step.key = tuple(key.text for key in step.keys)

    def _refuse_doublet(self, seen: dict[Any, Step], step: Step) -> None:
        kind = step.schema.kind
        mark: Any = step.schema.tag
        if kind is NodeKind.LIST:
            mark = (mark, step.key)
        elif kind is NodeKind.LEAF_LIST:
            mark = (mark, step.text)
        first = seen.setdefault(mark, step)
        if first is not step:
            self._payload.failed.add(first.unit)
            self._payload.fail(step, doublet(step))

    def _refuse_second_case(self, parent: Step) -> None:
        chosen: dict[str, str] = {}
        for step in parent.children:
            if not step.schema.cases or step.operation in _WITHOUT_CASE:
                continue
            for choice, case in step.schema.cases:
                if chosen.setdefault(choice, case) != case:
                    name = choice.rpartition("/")[2]
                    text = f"<{step.schema.name}> excludes what stands in another case of the choice {name}"
                    error = errors.bad_element(step.schema.name, text, errors.ErrorType.APPLICATION)
                    self._payload.fail(step, _at(step, error))

    def _attributes(self, element: etree._Element, step: Step) -> None:
        given: dict[Any, Any] = dict(element.attrib.items())
        operation = None if self._payload.plain else given.pop(_OPERATION, None)
        if operation is not None:
            self._operation(str(operation), step)
        default = given.pop(_DEFAULT, None)
        if default is not None:
            self._default(str(default), step)
        if not self._payload.plain:
            self._insert(element, given, step)
            known = given.pop(ETAG, None)
            if known is not None:
                self._payload.premises.append((step, str(known)))
        for name in given:
            local = etree.QName(name).localname
            error = errors.unknown_attribute(local, step.schema.name, type=errors.ErrorType.APPLICATION)
            self._payload.fail(step, _at(step, error))

    def _operation(self, text: str, step: Step) -> None:
        name = step.schema.name
        above = step.parent.operation if step.parent is not None else Operation.NONE
        if text not in list(Operation) or text == Operation.NONE:
            possible = ", ".join(each for each in Operation if each is not Operation.NONE)
            why = f"{text[:64]!r} is no operation; possible: {possible}"
        elif above in REMOVING and text not in REMOVING:
            why = f"{text} is not possible inside what a {above} takes away"
        elif step.parent is not None and step.schema.tag in step.parent.schema.keys and text in REMOVING:
            why = "a key cannot be taken away without its entry"
        else:
            step.operation = above if above in REMOVING else Operation(text)
            self._payload.replaces |= step.operation is Operation.REPLACE
            return
        self._payload.fail(step, _at(step, errors.bad_attribute("operation", name, why)))

    def _default(self, text: str, step: Step) -> None:
        name = step.schema.name
        if text not in _BOOLEANS or step.schema.kind not in (NodeKind.LEAF, NodeKind.LEAF_LIST):
            error = errors.bad_attribute(
                "default", name, f"{text[:64]!r} is not what it can be: true, on a leaf"
            )
            self._payload.fail(step, _at(step, error))
        elif _BOOLEANS[text] and step.operation not in REMOVING:
            step.default = True

    def _insert(self, element: etree._Element, given: dict[Any, Any], step: Step) -> None:
        node = step.schema
        if not node.user_ordered or node.kind not in (NodeKind.LIST, NodeKind.LEAF_LIST):
            return
        where = given.pop(_INSERT, None)
        point = given.pop(_KEY if node.kind is NodeKind.LIST else _VALUE, None)
        if where is None:
            return
        if where not in list(Insert):
            text = f"{where[:64]!r} is no place to insert at; possible: {', '.join(Insert)}"
            error = errors.bad_attribute("insert", node.name, text)
            self._payload.fail(step, _at(step, error))
            return
        step.insert = Insert(where)
        if step.insert in _POINT:
            self._point(element, point, step)

    def _point(self, element: etree._Element, text: str | None, step: Step) -> None:
        name = "key" if step.schema.kind is NodeKind.LIST else "value"
        if text is None:
            error = errors.missing_attribute(name, step.schema.name, type=errors.ErrorType.APPLICATION)
            self._payload.fail(step, _at(step, error))
            return
        try:
            step.point = self._point_key(element, str(text), step.schema)
        except (ValueError, KeyError):
            keys = "".join(f"[{step.schema.children[tag].name}='...']" for tag in step.schema.keys)
            form = f": its form is {keys}" if keys else ""
            error = errors.bad_attribute(name, step.schema.name, f"{text[:64]!r} names no entry{form}")
            self._payload.fail(step, _at(step, error))

    def _point_key(self, element: etree._Element, text: str, node: SchemaNode) -> Key:
        if node.kind is NodeKind.LEAF_LIST:
            return (self._prefixed(element, node, text),)
        given: dict[Tag, str] = {}
        for item in names.parse_predicates(text):
            namespace = element.nsmap[item.prefix] if item.prefix else node.namespace
            tag = f"{{{namespace}}}{item.name}"
            given[tag] = self._prefixed(element, node.children[tag], item.value)
        if given.keys() != set(node.keys):
            raise ValueError(text)
        return tuple(given[tag] for tag in node.keys)

    def _prefixed(self, element: etree._Element, node: SchemaNode, text: str) -> str:
        if node.type is None or not node.type.has_prefix:
            return text
        return names.from_xml(self._schema, node.type, text, element.nsmap)


def doublet(step: Step) -> RpcError:
    """The error for a second element that stands for the same node."""
    text = f"{step.named} is given twice"
    return _at(step, errors.bad_element(step.schema.name, text, errors.ErrorType.APPLICATION))


def _name_provisionally(element: etree._Element, step: Step) -> None:
    """Give an entry or leaf-list value its name as it stands, for the paths of errors found on the way."""
    if step.schema.kind is NodeKind.LEAF_LIST:
        step.text = element.text or ""
        return
    given = [next(element.iterchildren(tag), None) for tag in step.schema.keys]
    step.key = tuple(key.text or "" for key in given if key is not None)


def _is_element(item: Any) -> bool:  # noqa: ANN401 - a comment or processing instruction otherwise
    return isinstance(item.tag, str)


def _value_is_idle(step: Step) -> bool:
    """Whether the value says nothing: that of a leaf to delete."""
    is_key = step.parent is not None and step.schema.tag in step.parent.schema.keys
    return step.operation in REMOVING and step.schema.kind is NodeKind.LEAF and not is_key


def _texts(element: etree._Element) -> Iterator[str]:
    yield element.text or ""
    for child in element:
        yield child.tail or ""


def _is_stray(text: str | None) -> bool:
    return bool(text) and not str(text).isspace()


def _at(step: Step, error: RpcError) -> RpcError:
    return error if step.parent is None else step.location.blame(error)

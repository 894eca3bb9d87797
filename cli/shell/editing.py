"""Edits and actions as XML for NETCONF. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from lxml import etree

from cli.shell.model import Act, Edit, Operation, Path, Step
from server.schema.outline import OutlineNode

BASE: Final = "urn:ietf:params:xml:ns:netconf:base:1.0"
_OPERATION: Final = f"{{{BASE}}}operation"
_ACTION: Final = "{urn:ietf:params:xml:ns:yang:1}action"


def scope(default: str, **prefixes: str) -> Any:  # noqa: ANN401 - lxml's stubs know no default namespace
    """Return the namespaces of an element."""
    return {None: default, **prefixes}


def edit_config(edits: Sequence[Edit], namespaces: Mapping[str, str]) -> etree._Element:
    """Return the `config` element of an edit-config.

    `namespaces` has the namespace of each module: values name identities and paths with module names.
    """
    root = etree.Element(f"{{{BASE}}}config", nsmap=scope(BASE, nc=BASE) | {**namespaces})
    for edit in edits:
        element = _reach(root, edit.path[:-1])
        _put(element, edit)
    return root


def _put(parent: etree._Element, edit: Edit) -> None:
    node = edit.node
    if edit.operation is Operation.MERGE and edit.value is None:
        _reach(parent, edit.path[-1:])
        return
    element = _new(parent, edit.path[-1])
    if edit.value is not None:
        element.text = edit.value or None
    if edit.operation is not Operation.MERGE:
        element.set(_OPERATION, str(edit.operation))
    elif node.kind == "leaf":
        _drop_others(parent, element)


def _drop_others(parent: etree._Element, element: etree._Element) -> None:
    """A leaf that is set twice by one line has the last value."""
    for other in parent.findall(element.tag):
        if other is not element:
            parent.remove(other)


def _reach(element: etree._Element, path: Path) -> etree._Element:
    for step in path:
        found = next((child for child in element if _is_at(child, step)), None)
        element = found if found is not None else _new(element, step)
    return element


def _new(parent: etree._Element, step: Step) -> etree._Element:
    element = etree.SubElement(parent, step.node.tag, nsmap=_own(parent, step.node))
    for key, value in zip(step.node.keys, step.keys, strict=bool(step.keys)):
        etree.SubElement(element, f"{{{step.node.namespace}}}{key}").text = value
    return element


def _own(parent: etree._Element, node: OutlineNode) -> Any:  # noqa: ANN401 - as scope
    return {} if parent.nsmap.get(None) == node.namespace else scope(node.namespace)


def _is_at(element: etree._Element, step: Step) -> bool:
    return element.tag == step.node.tag and entry_keys(element, step.node) == step.keys


def entry_keys(element: etree._Element, node: OutlineNode) -> tuple[str, ...]:
    """Return the keys of a list entry; empty for other nodes."""
    return tuple(element.findtext(f"{{{node.namespace}}}{key}", "") for key in node.keys)


def action(act: Act) -> etree._Element:
    """Return the action element (RFC 7950 section 7.15.2)."""
    root = etree.Element(_ACTION, nsmap=scope("urn:ietf:params:xml:ns:yang:1"))
    element = _reach(root, act.path)
    ordered = etree.SubElement(
        element, f"{{{act.action.namespace}}}{act.action.name}", nsmap=scope(act.action.namespace)
    )
    for node, value in act.values:
        etree.SubElement(ordered, node.tag).text = value
    return root


def subtree(path: Path, children: Sequence[OutlineNode] = ()) -> etree._Element:
    """Return a subtree filter for an instance, or for some children of it (RFC 6241 section 6)."""
    root = etree.Element(f"{{{BASE}}}filter", type="subtree", nsmap=scope(BASE))
    element = _reach(root, path)
    for child in children:
        if element.find(child.tag) is None:
            etree.SubElement(element, child.tag, nsmap=_own(element, child))
    return root


def instance(data: etree._Element, path: Path) -> etree._Element | None:
    """Return the element of a path below `data`, None when it is not there."""
    element = data
    for step in path:
        found = next((child for child in element if _is_at(child, step)), None)
        if found is None:
            return None
        element = found
    return element

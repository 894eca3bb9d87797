"""Data as JSON (RFC 7951). Pure."""

import json
from typing import Any, Final

from lxml import etree

from cli.shell.model import Model
from cli.shell.values import INTEGERS
from server.schema.outline import OutlineNode, OutlineType

_AS_TEXT: Final = frozenset({"int64", "uint64"})
"""RFC 7951 section 6.1: JSON numbers do not hold them."""


def as_json(data: etree._Element, model: Model) -> str:
    """Return the children of `data` as one JSON object, with module names where they are needed."""
    return json.dumps(_Printer(model).members(data, model.outline.roots, ""), indent=2, ensure_ascii=False)


class _Printer:
    def __init__(self, model: Model) -> None:
        self._model = model
        self._modules = {namespace: name for name, namespace in model.outline.namespaces.items()}

    def members(self, element: etree._Element, nodes: tuple[OutlineNode, ...], module: str) -> dict[str, Any]:
        found: dict[str, Any] = {}
        by_tag = {node.tag: node for node in nodes}
        for child in element:
            node = by_tag.get(child.tag)
            if node is None:
                found[etree.QName(child).localname] = self._unknown(child)
                continue
            name = node.name if node.module == module else f"{node.module}:{node.name}"
            value = self._value(child, node)
            if node.kind in {"list", "leaf-list"}:
                found.setdefault(name, []).append(value)
            else:
                found[name] = value
        return found

    def _unknown(self, element: etree._Element) -> Any:  # noqa: ANN401 - JSON
        return self.members(element, (), "") if len(element) else element.text or ""

    def _value(self, element: etree._Element, node: OutlineNode) -> Any:  # noqa: ANN401 - JSON
        if node.kind in {"container", "list"}:
            return self.members(element, node.children, node.module)
        if node.kind == "anydata" or node.type is None:
            return self.members(element, (), "")
        return self._scalar(element, self._model.kind(node).resolved())

    def _scalar(self, element: etree._Element, kind: OutlineType) -> Any:  # noqa: ANN401 - JSON
        text = element.text or ""
        if kind.base == "boolean":
            return text == "true"
        if kind.base == "empty":
            return [None]
        if kind.base in INTEGERS and kind.base not in _AS_TEXT:
            return int(text)
        if kind.base == "identityref":
            prefix, _, name = text.rpartition(":")
            return f"{self._modules.get(element.nsmap.get(prefix or None) or '', prefix)}:{name}"
        return text

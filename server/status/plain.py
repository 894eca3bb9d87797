"""Operational data in the shape of RFC 7951 without module names: what `picture` reads. Pure.

Trees, state of providers and elements of a reply become mappings, lists of mappings, and scalars. Names of
the nodes that are shown are unique without their modules.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import Any, Final

from lxml import etree

from server.tree.build import Streamed
from server.tree.node import Branch, Leaf, LeafList, ListNode, Node

LISTS: Final = frozenset(
    {
        "remote-backup-service",
        "remote-backup-profile",
        "peer-mismatch",
        "subscriber-type",
        "not-copied",
        "group",
        "interface",
        "dropped",
    }
)
"""The lists among what is shown. `interface` is one in /interfaces only, and a leaf of a group or of vrrp."""
LEAF_LISTS: Final = frozenset({"bound-interface"})


def of_state(data: Mapping[str, Any], most: int) -> dict[str, Any]:
    """Return the state of a provider; of a list that comes in pieces the first `most` entries are read."""
    return {name.rpartition(":")[2]: _state(value, most) for name, value in data.items() if value is not None}


def _state(value: object, most: int) -> object:
    if isinstance(value, Streamed):
        return [of_state(each, most) for each in _first(value, most)]
    if isinstance(value, Mapping):
        return of_state(value, most)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_state(each, most) for each in value]
    return value


def _first(streamed: Streamed, most: int) -> list[Mapping[str, Any]]:
    parts: Iterator[Sequence[Mapping[str, Any]]] = streamed.parts()
    try:
        return list(islice(chain.from_iterable(parts), most))
    finally:
        if hasattr(parts, "close"):
            parts.close()


def of_tree(branch: Branch) -> dict[str, Any]:
    """Return what a tree holds."""
    return {node.schema.name: _tree(node) for node in branch}


def _tree(node: Node) -> object:
    if isinstance(node, Leaf):
        return node.value
    if isinstance(node, LeafList):
        return list(node)
    if isinstance(node, ListNode):
        return [of_tree(entry) for entry in node]
    return of_tree(node) if isinstance(node, Branch) else None


def of_xml(element: etree._Element) -> dict[str, Any]:
    """Return the children of an element of a reply."""
    found: dict[str, Any] = {}
    for child in element.iterchildren(tag=etree.Element):
        name = etree.QName(child).localname
        if name in LEAF_LISTS:
            found.setdefault(name, []).append(child.text or "")
        elif name in LISTS and len(child):
            found.setdefault(name, []).append(of_xml(child))
        else:
            found[name] = of_xml(child) if len(child) else child.text or ""
    return found


def merged(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Return configuration and state as one; entries of lists belong together by `name`."""
    result = dict(one)
    for name, value in other.items():
        present = result.get(name)
        if isinstance(value, Mapping) and isinstance(present, Mapping):
            result[name] = merged(present, value)
        elif isinstance(value, list) and isinstance(present, list) and _named(value) and _named(present):
            result[name] = _by_name(present, value)
        else:
            result[name] = value
    return result


def _named(entries: Sequence[object]) -> bool:
    return all(isinstance(each, Mapping) and "name" in each for each in entries)


def _by_name(one: Sequence[Mapping[str, Any]], other: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    entries = {each["name"]: dict(each) for each in one}
    for each in other:
        entries[each["name"]] = merged(entries.get(each["name"], {}), each)
    return list(entries.values())

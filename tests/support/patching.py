"""A receiver of YANG push: applies patches to the datastore that it was sent, with lxml and nothing of ours.

Keys are told by a mapping of list elements to the names of their keys.
"""

from collections.abc import Collection, Mapping
from typing import Any
from urllib.parse import unquote

from lxml import etree

YP = "{urn:ietf:params:xml:ns:yang:ietf-yang-push}"


class Receiver:
    """What a client knows of a datastore.

    `keys` has the key leaves of each list by its local name, `spaces` the namespace of each module.
    """

    def __init__(self, keys: Mapping[str, tuple[str, ...]], spaces: Mapping[str, str]) -> None:
        self._keys = keys
        self._spaces = spaces
        self.root = etree.Element("data")

    def take(self, content: Any) -> None:
        """Take a push-update or a push-change-update."""
        if content.tag == f"{YP}push-update":
            self.root = etree.Element("data")
            self.root.extend(list(content.find(f"{YP}datastore-contents")))
            return
        for edit in content.iter(f"{YP}edit"):
            self._apply(edit)

    def _apply(self, edit: Any) -> None:
        operation = edit.findtext(f"{YP}operation")
        steps = _steps(edit.findtext(f"{YP}target", ""))
        parent = self._parent(steps[:-1])
        present = self._child(parent, steps[-1])
        value = edit.find(f"{YP}value")
        if operation == "move":
            self._place(parent, present, edit)
        elif operation == "delete":
            if present is not None:
                self._remove(present)
        else:
            (new,) = value
            self._put(parent, present, new, edit)

    def _put(
        self,
        parent: Any,
        present: Any,
        new: Any,
        edit: Any,
    ) -> None:
        if present is not None:
            parent.replace(present, new)
        else:
            parent.append(new)
        if edit.findtext(f"{YP}operation") == "insert":
            self._place(parent, new, edit)

    def _place(self, parent: Any, member: Any, edit: Any) -> None:
        """Put a member behind another of its list, or first."""
        parent.remove(member)
        if edit.findtext(f"{YP}where") == "first":
            others = parent.findall(member.tag)
            parent.insert(parent.index(others[0]) if others else len(parent), member)
            return
        point = self._child(parent, _steps(edit.findtext(f"{YP}point", ""))[-1])
        parent.insert(parent.index(point) + 1, member)

    def _remove(self, element: Any) -> None:
        """A container without presence goes with the last thing in it."""
        parent = element.getparent()
        parent.remove(element)

    def _parent(self, steps: list[tuple[str, str, str]]) -> Any:
        found = self.root
        for step in steps:
            child = self._child(found, step)
            if child is None:
                child = etree.SubElement(found, f"{{{self._spaces[step[0]]}}}{step[1]}")
            found = child
        return found

    def _child(self, parent: Any, step: tuple[str, str, str]) -> Any:
        module, name, keys = step
        for child in parent.findall(f"{{{self._spaces[module]}}}{name}"):
            if not keys or self._key(child, name) == keys:
                return child
        return None

    def _key(self, child: Any, name: str) -> str:
        if name not in self._keys:
            return child.text or ""
        space = etree.QName(child).namespace
        return ",".join(child.findtext(f"{{{space}}}{key}", "") for key in self._keys[name])


def _steps(target: str) -> list[tuple[str, str, str]]:
    """(module, name, keys with commas between them) of a data resource identifier."""
    found = []
    module = ""
    for part in target.strip("/").split("/"):
        name, _, keys = part.partition("=")
        if ":" in name:
            module, _, name = name.partition(":")
        found.append((module, name, ",".join(map(unquote, keys.split(",")))))
    return found


def plain(element: Any, containers: Collection[str], ordered: Collection[str]) -> Any:
    """An element without what does not count; None for a void one.

    `containers` are those without presence, `ordered` the lists and leaf-lists whose order counts.
    """
    name = etree.QName(element).localname
    children = [each for child in element if (each := plain(child, containers, ordered)) is not None]
    if not children:
        return None if name in containers else (element.tag, (element.text or "").strip())
    found: dict[str, list[Any]] = {}
    for child in children:
        found.setdefault(child[0], []).append(child)
    for tag, members in found.items():
        if etree.QName(tag).localname not in ordered:
            members.sort(key=repr)
    return (element.tag, tuple(sorted((tag, tuple(members)) for tag, members in found.items())))

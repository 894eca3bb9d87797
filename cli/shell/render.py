"""A configuration as the commands that make it. Pure.

What is shown can be typed again: sections are views, and whatever lies deeper in them is one line with its
whole way, so that no line depends on the one before it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from lxml import etree

from cli.shell.editing import entry_keys
from cli.shell.model import LISTS_ONLY, Model, Path, Step, config_children
from cli.shell.nodes import is_flag
from cli.shell.phrases import leaves_of
from cli.shell.tokens import quote, quote_rest
from cli.shell.words import (
    BY_ITSELF,
    ENTRIES,
    HOISTED,
    PHRASES,
    POSITIONAL,
    REST_OF_LINE,
    EntryPhrase,
    Phrase,
)
from server.schema.outline import OutlineNode

HIDDEN: Final = "******"
"""What stands for a secret."""


@dataclass(frozen=True, slots=True)
class Text:
    """One command as it is, and as it may be shown."""

    real: str
    shown: str

    @classmethod
    def of(cls, text: str) -> "Text":
        """Return a command without secrets."""
        return cls(text, text)

    def __add__(self, other: "Text") -> "Text":
        return Text(f"{self.real} {other.real}".strip(), f"{self.shown} {other.shown}".strip())


@dataclass(frozen=True, slots=True)
class Section:
    """The commands of one view behind the command that enters it; an empty head is the system view."""

    head: str
    lines: tuple[Text, ...]


class Renderer:
    """Renders configurations of one model."""

    def __init__(self, model: Model) -> None:
        self._model = model

    def sections(self, data: etree._Element) -> Iterator[Section]:
        """Yield a section for everything that has a view in the system view, in the order of the document."""
        loose: list[Text] = []
        for element in data:
            root = next((node for node in self._model.outline.roots if node.tag == element.tag), None)
            if root is None or not root.config:
                continue
            if {child.kind for child in config_children(root)} == LISTS_ONLY:
                yield from self._entries(element, root)
            else:
                word, _ = self._model.top_words((Step(root),))
                loose += self._node(Text.of(word), element, (Step(root),))
        if loose:
            yield Section("", tuple(loose))

    def _entries(self, element: etree._Element, root: OutlineNode) -> Iterator[Section]:
        for entry in element:
            node = _child(root, entry)
            if node is None or not node.config:
                continue
            path = (Step(root), Step(node, entry_keys(entry, node)))
            word, _ = self._model.top_words(path)
            head = " ".join((word, *map(quote, path[-1].keys)))
            yield Section(head, tuple(self.view(entry, path)))

    def view(self, element: etree._Element, path: Path) -> Iterator[Text]:
        """Yield the commands of an entry's own view."""
        used: list[etree._Element] = []
        for phrase in PHRASES:
            if phrase.shown and phrase.view == path[-1].node.path:
                yield from self._phrase(phrase, element, path, used)
        yield from self._children(Text.of(""), element, path, used)

    def _phrase(
        self, phrase: Phrase, element: etree._Element, path: Path, used: list[etree._Element]
    ) -> Iterator[Text]:
        paths = leaves_of(phrase, path)
        found = {name: _at(element, below[len(path) :]) for name, below in (paths or {}).items()}
        wanted = phrase.pattern.partition("[")[0]
        fixed = all(_text(found.get(name)) == value for name, value in phrase.sets)
        given = {name: item for name, item in found.items() if item is not None}
        if paths is None or not fixed or any(f"<{name}>" in wanted and name not in given for name in found):
            return
        words = phrase.pattern.replace("[", "").replace("]", "").split()
        parts: list[str] = []
        for position, word in enumerate(words):
            if word[0] == "{":
                parts.append(word[1:-1].split("|")[0])
            elif word[0] == "<" and word[1:-1] in given:
                parts.append(quote(_text(given[word[1:-1]])))
            elif word[0] != "<" and not _lacks(words[position + 1 :], given):
                parts.append(word)
        used += given.values()
        yield Text.of(" ".join(parts))

    def _children(
        self, prefix: Text, element: etree._Element, path: Path, used: list[etree._Element]
    ) -> Iterator[Text]:
        """A line for each child that no phrase has taken."""
        for child in element:
            node = _child(path[-1].node, child)
            if node is None or not node.config or node.name in path[-1].node.keys or child in used:
                continue
            below = (*path, Step(node, entry_keys(child, node)))
            if node.name in HOISTED.get(path[-1].node.path, ()):
                lines = list(self._children(prefix, child, below, used))
                yield from lines or [prefix + Text.of(node.name)]
            elif not _goes_without(path[-1].node, node, child):
                yield from self._node(prefix + Text.of(node.name), child, below, used)

    def _node(
        self, prefix: Text, element: etree._Element, path: Path, used: list[etree._Element] | None = None
    ) -> Iterator[Text]:
        node = path[-1].node
        if node.kind in {"leaf", "leaf-list"}:
            yield _leaf(prefix, element, node)
            return
        taken = used or []
        if node.kind == "list":
            prefix = _entry_words(prefix, path)
        line, deeper = prefix, []
        for child in element:
            below = _child(node, child)
            if below is None or not below.config or below.name in node.keys or child in taken:
                continue
            if below.kind != "leaf" or below.name in REST_OF_LINE or _is_off(child, below):
                deeper.append((child, below))
            elif POSITIONAL.get(node.path) == below.name and line == prefix:
                line += _value(child, below)
            else:
                line += _leaf(Text.of(below.name), child, below)
        told = any(child in taken for child in element)
        if line != prefix or node.kind == "list" or (node.presence and not told):
            yield line
        for child, below in deeper:
            step = Step(below, entry_keys(child, below))
            yield from self._node(prefix + Text.of(below.name), child, (*path, step), taken)


def _entry_words(prefix: Text, path: Path) -> Text:
    """The words of an entry, in the vendor's way where there is one."""
    step = path[-1]
    phrase = next((item for item in ENTRIES if _is_of(item, path)), None)
    if phrase is None:
        return prefix + Text.of(" ".join(map(quote, step.keys)))
    keys = [key for key, default in zip(step.keys, phrase.defaults, strict=True) if key != default]
    return Text.of(" ".join((phrase.words, *map(quote, keys))))


def _is_of(phrase: EntryPhrase, path: Path) -> bool:
    return len(path) > 1 and phrase.view == path[-2].node.path and phrase.list == path[-1].node.name


def _lacks(rest: list[str], given: dict[str, etree._Element]) -> bool:
    """Whether a word of a pattern introduces a value that is not there."""
    return bool(rest) and rest[0][0] == "<" and rest[0][1:-1] not in given


def _leaf(prefix: Text, element: etree._Element, node: OutlineNode) -> Text:
    if is_flag(node):
        return Text.of("undo") + prefix if _is_off(element, node) else prefix
    return prefix + _value(element, node)


def _value(element: etree._Element, node: OutlineNode) -> Text:
    text = _text(element)
    if node.type is not None and node.type.base == "identityref":
        text = text.rpartition(":")[2]
    shown = quote_rest(text) if node.name in REST_OF_LINE else quote(text)
    return Text(shown, HIDDEN if node.secret else shown)


def _is_off(element: etree._Element, node: OutlineNode) -> bool:
    return is_flag(node) and _text(element) == "false"


def _goes_without(parent: OutlineNode, node: OutlineNode, element: etree._Element) -> bool:
    name, value = BY_ITSELF.get(parent.path, ("", ""))
    return node.name == name and _text(element).rpartition(":")[2] == value.rpartition(":")[2]


def _child(node: OutlineNode, element: etree._Element) -> OutlineNode | None:
    return next((child for child in node.children if child.tag == element.tag), None)


def _at(element: etree._Element, path: Path) -> etree._Element | None:
    found: etree._Element | None = element
    for step in path:
        found = found.find(step.node.tag) if found is not None else None
    return found


def _text(element: etree._Element | None) -> str:
    return "" if element is None else element.text or ""


def document(sections: Iterator[Section]) -> str:
    """Return sections as routers print them."""
    lines = []
    for section in sections:
        lines.append("#")
        indent = " " if section.head else ""
        lines += [section.head] if section.head else []
        lines += [f"{indent}{line.shown}" for line in section.lines]
    return "\n".join([*lines, "#", "return"])


def plain(section: Section) -> Section:
    """Return a section whose secrets are shown; for comparing only."""
    return replace(section, lines=tuple(Text.of(line.real) for line in section.lines))

"""What differs between two configurations, command by command. Pure."""

from collections.abc import Iterable, Iterator
from difflib import SequenceMatcher

from cli.shell.render import Section, Text


def differences(old: Iterable[Section], new: Iterable[Section]) -> Iterator[str]:
    """Yield the commands that are gone with `-`, those that came with `+`, each below its view's command."""
    before = {section.head: section for section in old}
    after = {section.head: section for section in new}
    for head in [*before, *(head for head in after if head not in before)]:
        if head not in after:
            yield from _whole("-", before[head])
        elif head not in before:
            yield from _whole("+", after[head])
        else:
            yield from _inside(head, before[head].lines, after[head].lines)


def _whole(sign: str, section: Section) -> Iterator[str]:
    indent = "  " if section.head else " "
    if section.head:
        yield f"{sign} {section.head}"
    for line in section.lines:
        yield f"{sign}{indent}{line.shown}"


def _inside(head: str, old: tuple[Text, ...], new: tuple[Text, ...]) -> Iterator[str]:
    indent = "  " if head else " "
    lines = []
    matcher = SequenceMatcher(None, [line.real for line in old], [line.real for line in new], autojunk=False)
    for kind, first, last, begin, end in matcher.get_opcodes():
        if kind != "equal":
            lines += [f"-{indent}{line.shown}" for line in old[first:last]]
            lines += [f"+{indent}{line.shown}" for line in new[begin:end]]
    if lines and head:
        yield f"  {head}"
    yield from lines

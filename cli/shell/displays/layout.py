"""How answers are laid out: fields below each other, tables, times. Pure."""

from collections.abc import Iterable, Sequence
from typing import Final

from lxml import etree

RULE: Final = "-" * 71
ABSENT: Final = "-"
_LABEL: Final = 29


def field(label: str, value: str | None) -> str:
    """Return one line of a list of fields; what is not there is a dash."""
    return f" {label:<{_LABEL}}: {value or ABSENT}"


def several(label: str, values: Sequence[str]) -> list[str]:
    """Return the lines of a field with several values."""
    lines = [field(label, values[0] if values else None)]
    return [*lines, *(f" {'':<{_LABEL}}  {value}" for value in values[1:])]


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return a table whose columns are as wide as what is in them, between rules."""
    filled = [[cell or ABSENT for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(head, *filled, strict=True)]
    lines = [_row(head, widths), *(_row(row, widths) for row in filled)]
    rule = f" {'-' * (sum(widths) + 2 * (len(widths) - 1))}"
    return [rule, lines[0], rule, *lines[1:], rule]


def _row(cells: Sequence[str], widths: Sequence[int]) -> str:
    return (" " + "  ".join(f"{cell:<{width}}" for cell, width in zip(cells, widths, strict=True))).rstrip()


def moment(text: str | None) -> str | None:
    """Return a date-and-time for people: whole seconds, a blank in place of the T."""
    if not text:
        return None
    day, _, time = text.partition("T")
    clock, zone = time[:8], time[8:].lstrip(".0123456789")
    return f"{day} {clock}{zone}"


def duration(seconds: str | None) -> str | None:
    """Return seconds as hours, minutes and seconds."""
    if seconds is None or not seconds.isdigit():
        return seconds
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{rest:02}"


class Reader:
    """Reads leaves of one namespace below an element."""

    def __init__(self, element: etree._Element, namespace: str) -> None:
        self.element = element
        self._namespace = namespace

    def _path(self, path: str) -> str:
        return "/".join(f"{{{self._namespace}}}{name}" for name in path.split("/"))

    def text(self, path: str) -> str | None:
        """Return a leaf's value, None when it is not there."""
        found = self.element.findtext(self._path(path))
        return found.strip() if found is not None else None

    def has(self, path: str) -> bool:
        """Whether there is such an element."""
        return self.element.find(self._path(path)) is not None

    def all(self, path: str) -> list["Reader"]:
        """Return the entries of a list."""
        return [Reader(item, self._namespace) for item in self.element.findall(self._path(path))]

    def texts(self, path: str) -> list[str]:
        """Return the values of a leaf-list."""
        return [(item.text or "").strip() for item in self.element.findall(self._path(path))]

    def number(self, path: str) -> int:
        """Return a counter; 0 when it is not there."""
        return int(self.text(path) or 0)

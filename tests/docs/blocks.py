"""What a page of the documentation says to do: its fenced blocks, and what their first lines say of them.

A comment on the line before a fence, `<!-- play: WORDS -->`, has words that only the tests read (in a comment
that hides the whole block it is a plain line, `play: WORDS`):

- `sh`: to be typed. `on=a`, `on=b`, `on=both`: at which router (a if not said). `until=TEXT`: it goes on in
  another terminal, and the reader waits until it says TEXT. `exit=1`: it fails, as the page says.
- a language with `file=NAME`: to be written to a file; `on` as above.
- `text`: what the commands before it print; `...` stands for anything within a line, a line of it for lines.
- other languages, and `sample` after any: to be read only.
"""

import re
from dataclasses import dataclass, field

FENCE = re.compile(r"^( *)```(\S*)$")
WORDS = re.compile(r"^ *(?:<!-- )?play: (.*?)(?: -->)?$")


class PageError(Exception):
    """A page whose blocks cannot be understood; the text names the line."""


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: language, its words, text without the fences, and the line of the first."""

    language: str
    text: str
    line: int
    options: dict[str, str] = field(default_factory=dict)

    @property
    def hosts(self) -> tuple[str, ...]:
        """The routers at which it is to be done."""
        where = self.options.get("on", "a")
        return ("a", "b") if where == "both" else (where,)


@dataclass(frozen=True, slots=True)
class _Fence:
    line: int
    indent: str
    language: str
    words: str


def blocks_of(page: str) -> list[Block]:
    """Return the blocks of a page in their order. Raises PageError."""
    found: list[Block] = []
    opened: _Fence | None = None
    lines: list[str] = []
    before = ""
    for number, line in enumerate(page.splitlines(), start=1):
        fence = FENCE.match(line)
        if opened is None and fence:
            words = WORDS.match(before)
            opened, lines = _Fence(number, fence[1], fence[2], words[1] if words else ""), []
        elif opened is not None and line == f"{opened.indent}```":
            found.append(Block(opened.language, "\n".join(lines), opened.line, _options(opened)))
            opened = None
        elif opened is not None:
            lines.append(line.removeprefix(opened.indent))
        before = line
    if opened is not None:
        raise PageError(f"line {opened.line}: the block does not end")
    return found


def _options(fence: _Fence) -> dict[str, str]:
    options = {}
    for name, quoted, plain in re.findall(r'(\w+)(?:=(?:"([^"]*)"|(\S+)))?', fence.words):
        if name not in {"on", "until", "exit", "file", "sample"}:
            raise PageError(f"line {fence.line}: {name!r} means nothing here")
        options[name] = quoted or plain
    return options


def shows(expected: str, output: str) -> bool:
    """Say whether a program printed what the page says."""
    pattern = "\n".join(_pattern(line) for line in expected.strip("\n").splitlines())
    pattern = pattern.replace("\n(?:.*\n)*?\n", "\n(?:.*\n)*?").removesuffix("\n(?:.*\n)*?")
    return re.search(rf"(?:^|\n){pattern}(?:\n|$)", output) is not None


def _pattern(line: str) -> str:
    if line.strip() == "...":
        return "(?:.*\n)*?"
    return ".*".join(re.escape(part.rstrip()) for part in line.rstrip().split("...")) + " *"

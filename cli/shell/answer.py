"""What a command answers, and how it fails."""

from dataclasses import dataclass
from typing import Final

from lxml import etree

FAILED: Final = 1
"""Exit status when a command was not carried out."""


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """Text, and the data that it was made from, None when there is none; `leave` ends the shell."""

    text: str = ""
    data: etree._Element | None = None
    leave: bool = False


def printable(text: str) -> str:
    """Return a text without control characters: what a server says must not steer the terminal."""
    return "".join(character if _is_harmless(character) else "\ufffd" for character in text)


def _is_harmless(character: str) -> bool:
    control = character < " " or "\x7f" <= character <= "\x9f"
    return character in "\n\t" or not control


class CommandError(Exception):
    """A command was not carried out; the text is what the user is told.

    `position` is the character of the line that is wrong, -1 when it is none.
    """

    def __init__(self, text: str, position: int = -1) -> None:
        super().__init__(text)
        self.text = text
        self.position = position

"""What a command answers, and how it fails."""

from dataclasses import dataclass

from lxml import etree


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """Text, and the data that it was made from, None when there is none; `leave` ends the shell."""

    text: str = ""
    data: etree._Element | None = None
    leave: bool = False


class CommandError(Exception):
    """A command was not carried out; the text is what the user is told.

    `position` is the character of the line that is wrong, -1 when it is none.
    """

    def __init__(self, text: str, position: int = -1) -> None:
        super().__init__(text)
        self.text = text
        self.position = position

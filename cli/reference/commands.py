"""The command line as data: what manual pages and completions are made from.

Reads an argparse parser once, so that whatever is added to the command line is in all of them. argparse has
no public way to walk a parser; the private names it takes are here only.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any


class Takes(Enum):
    """What a value is, as far as a shell can complete it. Told by the metavar."""

    NOTHING = "nothing"
    FILE = "file"
    FOLDER = "folder"
    OTHER = "other"


_TAKES = {"FILE": Takes.FILE, "PATH": Takes.FILE, "DIR": Takes.FOLDER}


@dataclass(frozen=True, slots=True)
class Argument:
    """An option, or a positional argument (then without `flags`).

    `value` is its metavar, empty when it takes none; `choices` are all values there are, if that is known.
    """

    flags: tuple[str, ...]
    value: str
    takes: Takes
    choices: tuple[str, ...]
    help: str
    required: bool
    repeated: bool


@dataclass(frozen=True, slots=True)
class Command:
    """A command with its options and arguments; `words` is how it is typed. `closing` is its epilog."""

    words: tuple[str, ...]
    summary: str
    description: str
    closing: str
    arguments: tuple[Argument, ...]
    commands: tuple["Command", ...]

    @property
    def options(self) -> tuple[Argument, ...]:
        """The arguments that begin with a dash."""
        return tuple(each for each in self.arguments if each.flags)

    @property
    def positionals(self) -> tuple[Argument, ...]:
        """The other arguments, in their order."""
        return tuple(each for each in self.arguments if not each.flags)

    @property
    def name(self) -> str:
        """The last word."""
        return self.words[-1]

    def walk(self) -> Iterator["Command"]:
        """Yield this command and every one below it."""
        yield self
        for command in self.commands:
            yield from command.walk()


def read(parser: argparse.ArgumentParser) -> Command:
    """Return what `parser` accepts."""
    return _command(parser, (parser.prog,), "")


def _command(parser: argparse.ArgumentParser, words: tuple[str, ...], summary: str) -> Command:
    actions = parser._actions  # noqa: SLF001 - no public way
    below = [action for action in actions if isinstance(action, argparse._SubParsersAction)]  # noqa: SLF001
    shown = [action for action in actions if action not in below and action.help is not argparse.SUPPRESS]
    return Command(
        words,
        summary,
        parser.description or "",
        parser.epilog or "",
        tuple(_argument(parser, action) for action in shown),
        tuple(command for action in below for command in _commands(action, words)),
    )


def _commands(action: Any, words: tuple[str, ...]) -> Iterator[Command]:  # noqa: ANN401 - a private class
    for choice in action._choices_actions:  # noqa: SLF001 - where argparse keeps the help of a command
        yield _command(action.choices[choice.dest], (*words, choice.dest), choice.help or "")


def _argument(parser: argparse.ArgumentParser, action: argparse.Action) -> Argument:
    choices = tuple(map(str, action.choices or ()))
    value = "" if action.nargs == 0 else _metavar(action, choices)
    return Argument(
        tuple(action.option_strings),
        value,
        _TAKES.get(value, Takes.OTHER) if value else Takes.NOTHING,
        choices,
        parser._get_formatter()._expand_help(action) if action.help else "",  # noqa: SLF001 - no public way
        action.required and action.nargs not in ("?", "*"),
        isinstance(action, argparse._AppendAction) or action.nargs in ("*", "+"),  # noqa: SLF001
    )


def _metavar(action: argparse.Action, choices: tuple[str, ...]) -> str:
    if isinstance(action.metavar, str):
        return action.metavar
    return "|".join(choices) if choices else action.dest.upper()

"""Manual pages, man(7), one for the command and one for each command below it."""

import textwrap
from collections.abc import Iterator, Mapping
from typing import Final

from cli.reference.commands import Argument, Command

SECTION: Final = 1
EXIT_STATUS: Final = "exit status:"
"""What the epilog of a command begins with that says what its exit statuses mean: `N what; N what`."""

_STATE_FOLDER: Final = (
    "the state folder unless --state-dir names another: configuration, history, users, keys and the sockets "
    "of this machine"
)
_WIDTH: Final = 78
"""Columns of a line of text; readers of the source expect 80."""


def pages(top: Command, version: str, date: str) -> Mapping[str, str]:
    """Return the text of every page by its file name. `date` is that of the release, YYYY-MM-DD."""
    return {f"{_page_name(each)}.{SECTION}": _page(top, each, version, date) for each in _paged(top)}


def _paged(top: Command) -> tuple[Command, ...]:
    """Verbs of a command are described on its page."""
    return (top, *top.commands)


def _page_name(command: Command) -> str:
    return "-".join(command.words)


def _page(top: Command, command: Command, version: str, date: str) -> str:
    lines = [
        '.\\" made from the help of the command line',
        f'.TH {_page_name(command).upper()} {SECTION} {date} "Twincast {version}" "Twincast manual"',
        *_section("NAME", [f"{_plain(_page_name(command))} \\- {_plain(_summary(command))}"]),
        *_section("SYNOPSIS", _synopses(command)),
        *_section("DESCRIPTION", [_plain(command.description or _sentence(command.summary))]),
        *(_overview(command) if command is top and command.commands else _details(command)),
        *_exit_status(command),
        *(
            _files()
            if any("--state-dir" in each.flags for part in command.walk() for each in part.options)
            else ()
        ),
        *_see_also(top, command),
    ]
    return "\n".join(_wrapped(lines)) + "\n"


def _wrapped(lines: list[str]) -> Iterator[str]:
    """Break long lines of text; a request has to stay on one."""
    for line in lines:
        if len(line) <= _WIDTH or line.startswith("."):
            yield line
            continue
        broken = textwrap.wrap(line, _WIDTH, break_long_words=False, break_on_hyphens=False)
        yield from (_guarded(part) for part in broken)


def _summary(command: Command) -> str:
    return command.summary or command.description.rstrip(".")


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _section(title: str, lines: list[str]) -> list[str]:
    return [f".SH {title}", *lines]


def _synopses(command: Command) -> list[str]:
    if not command.commands:
        return _synopsis(command)
    if len(command.words) == 1:
        return [f"{_bold(command.name)} {_italic('COMMAND')} ..."]
    lines: list[str] = []
    for verb in command.commands:
        lines += [*([".br"] if lines else []), *_synopsis(verb)]
    return lines


def _synopsis(command: Command) -> list[str]:
    parts = (*_own_options(command), *command.positionals)
    return [" ".join([_bold(" ".join(command.words)), *map(_usage, parts)])]


def _own_options(command: Command) -> tuple[Argument, ...]:
    """The options but --help, which goes without saying on a page that is the help."""
    return tuple(each for each in command.options if "--help" not in each.flags)


def _usage(argument: Argument) -> str:
    text = _bold(argument.flags[-1]) if argument.flags else ""
    if argument.value:
        text = f"{text} {_italic(argument.value)}".strip()
    text = text if argument.required else f"[{text}]"
    return f"{text} ..." if argument.repeated else text


def _overview(top: Command) -> Iterator[str]:
    yield ".SH COMMANDS"
    for command in top.commands:
        yield from (".TP", _bold(f"twincast {command.name}"), _plain(_sentence(command.summary)))


def _details(command: Command) -> Iterator[str]:
    if not command.commands:
        yield from _arguments("ARGUMENTS", command.positionals)
        yield from _arguments("OPTIONS", _own_options(command))
        return
    for verb in command.commands:
        yield f".SH {_plain(verb.name).upper()}"
        yield _plain(_sentence(verb.description.rstrip(".") or verb.summary))
        for each in (*verb.positionals, *_own_options(verb)):
            yield from _argument(each)


def _arguments(title: str, arguments: tuple[Argument, ...]) -> Iterator[str]:
    if arguments:
        yield f".SH {title}"
    for each in arguments:
        yield from _argument(each)


def _argument(argument: Argument) -> Iterator[str]:
    yield ".TP"
    value = f" {_italic(argument.value)}" if argument.value else ""
    yield ", ".join(f"{_bold(flag)}{value}" for flag in argument.flags) or value.strip()
    yield _plain(argument.help or argument.value)


def _exit_status(command: Command) -> Iterator[str]:
    if not command.closing.startswith(EXIT_STATUS):
        return
    yield ".SH EXIT STATUS"
    for meaning in command.closing.removeprefix(EXIT_STATUS).split(";"):
        number, _, what = meaning.strip().partition(" ")
        yield from (".TP", _bold(number), _plain(what.rstrip(".")))


def _uses_state_folder(command: Command) -> bool:
    return any("--state-dir" in each.flags for part in command.walk() for each in part.options)


def _files() -> Iterator[str]:
    yield from (".SH FILES", ".TP", _italic("$XDG_STATE_HOME/twincast"), _plain(_STATE_FOLDER))


def _see_also(top: Command, command: Command) -> list[str]:
    others = [each for each in _paged(top) if each is not command] if command is top else [top]
    names = [f".BR {_plain(_page_name(each))} ({SECTION})" for each in others]
    return _section("SEE ALSO", [*(f"{name} ," for name in names[:-1]), *names[-1:]]) if names else []


def _bold(text: str) -> str:
    return f"\\fB{_plain(text)}\\fR"


def _italic(text: str) -> str:
    return f"\\fI{_plain(text)}\\fR"


def _plain(text: str) -> str:
    """Escape what roff would read as its own: backslashes, dashes, quotes, and a dot that begins a line."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-").replace("`", "\\(ga").replace("'", "\\(aq")
    return _guarded(escaped)


def _guarded(line: str) -> str:
    return f"\\&{line}" if line.startswith((".", "'")) else line

"""Completions for bash and zsh, as one script each. The words are fixed when the script is made."""

import re
import shlex
from collections.abc import Iterator
from typing import Final

from cli.reference.commands import Argument, Command, Takes

_BASH: Final = """\
# bash completion for {name}, made from its help by `{name} completion bash`
_{name}() {{
    local cur=${{COMP_WORDS[COMP_CWORD]}} prev=${{COMP_WORDS[COMP_CWORD - 1]}}
    local path={name} i
    COMPREPLY=()
    if [[ $cur == "=" ]]; then
        cur=
    elif [[ $prev == "=" && COMP_CWORD -ge 2 ]]; then
        prev=${{COMP_WORDS[COMP_CWORD - 2]}}
    fi
    for ((i = 1; i < COMP_CWORD; i++)); do
        case "$path ${{COMP_WORDS[i]}}" in
{steps}
        esac
    done
    case "$path $prev" in
{values}
    esac
    if [[ $cur == -* ]]; then
        case $path in
{flags}
        esac
        return
    fi
    case $path in
{words}
    esac
}}
_{name}_files() {{
    local IFS=$'\\n'
    compopt -o filenames
    COMPREPLY=($(compgen "$1" -- "$2"))
}}
complete -F _{name} {name}
"""


def bash(top: Command) -> str:
    """Return the script for bash, to be sourced or put into bash-completion/completions."""
    commands = tuple(top.walk())
    return _BASH.format(
        name=top.name,
        steps=_lines(12, (line for command in commands for line in _bash_steps(command))),
        values=_lines(8, (line for command in commands for line in _bash_values(command))),
        flags=_lines(12, (_bash_flags(command) for command in commands)),
        words=_lines(8, (line for command in commands for line in _bash_words(command))),
    )


def _lines(indentation: int, lines: Iterator[str]) -> str:
    return "\n".join(" " * indentation + line for line in lines)


def _path(command: Command, *more: str) -> str:
    return shlex.quote(" ".join((*command.words, *more)))


def _bash_steps(command: Command) -> Iterator[str]:
    """How the path goes on at a word; the value of an option is no command."""
    taking = [_path(command, flag) for each in command.options if each.value for flag in each.flags]
    if taking:
        yield f"{' | '.join(taking)}) ((i++)) ;;"
    for below in command.commands:
        yield f"{_path(below)}) path={_path(below)} ;;"


def _bash_values(command: Command) -> Iterator[str]:
    for each in command.options:
        if each.value:
            patterns = " | ".join(_path(command, flag) for flag in each.flags)
            yield f"{patterns}) {_bash_value(each)}return ;;"


def _bash_value(argument: Argument) -> str:
    if argument.choices:
        return f"{_bash_choice(argument.choices)}; "
    if argument.takes in (Takes.FILE, Takes.FOLDER):
        return f'_twincast_files {"-f" if argument.takes is Takes.FILE else "-d"} "$cur"; '
    return ""


def _bash_choice(words: tuple[str, ...]) -> str:
    return f'COMPREPLY=($(compgen -W {shlex.quote(" ".join(words))} -- "$cur"))'


def _bash_flags(command: Command) -> str:
    flags = tuple(flag for each in command.options for flag in each.flags if flag.startswith("--"))
    return f"{_path(command)}) {_bash_choice(flags)} ;;"


def _bash_words(command: Command) -> Iterator[str]:
    if command.commands:
        yield f"{_path(command)}) {_bash_choice(tuple(each.name for each in command.commands))} ;;"
    elif command.positionals:
        # where several are expected a file is worth more than nothing
        last = command.positionals[-1]
        yield f"{_path(command)}) {_bash_value(last).removesuffix('; ') or ':'} ;;"


def zsh(top: Command) -> str:
    """Return the function for zsh, to be put into a folder of $fpath as `_twincast`."""
    functions = "\n".join("\n".join(_zsh_function(command)) for command in top.walk())
    head = f"#compdef {top.name}\n# zsh completion, made from its help by `{top.name} completion zsh`\n"
    return f'{head}\n{functions}\n_{top.name} "$@"\n'


def _zsh_function(command: Command) -> Iterator[str]:
    yield f"{_zsh_name(command)}() {{"
    specifications = [_zsh_option(each) for each in command.options]
    if command.commands:
        yield "    local context state state_descr line"
        yield "    typeset -A opt_args"
        yield from _zsh_arguments(["-C", *specifications, "'1:command:->command'", "'*::argument:->rest'"])
        yield "    case $state in"
        yield f"        command) local -a commands=({' '.join(map(_zsh_described, command.commands))})"
        yield "            _describe command commands ;;"
        yield "        rest) case $line[1] in"
        yield from (f"            {each.name}) {_zsh_name(each)} ;;" for each in command.commands)
        yield "        esac ;;"
        yield "    esac"
    else:
        yield from _zsh_arguments([*specifications, *map(_zsh_positional, command.positionals)])
    yield "}"


def _zsh_arguments(specifications: list[str]) -> Iterator[str]:
    yield "    _arguments \\"
    yield from (f"        {each} \\" for each in specifications[:-1])
    yield f"        {specifications[-1]}"


def _zsh_name(command: Command) -> str:
    return "_" + re.sub("[^a-z]", "_", "_".join(command.words))


def _zsh_described(command: Command) -> str:
    return shlex.quote(f"{command.name}:{command.summary.replace(':', '')}")


def _zsh_option(argument: Argument) -> str:
    text = re.sub(r"([\[\]:\\])", r"\\\1", argument.help)
    value = f":{argument.value.replace(':', ' ')}:{_zsh_action(argument)}" if argument.value else ""
    body = shlex.quote(f"[{text}]{value}")
    if argument.repeated:
        return " ".join(f"'*{flag}'{body}" for flag in argument.flags)
    if len(argument.flags) == 1:
        return f"{argument.flags[0]}{body}"
    return f"'({' '.join(argument.flags)})'{{{','.join(argument.flags)}}}{body}"


def _zsh_positional(argument: Argument) -> str:
    place = "*" if argument.repeated else ("" if argument.required else ":")
    return shlex.quote(f"{place}:{argument.value.replace(':', ' ')}:{_zsh_action(argument)}")


def _zsh_action(argument: Argument) -> str:
    if argument.choices:
        return f"({' '.join(argument.choices)})"
    return {Takes.FILE: "_files", Takes.FOLDER: "_files -/"}.get(argument.takes, "")

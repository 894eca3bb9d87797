"""Commands without anybody at the keyboard: from `-c` or standard input, until one fails."""

import sys
from typing import TextIO

from cli.shell.answer import FAILED, CommandError
from cli.shell.shell import Shell
from cli.shell.tokens import commands


def run_script(shell: Shell, text: str, out: TextIO = sys.stdout, err: TextIO = sys.stderr) -> int:
    """Carry out a script until a command fails; returns 0, or 1 when one failed or the end undid any."""
    for number, command in commands(text):
        try:
            answer = shell.run(command)
        except CommandError as error:
            print(failure(number, command, error), file=err)
            return FAILED
        if answer.text:
            print(answer.text, file=out, flush=True)
        if answer.leave:
            break
    return _end(shell, err)


def failure(number: int, command: str, error: CommandError) -> str:
    """Return what is said of a failed command: where it stands, the line, and a mark below what is wrong."""
    mark = f"\n{' ' * error.position}^" if error.position >= 0 else ""
    return f"line {number}:\n{command}{mark}\n{error.text}"


def _end(shell: Shell, err: TextIO) -> int:
    shell.candidate.settle()
    if shell.candidate.own:
        print("Error: the script ended without commit; its changes are discarded.", file=err)
        return FAILED
    if shell.trial:
        print(
            "Error: the commit on trial is undone now, because its session ends; "
            "'commit trial SECONDS persist WORD' outlives it.",
            file=err,
        )
        return FAILED
    return 0

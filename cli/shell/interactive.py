"""The shell on a terminal: line editing, completion with Tab, help with `?`, history."""

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from prompt_toolkit import PromptSession
from prompt_toolkit.application import run_in_terminal
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.keys import Keys
from prompt_toolkit.output import Output, create_output
from prompt_toolkit.output.vt100 import Vt100_Output
from prompt_toolkit.shortcuts import CompleteStyle

from cli.shell.answer import Answer, CommandError
from cli.shell.grammar import GrammarError
from cli.shell.help import awaited_secret, in_quotes, listing, place, suggestions, tells_a_secret
from cli.shell.shell import Shell
from cli.shell.tokens import LineError, quote
from cli.state_folder import state_dir

HISTORY: Final = "shell-history"
"""In the user's state folder."""


class _Words(Completer):
    """Completes from the grammar and from the names in the configuration."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell

    def get_completions(self, document: Document, _event: CompleteEvent) -> Iterable[Completion]:
        """Yield what fits before the cursor."""
        shell = self._shell
        try:
            found = place(shell.language, shell.views, document.text_before_cursor)
        except (GrammarError, LineError):
            return
        for item in suggestions(found, shell.names):
            yield Completion(
                f"{item.text} ", -len(found.begun), display=item.text, display_meta=item.help[:60]
            )


class _DiscreetHistory(FileHistory):
    """A history that keeps no line with a key or a password in it."""

    def __init__(self, file: Path, shell: Shell) -> None:
        self._shell = shell
        super().__init__(str(file))

    def append_string(self, string: str) -> None:
        """Keep a line, in memory and in the file."""
        if not tells_a_secret(self._shell.language, self._shell.views, string):
            super().append_string(string)


class Terminal:
    """A person at a terminal."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell
        self._prompt = ""
        self._pasted: list[str] = []
        """Lines that were pasted and are still to be carried out; the last one has no end yet."""
        shell.ask = self.ask
        self._session: PromptSession[str] = PromptSession(
            history=_history(shell),
            completer=_Words(shell),
            complete_style=CompleteStyle.READLINE_LIKE,
            complete_while_typing=False,
            key_bindings=self._keys(),
            output=_output(),
        )

    def run(self) -> int:
        """Ask for commands until the user leaves; raises LinkError when the session is over."""
        while True:
            warning, self._prompt = self._shell.prompt()
            if warning:
                print(warning)
            try:
                line = self._next_line()
            except KeyboardInterrupt:
                continue
            except EOFError:
                line = "quit"
            if self._carry_out(self._with_secret(line)).leave and self._may_leave():
                return 0

    def _next_line(self) -> str:
        if len(self._pasted) > 1:
            line = self._pasted.pop(0)
            print(f"{self._prompt}{line}")
            return line
        begun = self._pasted.pop() if self._pasted else ""
        return self._session.prompt(self._prompt, default=begun)

    def _with_secret(self, line: str) -> str:
        """Ask for a key or a password that a line ends before: what is typed then does not show."""
        name = awaited_secret(self._shell.language, self._shell.views, line)
        if not name:
            return line
        asking: PromptSession[str] = PromptSession(history=InMemoryHistory(), output=_output())
        try:
            return f"{line.rstrip()} {quote(asking.prompt(f'{name}: ', is_password=True))}"
        except (KeyboardInterrupt, EOFError):
            return ""

    def _carry_out(self, line: str) -> Answer:
        try:
            answer = self._shell.run(line)
        except CommandError as error:
            if error.position >= 0:
                print(f"{' ' * (len(self._prompt) + error.position)}^")
            print(error.text)
            self._drop_pasted()
            return Answer()
        except KeyboardInterrupt:
            print("Interrupted; what was asked for may have been done all the same.")
            self._drop_pasted()
            return Answer()
        if answer.text:
            print(answer.text)
        return answer

    def _drop_pasted(self) -> None:
        """What follows a mistake may be meant for a view that was not entered."""
        dropped = [line for line in self._pasted if line.strip()]
        if dropped:
            print(f"The {len(dropped)} lines that were pasted behind it are not carried out.")
        self._pasted.clear()

    def _may_leave(self) -> bool:
        question = "Warning: the commit on trial is undone when you leave. Leave? [Y(yes)/N(no)]: "
        return not self._shell.trial or self.ask(question, "yn") == "y"

    def ask(self, question: str, letters: str) -> str:
        """Ask until one of the letters is the answer; whoever interrupts wants the last one."""
        asking: PromptSession[str] = PromptSession(history=InMemoryHistory(), output=_output())
        while True:
            try:
                answer = asking.prompt(question).strip().lower()[:1]
            except (KeyboardInterrupt, EOFError):
                return letters[-1]
            if answer and answer in letters:
                return answer

    def _keys(self) -> KeyBindings:
        keys = KeyBindings()

        @keys.add("?")
        def _help(event: KeyPressEvent) -> None:
            before = event.current_buffer.document.text_before_cursor
            if in_quotes(before):
                event.current_buffer.insert_text("?")
                return
            run_in_terminal(lambda: self._show_help(before))

        @keys.add(Keys.BracketedPaste)
        def _paste(event: KeyPressEvent) -> None:
            text = event.data.replace("\r\n", "\n").replace("\r", "\n")
            first, end, rest = text.partition("\n")
            event.current_buffer.insert_text(first)
            if end:
                self._pasted = rest.split("\n")
                event.current_buffer.validate_and_handle()

        @keys.add("c-z")
        def _return(event: KeyPressEvent) -> None:
            event.current_buffer.text = "return" if self._shell.views.configuring else ""
            event.current_buffer.validate_and_handle()

        return keys

    def _show_help(self, before: str) -> None:
        shell = self._shell
        print(f"{self._prompt}{before}?")
        print(listing(shell.language, shell.views, before, shell.names))


class _Screen(Vt100_Output):
    """A terminal that is not asked where its cursor is, since not every terminal answers."""

    @property
    def responds_to_cpr(self) -> bool:
        """No."""
        return False


def _output() -> Output:
    if sys.stdout.isatty():
        return _Screen.from_pty(sys.stdout, term=os.environ.get("TERM"))
    return create_output()


def _history(shell: Shell) -> History:
    """Where the lines are kept; in memory when there is no place for a file."""
    file = state_dir(None) / HISTORY
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file.touch(mode=0o600)
    except OSError as error:
        print(f"The history is not kept: {file}: {error.strerror}", file=sys.stderr)
        return InMemoryHistory()
    return _DiscreetHistory(file, shell)

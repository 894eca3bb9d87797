"""The shell itself: takes a line, does what it says over NETCONF, and returns the answer."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from lxml import etree

from cli.shell import pipes, session
from cli.shell.answer import Answer, CommandError, printable
from cli.shell.candidate import Candidate
from cli.shell.displays import DISPLAYS
from cli.shell.editing import action, edit_config, instance, subtree
from cli.shell.grammar import GrammarError
from cli.shell.help import asks_for_help, listing
from cli.shell.language import Language
from cli.shell.link import LinkError
from cli.shell.model import Act, Change, Edit, Model, Operation, Order, Path, Step
from cli.shell.netconf import Netconf, Refused
from cli.shell.tokens import COMMENTS, SECTION, LineError, split
from cli.shell.views import Mark, Views
from cli.shell.words import BY_ITSELF

Ask = Callable[[str, str], str]
"""Asks a question; given the letters that answer it, returns one of them."""


class Shell:
    """One session of a user. `ask` is None when nobody is there to answer.

    Raises LinkError from every method that talks with the server when the session is over.
    """

    def __init__(
        self, netconf: Netconf, model: Model, host: str, candidate: Candidate, ask: Ask | None = None
    ) -> None:
        self.netconf = netconf
        self.model = model
        self.language = Language(model)
        self.views = Views(host)
        self.candidate = candidate
        self.ask = ask
        self.trial = False
        """Whether a commit of this session is on trial, and ends with the session."""

    def prompt(self) -> tuple[str, str]:
        """Return a warning or nothing, and what stands before the cursor."""
        warning = self.candidate.look() if self.views.configuring else ""
        return warning, self.views.prompt(Mark.CHANGED if self.candidate.changed else Mark.CLEAN)

    def run(self, text: str) -> Answer:
        """Carry out a line; raises CommandError, and LinkError."""
        try:
            if asks_for_help(text):
                return Answer(listing(self.language, self.views, text.rstrip()[:-1], self.names))
            if text.strip() == SECTION and self.views.configuring:
                self.views = self.views.system()
                return Answer()
            line = split(text)
            if not line.words or text.lstrip().startswith(COMMENTS):
                return Answer()
            chosen = pipes.read(text, line.pipes)
            command = self.language.parse(self.views, line)
            answer = self._carry_out(command)
            shown = pipes.apply(answer.text, answer.data, self.model, chosen)
            return replace(answer, text=printable(shown))
        except (GrammarError, LineError) as error:
            raise CommandError(f"Error: {error.text}", error.position) from None
        except pipes.PipeError as error:
            raise CommandError(f"Error: {error}") from None
        except Refused as error:
            told = "\n".join(f"Error: {fault.text()}" for fault in error.faults)
            raise CommandError(printable(told)) from None

    def names(self, target: str) -> list[str]:
        """Return the values that a leaf has in running and candidate; none when it may not be read."""
        path = leaf_path(self.model, target)
        found: dict[str, None] = {}
        try:
            for datastore in ("running", "candidate"):
                data = self.netconf.get_config(datastore, subtree(path))
                found.update(
                    (item.text or "", None) for item in data.iter(path[-1].node.tag) if not len(item)
                )
        except (Refused, LinkError):
            return []  # the next command will tell that the session is over
        return sorted(name for name in found if name)

    def _carry_out(self, command: Change | Act | Order) -> Answer:
        if isinstance(command, Change):
            return self._change(command)
        if isinstance(command, Act):
            return self._act(command)
        display = DISPLAYS.get(command.name)
        if display is not None:
            return display(self, command)
        return session.VERBS[command.name](self, command)

    def _change(self, change: Change) -> Answer:
        edits = change.edits
        entries = self._entries(edits) if change.view is None else (change.view,)
        edits = (*edits, *(added for entry in entries for added in self._added(entry)))
        if edits:
            self.netconf.edit(edit_config(edits, self.model.outline.namespaces))
            self.candidate.edited()
        if change.view is not None:
            self.views = self.views.enter(change.view)
        return Answer()

    def _entries(self, edits: Sequence[Edit]) -> tuple[Path, ...]:
        """The entries that a line sets something in without entering them, where BY_ITSELF has something."""
        here = [step.name for step in self.views.path]
        found = {
            path[-1].name: path
            for edit in edits
            if edit.operation is Operation.MERGE
            for path in (edit.path[:end] for end in range(1, len(edit.path)))
            if path[-1].node.path in BY_ITSELF and [step.name for step in path] != here[: len(path)]
        }
        typed = {edit.node.name for edit in edits}
        return tuple(path for path in found.values() if BY_ITSELF[path[-1].node.path][0] not in typed)

    def _added(self, path: Path) -> tuple[Edit, ...]:
        """What an entry is given by itself, unless it is there already."""
        name, value = BY_ITSELF.get(path[-1].node.path, ("", ""))
        if not name or self._exists(path):
            return ()
        return (Edit((*path, Step(path[-1].node.child(name))), Operation.MERGE, value),)

    def _exists(self, path: Path) -> bool:
        return instance(self.netconf.get_config("candidate", subtree(path)), path) is not None

    def _act(self, act: Act) -> Answer:
        reply = self.netconf.call(action(act))
        told = [
            f"{etree.QName(item).localname}: {item.text}"
            for item in reply
            if etree.QName(item).localname != "ok" and not len(item)
        ]
        return Answer("\n".join(told) or "Info: done.")

    def close(self) -> None:
        """End the session."""
        self.netconf.link.close()


def leaf_path(model: Model, target: str) -> Path:
    """Return the way to a leaf through all entries of the lists above it."""
    parts = target.split("/")[1:]
    found = [model.find("/" + "/".join(parts[: count + 1])) for count in range(len(parts))]
    return tuple(Step(node) for node in found if node is not None)


__all__ = ["Ask", "LinkError", "Shell"]

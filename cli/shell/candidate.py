"""What is in the candidate that running has not: whether this session put it there, or somebody else.

The candidate is shared: every session edits the same one, and a commit carries out all of it. The shell
therefore looks before each prompt, and says when somebody else was at work.
"""

from typing import Final

from lxml import etree

from cli.shell.netconf import Netconf, Refused

OTHERS: Final = (
    "Warning: the candidate holds changes that are not this session's; a commit would carry them out too.\n"
    "Look at them with 'display configuration changes'."
)
CAME: Final = (
    "Warning: another session has changed the candidate; a commit would carry out its changes too.\n"
    "Look at them with 'display configuration changes'."
)
WENT: Final = "Warning: another session has committed or discarded what was in the candidate."


class Candidate:
    """Follows the differences between candidate and running."""

    def __init__(self, netconf: Netconf) -> None:
        self._netconf = netconf
        self._known: bytes | None = None
        self._may_compare = True
        self._expecting = False
        self.own = False
        """Whether this session has changes in it."""
        self.foreign = False
        """Whether others have."""
        self.locked = False
        """Whether this session has locked it: then nobody else can change it."""

    @property
    def changed(self) -> bool:
        """Whether a commit would change something, as far as was seen last."""
        return self.own or self.foreign

    def edited(self) -> None:
        """This session has edited the candidate."""
        self._expecting = True
        self.own = True

    def emptied(self) -> None:
        """The candidate is what running is: after a commit and after discarding."""
        self._known, self._expecting = None, False
        self.own = self.foreign = False

    def look(self) -> str:
        """See what is there now; returns what the user has to know, empty when there is nothing."""
        if self.locked:
            return ""
        now = self._differences()
        before, self._known = self._known, now
        expected, self._expecting = self._expecting, False
        if now is None:
            lost = before is not None and not expected
            self.own = self.foreign = False
            return WENT if lost else ""
        if expected or now == before:
            return ""
        told, self.foreign = self.foreign, True
        return CAME if before is not None or told else OTHERS

    def settle(self) -> None:
        """See whether the edits of this session have left a difference, when it has locked the candidate."""
        if self.locked and self._expecting:
            self._known, self._expecting = self._differences(), False
            self.own = self._known is not None

    def _differences(self) -> bytes | None:
        if self._may_compare:
            try:
                return self._netconf.differences()
            except Refused as error:
                if not error.has("access-denied") and not error.has("operation-not-supported"):
                    raise
                self._may_compare = False
        running, candidate = (self._bytes(name) for name in ("running", "candidate"))
        return None if running == candidate else candidate

    def _bytes(self, datastore: str) -> bytes:
        return etree.tostring(self._netconf.get_config(datastore), method="c14n")

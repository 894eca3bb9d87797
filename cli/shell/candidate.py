"""What is in the candidate that running has not, and who put it there.

With a private candidate (draft-ietf-netconf-privcand-09) that is this session alone, and what others commit
is merged in. A shared one is edited by every session that shares it, and a commit carries out all of it: the
shell looks before each prompt then, and says when somebody else was at work.
"""

from typing import Final, Protocol

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
CONFLICT: Final = (
    "another session has committed something else in the same place; a commit is refused for now.\n{}\n"
    "'update prefer-candidate' keeps what this session has, 'update prefer-running' takes what was committed."
)
CONFLICT_TAG: Final = "private-candidate-conflict"


class Candidate(Protocol):
    """What the shell asks of either."""

    own: bool
    """Whether this session has changes in it."""
    foreign: bool
    """Whether others have."""
    locked: bool
    """Whether this session has made sure that nobody else is at work."""
    lock_of: str
    """The datastore that is locked for that."""
    conflict: str
    """What was committed by others where this session has changed it too; empty when there is nothing."""

    @property
    def changed(self) -> bool:
        """Whether a commit would change something, as far as was seen last."""

    def edited(self) -> None:
        """This session has edited the candidate."""

    def emptied(self) -> None:
        """The candidate is what running is: after a commit and after discarding."""

    def look(self) -> str:
        """See what is there now; returns what the user has to know, empty when there is nothing."""

    def settle(self) -> None:
        """See whether the edits of this session have left a difference."""


class _Comparison:
    """Tells running and candidate apart."""

    def __init__(self, netconf: Netconf) -> None:
        self._netconf = netconf
        self._may_compare = True

    def differences(self) -> bytes | None:
        """Return what differs, None when nothing does."""
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


class PrivateCandidate:
    """A candidate of this session alone."""

    lock_of = "running"
    foreign = False

    def __init__(self, netconf: Netconf) -> None:
        self._netconf = netconf
        self._comparison = _Comparison(netconf)
        self.conflict = ""
        self.own = False
        self.locked = False

    @property
    def changed(self) -> bool:
        """See `Candidate.changed`."""
        return self.own

    def edited(self) -> None:
        """See `Candidate.edited`."""
        self.own = True

    def emptied(self) -> None:
        """See `Candidate.emptied`."""
        self.own, self.conflict = False, ""

    def look(self) -> str:
        """Merge in what others have committed; returns what is in conflict, once."""
        before, self.conflict = self.conflict, self._update()
        self.own = self._comparison.differences() is not None
        return f"Warning: {self.conflict}" if self.conflict and self.conflict != before else ""

    def _update(self) -> str:
        try:
            self._netconf.update("revert-on-conflict")
        except Refused as error:
            if not error.has(CONFLICT_TAG):
                raise
            return CONFLICT.format("\n".join(f"  {fault.text()}" for fault in error.faults))
        return ""

    def settle(self) -> None:
        """See `Candidate.settle`; without edits there is nothing to be seen."""
        if self.own:
            self.look()


class SharedCandidate:
    """The candidate that all sessions share which have none of their own."""

    lock_of = "candidate"
    conflict = ""

    def __init__(self, netconf: Netconf) -> None:
        self._comparison = _Comparison(netconf)
        self._known: bytes | None = None
        self._expecting = False
        self.own = False
        self.foreign = False
        self.locked = False

    @property
    def changed(self) -> bool:
        """See `Candidate.changed`."""
        return self.own or self.foreign

    def edited(self) -> None:
        """See `Candidate.edited`."""
        self._expecting = True
        self.own = True

    def emptied(self) -> None:
        """See `Candidate.emptied`."""
        self._known, self._expecting = None, False
        self.own = self.foreign = False

    def look(self) -> str:
        """See what differs, and whether it is this session's doing."""
        if self.locked:
            return ""
        now = self._comparison.differences()
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
        """See what is left of the edits of this session, when it has locked the candidate."""
        if self.locked and self._expecting:
            self._known, self._expecting = self._comparison.differences(), False
            self.own = self._known is not None

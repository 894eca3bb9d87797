"""The commit history: who committed what, what differs, and the way back (twincast-commit-history)."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from lxml import etree

from server.access.guard import Guard
from server.datastores.history import Cause, Entry
from server.datastores.judge import Judge, refuse
from server.datastores.locks import Datastore
from server.datastores.store import Store
from server.operations.commit import Reason
from server.operations.handler import Handlers, author
from server.operations.parameters import HISTORY_NAMESPACE, Parameters
from server.protocol.errors import RpcError
from server.protocol.messages import Data, Ok, Reply
from server.protocol.xml import attributes, element
from server.schema.model import Schema
from server.telemetry.monitoring import date_and_time
from server.telemetry.sessions import Session
from server.tree.changes import Shower, Shown
from server.tree.diff import diff
from server.tree.filter import Selection
from server.tree.node import Container

STATE: Final = "twincast-commit-history:commit-history"
HIGHEST_COMMIT: Final = 2**64 - 1
NO_SUCH_COMMIT: Final = "no-such-commit"


class Target(StrEnum):
    """What rollback-to-commit replaces."""

    RUNNING = "running"
    CANDIDATE = "candidate"


@dataclass(frozen=True, slots=True)
class Rollback:
    """Parameters of rollback-to-commit."""

    commit_id: int
    target: Target
    test_only: bool
    reason: Reason

    @classmethod
    def parse(cls, parameters: Parameters) -> "Rollback":
        """Read the parameters; raises RpcError."""
        parsed = cls(
            parameters.integer("commit-id", 0, HIGHEST_COMMIT),
            parameters.choice("target", Target, Target.RUNNING),
            parameters.flag("test-only"),
            Reason.take(parameters),
        )
        parameters.finish()
        return parsed


class History:
    """The operations on the commit history, and its state."""

    def __init__(self, schema: Schema, store: Store, judge: Judge, guard: Guard) -> None:
        self._store = store
        self._guard = guard
        self._judge = judge
        self._shower = Shower(schema)

    def handlers(self) -> Handlers:
        """Return the operations of this file."""
        return {
            f"{{{HISTORY_NAMESPACE}}}rollback-to-commit": self.rollback_to_commit,
            f"{{{HISTORY_NAMESPACE}}}compare-commits": self.compare_commits,
        }

    def state(self, selection: Selection) -> dict[str, object]:
        """Return `commit-history` as RFC 7951-like data, if it is wanted."""
        if not selection.wants(f"/{STATE}"):
            return {}
        return {STATE: {"commit": [_commit_data(entry) for entry in self._store.history()]}}

    def rollback_to_commit(self, session: Session, operation: etree._Element) -> Reply:
        """Make running or the candidate what running was after a commit; tell what changed by that."""
        parameters = Parameters(operation)
        request = Rollback.parse(parameters)
        root = self._after(parameters, "commit-id", request.commit_id)
        before = self._store.root(Datastore(request.target), session.session_id)
        commit_id = None

        def replaced(present: Container) -> Container:
            nonlocal before
            before = present
            return self._guard.permitted(session.peer, present, root)

        if request.test_only:
            self._guard.permitted(session.peer, before, root)
            if request.target is Target.RUNNING:
                settled = self._judge.settle(before, root)
                refuse(settled.errors)
                root = settled.root
        elif request.target is Target.CANDIDATE:
            self._store.edit(session.session_id, replaced)
        else:
            by = author(session, request.reason.label, request.reason.comment)
            committed = self._store.replace(by, replaced, Cause.ROLLBACK)
            commit_id = None if committed is None else committed.commit_id
        session.trail.touched(diff(before, root), commit_id or 0)
        return self._reply(session, before, root, commit_id)

    def compare_commits(self, session: Session, operation: etree._Element) -> Reply:
        """Tell what differs between running after two commits."""
        parameters = Parameters(operation)
        first = parameters.integer("from", 0, HIGHEST_COMMIT, -1)
        last = parameters.integer("to", 0, HIGHEST_COMMIT, -1)
        parameters.finish()
        history = self._store.history()
        if last < 0 and history:
            last = history[-1].commit_id
        after = self._after(parameters, "to", last)
        before = self._before(parameters, last) if first < 0 else self._after(parameters, "from", first)
        return self._reply(session, before, after)

    def _after(self, parameters: Parameters, name: str, commit_id: int) -> Container:
        known = any(entry.commit_id == commit_id for entry in self._store.history())
        root = self._store.after(commit_id) if known else None
        if root is None:
            raise self._unknown(parameters, name, commit_id)
        return root

    def _before(self, parameters: Parameters, commit_id: int) -> Container:
        root = self._store.after(commit_id - 1)
        if root is None:
            raise self._unknown(parameters, "from", commit_id - 1)
        return root

    def _unknown(self, parameters: Parameters, name: str, commit_id: int) -> RpcError:
        ids = [entry.commit_id for entry in self._store.history()]
        possible = f"the commits {ids[0]} to {ids[-1]}" if ids else "none, the history is empty"
        error = parameters.invalid(name, str(commit_id) if commit_id >= 0 else "", (possible,))
        error.app_tag = NO_SUCH_COMMIT
        return error

    def _reply(
        self, session: Session, before: Container, after: Container, commit_id: int | None = None
    ) -> Reply:
        """Tell what differs of what the user may read."""
        peer = session.peer
        changes = diff(self._guard.visible(peer, before), self._guard.visible(peer, after))
        declared = [("xmlns", HISTORY_NAMESPACE)]
        pieces = [] if commit_id is None else [element("commit-id", str(commit_id), declared).encode()]
        pieces += [_difference(shown).encode() for shown in self._shower.shown(changes)]
        return Data(pieces) if pieces else Ok()


def _difference(shown: Shown) -> str:
    parts = [element("operation", shown.operation), element("path", shown.location.path)]
    if shown.follows is not None:
        parts.append(element("point", shown.follows.path))
    if shown.before:
        parts.append(f"<source-value>{shown.before}</source-value>")
    if shown.after:
        parts.append(f"<value>{shown.after}</value>")
    return f"<difference{attributes([('xmlns', HISTORY_NAMESPACE)])}>{''.join(parts)}</difference>"


def _commit_data(entry: Entry) -> dict[str, object]:
    changed = [{"operation": each.operation, "path": each.path} for each in entry.changed]
    return {
        "commit-id": entry.commit_id,
        "time": date_and_time(entry.at),
        "cause": entry.cause,
        "session-id": entry.session_id or None,
        "username": entry.user or None,
        "source-host": entry.source or None,
        "label": entry.label or None,
        "comment": entry.comment or None,
        "changes": entry.changes,
        "change": changed,
    }

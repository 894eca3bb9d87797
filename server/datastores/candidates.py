"""The candidates: the one that sessions share, and one for each session that has asked for its own.

A private candidate (draft-ietf-netconf-privcand) begins as what running is at its first use, and is brought
up to date by an update or a commit: what others have changed in running since then is merged into it, and
what both have changed is a conflict. Pure; owns what becomes of a private candidate. Called under the writer
lock of the store, but for `Candidates.of`.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Final

from server.datastores.premises import Premises
from server.protocol.errors import (
    ErrorType,
    RpcError,
    RpcErrors,
    lock_denied,
    operation_failed,
    operation_not_supported,
)
from server.tree.diff import diff
from server.tree.location import Location
from server.tree.merge import Side, merge
from server.tree.node import Container

PRIVATE_CANDIDATE: Final = "urn:ietf:params:netconf:capability:private-candidate:1.0"
"""The capability; a client that announces it gets a candidate of its own."""
CONFLICT: Final = "private-candidate-conflict"
"""error-app-tag of a node that was changed in running and in a private candidate."""
MAX_ERRORS: Final = 50
"""Conflicts of one request that are told."""


class Resolution(StrEnum):
    """What an update does about conflicts; the values of resolution-mode."""

    REVERT_ON_CONFLICT = "revert-on-conflict"
    PREFER_CANDIDATE = "prefer-candidate"
    PREFER_RUNNING = "prefer-running"


class Candidate:
    """The content of a candidate, and what its edits rely on (see `premises`)."""

    def __init__(self, running: Container) -> None:
        self.root = running
        self.premises: Final = Premises()

    def reset(self, root: Container) -> None:
        """Drop all changes and begin anew with `root`."""
        self.root = root
        self.premises.clear()

    def is_modified(self, running: Container) -> bool:
        """Whether it holds changes that running has not."""
        return self.root is not running and bool(diff(running, self.root))


class PrivateCandidate(Candidate):
    """The candidate of one session. `base` is the running that it was made from or updated to last."""

    def __init__(self, running: Container) -> None:
        super().__init__(running)
        self.base = running
        self._locked = False
        self._before: Container | None = None

    def discard(self) -> None:
        """Go back to where it was made or updated last, which need not be what running is now."""
        self.reset(self.base)

    def merged(self, running: Container, resolution: Resolution) -> Container:
        """Return it with what has changed in running since then.

        Raises RpcErrors operation-failed, one for each conflict that `resolution` does not resolve.
        """
        prefer = Side.THEIRS if resolution is Resolution.PREFER_RUNNING else Side.OURS
        merged = merge(self.base, self.root, running, prefer)
        if merged.conflicts and resolution is Resolution.REVERT_ON_CONFLICT:
            raise RpcErrors([_conflict(at) for at in merged.conflicts[:MAX_ERRORS]])
        return merged.root

    def update(self, running: Container, resolution: Resolution) -> None:
        """Bring it up to date; raises as `merged`, and is as before then."""
        self.root = self.merged(running, resolution)
        self.base = running

    def edited(self, root: Container, running: Container) -> None:
        """It has become `root`; who copies running into it has all that others have changed."""
        self.root = root
        if root is running:
            self.base = running

    def committed(self, before: Container, after: Container, *, waits: bool) -> None:
        """Running was `before` and has become `after`, by what is in here.

        While that `waits` for a confirmation it may come back.
        """
        self.reset(after)
        self.base = after
        if waits and self._before is None:
            self._before = before

    def confirmed(self) -> None:
        """What was committed stays."""
        self._before = None

    def rolled_back(self) -> None:
        """What was committed is undone: it is a change again, to be committed or discarded."""
        if self._before is not None:
            self.base, self._before = self._before, None

    def lock(self, session_id: int) -> None:
        """Lock it, which keeps nobody out; raises RpcError lock-denied when it is locked (RFC 6241 7.5)."""
        if self._locked:
            raise lock_denied(f"candidate is locked by session {session_id}", session_id)
        self._locked = True

    def unlock(self) -> None:
        """Unlock it; its changes stay. Raises RpcError operation-failed when it is not locked."""
        if not self._locked:
            message = "the lock on candidate is not held by any session"
            raise operation_failed(message, type=ErrorType.PROTOCOL)
        self._locked = False


class Candidates:
    """All candidates; of private ones there are as many as sessions at most.

    A session is its session-id. The entry of a session is made on its own thread and taken away by whoever
    ends it; nothing else adds or removes one.
    """

    def __init__(self, running: Callable[[], Container]) -> None:
        """`running` returns what running is now."""
        self.shared: Final = Candidate(running())
        self._running = running
        self._private: dict[int, PrivateCandidate | None] = {}

    def begin_private(self, session_id: int) -> None:
        """Give a session a candidate of its own, from its first use on."""
        self._private.setdefault(session_id, None)

    def of(self, session_id: int) -> Candidate:
        """Return the candidate that a session works on."""
        return self.private(session_id) or self.shared

    def private(self, session_id: int) -> PrivateCandidate | None:
        """Return the session's own candidate, which begins here; None for a session that shares one."""
        try:
            own = self._private[session_id]
        except KeyError:  # its session may end while a thread of push looks
            return None
        if own is None:
            own = self._private[session_id] = PrivateCandidate(self._running())
        return own

    @contextmanager
    def following(self) -> Iterator[None]:
        """Let the shared candidate go with running, which may change meanwhile, if it has no changes."""
        follows = not self.shared.is_modified(self._running())
        yield
        if follows:
            self.shared.root = self._running()

    def discard_shared(self) -> None:
        """Make the shared candidate what running is."""
        self.shared.reset(self._running())

    def end(self, session_id: int) -> None:
        """Forget the candidate of a session that ended, with all its changes."""
        self._private.pop(session_id, None)

    def confirmed(self) -> None:
        """No commit waits for a confirmation any more."""
        for own in list(self._private.values()):
            if own is not None:
                own.confirmed()

    def rolled_back(self) -> None:
        """Running has gone back to the rollback point."""
        for own in list(self._private.values()):
            if own is not None:
                own.rolled_back()


def not_private() -> RpcError:
    """The error for an update by a session that shares the candidate."""
    message = "this session shares the candidate: <update> needs :private-candidate in the client's hello"
    return operation_not_supported(message)


def _conflict(at: Location) -> RpcError:
    message = (
        "running has been changed here, and so has the private candidate: <update> with prefer-candidate or"
        " prefer-running, or <discard-changes>, resolves it"
    )
    return at.blame(operation_failed(message, app_tag=CONFLICT))

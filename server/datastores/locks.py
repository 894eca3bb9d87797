"""Who may lock and change which datastore (RFC 6241 sections 7.5, 7.6 and 8.3.4.1).

Owns the table of global locks; pure. It knows nothing of the datastores' contents: that a released
candidate lock discards the candidate's changes is said by the return values and done by the store.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from server.protocol.errors import ErrorType, RpcError, in_use, lock_denied, operation_failed


class Datastore(StrEnum):
    """The configuration datastores of RFC 6241. Startup is there on servers that were started with it."""

    RUNNING = "running"
    CANDIDATE = "candidate"
    STARTUP = "startup"


@dataclass(frozen=True, slots=True)
class Lock:
    """A global lock: the session that holds it and since when (seconds since the epoch, to be shown)."""

    session_id: int
    locked_at: float


NO_SESSION = 0
"""The session-id that RFC 6241 section 7.5 gives for a holder that is not a NETCONF session."""


class LockTable:
    """At most one global lock for each datastore.

    A session is its session-id; `NO_SESSION` stands for an entity inside the server. `held` are the locks
    there are: a new mapping after every change, so that a reader may keep it.
    """

    def __init__(self) -> None:
        self.held: Mapping[Datastore, Lock] = {}

    def acquire(
        self, datastore: Datastore, session_id: int, *, candidate_modified: bool, wall_clock: float
    ) -> None:
        """Give `session_id` the lock (RFC 6241 section 7.5).

        Raises RpcError lock-denied with the holder's session-id when somebody has it already, the
        caller included, and with session-id 0 when the candidate holds changes that were neither
        committed nor discarded.
        """
        held = self.held.get(datastore)
        if held is not None:
            raise _denied(datastore, held)
        if datastore is Datastore.CANDIDATE and candidate_modified:
            raise lock_denied(
                "the candidate holds changes that are neither committed nor discarded;"
                " <discard-changes> drops them",
                NO_SESSION,
            )
        self.held = {**self.held, datastore: Lock(session_id, wall_clock)}

    def release(self, datastore: Datastore, session_id: int) -> None:
        """Take the lock back (RFC 6241 section 7.6).

        Raises RpcError operation-failed when the caller does not hold it.
        """
        held = self.held.get(datastore)
        if held is None:
            raise _not_released(f"the lock on {datastore} is not held by any session")
        if held.session_id != session_id:
            raise _not_released(f"the lock on {datastore} is held by session {held.session_id}")
        self._forget(frozenset({datastore}))

    def release_all(self, session_id: int) -> frozenset[Datastore]:
        """Take back every lock of a session that ended; return the datastores that are free now."""
        freed = frozenset(name for name, lock in self.held.items() if lock.session_id == session_id)
        self._forget(freed)
        return freed

    def check_change(self, datastore: Datastore, session_id: int) -> None:
        """Raise RpcError in-use when another session holds the lock on what is to be changed."""
        held = self.held.get(datastore)
        if held is not None and held.session_id != session_id:
            raise _locked(datastore, held)

    def check_commit(self, session_id: int) -> None:
        """Raise RpcError in-use when another session holds running or candidate (section 8.3.4.1)."""
        for datastore in (Datastore.RUNNING, Datastore.CANDIDATE):
            self.check_change(datastore, session_id)

    def check_partial(self) -> None:
        """Raise RpcError lock-denied: no part of running is locked while it is locked as a whole, be it by
        the caller (RFC 5717 section 2.4.1).
        """
        held = self.held.get(Datastore.RUNNING)
        if held is not None:
            raise _denied(Datastore.RUNNING, held)

    def _forget(self, freed: frozenset[Datastore]) -> None:
        self.held = {name: lock for name, lock in self.held.items() if name not in freed}


def _denied(datastore: Datastore, held: Lock) -> RpcError:
    return lock_denied(f"{datastore} is locked by session {held.session_id}", held.session_id)


def _locked(datastore: Datastore, held: Lock) -> RpcError:
    return in_use(f"{datastore} is locked by session {held.session_id}")


def _not_released(message: str) -> RpcError:
    return operation_failed(message, type=ErrorType.PROTOCOL)

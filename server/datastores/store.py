"""The datastores running, candidate and startup: immutable roots, one writer at a time.

Owns the order of writers and the alarm of a confirmed commit. A reader takes a root and needs no lock;
everything that changes shared state runs under one writer lock. What a lock permits is decided in `locks` and
`partial`, what waits for a confirmation in `confirmed`, what a commit does in `running`, and what is merged
into a private candidate in `candidates`.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from server.datastores.alarm import Alarm
from server.datastores.candidates import Candidates, PrivateCandidate, Resolution, not_private
from server.datastores.confirmed import Action, CommitRequest, ConfirmedCommit, Event, Step
from server.datastores.history import SERVER, Author, Cause, Entry
from server.datastores.judge import Judge
from server.datastores.listener import Informer, Listener
from server.datastores.locks import NO_SESSION, Datastore, Lock, LockTable
from server.datastores.partial import PartialLock, PartialLocks, Selected
from server.datastores.premises import Premises
from server.datastores.running import Keeper, Running
from server.datastores.startup import Start, Startup
from server.datastores.storage import Storage
from server.datastores.transaction import Committed
from server.protocol.errors import ErrorType, in_use, operation_failed
from server.provider import Provider
from server.schema.model import Schema
from server.tree.node import Container

logger = logging.getLogger("twincast.datastores.store")

Permit = Callable[[Container, Container], object]
"""Raises RpcError when whoever asks may not go from one configuration to another."""

SELECTIONS: Final = 10
"""How often the nodes for a partial lock are looked for when running has changed meanwhile."""

RETRY_SECONDS: Final = 1.0
"""Until a rollback that could not be stored is tried again."""

_CAUSES: Final = {
    Event.COMMIT: Cause.COMMIT,
    Event.CONFIRM_LATER: Cause.CONFIRMED_COMMIT,
    Event.PERSIST: Cause.CONFIRMED_COMMIT,
    Event.CANCEL: Cause.CANCEL,
    Event.TIMEOUT: Cause.TIMEOUT,
    Event.SESSION_END: Cause.SESSION_END,
}


class Store:
    """Running and the shared candidate of one server. All methods may be called from any thread."""

    def __init__(
        self,
        schema: Schema,
        storage: Storage,
        judge: Judge,
        provider: Provider,
        start: Start = Start.RUNNING,
    ) -> None:
        """Load running; a confirmed commit that was not confirmed is undone. Raises StorageError when what is
        stored does not fit the schema.
        """
        self._running = Running(schema, storage, judge, provider)
        self._startup: Startup | None = None
        if start is Start.RUNNING:
            storage.forget_startup()
        else:
            self._startup = Startup(schema, storage, judge, self._running.root)
            if start is Start.STARTUP:
                self._running.begin_with(self._startup.root)
        self._writer = threading.Lock()
        self._locks = LockTable()
        self.partial: Final = PartialLocks()
        """Others may read what is held, and set the limits."""
        self._running.locks = self.partial.check_changes
        self._confirmed = ConfirmedCommit()
        self._alarm = Alarm(self._ring)
        self._closed = False
        self._revoked: set[int] = set()
        self._candidates = Candidates(lambda: self._running.root)
        self._informer = Informer()

    def listen(self, listener: Listener) -> None:
        """Tell `listener` too what happens from now on."""
        self._informer.add(listener)

    def keep(self, keeper: Keeper) -> None:
        """Ask `keeper` before every commit, under the writer lock; it may refuse what is valid."""
        self._running.keeper = keeper

    def root(self, datastore: Datastore, session_id: int = NO_SESSION) -> Container:
        """Return the content of `datastore` as it is now; the candidate is that of the session."""
        if datastore is Datastore.STARTUP and self._startup is not None:
            return self._startup.root
        if datastore is Datastore.CANDIDATE:
            return self._candidates.of(session_id).root
        return self._running.root

    def premises(self, session_id: int) -> Premises:
        """Return what the edits of a session's candidate rely on, for who is called under the writer lock."""
        return self._candidates.of(session_id).premises

    def begin_private(self, session_id: int) -> None:
        """Give a session a candidate of its own, which begins as what running is at its first use."""
        self._candidates.begin_private(session_id)

    def update(self, session_id: int, resolution: Resolution) -> None:
        """Merge what has changed in running into the session's own candidate.

        Raises RpcErrors for conflicts that `resolution` leaves, and RpcError operation-not-supported for a
        session that has none of its own.
        """
        with self._writing(session_id):
            own = self._candidates.private(session_id)
            if own is None:
                raise not_private()
            own.update(self._running.root, resolution)

    def history(self) -> tuple[Entry, ...]:
        """Return the last commits, oldest first."""
        return self._running.history

    def commit_counts(self) -> Mapping[str, int]:
        """Return how many commits of running there were since the start, by result."""
        counts = self._running.counts
        return {"ok": counts.ok, "failed": counts.failed, "rolled-back": counts.rolled_back}

    def locks(self) -> Mapping[str, Lock | None]:
        """Return every datastore's name with the lock on it."""
        held = self._locks.held
        names = [name for name in Datastore if name is not Datastore.STARTUP or self._startup is not None]
        return {str(name): held.get(name) for name in names}

    def lock(self, datastore: Datastore, session_id: int) -> None:
        """Lock `datastore` for a session; raises RpcError lock-denied."""
        with self._writing(session_id):
            if datastore is Datastore.CANDIDATE and (own := self._candidates.private(session_id)):
                own.lock(session_id)
                return
            if datastore is Datastore.RUNNING:
                self._confirmed.check_lock(session_id)
                self.partial.check_global()
            self._locks.acquire(
                datastore,
                session_id,
                candidate_modified=self._candidates.shared.is_modified(self._running.root),
                wall_clock=time.time(),
            )

    def unlock(self, datastore: Datastore, session_id: int) -> None:
        """Unlock `datastore`; changes of an unlocked candidate are discarded. Raises operation-failed."""
        with self._writing(session_id):
            if datastore is Datastore.CANDIDATE and (own := self._candidates.private(session_id)):
                own.unlock()
                return
            self._locks.release(datastore, session_id)
            self._discard_if_freed(frozenset({datastore}))

    def partial_lock(self, session_id: int, select: Callable[[Container], Selected]) -> PartialLock:
        """Lock what `select` finds in running (RFC 5717 section 2.4.1); what it raises is raised.

        Raises RpcError in-use while a confirmed commit waits, lock-denied when running is locked, else as
        `PartialLocks.acquire`.
        """
        for _ in range(SELECTIONS):
            root = self._running.root
            selected = select(root)  # without the writer lock: it may take its time
            with self._writing(session_id):
                if self._running.root is root:
                    self._confirmed.check_partial_lock()
                    self._locks.check_partial()
                    return self.partial.acquire(session_id, selected, time.time())
        raise in_use("running changes too often to look for the nodes in between")

    def partial_locks(self) -> Iterable[PartialLock]:
        """Return the partial locks on running."""
        return self.partial.held.values()

    def partial_unlock(self, session_id: int, lock_id: int) -> None:
        """Give back a partial lock; raises RpcError invalid-value for one that the session does not have."""
        with self._writing(session_id):
            self.partial.release(lock_id, session_id)

    def session_ended(self, session_id: int) -> None:
        """Give back what a session held, however it ended, and drop its own candidate.

        What it left in the shared candidate stays unless it has locked that. A confirmed commit of the
        session that is not persistent is undone.
        """
        with self._writer:
            self._revoked.discard(session_id)
            self._candidates.end(session_id)
            self._give_back(session_id)

    def revoke(self, session_id: int) -> None:
        """Give back what a session holds and let it change nothing from now on: it is being killed.

        A request of that session that waits for its turn is refused; `session_ended` still follows.
        """
        with self._writer:
            self._revoked.add(session_id)
            self._give_back(session_id)

    def edit(self, session_id: int, change: Callable[[Container], Container]) -> None:
        """Make `change(candidate)` the candidate; what `change` raises leaves it as it was.

        `change` adds to `premises` what it relies on. Raises RpcError in-use when another session holds the
        lock on the candidate that they share.
        """
        with self._writing(session_id):
            own = self._candidates.private(session_id)
            if own is not None:
                own.edited(change(own.root), self._running.root)
                return
            self._locks.check_change(Datastore.CANDIDATE, session_id)
            shared = self._candidates.shared
            shared.root = change(shared.root)

    def discard(self, session_id: int) -> None:
        """Make the candidate what running is (RFC 6241 section 8.3.4.2); raises RpcError in-use.

        A private one becomes what running was when it was made or updated last.
        """
        with self._writing(session_id):
            own = self._candidates.private(session_id)
            if own is not None:
                own.discard()
                return
            self._locks.check_change(Datastore.CANDIDATE, session_id)
            self._candidates.discard_shared()

    def commit(
        self,
        author: Author,
        request: CommitRequest = CommitRequest(),  # noqa: B008 - it is immutable
        permit: Permit | None = None,
    ) -> Committed | None:
        """Make running what the session's candidate is; None when they did not differ.

        A private candidate is updated first. `permit` may refuse the step from running to the candidate.
        Raises what it raises, RpcError in-use when another session holds a lock on either, RpcErrors for
        conflicts, else as `ConfirmedCommit.commit` and `transaction.commit`. Running, candidate and a
        confirmed commit that waits are unchanged then.
        """
        with self._writing(author.session_id):
            before = self._running.root
            own = self._candidates.private(author.session_id)
            new = self._to_commit(author.session_id, own)
            if permit is not None:
                permit(before, new)
            step = self._confirmed.commit(request, author.session_id)
            with self._candidates.following():
                committed = self._running.commit(new, step.action, author, _CAUSES[step.event])
            if own is None:
                self._candidates.discard_shared()
            else:
                own.committed(before, self._running.root, waits=step.pending is not None)
            if step.pending is None:
                self._candidates.confirmed()
            self._tell(step, author, committed)
            return committed

    def _to_commit(self, session_id: int, own: PrivateCandidate | None) -> Container:
        if own is None:
            self._locks.check_commit(session_id)
            return self._candidates.shared.root
        self._locks.check_change(Datastore.RUNNING, session_id)
        return own.merged(self._running.root, Resolution.REVERT_ON_CONFLICT)

    def cancel(self, author: Author, persist_id: str | None) -> None:
        """Undo the confirmed commit that waits (RFC 6241 section 8.4.4.1).

        Raises RpcError in-use when another session has locked running, else as `ConfirmedCommit.cancel`.
        """
        with self._writing(author.session_id):
            step = self._confirmed.cancel(author.session_id, persist_id)
            self._locks.check_change(Datastore.RUNNING, author.session_id)
            self._restore(step, author)

    def after(self, commit_id: int) -> Container | None:
        """Return running as it was after a commit; None when the history does not reach back so far."""
        with self._writer:
            units = self._running.units_after(commit_id)
        return None if units is None else self._running.tree(units)

    def replace(
        self, author: Author, change: Callable[[Container], Container], cause: Cause
    ) -> Committed | None:
        """Make `change(running)` running without the candidate; None when it is running already.

        A candidate without changes follows. Raises RpcError in-use when another session holds the lock on
        running or a confirmed commit waits that is not the caller's alone, else as `transaction.commit`.
        """
        with self._writing(author.session_id):
            self._locks.check_change(Datastore.RUNNING, author.session_id)
            action = self._confirmed.edit(author.session_id)
            with self._candidates.following():
                committed = self._running.commit(change(self._running.root), action, author, cause)
            self._announce(committed)
            return committed

    def save(self, session_id: int, change: Callable[[Container], Container]) -> None:
        """Make `change(startup)` startup (RFC 6241 section 8.7).

        Raises RpcError in-use when another session holds its lock, RpcErrors when the result is not valid.
        """
        with self._writing(session_id):
            self._locks.check_change(Datastore.STARTUP, session_id)
            if self._startup is not None:
                self._startup.save(change(self._startup.root))
                self._informer.tell(lambda listener: listener.startup_changed(session_id))

    def close(self) -> None:
        """Wait for a commit that is under way and close the storage; nothing may be called afterwards.

        A confirmed commit that waits is undone at the next start.
        """
        with self._writer:
            self._closed = True
            self._alarm.set(None)
            self._running.close()

    @contextmanager
    def _writing(self, session_id: int) -> Iterator[None]:
        """One writer at a time, and only sessions that there still are."""
        with self._writer:
            if session_id in self._revoked:
                raise operation_failed("the session was killed before its turn came", type=ErrorType.PROTOCOL)
            yield

    def _give_back(self, session_id: int) -> None:
        self._discard_if_freed(self._locks.release_all(session_id))
        self.partial.release_all(session_id)
        step = self._confirmed.session_ended(session_id)
        if step is not None:
            self._carry_out(step)

    def _carry_out(self, step: Step) -> None:
        """Do what nobody asked for; what cannot be done now is tried again."""
        if step.action is not Action.RESTORE:
            self._tell(step, SERVER, None)
            return
        try:
            self._restore(step, SERVER)
        except Exception:
            logger.exception("rollback-failed", extra={"cause": _CAUSES[step.event]})
            self._confirmed.hasten(time.monotonic())
            self._alarm.set(RETRY_SECONDS)

    def _restore(self, step: Step, author: Author) -> None:
        """Go back to the rollback point; a candidate without changes goes with running."""
        cause = _CAUSES[step.event]
        with self._candidates.following():
            committed = self._running.restore(author, cause)
        self._candidates.rolled_back()
        self._tell(step, author, committed)
        logger.warning(
            "rolled-back", extra={"cause": cause, "commit": committed.commit_id if committed else None}
        )

    def _announce(self, committed: Committed | None) -> None:
        """Running has changed."""
        if committed is not None:
            self.partial.follow(self._running.root, committed.changes)
            self._informer.tell(lambda listener: listener.running_changed(self._running.history[-1]))

    def _tell(self, step: Step, author: Author, committed: Committed | None) -> None:
        """The step was carried out: move the alarm to what waits now, then let it be known."""
        now = time.monotonic()
        self._confirmed.tell(step, now)
        pending = self._confirmed.pending
        self._alarm.set(None if pending is None else pending.deadline - now)
        self._announce(committed)
        self._informer.tell(lambda listener: listener.confirmed(step, author))

    def _ring(self) -> None:
        """The time of a confirmed commit is over, unless it was confirmed or extended meanwhile."""
        with self._writer:
            now = time.monotonic()
            pending = None if self._closed else self._confirmed.pending
            step = self._confirmed.expired(now)
            if pending is not None and step is None:
                self._alarm.set(pending.deadline - now)
            elif pending is not None and step is not None:
                self._carry_out(step)

    def _discard_if_freed(self, freed: frozenset[Datastore]) -> None:
        if Datastore.CANDIDATE in freed:
            self._candidates.discard_shared()

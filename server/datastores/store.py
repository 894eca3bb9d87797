"""The datastores running and candidate: immutable roots, one writer at a time.

Owns the roots, the locks and the order of writers. A reader takes a root and needs no lock; everything
that changes shared state runs under one writer lock. What a lock permits is decided in `locks`, what a
commit does in `transaction`.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from server.datastores import transaction
from server.datastores.judge import Judge, refuse
from server.datastores.locks import Datastore, Lock, LockTable
from server.datastores.storage import Storage, StorageError
from server.protocol.errors import ErrorType, operation_failed
from server.provider import Provider
from server.schema.model import Schema
from server.tree.diff import decode, diff, encode_delta
from server.tree.node import Container

logger = logging.getLogger("twincast.datastores.store")


class Store:
    """Running and the shared candidate of one server. All methods may be called from any thread."""

    def __init__(self, schema: Schema, storage: Storage, judge: Judge, provider: Provider) -> None:
        """Load running. Raises StorageError when what is stored does not fit the schema."""
        self._schema = schema
        self._storage = storage
        self._judge = judge
        self._parts = transaction.Parts(judge.settle, provider, self._persist)
        self._writer = threading.Lock()
        self._locks = LockTable()
        self._revoked: set[int] = set()
        self._running = self._loaded()
        self._candidate = self._running

    def root(self, datastore: Datastore) -> Container:
        """Return the content of `datastore` as it is now."""
        return self._running if datastore is Datastore.RUNNING else self._candidate

    def locks(self) -> Mapping[str, Lock | None]:
        """Return every datastore's name with the lock on it."""
        held = self._locks.held
        return {str(name): held.get(name) for name in Datastore}

    def lock(self, datastore: Datastore, session_id: int) -> None:
        """Lock `datastore` for a session; raises RpcError lock-denied."""
        with self._writing(session_id):
            self._locks.acquire(
                datastore,
                session_id,
                candidate_modified=self._candidate_modified(),
                wall_clock=time.time(),
            )

    def unlock(self, datastore: Datastore, session_id: int) -> None:
        """Unlock `datastore`; changes of an unlocked candidate are discarded. Raises operation-failed."""
        with self._writing(session_id):
            self._locks.release(datastore, session_id)
            self._discard_if_freed(frozenset({datastore}))

    def session_ended(self, session_id: int) -> None:
        """Give back what a session held, however it ended; what it left in an unlocked candidate stays."""
        with self._writer:
            self._revoked.discard(session_id)
            self._discard_if_freed(self._locks.release_all(session_id))

    def revoke(self, session_id: int) -> None:
        """Give back what a session holds and let it change nothing from now on: it is being killed.

        A request of that session that waits for its turn is refused; `session_ended` still follows.
        """
        with self._writer:
            self._revoked.add(session_id)
            self._discard_if_freed(self._locks.release_all(session_id))

    def edit(self, session_id: int, change: Callable[[Container], Container]) -> None:
        """Make `change(candidate)` the candidate; what `change` raises leaves it as it was.

        Raises RpcError in-use when another session holds the candidate's lock.
        """
        with self._writing(session_id):
            self._locks.check_change(Datastore.CANDIDATE, session_id)
            self._candidate = change(self._candidate)

    def discard(self, session_id: int) -> None:
        """Make the candidate what running is (RFC 6241 section 8.3.4.2); raises RpcError in-use."""
        self.edit(session_id, lambda _: self._running)

    def commit(self, session_id: int) -> transaction.Committed | None:
        """Make running what the candidate is; None when they did not differ.

        Raises RpcError in-use when another session holds a lock on either, else as
        `transaction.commit`. Running and candidate are unchanged then.
        """
        with self._writing(session_id):
            self._locks.check_commit(session_id)
            committed = transaction.commit(self._parts, self._running, self._candidate, self._swap)
            self._candidate = self._running
            return committed

    def close(self) -> None:
        """Wait for a commit that is under way and close the storage; nothing may be called afterwards."""
        with self._writer:
            self._storage.close()

    @contextmanager
    def _writing(self, session_id: int) -> Iterator[None]:
        """One writer at a time, and only sessions that there still are."""
        with self._writer:
            if session_id in self._revoked:
                raise operation_failed("the session was killed before its turn came", type=ErrorType.PROTOCOL)
            yield

    def _swap(self, root: Container) -> None:
        self._running = root

    def _persist(self, old: Container, new: Container) -> int:
        return self._storage.write(encode_delta(self._schema, old, new), self._schema.content_id)

    def _candidate_modified(self) -> bool:
        return self._candidate is not self._running and bool(diff(self._running, self._candidate))

    def _discard_if_freed(self, freed: frozenset[Datastore]) -> None:
        if Datastore.CANDIDATE in freed:
            self._candidate = self._running

    def _loaded(self) -> Container:
        stored = self._storage.load()
        try:
            root = decode(self._schema, stored.units.items())
        except ValueError as error:
            raise StorageError(f"the stored configuration does not fit the YANG modules: {error}") from error
        if stored.content_id not in ("", self._schema.content_id):
            logger.info("schema-changed", extra={"commit": stored.commit_id})
            refuse(self._judge.whole(root))
        logger.info("loaded", extra={"commit": stored.commit_id, "units": len(stored.units)})
        return root

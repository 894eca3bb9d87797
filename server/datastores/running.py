"""Running: its root, its durable copy, the commits that led to it and the way back to its rollback point.

Owns what a change of running leaves behind. It knows no session and no lock: `store` decides who may change
it and calls from under the writer lock; `root` and `history` may be read from any thread.
"""

import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

from server.datastores import transaction
from server.datastores.confirmed import Action
from server.datastores.history import SERVER, Author, Cause, Entry, entry
from server.datastores.judge import Judge, refuse
from server.datastores.settle import Settled
from server.datastores.storage import Storage, StorageError, Stored
from server.protocol.errors import operation_failed
from server.provider import Provider
from server.schema.model import Schema
from server.tree.diff import Change, decode, diff, encode_delta
from server.tree.edit import share
from server.tree.node import Container

logger = logging.getLogger("twincast.datastores.running")

Keeper: TypeAlias = Callable[[Author, Cause, Container, Container], object]
"""Raises RpcError when a valid change from one configuration to another may not be made for its sake."""

Locks: TypeAlias = Callable[[int, Sequence[Change]], object]
"""Raises RpcErrors when a session may not make changes because another one has locked what they are about."""

_GUARDED = (Action.SAVE, Action.KEEP)


@dataclass(slots=True)
class CommitCounts:
    """How commits went since the start; a roll back is the end of a confirmed commit without confirmation."""

    ok: int = 0
    failed: int = 0
    rolled_back: int = 0


class Running:
    """The datastore running of one server."""

    def __init__(self, schema: Schema, storage: Storage, judge: Judge, provider: Provider) -> None:
        """Load it, as it was before a confirmed commit that was not confirmed. Raises StorageError when what
        is stored does not fit the schema.
        """
        self._schema = schema
        self._storage = storage
        self._judge = judge
        self._provider = provider
        self._point: Container | None = None
        self.locks: Locks = lambda _session_id, _changes: None
        self.counts = CommitCounts()
        self.keeper: Keeper = lambda _author, _cause, _old, _new: None
        self.root, self.history = self._loaded()

    def commit(
        self, new: Container, action: Action, author: Author, cause: Cause
    ) -> transaction.Committed | None:
        """Make `new` running; None when it is running already.

        `action` says what becomes of the rollback point. Raises as `transaction.commit`; running, the durable
        copy and the rollback point are as before then.
        """
        point = self.root if action is Action.SAVE else self._point
        parts = self._parts(author, cause, guarded=action in _GUARDED)
        try:
            committed = transaction.commit(parts, self.root, new, self._swap)
            if committed is None and action is Action.FORGET:
                self._forget_rollback_point()
        except Exception:
            self.counts.failed += 1
            raise
        self.counts.ok += 1
        self._point = point if action in _GUARDED else None
        return committed

    def restore(self, author: Author, cause: Cause) -> transaction.Committed | None:
        """Go back to the rollback point; None when that is running. Raises as `transaction.restore`."""
        if self._point is None:
            return None
        parts = self._parts(author, cause, guarded=False)
        committed = transaction.restore(parts, self.root, self._point, self._swap)
        self.counts.rolled_back += 1
        if committed is None:
            self._forget_rollback_point()
        self._point = None
        return committed

    def begin_with(self, root: Container) -> None:
        """Have running be `root`, which is valid, from the start; nobody acts on running yet."""
        changes = diff(self.root, root)
        if changes:
            self._persist(SERVER, Cause.BOOT, False, self.root, root, changes)
        self.root = root

    def units_after(self, commit_id: int) -> Mapping[bytes, bytes] | None:
        """Return running as it was after a commit of the history, or before the first, as `tree` takes it.

        None when the history does not reach back so far. Raises StorageError.
        """
        try:
            return self._storage.units_after(commit_id)
        except KeyError:
            return None

    def tree(self, units: Mapping[bytes, bytes]) -> Container:
        """Build a configuration, sharing what is equal with running now; for any thread."""
        return share(self.root, self._decoded(units.items()))

    def close(self) -> None:
        """Close the storage."""
        self._storage.close()

    def _parts(self, author: Author, cause: Cause, *, guarded: bool) -> transaction.Parts:
        persist = partial(self._persist, author, cause, guarded)
        settle = partial(self._settle, author, cause)
        return transaction.Parts(settle, self._provider, persist, self._unpersist)

    def _settle(self, author: Author, cause: Cause, old: Container, new: Container) -> Settled:
        settled = self._judge.settle(old, new)
        if settled.changes and not settled.errors:
            self.locks(author.session_id, settled.changes)
            self.keeper(author, cause, old, settled.root)
        return settled

    def _persist(
        self,
        author: Author,
        cause: Cause,
        guarded: bool,
        old: Container,
        new: Container,
        changes: Sequence[Change],
    ) -> int:
        described = entry(author, cause, changes, time.time())
        commit_id = self._storage.write(
            encode_delta(self._schema, old, new),
            self._schema.content_id,
            entry=described.to_bytes(),
            guarded=guarded,
        )
        self._remember(described, commit_id)
        return commit_id

    def _unpersist(self) -> None:
        self._storage.take_back()
        self.history = self.history[:-1]

    def _swap(self, root: Container) -> None:
        self.root = root

    def _remember(self, described: Entry, commit_id: int) -> None:
        item = Entry.from_bytes(commit_id, described.to_bytes())
        oldest = self._storage.oldest_remembered()
        self.history = tuple(each for each in (*self.history, item) if each.commit_id >= oldest)

    def _forget_rollback_point(self) -> None:
        try:
            self._storage.forget_rollback_point()
        except StorageError as error:
            logger.error("not-stored", extra={"reason": str(error)})  # noqa: TRY400 - not a fault
            message = "the confirmation could not be stored; the commit still waits for it"
            raise operation_failed(message) from error

    def _loaded(self) -> tuple[Container, tuple[Entry, ...]]:
        stored = self._storage.load()
        root = self._decoded(stored.units.items())
        if stored.guarded:
            stored, root = self._rolled_back(root)
        if stored.content_id not in ("", self._schema.content_id):
            logger.info("schema-changed", extra={"commit": stored.commit_id})
            refuse(self._judge.whole(root))
        logger.info("loaded", extra={"commit": stored.commit_id, "units": len(stored.units)})
        return root, self._entries(stored)

    def _rolled_back(self, left: Container) -> tuple[Stored, Container]:
        """The server ended while a confirmed commit waited (RFC 6241 section 8.4.1)."""
        root = self._decoded(self._storage.rollback_units().items())
        described = entry(SERVER, Cause.RESTART, diff(left, root), time.time())
        commit_id = self._storage.roll_back(described.to_bytes())
        logger.warning("rolled-back", extra={"cause": Cause.RESTART, "commit": commit_id})
        return self._storage.load(), root

    def _entries(self, stored: Stored) -> tuple[Entry, ...]:
        try:
            return tuple(Entry.from_bytes(commit_id, text) for commit_id, text in stored.history)
        except ValueError as error:
            raise StorageError(str(error)) from error

    def _decoded(self, rows: Iterable[tuple[bytes, bytes]]) -> Container:
        try:
            return decode(self._schema, rows)
        except ValueError as error:
            raise StorageError(f"the stored configuration does not fit the YANG modules: {error}") from error

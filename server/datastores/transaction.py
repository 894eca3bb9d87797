"""One commit, from two roots to a durable change that is acted on, or to nothing at all; and the way back.

Owns the order of the steps and their undoing: validate, diff, prepare, persist, apply, swap. Whatever can
be refused is refused by the end of prepare. From persist on the steps run to their end on the caller's
thread, whether or not the client is still there; what was done is undone backwards when one fails.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from server.datastores.settle import Settled
from server.datastores.storage import StorageError
from server.protocol.errors import RpcErrors, operation_failed, rollback_failed
from server.provider import Prepared, Provider
from server.tree.diff import Change, diff
from server.tree.node import Container

logger = logging.getLogger("twincast.datastores.transaction")


@dataclass(frozen=True, slots=True)
class Parts:
    """What a commit asks, in the order of the steps.

    `settle(old, new)` judges `new`, given that `old` is valid. `persist(old, new, changes)` makes `new`
    durable where `old` is stored and returns the commit id; `unpersist` takes that back. Both raise
    StorageError.
    """

    settle: Callable[[Container, Container], Settled]
    provider: Provider
    persist: Callable[[Container, Container, Sequence[Change]], int]
    unpersist: Callable[[], object]


@dataclass(frozen=True, slots=True)
class Committed:
    """A commit that was carried out; `root` is running after it."""

    commit_id: int
    changes: tuple[Change, ...]
    root: Container


@dataclass(slots=True)
class _Undo:
    """What has been done so far and how to take it back."""

    steps: list[tuple[str, Callable[[], object]]] = field(default_factory=list)

    def run(self) -> tuple[str, ...]:
        """Undo everything, last first; return the names of the steps that could not be undone."""
        return tuple(name for name, step in reversed(self.steps) if not _done(name, step))


def commit(
    parts: Parts, old: Container, new: Container, swap: Callable[[Container], None]
) -> Committed | None:
    """Go from running `old` to `new`; return None when they do not differ, and then nothing was written.

    `swap` makes `new` the running that everybody sees; it must not fail. Raises RpcErrors when `new` is
    not valid or was refused, RpcError operation-failed when it could not be stored, and RpcError
    rollback-failed when a step failed and not all of what was done could be undone.
    """
    settled = parts.settle(old, new)
    if settled.errors:
        raise RpcErrors(settled.errors)
    if not settled.changes:
        return None
    new, changes = settled.root, settled.changes
    undo = _Undo()
    try:
        commit_id = _carry_out(parts, old, new, changes, undo)
    except Exception as fault:
        _take_back(undo, fault)
        raise _as_answer(fault) from fault
    swap(new)
    return Committed(commit_id, changes, new)


def restore(
    parts: Parts, old: Container, new: Container, swap: Callable[[Container], None]
) -> Committed | None:
    """Go back from running `old` to `new`, which was running before; nobody is asked whether it may be.

    What stands behind the configuration is prepared where it can be, else it is given `new` from scratch, or
    when it is there again. Returns None when the two do not differ. Raises RpcError operation-failed when it
    could not be stored, and then nothing has changed.
    """
    changes = diff(old, new)
    if not changes:
        return None
    prepared = _prepared(parts.provider, old, new, changes)
    try:
        commit_id = parts.persist(old, new, changes)
    except Exception as fault:
        if prepared is not None:
            _done("prepare", prepared.abort)
        raise _as_answer(fault) from fault
    if prepared is None or not _applied(prepared):
        _done("restore", lambda: parts.provider.restore(new))
    swap(new)
    return Committed(commit_id, changes, new)


def _applied(prepared: Prepared) -> bool:
    """Apply, or take back what was applied of it."""
    if _done("apply", prepared.apply):
        return True
    _done("revert", prepared.revert)
    return False


def _prepared(
    provider: Provider, old: Container, new: Container, changes: Sequence[Change]
) -> Prepared | None:
    try:
        return provider.prepare(old, new, changes)
    except Exception:
        logger.warning("rollback-unprepared", exc_info=True)
        return None


def _carry_out(parts: Parts, old: Container, new: Container, changes: tuple[Change, ...], undo: _Undo) -> int:
    prepared = parts.provider.prepare(old, new, changes)
    undo.steps.append(("prepare", prepared.abort))
    commit_id = parts.persist(old, new, changes)
    undo.steps[:] = [("persist", parts.unpersist), ("apply", prepared.revert)]
    prepared.apply()
    return commit_id


def _take_back(undo: _Undo, fault: Exception) -> None:
    failed = undo.run()
    if failed:
        logger.error("rollback-failed", extra={"steps": ",".join(failed)}, exc_info=fault)
        raise rollback_failed(
            f"the commit failed and could not be undone entirely ({', '.join(failed)})"
        ) from fault


def _done(name: str, step: Callable[[], object]) -> bool:
    try:
        step()
    except Exception:
        logger.exception("step-failed", extra={"step": name})
        return False
    return True


def _as_answer(fault: Exception) -> Exception:
    """What the client is told; the storage's own words are for the operator."""
    if not isinstance(fault, StorageError):
        return fault
    logger.error("not-stored", extra={"reason": str(fault)})
    return operation_failed("the configuration could not be stored; running is unchanged")

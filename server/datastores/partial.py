"""Partial locks (RFC 5717): which nodes of running are locked, by whom, and what that keeps others from.

Owns the table of partial locks; pure. A lock is on nodes that existed when it was granted, and on whatever
is or comes below them; a node that is deleted is no longer locked. It is told what has changed, and asked
before: who may change running at all is decided in `locks` and `confirmed`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

from server.protocol.errors import (
    ErrorType,
    RpcError,
    RpcErrors,
    in_use,
    invalid_value,
    lock_denied,
    resource_denied,
)
from server.schema.node import NodeKind, SchemaNode
from server.tree.diff import Change, Changed, ChangeKind
from server.tree.location import Location, Place
from server.tree.node import Branch, Container, LeafList, ListNode

LOCKED: Final = "locked"
"""error-app-tag of a change that another session's partial lock forbids (RFC 5717 section 2.5)."""
MAX_ERRORS: Final = 20
"""Forbidden changes of one request that are told."""
NAMESPACE: Final = "urn:ietf:params:xml:ns:netconf:partial-lock:1.0"
_LOCK_ID: Final = "/nc:rpc/pl:partial-unlock/pl:lock-id"
_BOUND: Final = MappingProxyType({"nc": "urn:ietf:params:xml:ns:netconf:base:1.0", "pl": NAMESPACE})
_HIGHEST_ID: Final = 2**32 - 1


@dataclass(frozen=True, slots=True)
class Selected:
    """What is to be locked: the expressions, to be shown, and what they select, no node below another."""

    expressions: tuple[str, ...]
    nodes: tuple[Location, ...]

    @classmethod
    def of(cls, expressions: Iterable[str], nodes: Iterable[Location]) -> "Selected":
        """Leave out what is selected twice, and what is below another selected node."""
        found = {at.place: at for at in nodes}
        kept = (
            at
            for place, at in found.items()
            if not any(place[:length] in found for length in range(len(place)))
        )
        return cls(tuple(expressions), tuple(kept))


@dataclass(frozen=True, slots=True)
class PartialLock:
    """A partial lock. `nodes` are those that there still are of what was selected.

    `locked_at` is seconds since the epoch.
    """

    lock_id: int
    session_id: int
    locked_at: float
    expressions: tuple[str, ...]
    nodes: tuple[Location, ...]


@dataclass(frozen=True, slots=True)
class PartialLimits:
    """What one session may hold: `locks`, and `nodes` of all of them together."""

    locks: int = 32
    nodes: int = 10_000


class PartialLocks:
    """All partial locks. Not safe for several threads, but for `held`, `limits` and `refused`.

    `held` are the locks by their number, a new mapping after every change. `limits` may be replaced; locks
    that are there stay. `refused` counts requests that wanted more.
    """

    def __init__(self) -> None:
        self.held: Mapping[int, PartialLock] = {}
        self.limits = PartialLimits()
        self.refused = 0
        self._last_id = 0
        self._owners: dict[Place, dict[int, int]] = {}
        """A locked node → lock id → session."""
        self._below: dict[Place, dict[Place, Location]] = {}
        """A place → the locked nodes below it."""

    def acquire(self, session_id: int, selected: Selected, wall_clock: float) -> PartialLock:
        """Lock everything that was selected, or nothing; `wall_clock` is seconds since the epoch.

        Raises RpcErrors lock-denied for nodes on, above or below which another session has a lock, and
        RpcError resource-denied when the session would hold more than it may.
        """
        self._check_room(session_id, len(selected.nodes))
        found = ((at, self._overlapping(session_id, at.place)) for at in selected.nodes)
        denied = [at.blame(_denied(lock)) for at, lock in found if lock is not None]
        if denied:
            raise RpcErrors(denied[:MAX_ERRORS])
        lock = PartialLock(self._next_id(), session_id, wall_clock, selected.expressions, selected.nodes)
        self._put(lock)
        return lock

    def release(self, lock_id: int, session_id: int) -> None:
        """Give a lock back; raises RpcError invalid-value for one that the session does not have."""
        lock = self.held.get(lock_id)
        if lock is None or lock.session_id != session_id:
            error = invalid_value(f"this session has no partial lock {lock_id}", type=ErrorType.PROTOCOL)
            raise error.at(_LOCK_ID, _BOUND)
        self._drop(lock)

    def release_all(self, session_id: int) -> None:
        """Give back the locks of a session that ended."""
        for lock in [each for each in self.held.values() if each.session_id == session_id]:
            self._drop(lock)

    def check_global(self) -> None:
        """Raise RpcError lock-denied: running is not locked as a whole while a part of it is."""
        for lock in self.held.values():
            message = f"a part of running is locked by session {lock.session_id}"
            raise lock_denied(message, lock.session_id)

    def check_changes(self, session_id: int, changes: Iterable[Change]) -> None:
        """Raise RpcErrors in-use for the changes of what another session has locked."""
        refused: list[RpcError] = []
        if self.held:
            for change in changes:
                holder = next(self._holders(session_id, change), None)
                if holder is not None:
                    refused.append(change.location.blame(_locked(holder)))
                if len(refused) == MAX_ERRORS:
                    break
        if refused:
            raise RpcErrors(refused)

    def follow(self, root: Container, changes: Sequence[Change]) -> None:
        """Running has become `root` by `changes`: what is gone is not locked any more."""
        gone = {
            place
            for change in changes
            if self.held and change.kind is ChangeKind.DELETE
            for place, at in self._at_or_below(change.location).items()
            if not _stands(root, at)
        }
        for lock_id in {number for place in gone for number in self._owners[place]}:
            lock = self.held[lock_id]
            self._drop(lock)
            self._put(replace(lock, nodes=tuple(at for at in lock.nodes if at.place not in gone)))

    # the table

    def _put(self, lock: PartialLock) -> None:
        self.held = {**self.held, lock.lock_id: lock}
        for at in lock.nodes:
            place = at.place
            self._owners.setdefault(place, {})[lock.lock_id] = lock.session_id
            for above in _above(place):
                self._below.setdefault(above, {})[place] = at

    def _drop(self, lock: PartialLock) -> None:
        self.held = {number: each for number, each in self.held.items() if each is not lock}
        for at in lock.nodes:
            place = at.place
            del self._owners[place][lock.lock_id]
            if not self._owners[place]:
                self._forget(place)

    def _forget(self, place: Place) -> None:
        del self._owners[place]
        for above in _above(place):
            del self._below[above][place]
            if not self._below[above]:
                del self._below[above]

    def _at_or_below(self, at: Location) -> dict[Place, Location]:
        place = at.place
        own = {place: at} if place in self._owners else {}
        return {**own, **self._below.get(place, {})}

    def _next_id(self) -> int:
        while True:
            self._last_id = self._last_id % _HIGHEST_ID + 1
            if self._last_id not in self.held:
                return self._last_id

    def _check_room(self, session_id: int, nodes: int) -> None:
        own = [lock for lock in self.held.values() if lock.session_id == session_id]
        limits = self.limits
        if len(own) >= limits.locks:
            raise self._refusal(f"this session has its {limits.locks} partial locks already")
        if nodes + sum(len(lock.nodes) for lock in own) > limits.nodes:
            raise self._refusal(f"this session would lock more than {limits.nodes} nodes")

    def _refusal(self, message: str) -> RpcError:
        self.refused += 1
        return resource_denied(message, ErrorType.PROTOCOL)

    # who stands in the way

    def _others_at(self, session_id: int, place: Place) -> Iterator[PartialLock]:
        for lock_id, owner in self._owners.get(place, {}).items():
            if owner != session_id:
                yield self.held[lock_id]

    def _others_above(self, session_id: int, place: Place) -> Iterator[PartialLock]:
        """The locks of others on the node at `place` and on those above it."""
        for above in (*_above(place), place):
            yield from self._others_at(session_id, above)

    def _others_below(self, session_id: int, place: Place) -> Iterator[tuple[PartialLock, Location]]:
        """The locks of others on nodes further down, with these nodes."""
        for below, at in self._below.get(place, {}).items():
            yield from ((lock, at) for lock in self._others_at(session_id, below))

    def _overlapping(self, session_id: int, place: Place) -> PartialLock | None:
        """A lock of another session that covers a part of the subtree at `place`."""
        for lock in self._others_above(session_id, place):
            return lock
        for lock, _ in self._others_below(session_id, place):
            return lock
        return None

    def _holders(self, session_id: int, change: Change) -> Iterator[PartialLock]:
        """The locks of others that a change is in conflict with.

        The place of an entry or value among the others is a matter of the list, so that one that is moved
        has to be below what is locked. What is created or deleted as a whole counts with all that is in it.
        """
        place = change.location.place
        moved = change.kind is ChangeKind.MOVE
        yield from self._others_above(session_id, place[:-1] if moved else place)
        if moved:
            return
        for lock, at in self._others_below(session_id, place):
            if any(_has(node, place, at) for node in (change.old, change.new) if node is not None):
                yield lock


def _above(place: Place) -> Iterator[Place]:
    return (place[:length] for length in range(len(place)))


def _has(node: Changed, place: Place, at: Location) -> bool:
    """Whether `node`, which is at `place`, has the node `at` in it, were it only implied by what is above."""
    steps, real = at.place[len(place) :], _real(at)
    return _holds(node, steps) or (len(real) >= len(place) and _holds(node, real[len(place) :]))


def _holds(node: Changed, steps: Place) -> bool:
    """Whether there is a node at the end of `steps`, which begin below `node`."""
    if not steps:
        return True
    if not isinstance(node, Branch):
        return False
    (tag, key), rest = steps[0], steps[1:]
    child = node.get(tag)
    if isinstance(child, ListNode) and isinstance(key, tuple):
        entry = child.get(key)
        return entry is not None and _holds(entry, rest)
    if isinstance(child, LeafList):
        return isinstance(key, str) and key in child
    return child is not None and _holds(child, rest)


def _stands(root: Container, at: Location) -> bool:
    """Whether there still is a node; a container without presence is there as long as what is above it."""
    return _holds(root, _real(at))


def _real(at: Location) -> Place:
    """The way to a node, or to the last one above it that does not exist by itself."""
    chain, place = list(at.schema.chain()), at.place
    while chain and _is_implied(chain[-1]):
        chain.pop()
    return place[: len(chain)]


def _is_implied(node: SchemaNode) -> bool:
    return node.kind is NodeKind.CONTAINER and not node.presence


def _denied(lock: PartialLock) -> RpcError:
    message = f"partial lock {lock.lock_id} of session {lock.session_id} is on a part of this"
    return lock_denied(message, lock.session_id)


def _locked(lock: PartialLock) -> RpcError:
    message = f"session {lock.session_id} has locked this, by its partial lock {lock.lock_id}"
    # of the application layer, since who may not read the node is not told of it
    error = in_use(message, ErrorType.APPLICATION)
    error.app_tag = LOCKED
    return error

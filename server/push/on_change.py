"""An on-change subscription to a datastore (RFC 8641 section 3.3): everything once, then what changes.

What is told is what differs from what was told last, so that nothing is lost in a suspension. Changes of
running are known by its commits; state is looked at when the dataplane says that something happened, and
in between at a pace that costs little.
"""

import logging
import time
from collections.abc import Sequence
from typing import Final

from server.push.change_update import PUSH_CHANGE_UPDATE, push_change_update
from server.push.datastore import DatastoreSubscription
from server.push.errors import Problem, Unacceptable
from server.push.lens import Lens
from server.push.pace import OnChange
from server.push.patch import Edit, edits
from server.push.receiver import Receiver
from server.push.registry import Registry
from server.push.running_log import RunningLog
from server.push.terms import DatastoreTerms
from server.push.update import PUSH_UPDATE, TooBigError, push_update
from server.schema.model import Schema
from server.tree.node import Container

_log = logging.getLogger("twincast.push.on_change")

PART: Final = 20
"""A look at state is followed by a pause of this many times what it took."""


class OnChangeSubscription(DatastoreSubscription):
    """See `server.push.datastore`. What is there when it is made is what the first changes are told from."""

    def __init__(
        self,
        registry: Registry,
        receiver: Receiver,
        terms: DatastoreTerms,
        lens: Lens,
        schema: Schema,
        log: RunningLog,
    ) -> None:
        """Raises Unacceptable for a filter that takes too long."""
        super().__init__(registry, receiver, terms, lens)
        self._schema: Final = schema
        self._log = log
        self._seen, self._root = log.last
        self._told: Container = lens.look(receiver.session.peer, self._root).tree
        self._told_by = lens
        self._last: int | None = None
        self._syncing = False
        self._changed = False
        self._next_look: int | None = None
        self._patch = 0

    @property
    def _trigger(self) -> OnChange:
        trigger = self.terms.trigger
        assert isinstance(trigger, OnChange)  # noqa: S101 - modify-subscription keeps the kind
        return trigger

    def _begin(self, now: int) -> int | None:
        self._syncing = self._syncing or self._trigger.sync_on_start
        self._next_look = self._after_look(now, 0) if self._lens.polls else None
        due = self._syncing or self._changed or self._lens is not self._told_by
        return now if due else self._next_look

    @property
    def syncs(self) -> bool:
        """Whether everything may be told at once."""
        return self._trigger.sync_on_start

    @property
    def polls(self) -> bool:
        """Whether it is about state, which has to be looked at."""
        return self._lens.polls

    def changed(self, now: int) -> None:
        """Something may have changed."""
        self._changed = True
        self._scheduler.wake(self, now)

    def resync(self) -> None:
        """Tell everything once more."""
        self._syncing = True
        self._scheduler.wake(self, self._registry.now())

    def _update(self, now: int) -> int | None:
        if self._syncing:
            return self._sync(now)
        if self._lens is not self._told_by:
            self._begin_anew()
        looking = self._next_look is not None and self._next_look <= now
        if not self._changed and not looking:
            return self._next_look
        due = self._trigger.due(self._last, now)
        if due > now:
            return due
        return self._tell(now)

    def _sync(self, now: int) -> int | None:
        """Send everything. What changes while it is looked at is told afterwards."""
        self._changed = False
        seen, root = self._log.last
        look = self._lens.look(self.session.peer, root)
        try:
            pieces = push_update(self.number, self._lens.pieces(look), self._receiver.limits.update)
        except TooBigError:
            self._suspend(now, Problem.SYNC_TOO_BIG)
            return self._retry(now)
        if not self._resumed(now) or not self._send(now, PUSH_UPDATE, pieces):
            return self._retry(now)
        self._syncing = False
        self._remember(now, look.tree, seen, root)
        return self._next_look

    def _begin_anew(self) -> None:
        """With another filter and without sync-on-start: what is there now is what changes are told from."""
        self._seen, self._root = self._log.last
        self._told = self._lens.look(self.session.peer, self._root).tree
        self._told_by = self._lens

    def _remember(self, now: int, tree: Container, seen: int, root: Container) -> None:
        self._told, self._seen, self._root, self._last = tree, seen, root, now
        self._told_by = self._lens

    def _tell(self, now: int) -> int | None:
        """Send what changed, if anything did."""
        self._changed = False
        began = time.thread_time()
        try:
            trees, seen, root, complete = self._steps()
        except Unacceptable:
            self._changed = True
            raise
        self._next_look = self._after_look(now, time.thread_time() - began) if self._lens.polls else None
        found = edits(trees, self._trigger.excluded)
        try:
            pieces = self._printed(found, incomplete=not complete)
        except TooBigError:
            return self._again(now, Problem.UPDATE_TOO_BIG)
        if not self._resumed(now) or (found and not self._send(now, PUSH_CHANGE_UPDATE, pieces)):
            return self._again(now, None)
        if found:
            self._patch += 1
            self._last = now
        self._told, self._seen, self._root = trees[-1], seen, root
        return self._next_look

    def _printed(self, found: Sequence[Edit], *, incomplete: bool) -> list[bytes]:
        most = self._receiver.limits.update
        return push_change_update(self._schema, self.number, self._patch, found, most, incomplete=incomplete)

    def _again(self, now: int, reason: Problem | None) -> int:
        """What could not be sent is told later, from what was told last."""
        self._changed = True
        if reason is not None:
            self._suspend(now, reason)
        return self._retry(now)

    def _steps(self) -> tuple[list[Container], int, Container, bool]:
        """What was told, and what the selection has been since; with it where that is in running's log."""
        steps, complete = self._log.after(self._seen)
        if not self._lens.polls:
            return self._configurations(steps, complete)
        seen, root = steps[-1] if steps else (self._seen, self._root)
        tree = self._lens.look(self.session.peer, root).tree
        return [self._told, tree], seen, root, True

    def _configurations(
        self, steps: list[tuple[int, Container]], complete: bool
    ) -> tuple[list[Container], int, Container, bool]:
        trees, seen, root = [self._told], self._seen, self._root
        for number, after in steps:
            if self._lens.concerns(root, after):
                trees.append(self._lens.look(self.session.peer, after).tree)
            seen, root = number, after
        return (trees if len(trees) > 1 else [self._told, self._told]), seen, root, complete

    def _after_look(self, now: int, seconds: float) -> int:
        pause = max(self._receiver.limits.poll, self._trigger.dampening, round(seconds * 1e6) * PART)
        return now + pause

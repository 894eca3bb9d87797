"""Several providers as one: all of them prepare before any applies, and what was done is undone backwards."""

import logging
from collections.abc import Callable, Mapping, Sequence

from server.protocol.errors import RpcError
from server.provider import ActionHandler, Notice, Prepared, Provider
from server.tree.diff import Change
from server.tree.filter import Selection
from server.tree.node import Container

logger = logging.getLogger("twincast.providers")


class Providers:
    """A `server.provider.Provider` of others, which serve different modules; asked in their order."""

    def __init__(self, parts: Sequence[Provider]) -> None:
        self._parts = tuple(parts)

    def check(self, root: Container) -> Sequence[RpcError]:
        """Return what any of them finds wrong."""
        return [error for part in self._parts for error in part.check(root)]

    def prepare(self, old: Container, new: Container, changes: Sequence[Change]) -> "PreparedParts":
        """Have all of them prepare; when one refuses, those before it give back what they reserved."""
        prepared: list[Prepared] = []
        try:
            for part in self._parts:
                prepared.append(part.prepare(old, new, changes))  # noqa: PERF401 - what is there when one fails
        except Exception:
            PreparedParts(prepared).abort()
            raise
        return PreparedParts(prepared)

    def restore(self, running: Container) -> None:
        """Have all of them act on `running`."""
        for part in self._parts:
            part.restore(running)

    def state(self, selection: Selection) -> dict[str, object]:
        """Return what all of them know; they tell of different nodes at the top."""
        return {name: data for part in self._parts for name, data in part.state(selection).items()}

    def actions(self) -> Mapping[str, ActionHandler]:
        """Return what any of them carries out."""
        return {path: handler for part in self._parts for path, handler in part.actions().items()}

    def listen(self, tell: Callable[[Notice], None]) -> None:
        """Have all of them tell."""
        for part in self._parts:
            part.listen(tell)

    def close(self) -> None:
        """Stop all of them, last first."""
        for part in reversed(self._parts):
            part.close()


class PreparedParts:
    """What each of them prepared."""

    def __init__(self, parts: Sequence[Prepared]) -> None:
        self._parts = tuple(parts)
        self._begun = 0

    def apply(self) -> None:
        """Apply in order, up to one that fails; `revert` follows then."""
        for part in self._parts:
            self._begun += 1
            part.apply()

    def abort(self) -> None:
        """Abort all, last first."""
        self._undo([part.abort for part in self._parts])

    def revert(self) -> None:
        """Revert those that applied or tried to and abort those that did not come to it, last first."""
        begun, left = self._parts[: self._begun], self._parts[self._begun :]
        self._undo([*(part.revert for part in begun), *(part.abort for part in left)])

    def _undo(self, steps: Sequence[Callable[[], None]]) -> None:
        """Take every step, last first; raise what the first that failed raised."""
        failed: Exception | None = None
        for step in reversed(steps):
            try:
                step()
            except Exception as error:
                logger.exception("undo-failed")
                failed = failed or error
        if failed is not None:
            raise failed

"""Who is told what became of the datastores."""

import logging
from collections.abc import Callable
from typing import Protocol

from server.datastores.confirmed import Step
from server.datastores.history import Author, Entry

logger = logging.getLogger("twincast.datastores.listener")


class Listener(Protocol):
    """Is told what became of the datastores, under the writer lock: it must not block."""

    def running_changed(self, entry: Entry) -> None:
        """Running is another; `entry` describes the change."""

    def startup_changed(self, session_id: int) -> None:
        """A session has changed startup."""

    def confirmed(self, step: Step, author: Author) -> None:
        """A step that a confirmed commit may be part of was carried out, at the order of `author`."""


class Informer:
    """Tells whoever wants to be told."""

    def __init__(self) -> None:
        self._listeners: tuple[Listener, ...] = ()

    def add(self, listener: Listener) -> None:
        """Tell `listener` too what happens from now on."""
        self._listeners = (*self._listeners, listener)

    def tell(self, what: Callable[[Listener], None]) -> None:
        """Say what has happened; what goes wrong with that changes nothing of it."""
        for listener in self._listeners:
            try:
                what(listener)
            except Exception:
                logger.exception("listener-failed")

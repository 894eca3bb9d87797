"""The last configurations that running was: what an on-change subscription catches up with."""

import threading
from collections import deque
from typing import Final

from server.tree.node import Container

KEPT: Final = 64
"""Commits that one update tells one by one; of more the values are told, but not what changed on the way."""


class RunningLog:
    """Safe for many threads; `note` never waits. The trees share what did not change."""

    def __init__(self, root: Container) -> None:
        self._mutex = threading.Lock()
        self._roots: deque[tuple[int, Container]] = deque([(0, root)], maxlen=KEPT)

    def note(self, root: Container) -> None:
        """Running is another now."""
        with self._mutex:
            self._roots.append((self._roots[-1][0] + 1, root))

    @property
    def last(self) -> tuple[int, Container]:
        """Running as it is, with its number."""
        with self._mutex:
            return self._roots[-1]

    def after(self, number: int) -> tuple[list[tuple[int, Container]], bool]:
        """Return what running was after `number`, in order, and whether that is all of it."""
        with self._mutex:
            found = [item for item in self._roots if item[0] > number]
            return found, not found or found[0][0] == number + 1

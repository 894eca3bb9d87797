"""A call at a time that can be moved."""

import threading
from collections.abc import Callable


class Alarm:
    """Calls `ring` on a thread of its own when its time has come. Not safe for several threads.

    A call that is on its way already cannot be taken back.
    """

    def __init__(self, ring: Callable[[], None]) -> None:
        self._ring = ring
        self._timer: threading.Timer | None = None

    def set(self, seconds: float | None) -> None:
        """Ring in so many seconds, None for not at all, and not when it would have rung."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if seconds is not None:
            self._timer = threading.Timer(max(0.0, seconds), self._ring)
            self._timer.daemon = True
            self._timer.start()

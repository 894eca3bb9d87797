"""Runs the plane's audits on the event loop, a piece at a time, and says what they put right."""

import asyncio
import logging
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Final

from dataplane.forwarding.plane import Plane, PlaneError, Repairs

_log = logging.getLogger("twincast.dataplane.forwarding.auditor")

PAUSE: Final = 0.002
"""Seconds between two pieces, in which everything else has its turn."""


class Auditor:
    """One audit at a time. `done` is called after each, with the reason when it failed, else None."""

    def __init__(self, plane: Plane, done: Callable[[str | None], None]) -> None:
        self._plane = plane
        self._done = done
        self._loop = asyncio.get_running_loop()
        self._audit: Iterator[Repairs] | None = None
        self._again = False
        self._whole = False
        self._timer: asyncio.TimerHandle | None = None
        self._found = Repairs()
        self._complaints: frozenset[str] = frozenset()
        self.total = Repairs()

    def start(self, *, whole: bool) -> None:
        """Begin an audit, or let another follow the one that runs; `whole` is the plane's."""
        if self._audit is not None:
            self._again, self._whole = True, self._whole or whole
            return
        self._whole = False
        self._audit = self._plane.audit(whole=whole)
        self._found = Repairs()
        self._step()

    def stop(self) -> None:
        """End the audit that runs."""
        if self._timer is not None:
            self._timer.cancel()
        self._audit = None

    def _step(self) -> None:
        audit = self._audit
        if audit is None:
            return
        try:
            found = next(audit, None)
        except PlaneError as error:
            self._end(str(error))
            return
        except Exception:  # noqa: BLE001 - one that stayed would keep every later audit from beginning
            _log.exception("audit-fault")
            self._end("a fault of ours; audit-fault has it")
            return
        if found is None:
            self._end(None)
            return
        self._found += found
        self._timer = self._loop.call_later(PAUSE, self._step)

    def _complain(self) -> None:
        """Log settings that keep packets from being forwarded, once."""
        complaints = frozenset(self._plane.complaints())
        for text in sorted(complaints - self._complaints):
            _log.warning("plane-setting", extra={"reason": text})
        self._complaints = complaints

    def _end(self, failure: str | None) -> None:
        self._audit = None
        self.total += self._found
        if self._found != Repairs():
            _log.warning(
                "plane-repaired",
                extra={**asdict(self._found), "in_all": sum(asdict(self.total).values())},
            )
        self._complain()
        if self._again:
            self._again = False
            self.start(whole=self._whole)
        else:
            self._done(failure)

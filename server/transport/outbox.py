"""What leaves one session: replies in order, and notifications that other threads add.

Replies are written by the session's own thread, as long as no other thread has something to send. A thread
of the outbox's own exists only once that was so, so an idle session costs none.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

logger = logging.getLogger("twincast.transport.outbox")

NEXT_TO_NOTHING: Final = 16
"""While no more than this part of what may wait does, one message may be larger than all of it. So a large
update can follow the short message that says that updates come again."""


@dataclass(frozen=True, slots=True)
class OutboxLimits:
    """How much may wait for a slow client; what is offered beyond is dropped and counted.

    `spare` messages are kept for those that tell of the dropping.
    """

    messages: int = 1024
    octets: int = 16 * 1024 * 1024
    spare: int = 128


@dataclass(slots=True, eq=False)
class _Entry:
    pieces: Iterable[bytes]
    octets: int
    written: bool = False


class OutboxClosedError(OSError):
    """The session has ended; nothing leaves any more."""


class Outbox:
    """A bounded queue with one writer at a time.

    `write` hands one framed message to the transport and may block; it raises OSError when the client is
    gone. `failed` is called once, from the outbox's thread, when `write` failed there.
    """

    def __init__(
        self,
        write: Callable[[Iterable[bytes]], None],
        failed: Callable[[], None],
        limits: OutboxLimits | None = None,
    ) -> None:
        self._write = write
        self._failed = failed
        self._limits = limits or OutboxLimits()
        self._changed = threading.Condition()
        self._queue: deque[_Entry] = deque()
        self._queued_octets = 0
        self._busy = False
        self._closed = False
        self._thread: threading.Thread | None = None
        self.dropped = 0

    def send(self, pieces: Iterable[bytes]) -> None:
        """Write after all that was queued before; return when the transport has it. Raises OSError.

        Pieces that are no sequence are made while they are written; what their source raises comes too.
        """
        with self._changed:
            self._check_open()
            if self._busy or self._queue:
                entry = self._enqueue(pieces)
                self._start()
                self._wait_for(entry)
                return
            self._busy = True
        self._write_unlocked(pieces)

    def offer(self, pieces: Sequence[bytes], *, spare: bool = False) -> bool:
        """Queue a message from any thread without blocking; False when it was dropped.

        `spare`: it is a short one that may take what is kept for such.
        """
        with self._changed:
            octets = sum(map(len, pieces))
            full = len(self._queue) >= self._limits.messages + (self._limits.spare if spare else 0)
            too_much = not spare and self._queued_octets + octets > self._limits.octets
            if full or (too_much and self._queued_octets > self._limits.octets // NEXT_TO_NOTHING):
                self.dropped += 1
                return False
            if self._closed:
                return False
            self._enqueue(pieces)
            self._start()
            return True

    def close(self) -> None:
        """Give up what is queued and let every waiting thread go."""
        with self._changed:
            self._closed = True
            self._queue.clear()
            self._queued_octets = 0
            self._changed.notify_all()

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="outbox", daemon=True)
            self._thread.start()

    def _check_open(self) -> None:
        if self._closed:
            raise OutboxClosedError("the session has ended")

    def _enqueue(self, pieces: Iterable[bytes]) -> _Entry:
        entry = _Entry(pieces, sum(map(len, pieces)) if isinstance(pieces, Sequence) else 0)
        self._queue.append(entry)
        self._queued_octets += entry.octets
        self._changed.notify_all()
        return entry

    def _wait_for(self, entry: _Entry) -> None:
        while not entry.written:
            self._check_open()
            self._changed.wait()

    def _write_unlocked(self, pieces: Iterable[bytes]) -> None:
        try:
            self._write(pieces)
        finally:
            with self._changed:
                self._busy = False
                self._changed.notify_all()

    def _run(self) -> None:
        while (entry := self._take()) is not None:
            try:
                self._write_unlocked(entry.pieces)
            except Exception as error:
                if not isinstance(error, OSError):
                    logger.exception("outbox-failed")
                self.close()
                self._failed()
                return
            with self._changed:
                entry.written = True
                self._changed.notify_all()

    def _take(self) -> _Entry | None:
        """Wait for something to write and for the right to write it; None once closed."""
        with self._changed:
            while self._busy or not self._queue:
                if self._closed:
                    return None
                self._changed.wait()
            if self._closed:
                return None
            self._busy = True
            entry = self._queue.popleft()
            self._queued_octets -= entry.octets
            return entry

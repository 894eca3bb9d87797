"""A pair of pipes, or one socket, as the `Stream` of a session."""

import contextlib
import os
import select
import time
from collections.abc import Iterable
from typing import Final

from server.transport.connection import blocks
from server.transport.handover import HandedOver

READ_SIZE: Final = 64 * 1024
_BLOCK_SIZE: Final = 32 * 1024


class DescriptorStream:
    """Implements `Stream`; owns both descriptors, which may be the same.

    `write_stall`: seconds that a client may take nothing of what it was sent.
    """

    def __init__(self, handed: HandedOver, write_stall: float) -> None:
        self._reading = handed.reading
        self._writing = handed.writing
        self._write_stall = write_stall
        self._wake, self._waker = os.pipe()
        for descriptor in {self._reading, self._writing}:
            os.set_blocking(descriptor, False)

    def read(self, timeout: float | None) -> bytes:
        """See `Stream.read`."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            self._wait(self._reading, select.POLLIN, left)
            with contextlib.suppress(BlockingIOError):
                return os.read(self._reading, READ_SIZE)

    def write(self, pieces: Iterable[bytes]) -> None:
        """See `Stream.write`."""
        for block in blocks(pieces, _BLOCK_SIZE):
            rest = memoryview(block)
            while rest:
                try:
                    rest = rest[os.write(self._writing, rest) :]
                except BlockingIOError:
                    self._wait(self._writing, select.POLLOUT, self._write_stall)

    def _wait(self, descriptor: int, event: int, timeout: float | None) -> None:
        """Raises TimeoutError, and ConnectionAbortedError after `abort`."""
        poll = select.poll()
        poll.register(descriptor, event)
        poll.register(self._wake, select.POLLIN)
        ready = dict(poll.poll(None if timeout is None else timeout * 1000))
        if self._wake in ready:
            raise ConnectionAbortedError("the session was ended")
        if not ready:
            raise TimeoutError("nothing came, or nothing was taken")

    def close(self) -> None:
        """See `Stream.close`. A waker that was closed is one that `abort` need not use any more."""
        for descriptor in {self._reading, self._writing, self._wake}:
            os.close(descriptor)
        waker, self._waker = self._waker, -1
        os.close(waker)

    def abort(self) -> None:
        """See `Stream.abort`."""
        with contextlib.suppress(OSError):
            os.write(self._waker, b"x")

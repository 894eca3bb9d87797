"""A dump of the kernel's tables that a thread reads.

For every datagram the kernel walks the table from its start: 3 to 5 ms at the end of 100,000 entries. The
system call does not hold the interpreter, so in a thread it keeps nobody waiting. The thread does nothing
else: one that loses its processor while it holds the interpreter would stop the event loop.
"""

import queue
import threading
from typing import Final

from dataplane import netlink

AHEAD: Final = 2
"""Datagrams that are read and not taken."""
IN_FLIGHT: Final = AHEAD + 3
"""Datagrams that may have been composed before something that has just happened: those that wait, the
thread's, the one that the kernel composes when the one before is read, and ours."""
_PATIENCE: Final = 0.1


class Pages:
    """The datagrams of one dump, which it owns from now on."""

    def __init__(self, dump: netlink.Dump) -> None:
        self._dump = dump
        self._ready: queue.Queue[bytes | OSError] = queue.Queue(AHEAD)
        self._closed = threading.Event()
        self._ended = False
        self._thread = threading.Thread(target=self._run, name="table-reader", daemon=True)
        self._thread.start()

    def take(self) -> list[netlink.Message] | None:
        """Return the messages of the next datagram, none at the end; None while it is not read yet.

        Raises OSError as the kernel does.
        """
        if self._ended:
            return []
        try:
            taken = self._ready.get_nowait()
        except queue.Empty:
            return None
        if isinstance(taken, OSError):
            raise taken
        found, self._ended = netlink.told(taken)
        if self._ended:
            self.close()
        return found or (None if not self._ended else [])

    def close(self) -> None:
        """Stop reading; the thread ends soon, and closes the dump."""
        self._closed.set()

    def _run(self) -> None:
        try:
            while not self._closed.is_set():
                self._put(self._receive())
        finally:
            self._dump.close()

    def _receive(self) -> bytes | OSError:
        try:
            return self._dump.receive()
        except OSError as error:
            return error

    def _put(self, found: bytes | OSError) -> None:
        while not self._closed.is_set():
            try:
                self._ready.put(found, timeout=_PATIENCE)
            except queue.Full:
                continue
            return

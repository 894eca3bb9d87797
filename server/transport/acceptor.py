"""The thread that accepts connections, on any number of listening sockets that may come and go.

It also waits for the first octet of each: a connection on which nothing is said costs no thread, and many
that come at once take nobody's time.
"""

import logging
import selectors
import socket
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Final, TypeAlias

logger = logging.getLogger("twincast.transport.acceptor")

Address: TypeAlias = tuple[str, int]
Accepted: TypeAlias = Callable[[socket.socket, Address], None]
"""Takes a connection and where it comes from; on the acceptor's thread, so it must not block."""

SWEEP: Final = 1.0
"""Seconds between calls of `sweep`."""
_PAUSE: Final = 0.5
"""Seconds without accepting after the system had no descriptor left."""


class Acceptor:
    """Accepts until it is stopped. A listening socket is never shut down here, only closed: somebody else
    may hold it too.
    """

    def __init__(self, sweep: Callable[[], None]) -> None:
        self._sweep = sweep
        self._changed = threading.Lock()
        self._wanted: dict[socket.socket, Accepted] = {}
        self._closing: list[socket.socket] = []
        self._waiting: dict[socket.socket, Callable[[], None]] = {}
        self._selector = selectors.DefaultSelector()
        self._wake, self._waker = socket.socketpair()
        self._wake.setblocking(False)
        self._waker.setblocking(False)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="accept", daemon=True)

    def add(self, listener: socket.socket, accepted: Accepted) -> None:
        """Accept on `listener` from now on."""
        listener.setblocking(False)
        with self._changed:
            self._wanted[listener] = accepted
        self._nudge()

    def remove(self, listener: socket.socket) -> None:
        """Accept on it no more and close it."""
        with self._changed:
            if self._wanted.pop(listener, None) is not None:
                self._closing.append(listener)
        self._nudge()

    def wait(self, sock: socket.socket, spoken: Callable[[], None]) -> None:
        """Call `spoken`, on the acceptor's thread, when there is something to read on `sock` or it has ended.

        To be called on that thread, by whoever was given the connection.
        """
        self._waiting[sock] = spoken
        self._selector.register(sock, selectors.EVENT_READ)

    def start(self) -> None:
        """Begin to accept."""
        self._thread.start()

    def stop(self, timeout: float) -> None:
        """Stop accepting and close all sockets."""
        self._stopping.set()
        self._nudge()
        if self._thread.is_alive():
            self._thread.join(timeout)
        with self._changed:
            for closing in (*self._wanted, *self._closing, *self._waiting, self._wake, self._waker):
                closing.close()
            self._wanted.clear()
            self._closing.clear()
            self._waiting.clear()

    def _nudge(self) -> None:
        try:
            self._waker.send(b"x")
        except OSError:
            return  # it is to wake already, or has ended

    def _run(self) -> None:
        with self._selector as selector:
            selector.register(self._wake, selectors.EVENT_READ)
            registered: set[socket.socket] = set()
            due = time.monotonic() + SWEEP
            while not self._stopping.is_set():
                self._follow(selector, registered)
                for key, _ in selector.select(timeout=max(0.0, due - time.monotonic())):
                    _guarded(partial(self._ready, key.fileobj))
                if time.monotonic() >= due:
                    _guarded(self._sweep)
                    due = time.monotonic() + SWEEP

    def _follow(self, selector: selectors.BaseSelector, registered: set[socket.socket]) -> None:
        """Make the selector look at what is wanted, and close what is not wanted any more."""
        with self._changed:
            wanted, closing = set(self._wanted), self._closing
            self._closing = []
        for listener in registered - wanted:
            selector.unregister(listener)
        for listener in wanted - registered:
            selector.register(listener, selectors.EVENT_READ)
        registered.clear()
        registered.update(wanted)
        for listener in closing:
            listener.close()

    def _ready(self, ready: object) -> None:
        if ready is self._wake:
            self._wake.recv(4096)
            return
        if isinstance(ready, socket.socket) and ready in self._waiting:
            spoken = self._waiting.pop(ready)
            self._selector.unregister(ready)
            spoken()
            return
        for listener, accepted in list(self._wanted.items()):
            if listener is ready:
                self._accept(listener, accepted)

    def _accept(self, listener: socket.socket, accepted: Accepted) -> None:
        try:
            sock, address = listener.accept()
        except BlockingIOError:
            return
        except OSError as error:
            # Without descriptors the listener stays readable: pause, or this would spin.
            logger.warning("accept-failed", extra={"cause": str(error)})
            self._stopping.wait(_PAUSE)
            return
        accepted(sock, (str(address[0]), int(address[1])))


def _guarded(step: Callable[[], object]) -> None:
    """A fault of ours costs one connection; without this thread nobody could connect any more."""
    try:
        step()
    except Exception:
        logger.exception("accept-fault")


def tune(sock: socket.socket, write_stall: float) -> None:
    """No delay for small replies; a peer that vanished or takes nothing any more is noticed by the kernel."""
    sock.setblocking(True)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 60)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 15)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 4)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(write_stall * 1000))

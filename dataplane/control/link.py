"""One connection to the dataplane, as its client sees it: who reads, and who gets what.

A caller that waits for an answer reads for itself and hands on what is not its own: one that another thread
had to hand on would wait for that thread's turn. While no caller reads, `watch` does, for events and for the
end of the connection.
"""

import select
import socket
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from queue import Empty, SimpleQueue
from typing import Final, TypeAlias

from dataplane.control.messages import (
    LENGTH_SIZE,
    Announced,
    Answer,
    ControlError,
    Request,
    Welcome,
    decode_answer,
    encode,
    length_of,
)

Answers: TypeAlias = "SimpleQueue[Answer | None]"
"""The answers to one request; None stands for the end of the connection."""

_PIECE: Final = 64 * 1024
"""Bytes read at once; the C library asks the kernel for each piece of memory above 128 KiB."""


class Unavailable(Exception):
    """The dataplane is away, or went away before it answered: whether it acted is not known."""


class Link:
    """A connected socket; every method but `welcome` and `watch` may be called from any thread."""

    def __init__(self, sock: socket.socket, epoch: int, announced: Callable[[Announced], None]) -> None:
        """`announced` is called by whoever reads, and must not ask anything."""
        self.epoch: Final = epoch
        self._socket: Final = sock
        self._announced = announced
        self._waiting: dict[int, Answers] = {}
        self._sending = threading.Lock()
        self._reading = threading.Lock()
        self._buffer = bytearray()
        self._readable = select.poll()
        self._readable.register(sock, select.POLLIN)
        self._unread = select.epoll()  # unlike poll it can be told to look away while somebody waits on it
        self._unread.register(sock, select.EPOLLIN)
        self._ended = False

    def welcome(self, deadline: float) -> Answer:
        """Return the first message, before anything else is called. Raises OSError and ControlError."""
        while True:
            for answer in self._complete():
                return answer
            if not self._fill(deadline):
                raise TimeoutError("the dataplane does not greet")

    def watch(self) -> None:
        """Read whenever no caller does, until the connection ends. Raises OSError and ControlError."""
        while True:
            self._unread.poll()
            with self._reading:
                self._take(0.0)

    def ask(self, request: Request, timeout: float) -> Answer:
        """Return the one answer to `request`.

        Raises ControlError when the request is too large, and Unavailable, after `timeout` seconds too.
        """
        with self._expecting(request.id) as answers, self._attending() as mine:
            self._send(request)
            return self._next(answers, timeout, mine=mine)

    def ask_for_many(self, request: Request, timeout: float) -> Generator[Answer, None, None]:
        """Yield the answers to `request` without end; raises as `ask`, `timeout` being for each."""
        with self._expecting(request.id) as answers:
            self._send(request)
            while True:
                with self._attending() as mine:
                    answer = self._next(answers, timeout, mine=mine)
                yield answer

    def tell(self, request: Request) -> None:
        """Send what has no answer; raises Unavailable."""
        self._send(request)

    def lose_interest(self, request: Request) -> None:
        """Send what has no answer; a connection that has ended needs it no more."""
        with suppress(Unavailable):
            self._send(request)

    def shut(self) -> None:
        """End the connection from any thread; whoever reads notices."""
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            return

    def close(self) -> None:
        """Close the socket and tell everybody who waits; called by the thread that watched."""
        with self._reading:
            self._ended = True
            for answers in list(self._waiting.values()):
                answers.put(None)
            self._unread.close()
            self._socket.close()

    @contextmanager
    def _expecting(self, number: int) -> Iterator[Answers]:
        """Collect the answers to request `number` for as long as the block lasts."""
        answers: Answers = SimpleQueue()
        self._waiting[number] = answers
        if self._ended:
            answers.put(None)
        try:
            yield answers
        finally:
            self._waiting.pop(number, None)

    @contextmanager
    def _attending(self) -> Iterator[bool]:
        """Be the one who reads, unless somebody is: tells whether. The one who watches sleeps meanwhile."""
        if not self._reading.acquire(blocking=False):
            yield False
            return
        try:
            self._look(0)
            yield True
        finally:
            self._look(select.EPOLLIN)
            self._reading.release()

    def _send(self, request: Request) -> None:
        data = encode(request)
        try:
            with self._sending:
                self._socket.sendall(data)
        except OSError as error:
            self.shut()
            raise Unavailable("the dataplane went away") from error

    def _next(self, answers: Answers, timeout: float, *, mine: bool) -> Answer:
        """Wait for the next of `answers`; `mine`: by reading, else until somebody has read it."""
        deadline = time.monotonic() + timeout
        try:
            while mine and answers.empty() and self._take(deadline):
                pass
        except (OSError, ControlError) as error:
            self.shut()  # the thread that watches finds the end and tells the others
            raise Unavailable("the dataplane went away") from error
        try:
            answer = answers.get(timeout=max(0.0, deadline - time.monotonic()))
        except Empty as error:
            raise Unavailable("the dataplane does not answer") from error
        if answer is None:
            raise Unavailable("the dataplane went away")
        return answer

    def _look(self, events: int) -> None:
        if not self._ended:
            self._unread.modify(self._socket, events)

    def _take(self, deadline: float) -> bool:
        """Read once and hand on what is complete; False when nothing came until `deadline`."""
        if self._ended or not self._fill(deadline):
            return False
        for answer in self._complete():
            self._hand_on(answer)
        return True

    def _hand_on(self, answer: Answer) -> None:
        if isinstance(answer, Announced):
            self._announced(answer)
        elif isinstance(answer, Welcome):
            raise ControlError("a second welcome")
        elif (answers := self._waiting.get(answer.id)) is not None:
            answers.put(answer)

    def _fill(self, deadline: float) -> bool:
        if not self._readable.poll(max(0.0, deadline - time.monotonic()) * 1000):
            return False
        piece = self._socket.recv(_PIECE)
        if not piece:
            raise ConnectionResetError("the dataplane closed the connection")
        self._buffer += piece
        return True

    def _complete(self) -> Iterator[Answer]:
        """Take the complete messages out of what was read."""
        buffer = self._buffer
        while len(buffer) >= LENGTH_SIZE:
            end = LENGTH_SIZE + length_of(buffer[:LENGTH_SIZE])
            if len(buffer) < end:
                return
            message = bytes(buffer[LENGTH_SIZE:end])
            del buffer[:end]
            yield decode_answer(message)

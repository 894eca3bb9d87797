"""A program on a terminal: what is typed goes to it as keys, what it draws is read from a screen."""

import fcntl
import os
import pty
import struct
import subprocess
import termios
import threading
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self

import pyte

from tests.support.wait import wait_for

COLUMNS = 110
LINES = 300
"""So many that nothing leaves the screen at its top."""


class Terminal:
    """Starts a program whose controlling terminal is a screen in memory; a context manager that ends it."""

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str] | None = None,
        size: tuple[int, int] = (COLUMNS, LINES),
    ) -> None:
        """`size`: columns and lines."""
        self._lock = threading.Lock()
        self._screen = pyte.Screen(*size)
        self._stream = pyte.ByteStream(self._screen)
        self._master, slave = pty.openpty()
        self._measure(*size)
        self.process = subprocess.Popen(
            ["setsid", "--ctty", "--wait", *command],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={**os.environ, "TERM": "xterm-256color", **(environment or {})},
        )
        os.close(slave)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        while True:
            try:
                data = os.read(self._master, 65536)
            except OSError:
                return  # EIO: nobody has the terminal any more
            with self._lock:
                self._stream.feed(data)

    def _measure(self, columns: int, lines: int) -> None:
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def resize(self, columns: int, lines: int) -> None:
        """Make the screen another size, as a window that somebody drags."""
        with self._lock:
            self._screen.resize(lines, columns)
        self._measure(columns, lines)

    def settings(self) -> list[object]:
        """How the terminal treats what is typed (termios(3))."""
        return termios.tcgetattr(self._master)

    def send(self, keys: str) -> None:
        """Press keys."""
        os.write(self._master, keys.encode())

    def lines(self) -> list[str]:
        """What is on the screen, without blank lines at its end."""
        with self._lock:
            lines = [line.rstrip() for line in self._screen.display]
        while lines and not lines[-1]:
            lines.pop()
        return lines

    def text(self) -> str:
        """What is on the screen, as one text."""
        return "\n".join(self.lines())

    def last(self) -> str:
        """The last line of the screen."""
        return (self.lines() or [""])[-1]

    def until(self, text: str, timeout: float = 30.0) -> str:
        """Wait until a text is on the screen; return the screen."""
        wait_for(lambda: text in self.text(), what=f"{text!r} on the screen:\n{self.text()}", timeout=timeout)
        return self.text()

    def until_last(self, text: str, timeout: float = 30.0) -> list[str]:
        """Wait until the last line of the screen begins with a text, such as a prompt; return the screen."""

        def begins() -> bool:
            return self.last().startswith(text)

        wait_for(begins, what=f"{text!r} as the last line", timeout=timeout)
        return self.lines()

    def enter(self, line: str, prompt: str, timeout: float = 30.0) -> list[str]:
        """Type a line and wait for a prompt below it; return the screen."""
        before = len(self.lines())
        self.send(f"{line}\r")

        def answered() -> bool:
            lines = self.lines()
            return len(lines) > before and lines[-1] == prompt

        wait_for(answered, what=f"{prompt!r} after {line!r}", timeout=timeout)
        return self.lines()

    def wait(self, timeout: float = 30.0) -> int:
        """Wait for the end; return the exit status."""
        return self.process.wait(timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(20)
        os.close(self._master)
        self._reader.join(10)
        if error is not None:
            print(self.text())

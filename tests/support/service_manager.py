"""What systemd does for a service: hears it, keeps its descriptors, gives them back at the next start."""

import array
import fcntl
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.support.wait import wait_for

_START = """
import os, sys
numbers = [int(each) for each in sys.argv[1].split(",") if each]
for target, each in enumerate(numbers, 3):
    os.dup2(each, target)
os.environ["LISTEN_PID"] = os.environ["WATCHDOG_PID"] = str(os.getpid())
os.execv(sys.executable, [sys.executable, "-P", "-m", "cli.main", *sys.argv[2:]])
"""
_HIGH = 200
"""Descriptors to hand over are moved up here, so that none stands where another is to go."""


class ServiceManager:
    """A stand-in for systemd: a context manager that closes what it keeps."""

    def __init__(self, folder: Path) -> None:
        self.address = folder / "notify.sock"
        self.heard: list[str] = []
        self.kept: dict[str, int] = {}
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(self.address))
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        while True:
            data, ancillary, _, _ = self._socket.recvmsg(4096, socket.CMSG_SPACE(64))
            if not data:
                return
            text, descriptors = data.decode(), array.array("i")
            for _, _, value in ancillary:
                descriptors.frombytes(value[: len(value) - len(value) % descriptors.itemsize])
            if "FDSTORE=1" in text:
                name = text.partition("FDNAME=")[2].partition("\n")[0]
                self.kept[name] = descriptors[0]
            self.heard += text.split("\n")

    def start(
        self,
        *arguments: str,
        watchdog: float = 0.0,
        sockets: Mapping[str, int] | None = None,
        **options: object,
    ) -> "subprocess.Popen[str]":
        """Start `twincast ARGUMENTS` with what is kept, and with `sockets` besides, by name."""
        handed = {**(sockets or {}), **self.kept}
        environment = {
            **os.environ,
            "NOTIFY_SOCKET": str(self.address),
            "LISTEN_FDS": str(len(handed)),
            "LISTEN_FDNAMES": ":".join(handed),
        }
        if watchdog:
            environment["WATCHDOG_USEC"] = str(int(watchdog * 1_000_000))
        high = [_moved_up(each) for each in handed.values()]
        try:
            settings: dict[str, Any] = {"env": environment, "pass_fds": high, "text": True, **options}
            return subprocess.Popen(_command(high, arguments), **settings)
        finally:
            for each in high:
                os.close(each)

    def wait(self, line: str, timeout: float = 60.0) -> None:
        """Wait until a service has said `line`."""
        wait_for(lambda: line in self.heard, what=f"{line} of {self.heard[-8:]}", timeout=timeout)

    def forget(self) -> None:
        """Forget what was heard, and let go of what is kept, as when a service is stopped."""
        self.heard.clear()
        for descriptor in self.kept.values():
            os.close(descriptor)
        self.kept.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as last:
            last.sendto(b"", str(self.address))
        self._thread.join(10)
        self._socket.close()
        self.forget()


def _moved_up(descriptor: int) -> int:
    return fcntl.fcntl(descriptor, fcntl.F_DUPFD, _HIGH)


def _command(descriptors: Sequence[int], arguments: Sequence[str]) -> list[str]:
    numbers = ",".join(map(str, descriptors))
    return [sys.executable, "-P", "-c", _START, numbers, *arguments]

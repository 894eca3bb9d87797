"""A whole `twincast run` in a folder of its own, for tests that need the real thing."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from ncclient import manager

from tests.support.fast_client import Client, Key
from tests.support.wait import wait_for

READY = "NETCONF ready on "
PASSWORD = "a password for tests"
START_SECONDS = 60.0
PYTHON = os.environ.get("TWINCAST_PYTHON", sys.executable)
"""What runs it: another one where the tests have an environment of their own, as in `make interop`."""


class Twincast:
    """Runs `twincast run` with plane memory on a free port; a context manager that ends it.

    `prefix` comes before the command, such as a program that enters a namespace. `key` is admin's.
    """

    def __init__(
        self,
        folder: Path,
        *arguments: str,
        plane: str = "memory",
        prefix: Sequence[str] = (),
        key: Key | None = None,
        **options: Any,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.state_dir = folder / "state"
        password = folder / "password"
        password.write_text(f"{PASSWORD}\n")
        command = [*prefix, PYTHON, "-P", "-m", "cli.main", "run", "--listen", "127.0.0.1:0"]
        command += ["--state-dir", str(self.state_dir), "--plane", plane, "--password-file", str(password)]
        self._key = key or Key.generate()
        keys = folder / "authorized_keys"
        keys.write_text(f"{self._key.public}\n")
        command += ["--authorized-keys", str(keys)]
        self.process = subprocess.Popen(
            [*command, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options
        )
        self.log: list[str] = []
        self.output: list[str] = []
        self._readers = [
            threading.Thread(target=self._collect, args=(self.process.stdout, self.output)),
            threading.Thread(target=self._collect, args=(self.process.stderr, self.log)),
        ]
        for reader in self._readers:
            reader.start()

    @staticmethod
    def _collect(stream: Any, lines: list[str]) -> None:
        with stream:
            lines.extend(iter(stream.readline, ""))

    def ready(self) -> Self:
        """Wait until it serves; fails with its log when it ends before."""
        wait_for(
            lambda: self.output or self.process.poll() is not None,
            what="NETCONF ready",
            timeout=START_SECONDS,
        )
        assert self.output, f"ended with {self.process.poll()}: {''.join(self.log)}"
        return self

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self.output[0].removeprefix(READY).rpartition(":")[2])

    @property
    def private_key(self) -> bytes:
        """The key of the user admin, in OpenSSH's format."""
        return self._key.private

    def pid(self, role: str) -> int:
        """The process id of a child, from its pid file."""
        return int((self.state_dir / f"{role}.pid").read_text())

    def kill(self, role: str) -> int:
        """Kill a child with SIGKILL and wait until it was started again; returns the new process id."""
        old = self.pid(role)
        os.kill(old, signal.SIGKILL)
        wait_for(lambda: self.pid(role) != old, what=f"a new {role}", timeout=10)
        return self.pid(role)

    def client(self) -> Client:
        """Return a fast session of the user admin, who logs in by key."""
        return Client(self.port, "admin", self._key)

    def connect(self, **options: Any) -> Any:
        """Return an ncclient session of the user admin."""
        return manager.connect(
            host="127.0.0.1",
            port=self.port,
            username="admin",
            password=PASSWORD,
            hostkey_verify=False,
            allow_agent=False,
            look_for_keys=False,
            timeout=60,
            **options,
        )

    def stop(self) -> int:
        """End it with SIGTERM and return its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            status = self.process.wait()
        for reader in self._readers:
            reader.join(10)
        return status

    def __enter__(self) -> Self:
        return self.ready()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        if error is not None:
            print("".join(self.log), file=sys.stderr)

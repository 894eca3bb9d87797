"""The programs that run in the laboratory: traffic source, STBs, and two real `twincast run`.

Owns their processes and how the player talks to them.
"""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, Self

from ncclient import manager
from ncclient.xml_ import to_ele

from cli.lab.topology import RouterSite

START_SECONDS: Final = 30
READY: Final = "NETCONF ready on "
USER: Final = "lab"


class LabError(Exception):
    """The laboratory itself failed; the text says what."""


class Host:
    """A traffic program in a namespace: one JSON command at a time."""

    def __init__(self, kind: str, popen: Callable[..., "subprocess.Popen[bytes]"], address: str) -> None:
        command = [sys.executable, "-P", "-m", "cli.lab.traffic", kind, str(os.getpid()), address]
        self._process = popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def do(self, command: str, *arguments: object) -> Any:  # noqa: ANN401 - JSON
        """Carry out a command and return its result; raises LabError."""
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise LabError("a traffic program has no pipes")
        stdin.write(json.dumps({"do": command, "with": arguments}).encode() + b"\n")
        stdin.flush()
        line = stdout.readline()
        answer = json.loads(line) if line else {"error": f"{command}: the traffic program ended"}
        if "error" in answer:
            raise LabError(answer["error"])
        return answer["result"]

    def close(self) -> None:
        """End the program."""
        self._process.kill()
        self._process.wait()


class Router:
    """One router: a `twincast run`, and a NETCONF session with it.

    `popen` starts the process where the router stands; `dial` returns a connected socket to a loopback port
    of the user's own network, None for the ordinary way.
    """

    def __init__(
        self,
        name: str,
        popen: Callable[..., "subprocess.Popen[bytes]"],
        arguments: Sequence[str],
        folder: Path,
        listener: socket.socket,
        key: Path,
        dial: Callable[[int], socket.socket | None] = lambda _: None,
    ) -> None:
        self.name = name
        self.port: int = listener.getsockname()[1]
        self.folder = folder
        self._popen = popen
        self._arguments = arguments
        self._listener = listener
        self._key = key
        self._dial = dial
        folder.mkdir(mode=0o700)
        self._log = (folder / "log").open("wb")
        self._process = self._start()
        self._session: Any = None

    def _start(self) -> "subprocess.Popen[bytes]":
        descriptor = self._listener.fileno()
        command = [sys.executable, "-P", "-m", "cli.lab.launch", str(os.getpid()), str(descriptor)]
        command += ["run", "--state-dir", str(self.folder), "--user", USER]
        command += ["--authorized-keys", f"{self._key}.pub", *self._arguments]
        return self._popen(command, stdout=subprocess.PIPE, stderr=self._log, pass_fds=[descriptor])

    def connect(self) -> Self:
        """Wait until the router serves and open a NETCONF session with it."""
        stdout = self._process.stdout
        line = stdout.readline().decode() if stdout else ""
        if not line.startswith(READY):
            raise LabError(f"router {self.name} did not start: see {self.folder / 'log'}")
        self.reconnect()
        return self

    def reconnect(self) -> None:
        """Open a NETCONF session, in place of one that may have ended."""
        self._session = self.another_session()

    def another_session(self) -> Any:  # noqa: ANN401 - ncclient has no types
        """Return one more NETCONF session with the router; whoever asks closes it."""
        return manager.connect(
            host="127.0.0.1",
            port=self.port,
            sock=self._dial(self.port),
            username=USER,
            key_filename=str(self._key),
            hostkey_verify=False,
            allow_agent=False,
            look_for_keys=False,
            timeout=START_SECONDS,
        )

    def commit(self, config: str) -> None:
        """Lock the candidate, edit it, validate, commit, unlock."""
        with self._session.locked("candidate"):
            self._session.edit_config(target="candidate", config=config)
            self._session.validate(source="candidate")
            self._session.commit()

    def get(self, subtree: str) -> Any:  # noqa: ANN401 - an lxml element; ncclient has no types
        """Return the data element of a filtered get."""
        return self._session.get(filter=("subtree", subtree)).data_ele

    def act(self, action: str) -> None:
        """Carry out an action (RFC 7950 section 7.15); raises ncclient's RPCError when it is refused."""
        self._session.dispatch(to_ele(action))

    def stop(self) -> None:
        """End the session and the router, as an operator would (SIGTERM)."""
        if self._session is not None and self._session.connected:
            self._session.close_session()
        self._process.terminate()
        try:
            self._process.wait(8)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def kill(self) -> None:
        """End the router at once, as a power failure does: its processes end with the one that began them."""
        self._process.kill()
        self._process.wait()

    def start_again(self) -> None:
        """Start a router that was stopped, with its state folder, and connect."""
        self._process = self._start()
        self.connect()

    def close(self) -> None:
        """End the session and the router."""
        self.stop()
        self._log.close()


class KernelRouter(Router):
    """A router in a namespace of the laboratory, forwarding by the kernel."""

    def __init__(
        self,
        site: RouterSite,
        folder: Path,
        listener: socket.socket,
        key: Path,
        dial: Callable[[int], socket.socket | None],
    ) -> None:
        self.site = site
        plane = ("--plane", "kernel")
        super().__init__(site.name, site.namespace.popen, plane, folder, listener, key, dial)

    def kernel_entries(self) -> dict[str, int]:
        """Return the packets of every resolved any-source entry of the kernel's table, by group."""
        text = self.site.namespace.run(Path("/proc/thread-self/net/ip_mr_cache").read_text)
        entries = {}
        for line in text.splitlines()[1:]:
            group, _, incoming, packets = line.split()[:4]
            if incoming != "-1":
                entries[_address(group)] = int(packets)
        return entries


def _address(column: str) -> str:
    """The kernel prints an address as the hexadecimal number that it has in memory."""
    return socket.inet_ntoa(int(column, 16).to_bytes(4, sys.byteorder))

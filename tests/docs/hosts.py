"""The routers at which a page is played: a shell on each, in the laboratory's network, with its own home."""

import os
import selectors
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from cli.lab.namespaces import Namespace
from cli.lab.topology import Topology
from tests.support.wait import wait_for

SECONDS = 60.0
"""How long one block may take on a machine that has other work."""
NAMESPACES = ("unshare", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child")
"""What is mounted, and what runs, ends with the shell."""
DONE = "\x04block done\x04"
BEGIN = "mount -t tmpfs none /var/lib && mkdir /var/lib/twincast && exec bash --norc --noprofile -e"


class BlockFailed(Exception):
    """A command block that did not do what the page says."""


class Host:
    """A shell that keeps its folder and variables from one block to the next."""

    def __init__(self, namespace: Namespace, home: Path) -> None:
        home.mkdir()
        self.home = home
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}:/usr/sbin:/sbin"
        self._environment = {"HOME": str(home), "PATH": path, "LC_ALL": "C.UTF-8", "TERM": "dumb"}
        start = f"cd {home} && {BEGIN}"
        self._process = namespace.popen(
            [*NAMESPACES, "bash", "-c", start],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=self._environment,
            start_new_session=True,
        )
        self._waiting = selectors.DefaultSelector()
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._stdin, self._stdout = self._process.stdin, self._process.stdout
        self._waiting.register(self._stdout, selectors.EVENT_READ)
        self._terminals = 0

    def type(self, text: str) -> str:
        """Return what the commands print. Raises BlockFailed when one of them fails."""
        self._stdin.write(f"{text}\nprintf '{DONE}'\n".encode())
        self._stdin.flush()
        output, deadline = b"", time.monotonic() + SECONDS
        while DONE.encode() not in output:
            if not self._waiting.select(max(0.0, deadline - time.monotonic())):
                raise BlockFailed(f"not done within {SECONDS} s:\n{_end(output)}")
            piece = os.read(self._stdout.fileno(), 65_536)
            if not piece:
                raise BlockFailed(f"it failed:\n{_end(output)}")
            output += piece
        return output.decode().removesuffix(DONE)

    def type_elsewhere(self, text: str, until: str) -> None:
        """Begin the commands in a terminal of their own and wait until they have printed a text."""
        self._terminals += 1
        output = self.home / f"terminal-{self._terminals}"
        output.touch()
        self.type(f"( {text}\n ) >{output} 2>&1 </dev/null &")
        try:
            wait_for(lambda: until in output.read_text(), what=f"{until!r} of {text!r}", timeout=SECONDS)
        except AssertionError as error:
            raise BlockFailed(f"{error}:\n{output.read_text()}") from None

    def close(self) -> None:
        """End the shell and what goes on in other terminals."""
        self._process.kill()
        self._process.wait()
        self._waiting.close()
        self._stdin.close()
        self._stdout.close()


def _end(output: bytes) -> str:
    return "\n".join(output.decode(errors="replace").splitlines()[-40:])


@contextmanager
def routers(folder: Path) -> Iterator[dict[str, Host]]:
    """A shell on each router of a laboratory whose wires are there and whose routers are not."""
    topology = Topology()
    with ExitStack() as stack:
        stack.callback(topology.close)
        hosts = {site.name: Host(site.namespace, folder / site.name) for site in (topology.a, topology.b)}
        for number, namespace in enumerate(topology.stbs, start=1):
            hosts[f"stb{number}"] = Host(namespace, folder / f"stb{number}")
        for host in hosts.values():
            stack.callback(host.close)
        yield hosts

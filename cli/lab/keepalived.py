"""keepalived on both routers, where it is installed: the VRRP router whose address the role follows."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from cli.lab import configuration
from cli.lab.hosts import KernelRouter
from cli.lab.namespaces import Namespace
from cli.lab.topology import CHANNEL_INTERFACE

PROGRAM = shutil.which("keepalived", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
MISSING = "keepalived is not installed"
VRID, ADDRESS = 51, "10.30.0.100"
PRIORITIES = (254, 250)

_SAMPLE = """
global_defs {{
    vrrp_version 3
}}

vrrp_instance stb {{
    state BACKUP
    interface {interface}
    virtual_router_id {vrid}
    priority {priority}
    advert_int 0.1
    preempt_delay 0
    virtual_ipaddress {{
        {address}/30
    }}
    track_interface {{
        core0
    }}
}}
"""


class Keepalived:
    """One keepalived with a configuration of its own."""

    def __init__(self, namespace: Namespace, folder: Path, configuration: str) -> None:
        folder.mkdir()
        self._namespace, self._folder = namespace, folder
        self._process: subprocess.Popen[bytes] | None = None
        (folder / "keepalived.conf").write_text(configuration)

    @property
    def log(self) -> str:
        """What it has said so far."""
        return (self._folder / "log").read_text()

    def start(self) -> None:
        """Start it in a process group of its own, so that it can be killed with its child."""
        assert PROGRAM  # noqa: S101 - whoever makes one has looked
        files = [f"--{name}={self._folder / name}" for name in ("pid", "vrrp_pid")]
        # A laboratory that is killed must not leave it behind; util-linux is on every Debian.
        command = [
            "setpriv",
            "--pdeathsig",
            "KILL",
            PROGRAM,
            "--dont-fork",
            "--log-console",
            "--log-detail",
            "--vrrp",
            *files,
        ]
        command.append(f"--use-file={self._folder / 'keepalived.conf'}")
        with (self._folder / "log").open("ab") as log:
            self._process = self._namespace.popen(command, stdout=log, stderr=log, start_new_session=True)

    def stop(self) -> None:
        """As the service manager does: it resigns, and takes its address away."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)
            self._process = None

    def kill(self) -> None:
        """Parent and child at once: its address stays."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(10)
            self._process = None
            for name in ("pid", "vrrp_pid"):
                (self._folder / name).unlink(missing_ok=True)


@contextmanager
def following(
    routers: Sequence[KernelRouter], query_interval: int, query_max_response_time: int
) -> Iterator[tuple[Keepalived, ...]]:
    """Have both routers follow a keepalived each, on the link between them; the first one is preferred."""
    both = []
    for router, priority in zip(routers, PRIORITIES, strict=True):
        router.commit(configuration.of_site(router.site, query_interval, query_max_response_time))
        router.commit(configuration.vrrp(VRID, CHANNEL_INTERFACE, ADDRESS))
        text = _SAMPLE.format(interface=CHANNEL_INTERFACE, vrid=VRID, priority=priority, address=ADDRESS)
        both.append(Keepalived(router.site.namespace, router.folder / "keepalived", text))
    try:
        for each in both:
            each.start()
        yield tuple(both)
    finally:
        for each in both:
            each.stop()

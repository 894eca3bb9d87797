"""A real keepalived in a namespace, configured as docs/vrrp.md says."""

import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

from cli.lab.namespaces import Namespace

PROGRAM = shutil.which("keepalived", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
MISSING = "keepalived is not installed"
_GUIDE = Path(__file__).parents[2] / "docs/vrrp.md"


def sample(language: str) -> str:
    """The block of the guide in this language."""
    found = re.search(rf"```{language}\n(.*?)```", _GUIDE.read_text(), re.DOTALL)
    assert found
    return found[1]


class Keepalived:
    """One keepalived with a configuration of its own."""

    def __init__(self, namespace: Namespace, folder: Path, configuration: str) -> None:
        folder.mkdir()
        self._namespace, self._folder = namespace, folder
        self._process: subprocess.Popen[bytes] | None = None
        (folder / "keepalived.conf").write_text(configuration)

    @property
    def log(self) -> str:
        return (self._folder / "log").read_text()

    def start(self) -> None:
        """Start it in a process group of its own, so that it can be killed with its child."""
        assert PROGRAM
        files = [f"--{name}={self._folder / name}" for name in ("pid", "vrrp_pid")]
        # A test that is killed must not leave it behind; util-linux is on every Debian.
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

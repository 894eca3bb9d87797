"""yanglint of Debian's libyang-tools, another judge of configurations, as one process that is asked again and
again: loading the modules costs it two hundred times what a configuration does.
"""

import os
import pwd
import select
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from server.schema.sources import default_sources

PROGRAM = shutil.which("yanglint")
MISSING = "yanglint is not installed"
MODULES = (
    "iana-if-type",
    "ietf-interfaces",
    "ietf-netconf-acm",
    "ietf-x509-cert-to-name",
    "twincast-remote-backup",
    "twincast-server",
)
"""Those that have the configuration in question, with the features that the server has."""
_SECONDS = 60.0


@dataclass(slots=True)
class Yanglint:
    """A running yanglint; `folder` takes the files that it reads."""

    process: "subprocess.Popen[bytes]"
    folder: Path
    _asked: int = 0
    _buffer: bytearray = field(default_factory=bytearray)

    def errors(self, xml: str) -> str:
        """Judge sibling top-level elements as a whole configuration; return what is wrong, if anything."""
        file = self.folder / "case.xml"
        file.write_text(xml, encoding="utf-8")
        return self.ask(f"data -t config {file}")

    def ask(self, command: str) -> str:
        """Give one command and return what it says."""
        self._asked += 1
        end = f"done-{self._asked}"  # a module that there is not, whose refusal follows what is to be read
        pipe = self.process.stdin
        assert pipe is not None
        pipe.write(f"{command}\nprint {end}\n".encode())
        pipe.flush()
        mark = f'"{end}" found.\n'.encode()
        while mark not in self._buffer:
            self._buffer += self._read()
        said, _, rest = bytes(self._buffer).partition(mark)
        self._buffer[:] = rest
        return said.rpartition(b"YANGLINT[E]")[0].decode(errors="replace")

    def _read(self) -> bytes:
        pipe = self.process.stdout
        assert pipe is not None
        ready, _, _ = select.select([pipe], [], [], _SECONDS)
        found = os.read(pipe.fileno(), 65536) if ready else b""
        if not found:
            raise AssertionError(f"yanglint says nothing: {self.process.poll()} {self._buffer.decode()}")
        return found


@contextmanager
def yanglint(folder: Path) -> Iterator[Yanglint]:
    """A yanglint that has loaded our modules; the folder that it makes in the user's home goes again."""
    home = Path(pwd.getpwuid(os.getuid()).pw_dir) / ".yanglint"
    was_there = home.exists()
    process = subprocess.Popen(
        [str(PROGRAM)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    try:
        made = Yanglint(process, folder)
        _load(made)
        yield made
    finally:
        process.kill()
        process.communicate()
        if not was_there:
            with suppress(OSError):
                home.rmdir()


def _load(lint: Yanglint) -> None:
    found = {each.name: each for each in default_sources((), (), ()).modules}
    for place in sorted({str(Path(each.path).parent) for each in found.values()}):
        lint.ask(f"searchpath {place}")
    for name in MODULES:
        features = ",".join(found[name].features)
        said = lint.ask(f"add -F {name}:{features} {found[name].path}")
        assert said == "", said

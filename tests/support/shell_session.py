"""The procedure typed into `twincast shell` on both routers of a laboratory, and what the screens showed.

`python -m tests.support.shell_session FILE` plays it and writes the frames as JSON; with a name that ends in
`.md` it puts them in place of what stands between the marks in that document.
"""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from cli.lab.cases import group_block
from cli.lab.laboratory import Laboratory, in_laboratory
from cli.lab.play import Player
from tests.support.terminal import Terminal

GROUPS: Final = 2
QUERY_INTERVAL, RESPONSE = 60, 2
"""Seconds; nothing ages while it is played."""
BEGIN: Final = "<!-- recorded session: begin -->"
END: Final = "<!-- recorded session: end -->"


@dataclass(frozen=True, slots=True)
class Frame:
    """What one terminal showed after some lines were typed, and what it is about."""

    title: str
    lines: tuple[str, ...]


class Desk:
    """A person at the terminal of one router; the name of the router is in the prompt."""

    def __init__(self, name: str, state_dir: Path, home: Path) -> None:
        self._name = name
        named = ["unshare", "--uts", "sh", "-c", f'hostname {name} && exec "$0" "$@"']
        shell = [sys.executable, "-P", "-m", "cli.main", "shell", "--state-dir", str(state_dir)]
        self.terminal = Terminal([*named, *shell], {"HOME": str(home), "XDG_STATE_HOME": str(home / name)})
        self._user = f"<{name}>"
        self.terminal.until_last(self._user, timeout=60)

    def type(self, title: str, lines: Sequence[tuple[str, str]]) -> Frame:
        """Type lines, each with the prompt that follows it (a `{}` stands for the router); return a frame."""
        first = len(self.terminal.lines()) - 1
        screen: list[str] = []
        for line, prompt in lines:
            screen = self.terminal.enter(line, prompt.format(self._name))
        return Frame(title, tuple(screen[first:-1]))

    def show(self, title: str, *commands: str) -> Frame:
        """Type commands in the user view."""
        return self.type(title, [(command, "<{}>") for command in commands])


PROCEDURE: Final = (
    ("system-view", "[~{}]"),
    ("remote-backup-profile rbp3", "[~{}-rm-backup-prf-rbp3]"),
    ("undo dhcp-stb igmp-copy", "[*{}-rm-backup-prf-rbp3]"),
    ("display configuration changes", "[*{}-rm-backup-prf-rbp3]"),
    ("commit", "[~{}-rm-backup-prf-rbp3]"),
    ("display this", "[~{}-rm-backup-prf-rbp3]"),
    ("return", "<{}>"),
)


def play(laboratory: Laboratory, home: Path) -> list[Frame]:
    """Type the procedure into both routers while a set-top box joins groups before and after it."""
    routers, stb = laboratory.routers, laboratory.stbs[0]
    player = Player(laboratory.topology, routers, laboratory.source, laboratory.stbs, GROUPS)
    player.configure(QUERY_INTERVAL, RESPONSE)
    a, b = (Desk(f"router-{router.name}", router.folder, home) for router in routers)
    before, after = group_block(1, GROUPS), group_block(2, GROUPS)
    with a.terminal, b.terminal:
        stb.do("join", before)
        player.wait_for_entries(routers[1], before)
        frames = [
            a.show(
                "Before, on the master; a set-top box has joined two groups",
                "display remote-backup-profile rbp3",
                "display remote-backup-profile slot 1 rbp3",
                "display remote-backup-service rbs1",
                "display multicast-rui statistic all",
            ),
            b.show("Before, on the backup", "display vrrp", "display igmp group"),
            a.type("The procedure, on the master", PROCEDURE),
            b.type("The procedure, on the backup", PROCEDURE),
            a.show("The counters begin anew", "reset multicast-rui statistic all"),
        ]
        stb.do("join", after)
        player.wait_for_entries(routers[0], after)
        return [
            *frames,
            a.show(
                "After, on the master; the box has joined two more groups",
                "display remote-backup-profile rbp3 | include copy",
                "display remote-backup-profile slot 1 rbp3",
                "display multicast-rui statistic all",
                "display igmp group",
            ),
            b.show(
                "After, on the backup: what was copied before is kept, nothing was added",
                "display igmp group",
                "display configuration commit list",
            ),
        ]


def as_markdown(frames: Sequence[Frame]) -> str:
    """Return the frames as they stand in the documentation."""
    parts = [f"{frame.title}:\n\n```text\n{_body(frame)}\n```\n" for frame in frames]
    return "\n".join(parts)


def _body(frame: Frame) -> str:
    return "\n".join(frame.lines)


def put(document: Path, frames: Sequence[Frame]) -> None:
    """Replace what stands between the marks of a document."""
    text = document.read_text()
    head, tail = text.split(BEGIN)[0], text.split(END)[1]
    document.write_text(f"{head}{BEGIN}\n\n{as_markdown(frames)}\n{END}{tail}")


def main(file: Path) -> int:
    """Play it in a laboratory of its own and write what was seen."""

    def work(laboratory: Laboratory) -> int:
        home = laboratory.key.parent / "home"
        home.mkdir()
        frames = play(laboratory, home)
        if file.suffix == ".md":
            put(file, frames)
        else:
            file.write_text(json.dumps([asdict(frame) for frame in frames]))
        return 0

    return in_laboratory(work)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))

"""`twincast top`: a session, a feed, and a screen that follows it."""

import os
import select
import sys
import termios
import time
import tty
from argparse import Namespace as Options
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cli.connect import NO_SESSION, connect, problem_of
from cli.shell.answer import printable
from cli.shell.link import LinkError
from cli.shell.netconf import Netconf, Refused
from cli.top.feed import Feed, SubscriptionOver
from cli.top.render import PLAIN_WIDTH, View, plain, screen
from server.status.picture import Picture

if TYPE_CHECKING:
    from rich.console import Console

KEYS: Final = {"o": View.OVERVIEW, "g": View.GROUPS, "e": View.EVENTS}
ENDS: Final = "q\x03\x04"
"""q, Ctrl-C and Ctrl-D."""
WAIT: Final = 0.1
"""Seconds until a key is looked for again."""
PATIENCE: Final = 30.0
"""Seconds until a router that tells nothing is given up."""


def top(options: Options) -> int:
    """Return 0, 1 when the server refuses, 2 for wrong usage, 3 when there is no session or it broke."""
    problem = problem_of(options)
    if not problem and not options.once and not (sys.stdin.isatty() and sys.stdout.isatty()):
        problem = "this is no terminal: use --once"
    if problem:
        print(f"twincast top: {problem}", file=sys.stderr)
        return 2
    try:
        return _run(options)
    except LinkError as error:
        print(f"twincast top: {printable(str(error))}", file=sys.stderr)
        return NO_SESSION
    except (Refused, SubscriptionOver) as error:
        print(f"twincast top: {printable(str(error))}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0


def _run(options: Options) -> int:
    link, host, _ = connect(options)
    try:
        feed = Feed(Netconf(link), host, options.interval)
        if options.once:
            print(plain(_second(feed, options.interval), _width()), end="")
        else:
            _follow(feed)
    finally:
        link.close()
    return 0


def _second(feed: Feed, interval: float) -> Picture:
    """Return a picture of the second update: rates need two."""
    end = time.monotonic() + PATIENCE + 2 * interval
    while (left := end - time.monotonic()) > 0:
        found = feed.next(left, groups=True)
        if found is not None and feed.updates > 1:
            return found
    raise LinkError("the router tells nothing of itself")


def _width() -> int:
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns
    except OSError:
        return PLAIN_WIDTH


def _follow(feed: Feed) -> None:
    """Draw what comes until a key ends it."""
    from rich.console import Console
    from rich.live import Live

    console = Console()
    shown = _Shown(_size(console))
    with _keys() as descriptor, Live(console=console, screen=True, auto_refresh=False) as live:
        while True:
            keys = _typed(descriptor)
            if any(key in ENDS for key in keys):
                return
            for key in keys:
                shown.view = KEYS.get(key, shown.view)
            picture = feed.next(WAIT, groups=shown.view is View.GROUPS)
            if shown.differs(picture, _size(console), typed=bool(keys)) and shown.picture is not None:
                live.update(screen(shown.picture, shown.view, *console.size), refresh=True)


def _size(console: "Console") -> tuple[int, int]:
    """Columns and lines of the terminal as it is now: rich believes COLUMNS and LINES, which stay."""
    found = os.get_terminal_size(sys.stdout.fileno())
    console.size = (found.columns, found.lines)
    return found.columns, found.lines


@dataclass(slots=True)
class _Shown:
    """What is on the screen."""

    size: tuple[int, int]
    view: View = View.OVERVIEW
    picture: Picture | None = None

    def differs(self, picture: Picture | None, size: tuple[int, int], *, typed: bool) -> bool:
        """Take what is new; return whether anything is."""
        resized = size != self.size
        self.size = size
        self.picture = picture or self.picture
        return resized or typed or picture is not None


@contextmanager
def _keys() -> Iterator[int]:
    """Have keys come one by one, unseen; the terminal is as before afterwards."""
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    try:
        tty.setcbreak(descriptor)
        yield descriptor
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


def _typed(descriptor: int) -> str:
    """Return the keys that wait."""
    if not select.select([descriptor], [], [], 0)[0]:
        return ""
    return os.read(descriptor, 64).decode(errors="replace") or "\x04"

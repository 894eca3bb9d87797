"""Where the lists of subscribers are kept, so that a restart of the dataplane does not lose them.

Owns the files: one for each list, one normalised pattern a line. Who loads a list writes its file; the
dataplane reads all of them when it starts.
"""

import os
import re
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Final

from dataplane.actions import LoadSubscribers
from dataplane.subscriber_list import MAX_PATTERN, MAX_PATTERNS

PART: Final = 256
"""Patterns of one part: about a millisecond of the engine's time."""
MAX_OCTETS: Final = MAX_PATTERNS * (MAX_PATTERN + 1)

_FOR_ALL: Final = "all.list"
_OWN: Final = re.compile(r"profile-(.{1,128})\.list")


class SubscriberFiles:
    """The lists in a folder, by profile; "" is the one of profiles without one of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder: Final = folder

    def path(self, profile: str) -> Path:
        """Where the list of a profile is."""
        return self.folder / (f"profile-{profile}.list" if profile else _FOR_ALL)

    def profiles(self) -> list[str]:
        """The profiles that have a list, in order."""
        names = [path.name for path in self.folder.glob("*.list")] if self.folder.is_dir() else []
        own = [match[1] for name in names if (match := _OWN.fullmatch(name))]
        return sorted([*own, *([""] if _FOR_ALL in names else [])])

    def write(self, profile: str, patterns: Sequence[str]) -> Path:
        """Keep a list in place of the one before, in one step. Raises OSError."""
        path = self.path(profile)
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        temporary = path.with_suffix(".new")
        with temporary.open("w", encoding="ascii") as file:
            file.writelines(f"{pattern}\n" for pattern in patterns)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        return path

    def remove(self, profile: str) -> bool:
        """Forget a list; says whether there was one. Raises OSError."""
        there = self.path(profile).exists()
        self.path(profile).unlink(missing_ok=True)
        return there

    def read(self, profile: str) -> list[str]:
        """Return the lines of a list, which whoever takes them judges. Raises OSError and ValueError."""
        path = self.path(profile)
        if path.stat().st_size > MAX_OCTETS:
            raise ValueError(f"{path} is larger than {MAX_OCTETS} octets")
        return path.read_text(encoding="ascii").splitlines()


def parts(profile: str, loading: int, patterns: Sequence[str]) -> Iterator[LoadSubscribers]:
    """Yield the orders that load a list; an empty one is a list too: nobody is copied."""
    remaining = iter(patterns)
    sent, last = 0, False
    while not last:
        some = tuple(islice(remaining, PART))
        sent += len(some)
        last = sent >= len(patterns)
        yield LoadSubscribers(profile, loading, some, first=sent == len(some), last=last)

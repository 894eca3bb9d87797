"""Where somebody is in the command line: the views, how they are entered and left, and the prompt. Pure."""

from dataclasses import dataclass, replace
from enum import StrEnum

from cli.shell.model import Path
from cli.shell.words import title


class Mark(StrEnum):
    """What the prompt says of the candidate, in the vendor's two-stage mode."""

    CLEAN = "~"
    CHANGED = "*"


@dataclass(frozen=True, slots=True, eq=False)
class Views:
    """The views somebody went through: none is the user view, an empty path the system view."""

    host: str
    stack: tuple[Path, ...] = ()

    @property
    def configuring(self) -> bool:
        """Whether this is the system view or one below it."""
        return bool(self.stack)

    @property
    def path(self) -> Path:
        """The instance of the current view; empty in the system and the user view."""
        return self.stack[-1] if self.stack else ()

    def system(self) -> "Views":
        """Return the system view."""
        return replace(self, stack=((),))

    def enter(self, path: Path) -> "Views":
        """Return the view of an entry: below the nearest view that it lies in, else beside the others."""
        above = self.stack
        while len(above) > 1 and not _lies_in(path, above[-1]):
            above = above[:-1]
        return replace(self, stack=(*above, path))

    def leave(self) -> "Views":
        """Return the view above; in the user view there is none."""
        return replace(self, stack=self.stack[:-1])

    def top(self) -> "Views":
        """Return the user view."""
        return replace(self, stack=())

    def prompt(self, mark: Mark) -> str:
        """Return what stands before the cursor: `<host>`, `[~host]`, `[*host-rm-backup-prf-rbp3]`."""
        if not self.configuring:
            return f"<{self.host}>"
        names = [title(step.node.path, step.node.name, step.keys) for step in self.path[-1:]]
        return f"[{mark}{'-'.join([self.host, *names])}]"


def _lies_in(path: Path, view: Path) -> bool:
    return len(view) < len(path) and all(
        one.name == other.name for one, other in zip(view, path, strict=False)
    )

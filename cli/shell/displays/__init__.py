"""What `display` shows: what is asked of the server, and how the vendor prints it."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from cli.shell.answer import Answer
from cli.shell.displays import configuration
from cli.shell.model import Order

if TYPE_CHECKING:
    from cli.shell.shell import Shell

DISPLAYS: Final[Mapping[str, Callable[["Shell", Order], Answer]]] = {
    "display-this": configuration.this,
    "display-this-candidate": configuration.this_candidate,
    "display-running": configuration.running,
    "display-candidate": configuration.candidate,
    "display-changes": configuration.changes,
}
"""The commands of `cli.shell.orders` that show something, by name."""

"""What `display` shows: what is asked of the server, and how the vendor prints it."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from cli.shell.answer import Answer
from cli.shell.displays import configuration, history, igmp, profile, service
from cli.shell.model import Order

if TYPE_CHECKING:
    from cli.shell.shell import Shell

DISPLAYS: Final[Mapping[str, Callable[["Shell", Order], Answer]]] = {
    "display-this": configuration.this,
    "display-this-candidate": configuration.this_candidate,
    "display-running": configuration.running,
    "display-candidate": configuration.candidate,
    "display-changes": configuration.changes,
    "display-commits": history.commits,
    "display-commit": history.commit,
    "display-users": history.users,
    "display-profile": profile.profile,
    "display-profile-slot": profile.slot,
    "display-vrrp": profile.vrrp,
    "display-service": service.service,
    "display-statistic": service.statistic,
    "display-igmp-group": igmp.group,
    "display-igmp-interface": igmp.interface,
    "display-igmp-counters": igmp.counters,
}
"""The commands of `cli.shell.orders` that show something, by name."""

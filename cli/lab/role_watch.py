"""Changes of role as the routers notify them (RFC 5277), each on a NETCONF session of its own."""

import time
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from ncclient.transport.errors import TransportError

from cli.lab.configuration import REMOTE_BACKUP
from cli.lab.hosts import Router
from cli.lab.timeline import SECOND, Mark, MarkKind

_FILTER: Final = (
    f'<remote-backup xmlns="{REMOTE_BACKUP}"><remote-backup-profile><role-changed/></remote-backup-profile>'
    "</remote-backup>"
)
_NOTIFICATION: Final = "{urn:ietf:params:xml:ns:netconf:notification:1.0}"


class RoleWatch:
    """Listens from now on; `marks` tells what came."""

    def __init__(self, routers: Iterable[Router]) -> None:
        self._sessions: list[tuple[str, Any]] = []
        self._seen: list[Mark] = []
        for router in routers:
            session = router.another_session()
            session.create_subscription(filter=("subtree", _FILTER))
            self._sessions.append((router.name, session))

    def marks(self, since: int) -> list[Mark]:
        """Return the changes since a monotonic time in nanoseconds, in order."""
        ahead = time.time_ns() - time.monotonic_ns()
        for name, session in self._sessions:
            self._seen += [_mark(name, each, ahead) for each in _waiting(session)]
        return sorted((mark for mark in self._seen if mark.at >= since), key=lambda mark: mark.at)

    def close(self) -> None:
        """End the sessions."""
        for _, session in self._sessions:
            if session.connected:
                session.close_session()


def _waiting(session: Any) -> Iterable[Any]:  # noqa: ANN401 - ncclient has no types
    try:
        while notification := session.take_notification(block=False):
            yield notification.notification_ele
    except TransportError:  # the router was switched off
        return


def _mark(router: str, notification: Any, ahead: int) -> Mark:  # noqa: ANN401 - an lxml element
    moment = datetime.fromisoformat(notification.findtext(f"{_NOTIFICATION}eventTime"))
    role = notification.findtext(f".//{{{REMOTE_BACKUP}}}local-role")
    at = int(moment.timestamp() * 1_000_000) * (SECOND // 1_000_000) - ahead
    return Mark(MarkKind.SWITCHOVER, at, f"{router} {role}")

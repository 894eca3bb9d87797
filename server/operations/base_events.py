"""The base notifications (RFC 6470): sessions, changes of the configuration, confirmed commits.

Capabilities do not change while the server runs, so there is no netconf-capability-change. Of a change only
paths are told, never values; who may not read everything is not told the paths either: see `PRIVATE`.
"""

from collections.abc import Callable
from ipaddress import ip_address
from typing import Final

from server.datastores.confirmed import Action, Event, Step
from server.datastores.history import SERVER, Author, Changed, Entry
from server.protocol.session import TerminationReason
from server.provider import Notice
from server.schema import names
from server.schema.model import Schema, TypeInfo
from server.telemetry.sessions import Session, Sessions

_MODULE: Final = "/ietf-netconf-notifications:netconf"
SESSION_START: Final = f"{_MODULE}-session-start"
SESSION_END: Final = f"{_MODULE}-session-end"
CONFIG_CHANGE: Final = f"{_MODULE}-config-change"
CONFIRMED_COMMIT: Final = f"{_MODULE}-confirmed-commit"

PRIVATE: Final = {CONFIG_CHANGE: "edit"}
"""What of a notification is not sent to users whose access is restricted: paths tell what there is."""

_Data = dict[str, object]
_INSTANCE: Final = TypeInfo("instance-identifier", has_prefix=True)
_OPERATIONS: Final = {"create": "create", "delete": "delete"}
"""A changed or moved node is told as replaced."""


class BaseEvents:
    """Tells what happens to sessions and datastores; for any thread.

    Implements `server.operations.dispatch.Observer` and `server.datastores.listener.Listener`.
    """

    def __init__(self, schema: Schema, sessions: Sessions, tell: Callable[[Notice], None]) -> None:
        self._schema = schema
        self._sessions = sessions
        self._tell = tell
        served = [module for module in schema.modules if module.implemented]
        self._namespaces: dict[str | None, str] = {each.prefix: each.namespace for each in served}

    def opened(self, session: Session) -> None:
        """A session has begun."""
        self._tell(Notice(SESSION_START, data=_of_session(session)))

    def answered(self, session: Session) -> None:
        """A reply is no event."""

    def closed(self, session: Session, reason: TerminationReason) -> None:
        """A session has ended."""
        data = {**_of_session(session), "termination-reason": str(reason)}
        if reason is TerminationReason.KILLED:
            data["killed-by"] = self._sessions.killer_of(session)
        self._tell(Notice(SESSION_END, data=data))

    def running_changed(self, entry: Entry) -> None:
        """A commit, or what undid one, has changed running."""
        author = Author(entry.session_id, entry.user, entry.source)
        edits = [self._edit(each) for each in entry.changed]
        self._changed("running", author, edits)

    def startup_changed(self, session_id: int) -> None:
        """A session has changed startup."""
        self._changed("startup", self._author(session_id), [])

    def _changed(self, datastore: str, author: Author, edits: list[_Data]) -> None:
        by: _Data = {"server": None} if author.session_id == 0 else _of_author(author)
        self._tell(Notice(CONFIG_CHANGE, data={"changed-by": by, "datastore": datastore, "edit": edits}))

    def confirmed(self, step: Step, author: Author) -> None:
        """A confirmed commit has begun, goes on, or is over."""
        event = _confirm_event(step)
        if event is None:
            return
        data: _Data = {"confirm-event": event}
        if event != "timeout":
            ended = step.before.session_id if author is SERVER and step.before is not None else 0
            data.update(_of_author(self._author(ended) if ended else author))
        if event in ("start", "extend"):
            data["timeout"] = round(step.timeout)
        self._tell(Notice(CONFIRMED_COMMIT, data=data))

    def _author(self, session_id: int) -> Author:
        session = self._sessions.get(session_id)
        if session is None:
            return Author(session_id)
        return Author(session_id, session.peer.username, session.peer.source_host)

    def _edit(self, changed: Changed) -> _Data:
        """An edit; a path that is no instance-identifier here is left out, which RFC 6470 permits."""
        edit: _Data = {"operation": _OPERATIONS.get(changed.operation, "replace")}
        try:
            edit["target"] = names.from_xml(self._schema, _INSTANCE, changed.path, self._namespaces)
        except ValueError:
            return edit
        return edit


def _confirm_event(step: Step) -> str | None:
    match step.event:
        case Event.CONFIRM_LATER | Event.PERSIST:
            return "start" if step.before is None else "extend"
        case Event.COMMIT:
            return None if step.before is None else "complete"
        case Event.TIMEOUT:
            return "timeout"
        case Event.CANCEL:
            return "cancel"
    return "cancel" if step.action is Action.RESTORE else None


def _of_session(session: Session) -> _Data:
    author = Author(session.session_id, session.peer.username, session.peer.source_host)
    return _of_author(author)


def _of_author(author: Author) -> _Data:
    data: _Data = {"username": author.user, "session-id": author.session_id}
    try:
        data["source-host"] = str(ip_address(author.source))
    except ValueError:  # a session of the host itself has none
        return data
    return data

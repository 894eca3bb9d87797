"""Notifications in words. Pure.

Those of our own module only: others tell of sessions and users, which is not for everyone who may look.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from lxml import etree

from server.status.picture import Event

MODULE: Final = "/twincast-remote-backup:"
NAMESPACE: Final = "urn:twincast:yang:remote-backup"
MOST_EVENTS: Final = 50


def of_stream(microseconds: int, path: str, keys: Sequence[Sequence[str]], xml: bytes) -> Event | None:
    """Return what a notification of the server's stream says, None when it is not shown."""
    if not path.startswith(MODULE):
        return None
    moment = datetime.fromtimestamp(microseconds / 1_000_000, UTC)
    where = " ".join(part for key in keys for part in key)
    body = _body(etree.fromstring(xml))  # printed by this server
    return None if body is None else _event(f"{moment:%Y-%m-%dT%H:%M:%S}Z", where, body)


def of_notification(notification: etree._Element) -> Event | None:
    """Return what a `<notification>` of RFC 5277 says, None when it is not shown."""
    body = _body(notification)
    if body is None:
        return None
    above = body.getparent()
    name = None if above is None else above.findtext(f"{{{NAMESPACE}}}name")
    time = next((each.text for each in notification if etree.QName(each).localname == "eventTime"), "")
    return _event((time or "").partition(".")[0].rstrip("Z") + "Z", name or "", body)


def _body(root: etree._Element) -> etree._Element | None:
    found = (each for each in root.iter(f"{{{NAMESPACE}}}*") if etree.QName(each).localname in _WORDS)
    return next(found, None)


def _event(time: str, where: str, body: etree._Element) -> Event:
    kind = str(etree.QName(body).localname)
    told = {
        str(etree.QName(leaf).localname): leaf.text or "" for leaf in body.iterchildren(tag=etree.Element)
    }
    text = _WORDS[kind](told)
    suppressed = told.get("suppressed", "0")
    return Event(time, kind, where, text if suppressed == "0" else f"{text}; {suppressed} before it left out")


def _with_reason(told: Mapping[str, str], name: str) -> str:
    return f"{told.get(name, '')} ({told['reason']})" if told.get("reason") else told.get(name, "")


def _copy_state(told: Mapping[str, str]) -> str:
    return " ".join(told.get(name, "") for name in ("protocol", "subscriber-type", "copy-state"))


_WORDS: Final[Mapping[str, Callable[[Mapping[str, str]], str]]] = {
    "role-changed": lambda told: _with_reason(told, "local-role"),
    "igmp-copy-state-changed": _copy_state,
    "dual-master": lambda _: "both routers are master",
    "channel-state-changed": lambda told: _with_reason(told, "channel-state"),
    "batch-backup-completed": lambda told: f"batch {told.get('batch-id')}, {told.get('entries')} entries",
    "out-of-sync": lambda told: told.get("reason", ""),
}
"""What each notification says, the news first."""

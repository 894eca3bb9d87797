"""Notifications in words. Pure.

Those of our own module only: others tell of sessions and users, which is not for everyone who may look.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from lxml import etree

from server.status.picture import Event

MODULE: Final = "/twincast-remote-backup:"
NAMESPACE: Final = "urn:twincast:yang:remote-backup"
KINDS: Final = frozenset(
    {
        "role-changed",
        "igmp-copy-state-changed",
        "dual-master",
        "channel-state-changed",
        "batch-backup-completed",
        "out-of-sync",
    }
)
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
    found = (each for each in root.iter(f"{{{NAMESPACE}}}*") if etree.QName(each).localname in KINDS)
    return next(found, None)


def _event(time: str, where: str, body: etree._Element) -> Event:
    said = [
        f"{etree.QName(leaf).localname} {leaf.text}"
        for leaf in body.iterchildren(tag=etree.Element)
        if leaf.text and (etree.QName(leaf).localname, leaf.text) != ("suppressed", "0")
    ]
    return Event(time, etree.QName(body).localname, where, ", ".join(said))

"""`display configuration commit` and `display users`: what was committed, by whom, and who is here."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from lxml import etree

from cli.shell.answer import Answer
from cli.shell.displays.layout import Reader, moment, table
from cli.shell.editing import scope
from cli.shell.model import Order
from cli.shell.netconf import HISTORY, readable

if TYPE_CHECKING:
    from cli.shell.shell import Shell

_BASE: Final = "urn:ietf:params:xml:ns:netconf:base:1.0"
_MONITORING: Final = "urn:ietf:params:xml:ns:yang:ietf-netconf-monitoring"
_SHOWN: Final = (
    "commit-id",
    "time",
    "cause",
    "username",
    "source-host",
    "label",
    "comment",
    "changes",
)
_SIGNS: Final = {"create": "+", "delete": "-", "replace": "*", "move": ">"}


def commits(shell: "Shell", _order: Order) -> Answer:
    """The commits that are known, the last one first."""
    chosen = etree.Element(f"{{{_BASE}}}filter", type="subtree", nsmap=scope(_BASE))
    root = etree.SubElement(chosen, f"{{{HISTORY}}}commit-history", nsmap=scope(HISTORY))
    entry = etree.SubElement(root, f"{{{HISTORY}}}commit")
    for name in _SHOWN:
        etree.SubElement(entry, f"{{{HISTORY}}}{name}")
    data = shell.netconf.get(chosen)
    found = data.find(f"{{{HISTORY}}}commit-history")
    listed = Reader(found, HISTORY).all("commit") if found is not None else []
    return Answer("\n".join(commit_table(listed[::-1])), data)


def commit_table(listed: Sequence[Reader]) -> list[str]:
    """Return the table of commits."""
    head = ("CommitId", "TimeStamp", "User", "From", "Changes", "Cause", "Description")
    rows = [
        (
            item.text("commit-id") or "",
            moment(item.text("time")) or "",
            item.text("username") or "",
            item.text("source-host") or "",
            item.text("changes") or "",
            item.text("cause") or "",
            " ".join(filter(None, (item.text("label"), item.text("comment")))),
        )
        for item in listed
    ]
    return table(head, rows)


def commit(shell: "Shell", order: Order) -> Answer:
    """What one commit changed."""
    reply = shell.netconf.commit_changes(order.get("commit-id"))
    lines = list(changed(Reader(reply, HISTORY).all("difference")))
    return Answer("\n".join(lines) or "Info: nothing was changed.", reply)


def changed(differences: Sequence[Reader]) -> Iterator[str]:
    """Yield a line for each node that was changed."""
    for item in differences:
        operation = item.text("operation") or ""
        line = f"{_SIGNS.get(operation, operation)} {readable(item.text('path') or '')}"
        old, new = (list(values(item, name)) for name in ("source-value", "value"))
        if operation == "replace":
            yield f"{line} {' '.join(old)} -> {' '.join(new)}".rstrip()
        else:
            yield from (f"{line} {value}".rstrip() for value in (old or new or [""]))


def values(item: Reader, name: str) -> Iterator[str]:
    """Yield what is told of a node: the value of a leaf, of anything larger each leaf with its way."""
    for found in item.all(name):
        for node in found.element:
            yield from _leaves(node, ()) if len(node) else [(node.text or "").strip()]


def _leaves(element: etree._Element, way: tuple[str, ...]) -> Iterator[str]:
    for child in element:
        below = (*way, etree.QName(child).localname)
        if len(child):
            yield from _leaves(child, below)
        else:
            yield " ".join((*below, (child.text or "").strip())).rstrip()


def users(shell: "Shell", _order: Order) -> Answer:
    """The sessions of the server."""
    chosen = etree.Element(f"{{{_BASE}}}filter", type="subtree", nsmap=scope(_BASE))
    state = etree.SubElement(chosen, f"{{{_MONITORING}}}netconf-state", nsmap=scope(_MONITORING))
    etree.SubElement(state, f"{{{_MONITORING}}}sessions")
    data = shell.netconf.get(chosen)
    found = data.find(f"{{{_MONITORING}}}netconf-state")
    sessions = Reader(found, _MONITORING).all("sessions/session") if found is not None else []
    own = shell.netconf.link.session_id
    return Answer("\n".join(session_table(sessions, own)), data)


def session_table(sessions: Sequence[Reader], own: str) -> list[str]:
    """Return the table of sessions; a plus marks one's own, as the vendor does."""
    head = ("Session", "User", "Address", "Transport", "Login")
    rows = [
        (
            f"{'+ ' if item.text('session-id') == own else '  '}{item.text('session-id')}",
            item.text("username") or "",
            item.text("source-host") or "",
            (item.text("transport") or "").rpartition(":")[2],
            moment(item.text("login-time")) or "",
        )
        for item in sessions
    ]
    return table(head, rows)

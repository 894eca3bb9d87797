"""The operations that the shell needs, and what a refusal says (RFC 6241 sections 4.3 and 7)."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from lxml import etree

from cli.shell.editing import BASE, scope
from cli.shell.link import Link

HISTORY: Final = "urn:twincast:yang:commit-history"
COMPARE: Final = "urn:ietf:params:xml:ns:yang:ietf-nmda-compare"
UPDATE: Final = "urn:ietf:params:xml:ns:yang:ietf-netconf-private-candidate"
_DATASTORES: Final = "urn:ietf:params:xml:ns:yang:ietf-datastores"
_MONITORING: Final = "urn:ietf:params:xml:ns:yang:ietf-netconf-monitoring"
_DEFAULTS: Final = "urn:ietf:params:xml:ns:yang:ietf-netconf-with-defaults"


@dataclass(frozen=True, slots=True)
class Fault:
    """One rpc-error."""

    tag: str
    app_tag: str = ""
    path: str = ""
    message: str = ""
    session: str = ""

    def text(self) -> str:
        """Return what a person is told: what is wrong, and where."""
        said = self.message or self.tag
        if self.session:
            holder = "no session any more" if self.session == "0" else f"session {self.session}"
            said = f"{said.rstrip('.')} ({holder})"
        where = readable(self.path)
        return f"{said} [{where}]" if where else said


class Refused(Exception):
    """The server refused a request."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("; ".join(fault.text() for fault in faults))
        self.faults = tuple(faults)

    def has(self, tag: str) -> bool:
        """Whether one of the errors has that error-tag or error-app-tag."""
        return any(tag in {fault.tag, fault.app_tag} for fault in self.faults)


def readable(path: str) -> str:
    """Return an error-path as names and keys: `remote-backup-profile rbp3 dhcp-stb igmp-copy`."""
    steps = re.findall(r"/([^/\[]+)((?:\[[^\]]*\])*)", path)
    words = []
    for name, predicates in steps:
        words.append(name.rpartition(":")[2])
        words += re.findall(r"=\s*['\"]([^'\"]*)['\"]", predicates)
    return " ".join(words[1:] if len(words) > 1 else words)


class Netconf:
    """A session with its operations; each raises Refused, and LinkError when the session is over."""

    def __init__(self, link: Link) -> None:
        self.link = link

    def call(self, operation: etree._Element) -> etree._Element:
        """Carry out an operation and return its reply."""
        reply = self.link.call(operation)
        faults = [_fault(item) for item in reply.findall(f"{{{BASE}}}rpc-error")]
        errors = [fault for fault in faults if fault is not None]
        if errors:
            raise Refused(errors)
        return reply

    def get_config(self, source: str, chosen: etree._Element | None = None) -> etree._Element:
        """Return the data of a datastore."""
        operation = _operation("get-config")
        etree.SubElement(etree.SubElement(operation, _base("source")), _base(source))
        return self._data(operation, chosen)

    def get(self, chosen: etree._Element | None = None, defaults: str = "") -> etree._Element:
        """Return configuration and state; `defaults` is a mode of RFC 6243."""
        operation = _operation("get")
        if chosen is not None:
            operation.append(chosen)
        if defaults:
            etree.SubElement(operation, f"{{{_DEFAULTS}}}with-defaults").text = defaults
        return _found(self.call(operation), _base("data"))

    def _data(self, operation: etree._Element, chosen: etree._Element | None) -> etree._Element:
        if chosen is not None:
            operation.append(chosen)
        return _found(self.call(operation), _base("data"))

    def edit(self, config: etree._Element) -> None:
        """Edit the candidate, wholly or not at all."""
        operation = _operation("edit-config")
        etree.SubElement(etree.SubElement(operation, _base("target")), _base("candidate"))
        etree.SubElement(operation, _base("error-option")).text = "rollback-on-error"
        operation.append(config)
        self.call(operation)

    def commit(self, values: Mapping[str, str], *, confirmed: bool = False, comment: str = "") -> None:
        """Commit; `values` are confirm-timeout, persist and persist-id, `comment` goes into the history."""
        operation = _operation("commit")
        if confirmed:
            etree.SubElement(operation, _base("confirmed"))
        for name in ("confirm-timeout", "persist", "persist-id"):
            if name in values:
                etree.SubElement(operation, _base(name)).text = values[name]
        if comment:
            etree.SubElement(operation, f"{{{HISTORY}}}comment", nsmap=scope(HISTORY)).text = comment
        self.call(operation)

    def cancel_commit(self, persist_id: str = "") -> None:
        """Undo a confirmed commit that waits."""
        operation = _operation("cancel-commit")
        if persist_id:
            etree.SubElement(operation, _base("persist-id")).text = persist_id
        self.call(operation)

    def discard(self) -> None:
        """Make the candidate what running is."""
        self.call(_operation("discard-changes"))

    def lock(self, datastore: str, *, unlock: bool = False) -> None:
        """Lock a datastore for this session, or give it back."""
        operation = _operation("unlock" if unlock else "lock")
        etree.SubElement(etree.SubElement(operation, _base("target")), _base(datastore))
        self.call(operation)

    def update(self, resolution: str) -> None:
        """Merge what has changed in running into the private candidate."""
        operation = etree.Element(f"{{{UPDATE}}}update", nsmap=scope(UPDATE))
        etree.SubElement(operation, f"{{{UPDATE}}}resolution-mode").text = resolution
        self.call(operation)

    def differences(self) -> bytes | None:
        """Return what tells running and candidate apart, None when nothing does."""
        operation = etree.Element(f"{{{COMPARE}}}compare", nsmap=scope(COMPARE, ds=_DATASTORES))
        for name, datastore in (("source", "running"), ("target", "candidate")):
            etree.SubElement(operation, f"{{{COMPARE}}}{name}").text = f"ds:{datastore}"
        reply = self.call(operation)
        found = reply.find(f"{{{COMPARE}}}differences")
        return None if found is None else etree.tostring(found, method="c14n")

    def rollback(self, number: str, comment: str = "") -> None:
        """Fill the candidate with what running was after an earlier commit."""
        operation = etree.Element(f"{{{HISTORY}}}rollback-to-commit", nsmap=scope(HISTORY))
        etree.SubElement(operation, f"{{{HISTORY}}}commit-id").text = number
        etree.SubElement(operation, f"{{{HISTORY}}}target").text = "candidate"
        if comment:
            etree.SubElement(operation, f"{{{HISTORY}}}comment").text = comment
        self.call(operation)

    def commit_changes(self, number: str) -> etree._Element:
        """Return what a commit changed, the last one without a number."""
        operation = etree.Element(f"{{{HISTORY}}}compare-commits", nsmap=scope(HISTORY))
        if number:
            etree.SubElement(operation, f"{{{HISTORY}}}to").text = number
        return self.call(operation)

    def schema(self, name: str, revision: str) -> str:
        """Return the text of a YANG module (RFC 6022 section 3.1)."""
        operation = etree.Element(f"{{{_MONITORING}}}get-schema", nsmap=scope(_MONITORING))
        etree.SubElement(operation, f"{{{_MONITORING}}}identifier").text = name
        if revision:
            etree.SubElement(operation, f"{{{_MONITORING}}}version").text = revision
        return _found(self.call(operation), f"{{{_MONITORING}}}data").text or ""


def _operation(name: str) -> etree._Element:
    return etree.Element(_base(name), nsmap=scope(BASE))


def _base(name: str) -> str:
    return f"{{{BASE}}}{name}"


def _found(reply: etree._Element, tag: str) -> etree._Element:
    found = reply.find(tag)
    return found if found is not None else etree.Element(tag)


def _fault(error: etree._Element) -> Fault | None:
    def text(name: str) -> str:
        return (error.findtext(_base(name)) or "").strip()

    if text("error-severity") == "warning":
        return None
    session = error.findtext(f"{_base('error-info')}/{_base('session-id')}") or ""
    return Fault(text("error-tag"), text("error-app-tag"), text("error-path"), text("error-message"), session)

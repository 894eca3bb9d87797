"""compare: what differs between two datastores (RFC 9144)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from lxml import etree

from server.access.guard import Guard
from server.datastores.locks import Datastore
from server.datastores.store import Store
from server.operations.filters import Everything, Subtree, Wanted, xpath
from server.operations.handler import Handlers
from server.operations.parameters import COMPARE_NAMESPACE, Parameters
from server.operations.sources import Offer
from server.protocol.messages import Data, Reply
from server.protocol.xml import attributes, element
from server.schema.model import NodeKind, Schema
from server.telemetry.sessions import Session
from server.tree.changes import Shower, Shown
from server.tree.diff import ChangeKind, diff
from server.tree.location import Location

_DATASTORES: Final = "urn:ietf:params:xml:ns:yang:ietf-datastores"
_OWN: Final = [("xmlns", COMPARE_NAMESPACE)]


@dataclass(frozen=True, slots=True)
class CompareRequest:
    """Parameters of compare."""

    source: Datastore
    target: Datastore
    wanted: Wanted

    @classmethod
    def parse(cls, operation: etree._Element, offer: Offer) -> "CompareRequest":
        """Read the parameters, which the schema has accepted; raises RpcError invalid-value for a datastore
        that there is not.
        """
        parameters = Parameters(operation)
        source, target = (_take_datastore(parameters, name, offer) for name in ("source", "target"))
        parameters.flag("all")
        wanted = _take_wanted(parameters)
        parameters.finish()
        return cls(source, target, wanted)


def _take_datastore(parameters: Parameters, name: str, offer: Offer) -> Datastore:
    found = parameters.required(name)
    text = (found.text or "").strip()
    prefix, _, local = text.rpartition(":")
    if found.nsmap.get(prefix or None) != _DATASTORES or local not in offer.datastores:
        raise parameters.invalid(name, text, (f"ds:{each}" for each in offer.datastores))
    return Datastore(local)


def _take_wanted(parameters: Parameters) -> Wanted:
    subtree, expression = parameters.element("subtree-filter"), parameters.element("xpath-filter")
    if subtree is not None:
        return Subtree(subtree)
    if expression is not None:
        path = f"{parameters.path}/cmp:xpath-filter"
        return xpath(expression.text or "", expression.nsmap, path, "cmp", COMPARE_NAMESPACE)
    return Everything()


class Compare:
    """The operation compare."""

    def __init__(self, schema: Schema, store: Store, guard: Guard, offer: Offer) -> None:
        self._schema = schema
        self._store = store
        self._guard = guard
        self._offer = offer
        self._shower = Shower(schema)

    def handlers(self) -> Handlers:
        """Return the operations of this file."""
        return {f"{{{COMPARE_NAMESPACE}}}compare": self.compare}

    def compare(self, session: Session, operation: etree._Element) -> Reply:
        """Tell the edits that lead from the source to the target, of what the user may read."""
        request = CompareRequest.parse(operation, self._offer)
        source, target = (
            request.wanted.of(self._schema, self._guard.visible(session.peer, root))
            for root in (
                self._store.root(datastore, session.session_id)
                for datastore in (request.source, request.target)
            )
        )
        shown = list(self._shower.shown(diff(source, target)))
        if not shown:
            return Data([f"<no-matches{attributes(_OWN)}/>".encode()])
        edits = (_edit(number, each).encode() for number, each in enumerate(shown, start=1))
        name = element("patch-id", f"{request.source} to {request.target}")
        begin = f"<differences{attributes(_OWN)}><yang-patch>{name}".encode()
        return Data([begin, *edits, b"</yang-patch></differences>"])


def _edit(number: int, shown: Shown) -> str:
    return f"<edit>{''.join(_parts(number, shown))}</edit>"


def _parts(number: int, shown: Shown) -> Iterator[str]:
    ordered = shown.location.schema.user_ordered and shown.operation != ChangeKind.DELETE
    placed = ordered and shown.operation in (ChangeKind.CREATE, ChangeKind.MOVE)
    yield element("edit-id", str(number))
    yield element(
        "operation", "insert" if placed and shown.operation == ChangeKind.CREATE else shown.operation
    )
    yield element("target", resource(shown.location))
    if placed and shown.follows is not None:
        yield element("point", resource(shown.follows))
    if placed:
        yield element("where", "first" if shown.follows is None else "after")
    if shown.after:
        yield f"<value>{shown.after}</value>"
    if shown.before:
        yield f"<source-value>{shown.before}</source-value>"


def resource(location: Location) -> str:
    """The path of a node as RESTCONF names it: `/garden:garden/bed=a` (RFC 8040 section 3.5.3)."""
    parts, module, keys = [], "", list(location.keys)
    for step in location.schema.chain():
        name = step.name if step.module == module else f"{step.module}:{step.name}"
        module = step.module
        if step.kind is NodeKind.LIST and keys:
            values = keys.pop(0)
            if not step.default_deny_all:
                name += f"={','.join(quote(value, safe='') for value in values)}"
        parts.append(name)
    value = location.value
    if value is not None and not location.schema.default_deny_all:
        parts[-1] += f"={quote(value, safe='')}"
    return "/" + "/".join(parts)

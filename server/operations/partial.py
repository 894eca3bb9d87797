"""partial-lock and partial-unlock (RFC 5717 section 2.4)."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Final

from lxml import etree

from server.access.guard import Guard
from server.datastores.partial import Selected
from server.datastores.store import Store
from server.operations.filters import XPath, new_budget, xpath
from server.operations.handler import Handlers
from server.operations.parameters import PARTIAL_LOCK_NAMESPACE, Parameters
from server.protocol.errors import ErrorType, RpcError, RpcErrors, invalid_value, operation_failed
from server.protocol.messages import Data, Ok, Reply
from server.protocol.xml import element
from server.schema import names
from server.schema.model import Schema, TypeInfo
from server.telemetry.sessions import Session
from server.tree.location import Location
from server.tree.node import Container
from server.xpath.items import Budget

NO_MATCHES: Final = "no-matches"
NO_LOCK: Final = "invalid-lock-specification"
"""error-app-tags of RFC 5717 section 2.4.1."""

HIGHEST_LOCK_ID: Final = 2**32 - 1
_OWN: Final = [("xmlns", PARTIAL_LOCK_NAMESPACE)]
_EXPRESSION: Final = TypeInfo("xpath1.0", has_prefix=True)
_INSTANCE: Final = TypeInfo("instance-identifier", has_prefix=True)


class Partial:
    """The operations on parts of running."""

    def __init__(self, schema: Schema, store: Store, guard: Guard) -> None:
        self._schema = schema
        self._store = store
        self._guard = guard

    def handlers(self) -> Handlers:
        """Return the operations of this file."""
        return {
            f"{{{PARTIAL_LOCK_NAMESPACE}}}partial-lock": self.partial_lock,
            f"{{{PARTIAL_LOCK_NAMESPACE}}}partial-unlock": self.partial_unlock,
        }

    def partial_lock(self, session: Session, operation: etree._Element) -> Reply:
        """Lock what the expressions select of what the user may read; all of it or nothing."""
        parameters = Parameters(operation)
        wanted = _take_selects(parameters)
        parameters.finish()
        lock = self._store.partial_lock(
            session.session_id, lambda root: self._selected(session, root, wanted)
        )
        session.trail.named(lock.nodes, len(lock.nodes))
        pieces = [element("lock-id", str(lock.lock_id), _OWN)]
        pieces += [self._locked_node(at) for at in lock.nodes]
        return Data([piece.encode() for piece in pieces])

    def partial_unlock(self, session: Session, operation: etree._Element) -> Reply:
        """Give back a partial lock of this session."""
        parameters = Parameters(operation)
        lock_id = parameters.integer("lock-id", 0, HIGHEST_LOCK_ID)
        parameters.finish()
        self._store.partial_unlock(session.session_id, lock_id)
        return Ok()

    def _selected(self, session: Session, root: Container, wanted: list[XPath]) -> Selected:
        visible = self._guard.visible(session.peer, root)
        budget = new_budget()
        found: list[Location] = []
        failed: list[RpcError] = []
        for each in wanted:
            try:
                found += self._nodes(each, visible, budget)
            except RpcError as error:
                failed.append(error)
        if failed:
            raise RpcErrors(failed)
        if not found:
            message = "nothing that you may read of running is selected"
            raise operation_failed(message, type=ErrorType.PROTOCOL, app_tag=NO_MATCHES)
        selected = Selected.of((text for each in wanted for text in self._told(each)), found)
        self._guard.check_locks(session.peer, selected.nodes)
        return selected

    def _told(self, wanted: XPath) -> Iterator[str]:
        """The expression with module names as prefixes; nothing when a prefix is that of no module."""
        with suppress(ValueError):
            yield names.from_xml(self._schema, _EXPRESSION, wanted.text, wanted.namespaces)

    def _nodes(self, wanted: XPath, root: Container, budget: Budget) -> list[Location]:
        found = wanted.locations(self._schema, root, budget)
        for at in found:
            self._check_name(wanted, at)
        return found

    def _check_name(self, wanted: XPath, at: Location) -> None:
        """Refuse what no instance-identifier can name, so that the lock could not be told."""
        if at.schema is self._schema.root:
            message = "the root is no node that can be locked; <lock> locks running as a whole"
        else:
            try:
                names.to_xml(self._schema, _INSTANCE, at.identifier)
                return
            except ValueError:
                message = "a key has quotes of both kinds, so that no instance-identifier can name the node"
        error = invalid_value(message, type=ErrorType.PROTOCOL, app_tag=NO_LOCK)
        raise error.at(wanted.place.path, wanted.place.namespaces)

    def _locked_node(self, at: Location) -> str:
        text, bound = names.to_xml(self._schema, _INSTANCE, at.identifier)
        declared = [(f"xmlns:{prefix}", namespace) for prefix, namespace in bound.items()]
        return element("locked-node", text, [*_OWN, *declared])


def _take_selects(parameters: Parameters) -> list[XPath]:
    found = parameters.several("select")
    path = f"{parameters.path}/pl:select"
    return [
        xpath(
            each.text or "",
            each.nsmap,
            path if len(found) == 1 else f"{path}[{number}]",
            "pl",
            PARTIAL_LOCK_NAMESPACE,
        )
        for number, each in enumerate(found, start=1)
    ]

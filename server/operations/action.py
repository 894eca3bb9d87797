"""action (RFC 7950 section 7.15): finds what it is for, judges it, and hands it to who carries it out."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from lxml import etree

from server.access.guard import Guard
from server.operations.bodies import Bodies
from server.operations.handler import Handlers
from server.operations.parameters import Parameters
from server.protocol import errors
from server.protocol.errors import YANG_NAMESPACE, ErrorType, RpcError
from server.protocol.messages import Data, Ok, Reply
from server.provider import ActionHandler, Invocation
from server.schema.model import Operation, Schema
from server.schema.node import NodeKind, SchemaNode
from server.telemetry.sessions import Session
from server.tree.build import body_from_data
from server.tree.location import Location
from server.tree.members import Key
from server.tree.xml import body_xml

_TAG: Final = f"{{{YANG_NAMESPACE}}}action"
_APPLICATION: Final = ErrorType.APPLICATION


@dataclass(frozen=True, slots=True)
class Found:
    """An action in a request: which, and the tags from the top level down to it."""

    operation: Operation
    path: tuple[str, ...]


class Actions:
    """The operation `<action>`. `handlers` are by the path of the action in the schema."""

    def __init__(
        self, schema: Schema, bodies: Bodies, guard: Guard, handlers: Mapping[str, ActionHandler]
    ) -> None:
        self._schema = schema
        self._bodies = bodies
        self._guard = guard
        self._handlers = handlers

    def handlers(self) -> Handlers:
        """Return the operations of this file."""
        return {_TAG: self.action}

    def action(self, session: Session, operation: etree._Element) -> Reply:
        """Carry out one action on one instance.

        Raises RpcError access-denied before it says what there is, data-missing for an instance that does
        not exist, operation-not-supported for an action that nothing carries out, and RpcErrors for what
        the schema refuses.
        """
        top = Parameters(operation).only_action()
        found = find_action(self._schema, top)
        peer = session.peer
        invocation = self._bodies.action(found.operation, top, found.path)
        session.trail.named((invocation.location,), 1)
        self._guard.check_action(peer, found.operation, invocation.location)
        self._bodies.check_instance(invocation)
        self._bodies.check_references(peer, invocation)
        handler = self._handlers.get(found.operation.path)
        if handler is None:
            message = f"the action {found.operation.name} is not supported"
            raise invocation.blame(errors.operation_not_supported(message, _APPLICATION))
        return self._answer(invocation, handler(invocation))

    def _answer(self, invocation: Invocation, output: Mapping[str, object]) -> Reply:
        body = body_from_data(self._schema, invocation.operation.output, output)
        pieces = body_xml(self._schema, body)
        if not self._bodies.output_is_valid(invocation, b"".join(pieces)):
            raise invocation.blame(
                errors.operation_failed("the action was carried out; its result is not valid")
            )
        return Data(pieces) if pieces else Ok()


def find_action(schema: Schema, top: etree._Element) -> Found:
    """Find the action that the element below `<action>` leads to (RFC 7950 section 7.15.2).

    Raises RpcError: unknown-element or unknown-namespace for what no module defines there, missing-element
    for a key or the action itself, bad-element for more than one way down.
    """
    place = _Place(schema, Location(schema.root))
    path: list[str] = []
    element = top
    while True:
        path.append(str(element.tag))
        operation = schema.operation_at(place.location.schema, str(element.tag))
        if operation is not None and operation.kind == "action":
            return Found(operation, tuple(path))
        place = place.entered(element)
        element = place.next_step(element)


@dataclass(frozen=True, slots=True)
class _Place:
    """How far down the action's path the search has come."""

    schema: Schema
    location: Location

    def entered(self, element: etree._Element) -> "_Place":
        """Go into a container or list entry."""
        name = etree.QName(element)
        node = self.location.schema.children.get(str(element.tag))
        if node is None:
            raise self._unknown(name)
        if node.kind not in (NodeKind.CONTAINER, NodeKind.LIST):
            text = f"<{name.localname}> is a {node.kind} and holds no action"
            raise self.location.child(node).blame(errors.bad_element(name.localname, text, _APPLICATION))
        location = self.location.child(node)
        if node.kind is NodeKind.LIST:
            location = location.entry(self._key(node, element))
        return _Place(self.schema, location)

    def _key(self, node: SchemaNode, element: etree._Element) -> Key:
        values = []
        for tag in node.keys:
            found = [child for child in element if child.tag == tag]
            name = etree.QName(tag).localname
            where = self.location.child(node)
            if not found:
                text = f"<{node.name}> needs its key <{name}>"
                raise where.blame(errors.missing_element(name, text, _APPLICATION))
            if len(found) > 1:
                raise where.blame(errors.bad_element(name, f"<{name}> is given twice", _APPLICATION))
            values.append((found[0].text or "").strip())
        return tuple(values)

    def next_step(self, element: etree._Element) -> etree._Element:
        """The one child element that is no key."""
        keys = self.location.schema.keys
        steps = [child for child in element if isinstance(child.tag, str) and child.tag not in keys]
        here = self.location.schema.name
        if not steps:
            text = f"<{here}> names no action"
            raise self.location.blame(errors.missing_element("action", text, _APPLICATION))
        if len(steps) > 1:
            name = etree.QName(steps[1]).localname
            text = f"an <action> leads to one action: <{name}> in <{here}> is one more"
            raise self.location.blame(errors.bad_element(name, text, _APPLICATION))
        return steps[0]

    def _unknown(self, name: etree.QName) -> RpcError:
        namespace = name.namespace or ""
        where = self.location.schema
        if namespace not in self.schema.by_namespace:
            error = errors.unknown_namespace(name.localname, namespace)
        else:
            here = f" in <{where.name}>" if where.name else ""
            text = f"there is no action or node <{name.localname}>{here}"
            error = errors.unknown_element(name.localname, text, _APPLICATION)
        return self.location.blame(error) if where.name else error

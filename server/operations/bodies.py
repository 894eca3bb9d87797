"""The bodies of operations against the schema: parameters of rpcs and actions, and what we answer.

libyang judges (see `server.schema.judged_operations`); that what a leafref refers to exists is judged here,
against running and the operational state, which are too large to be handed over with each request.
"""

import copy
import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from lxml import etree

from server.access.guard import Guard
from server.access.references import dangling
from server.datastores.locks import Datastore
from server.datastores.store import Store
from server.operations.handler import Handler, Handlers
from server.operations.parameters import NMDA_NAMESPACE
from server.operations.retrieve import StateSource
from server.protocol import errors
from server.protocol.errors import ErrorTag, ErrorType, RpcError, RpcErrors
from server.protocol.messages import BASE_NAMESPACE, Reply
from server.protocol.session import Peer
from server.provider import Invocation
from server.schema.model import Operation, Schema
from server.schema.node import NodeKind, SchemaNode
from server.schema.validator import Validator
from server.telemetry.sessions import Session
from server.tree.build import from_data
from server.tree.filter import Selection
from server.tree.instances import depth_found, holds_value
from server.tree.location import Location
from server.tree.members import Key
from server.tree.node import Branch, Container, Leaf, ListNode
from server.tree.xml import Parser, around_xml, elements_of

_log = logging.getLogger("twincast.operations.bodies")

_MONITORING = "urn:ietf:params:xml:ns:yang:ietf-netconf-monitoring"
BASE_FILTER = f"{{{BASE_NAMESPACE}}}filter"
OWN_PARAMETERS = frozenset({BASE_NAMESPACE, _MONITORING, NMDA_NAMESPACE})
"""Namespaces whose operations read their parameters one by one, with errors that name each, and whose
payloads are judged as configuration."""


class Bodies:
    """Judges bodies; safe for many threads."""

    def __init__(
        self,
        schema: Schema,
        validator: Validator,
        store: Store,
        guard: Guard,
        sources: Sequence[StateSource],
    ) -> None:
        self._schema = schema
        self._validator = validator
        self._store = store
        self._guard = guard
        self._sources = sources

    def judged(self, handlers: Handlers) -> Handlers:
        """The handlers with the parameters of their rpcs judged before they are called.

        Those of `OWN_PARAMETERS` and what is no rpc of a module stay as they are.
        """
        return {tag: self._judged(tag, handler) for tag, handler in handlers.items()}

    def _judged(self, tag: str, handler: Handler) -> Handler:
        operation = self._schema.rpcs.get(tag)
        if operation is None or etree.QName(tag).namespace in OWN_PARAMETERS:
            return handler

        def judged(session: Session, element: etree._Element, /) -> Reply:
            self.rpc(session.peer, operation, element)
            return handler(session, element)

        return judged

    def rpc(self, peer: Peer, operation: Operation, element: etree._Element) -> Invocation:
        """Judge the parameters of an rpc that the user sent; raises RpcErrors."""
        try:
            invocation = self._invocation(operation, element, ())
            self.check_references(peer, invocation)
        except RpcErrors as failed:
            raise RpcErrors([_of_rpc(operation, error) for error in failed.errors]) from failed
        return invocation

    def action(self, operation: Operation, top: etree._Element, path: Sequence[str]) -> Invocation:
        """Judge an action; `top` is the element below `<action>`, `path` the tags from there to the action's.

        Raises RpcErrors. Whether the instance and what leafrefs refer to exist is not judged here.
        """
        return self._invocation(operation, top, path)

    def _invocation(self, operation: Operation, top: etree._Element, path: Sequence[str]) -> Invocation:
        judged = self._judge(_with_input(operation, top, path))
        found = next(each for each in elements_of(judged) if each.tag == top.tag)
        keys: list[Key] = []
        for node, tag in zip(_chain(operation), [*path[1:], ""], strict=True):
            if node.keys:
                keys.append(tuple(found.findtext(key) or "" for key in node.keys))
            found = next(each for each in found if each.tag == tag) if tag else found
        body = found.find(f"{{{etree.QName(found).namespace}}}input")
        children = Parser(self._schema).children(operation.input, () if body is None else body)
        return Invocation(operation, tuple(keys), Container.of(operation.input, children))

    def _judge(self, xml: bytes) -> bytes:
        try:
            return self._validator.operation(xml)
        except RpcErrors as failed:
            raise RpcErrors([_of_parameter(error) for error in failed.errors]) from failed

    def check_instance(self, invocation: Invocation) -> None:
        """Raise RpcError data-missing, at what is missing, unless the instance of an action exists."""
        node, keys = invocation.operation.parent, invocation.keys
        if node is None:
            return
        chain = node.chain()
        found = depth_found(self._store.root(Datastore.RUNNING), node, keys)
        if found < len(chain):
            found = max(found, depth_found(self._state(_filter(node, keys)), node, keys))
        if found < len(chain):
            missing = chain[found]
            lists = sum(1 for step in chain[: found + 1] if step.keys)
            error = errors.data_missing(f"there is no such <{missing.name}>")
            raise Location(missing, keys[:lists]).blame(error)

    def check_references(self, peer: Peer, invocation: Invocation) -> None:
        """Raise RpcErrors data-missing for leafrefs in the input whose instance the user does not see."""
        wrong = [
            Location(leaf.schema, invocation.keys).blame(dangling(target, leaf))
            for leaf, target in _references(invocation.input)
            if not self._exists(peer, invocation, target, leaf.value)
        ]
        if wrong:
            raise RpcErrors(wrong)

    def _exists(self, peer: Peer, invocation: Invocation, target: SchemaNode, value: str) -> bool:
        if invocation.operation.input in target.ancestors_or_self():
            return holds_value(invocation.input, target, value)
        running = self._guard.visible(peer, self._store.root(Datastore.RUNNING))
        if holds_value(running, target, value):
            return True
        state = self._guard.visible(peer, self._state(_filter(target, (), value)))
        return holds_value(state, target, value)

    def _state(self, wanted: etree._Element) -> Container:
        selection = Selection(self._schema, (wanted,))
        data: dict[str, object] = {}
        for source in self._sources:
            data.update(source(selection))
        return from_data(self._schema, data)

    def output_is_valid(self, invocation: Invocation, xml: bytes) -> bool:
        """Judge what we answer to an action; a fault of ours is logged, without the content."""
        operation = invocation.operation
        tag = f'{operation.name} xmlns="{operation.input.namespace}"'
        body = b"".join((f"<{tag}><output>".encode(), xml, f"</output></{operation.name}>".encode()))
        if operation.parent is not None:
            body = around_xml(self._schema, operation.parent, invocation.keys, body)
        try:
            self._validator.operation(body)
        except RpcErrors as failed:
            paths = [f"{error.tag} {error.path}" for error in failed.errors]
            _log.error("output-invalid", extra={"operation": operation.path, "errors": paths})
            return False
        return True


def _chain(operation: Operation) -> tuple[SchemaNode, ...]:
    """The nodes from the top level down to the operation's own."""
    above = () if operation.parent is None else operation.parent.chain()
    return (*above, operation.input)


def _with_input(operation: Operation, top: etree._Element, path: Sequence[str]) -> bytes:
    """The request with the parameters put into `<input>`, as libyang is given them.

    What stands in anydata, a filter for one, no schema judges: it is left out, and so are XPath expressions,
    which whoever evaluates them judges with better words. ncclient writes the filter of
    any operation in the namespace of NETCONF itself, and that is what is meant.
    """
    element = whole = copy.deepcopy(top)
    for tag in path[1:]:
        element = next(child for child in element if child.tag == tag)
    namespace = etree.QName(element).namespace
    body, own_filter = etree.Element(f"{{{namespace}}}input"), f"{{{namespace}}}filter"
    body.text, element.text = element.text, None
    body.extend(list(element))
    for child in body:
        if child.tag == BASE_FILTER and own_filter in operation.input.children:
            child.tag = own_filter
        node = operation.input.children.get(str(child.tag))
        if node is not None and node.kind is NodeKind.ANYDATA:
            child.clear()
        elif node is not None and node.type is not None and node.type.base == "xpath1.0" and not len(child):
            child.text = "/*"
    element.append(body)
    whole.tail = None
    return bytes(etree.tostring(whole))


def _of_parameter(error: RpcError) -> RpcError:
    """A mandatory node that is missing in a request is an element that was expected (RFC 6241 appendix A)."""
    if error.tag is not ErrorTag.DATA_MISSING or error.app_tag:
        return error
    above, _, last = error.path.rpartition("/")
    name = last.rpartition(":")[2]
    missing = errors.missing_element(name, f"<{name}> is mandatory and missing", ErrorType.APPLICATION)
    return missing.at(above, error.path_namespaces)


def _of_rpc(operation: Operation, error: RpcError) -> RpcError:
    """The path of a parameter begins with the rpc."""
    own = operation.input
    prefix, namespaces = own.prefix, {**error.path_namespaces, "nc": BASE_NAMESPACE}
    namespaces[prefix] = own.namespace
    return replace(error, path=f"/nc:rpc/{prefix}:{operation.name}{error.path}", path_namespaces=namespaces)


def _references(branch: Branch) -> Iterator[tuple[Leaf, SchemaNode]]:
    """The leaves that refer to others, with what they refer to."""
    for child in branch:
        if isinstance(child, Leaf):
            info = child.schema.type
            if info is not None and info.base == "leafref" and info.require_instance and info.target:
                yield child, info.target
        elif isinstance(child, Container):
            yield from _references(child)
        elif isinstance(child, ListNode):
            for entry in child:
                yield from _references(entry)


def _filter(node: SchemaNode, keys: Iterable[Key], value: str | None = None) -> etree._Element:
    """A subtree filter for one instance of `node`; `value` is that of a leaf."""
    wanted = element = etree.Element("filter")
    remaining = iter(keys)
    for step in node.chain():
        element = etree.SubElement(element, step.tag)
        for tag, text in zip(step.keys, next(remaining, ()) if step.keys else (), strict=False):
            etree.SubElement(element, tag).text = text
    element.text = value
    return wanted

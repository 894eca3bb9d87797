"""edit-config: from a payload and a tree to another tree (RFC 6241 section 7.2, RFC 7950 section 7).

What succeeds or fails together under continue-on-error: for names, keys, types and values an entry of a
top-most list with everything in it, and outside such lists each leaf, leaf-list value and anydata; for
data-exists, data-missing and insert the node that has the operation, with everything in it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, TypeAlias

from lxml import etree

from server.protocol import errors
from server.protocol.errors import RpcError, RpcErrors
from server.schema.model import Schema
from server.schema.node import NodeKind, SchemaNode, Tag
from server.tree.canonical import Canonical, Canonicaliser
from server.tree.diff import apply, diff
from server.tree.location import Location
from server.tree.members import Insert, Members
from server.tree.node import (
    AnyData,
    Branch,
    Container,
    Entry,
    Leaf,
    LeafList,
    ListNode,
    Node,
    in_schema_order,
    is_void,
)
from server.tree.payload import read_payload
from server.tree.steps import MAX_ERRORS, REMOVING, Operation, Payload, Step

Work: TypeAlias = dict[Tag, Node]
Gate: TypeAlias = Callable[[Step], RpcError | None]
"""Says why a step may not be carried out; None when it may."""
Sight: TypeAlias = Callable[[Location], bool]
"""Whether whoever edits may know of a node."""

_POINT: Final = (Insert.BEFORE, Insert.AFTER)


class DefaultOperation(StrEnum):
    """The default-operation parameter (RFC 6241 section 7.2)."""

    MERGE = "merge"
    REPLACE = "replace"
    NONE = "none"


class ErrorOption(StrEnum):
    """The error-option parameter (RFC 6241 section 7.2)."""

    STOP_ON_ERROR = "stop-on-error"
    CONTINUE_ON_ERROR = "continue-on-error"
    ROLLBACK_ON_ERROR = "rollback-on-error"


@dataclass(frozen=True, slots=True)
class EditOutcome:
    """`root` is the tree after the edit, the base itself when nothing changed; `errors` is what failed."""

    root: Container
    payload: Payload
    errors: tuple[RpcError, ...] = ()

    @property
    def premises(self) -> Iterator[tuple[Location, str]]:
        """The nodes that the client knows with an etag; whether they are so is not looked at."""
        return ((step.location, known) for step, known in self.payload.premises)


def apply_edit(
    schema: Schema,
    base: Container,
    config_element: etree._Element,
    *,
    default_operation: DefaultOperation,
    error_option: ErrorOption,
    canonical: Canonical,
    plain: bool = False,
    gate: Gate | None = None,
    sees: Sight | None = None,
) -> EditOutcome:
    """Apply the `<config>` element of an edit-config to `base`.

    With `plain` it is the one of a copy-config or validate, in which nothing has attributes.
    `canonical` is `Validator.canonical`. `gate` is asked about each step before it is carried out; what it
    returns is the error of that step. `sees` says what there is to insert at. Under stop-on-error and
    rollback-on-error an error leaves `EditOutcome.root` the base; under continue-on-error what succeeded
    stays and all errors are returned. Nothing is raised for what the client got wrong.
    """
    keep_going = error_option is ErrorOption.CONTINUE_ON_ERROR
    operation = Operation(default_operation)
    payload = read_payload(schema, config_element, operation, plain=plain, keep_going=keep_going)
    canonicaliser = Canonicaliser(schema, canonical)
    canonicaliser.run(payload)
    root = base
    if keep_going or not payload.errors:
        root = _Editor(payload, canonicaliser, gate, sees).edited(base)
    if payload.errors and not keep_going:
        root = base
    elif payload.replaces:
        root = share(base, root)
    return EditOutcome(root, payload, tuple(payload.errors[:MAX_ERRORS]))


def share(old: Container, new: Container) -> Container:
    """A tree equal to `new` that shares with `old` what is equal in both; `old` itself when all is."""
    return apply(old, diff(old, new))


class _Refusal(Exception):
    """This step fails, with everything in it."""

    def __init__(self, error: RpcError) -> None:
        super().__init__(error.message)
        self.error = error


class _Editor:
    """Carries out the steps of a payload.

    `before` is always the node as it was before the edit, for what exists and what does not; `work` collects
    the children of its successor.
    """

    def __init__(
        self,
        payload: Payload,
        canonicaliser: Canonicaliser,
        gate: Gate | None = None,
        sees: Sight | None = None,
    ) -> None:
        self._payload = payload
        self._gate = gate
        self._sees = sees
        self._canonicaliser = canonicaliser

    def edited(self, base: Container) -> Container:
        """The tree after all steps that can be carried out."""
        root = self._payload.root
        work: Work = {} if root.operation is Operation.REPLACE else dict(base.children)
        self._children(root, base, work)
        return base if _unchanged(base, work) else Container.of(base.schema, work)

    def _children(self, step: Step, before: Branch | None, work: Work) -> None:
        for child in step.children:
            if child.unit in self._payload.failed:
                continue
            try:
                self._step(child, before, work)
            except _Refusal as refusal:
                self._payload.errors.append(refusal.error)

    def _step(self, step: Step, before: Branch | None, work: Work) -> None:
        error = None if self._gate is None else self._gate(step)
        if error is not None:
            raise _Refusal(error)
        kind = step.schema.kind
        if kind is NodeKind.LEAF or kind is NodeKind.ANYDATA:
            self._leaf(step, before, work)
        elif kind is NodeKind.LEAF_LIST:
            self._leaf_list(step, before, work)
        elif kind is NodeKind.CONTAINER:
            self._container(step, before, work)
        else:
            self._entry(step, before, work)

    def _leaf(self, step: Step, before: Branch | None, work: Work) -> None:
        tag = step.schema.tag
        present = None if before is None else before.get(tag)
        _check_existence(step, present is not None)
        if step.operation in REMOVING or _is_default(step):
            work.pop(tag, None)
        elif step.operation is not Operation.NONE:
            node = _value_node(step)
            _put(work, present if present is not None and _same(present, node) else node)

    def _leaf_list(self, step: Step, before: Branch | None, work: Work) -> None:
        present = None if before is None else before.get(step.schema.tag)
        _check_existence(step, isinstance(present, LeafList) and step.text in present)
        current: Any = work.get(step.schema.tag) or LeafList.of(step.schema, [])
        if step.operation in REMOVING or _is_default(step):
            members = current.members.remove(step.text)
        elif step.operation is Operation.NONE:
            return
        else:
            members = self._inserted(step, current.members, step.text, step.text)
        _put(work, current if members is current.members else LeafList(step.schema, members))

    def _container(self, step: Step, before: Branch | None, work: Work) -> None:
        tag = step.schema.tag
        present = None if before is None else before.branch(tag)
        exists = present is not None
        if exists or step.schema.presence or step.operation is not Operation.NONE:
            _check_existence(step, exists)
        if step.operation in REMOVING:
            work.pop(tag, None)
            return
        fresh = present is None or step.operation is Operation.REPLACE
        inner: Work = {} if fresh or present is None else dict(present.children)
        self._children(step, present, inner)
        if present is not None and _unchanged(present, inner):
            _put(work, present)
        elif step.operation is not Operation.NONE or present is not None or inner:
            _put(work, Container(step.schema, in_schema_order(step.schema, inner)))

    def _entry(self, step: Step, before: Branch | None, work: Work) -> None:
        node = step.schema
        old = None if before is None else before.get(node.tag)
        present = old.get(step.key) if isinstance(old, ListNode) else None
        _check_existence(step, present is not None)
        current: Any = work.get(node.tag) or ListNode.of(node, [])
        if step.operation in REMOVING:
            _put(work, current.remove(step.key))
            return
        entry = self._entry_after(step, present)
        if step.operation is Operation.NONE:
            members = current.members.put(step.key, entry)
        else:
            members = self._inserted(step, current.members, step.key, entry)
        _put(work, current if members is current.members else ListNode(node, members))

    def _entry_after(self, step: Step, present: Entry | None) -> Entry:
        node = step.schema
        if step.entry is not None:
            if present is None:
                return step.entry
            self._canonicaliser.complete(self._payload, step)
        if present is None or step.operation is Operation.REPLACE:
            inner: Work = {
                tag: Leaf(node.children[tag], text) for tag, text in zip(node.keys, step.key, strict=True)
            }
        else:
            inner = dict(present.children)
        self._children(step, present, inner)
        if present is not None and _unchanged(present, inner):
            return present
        return Entry(node, in_schema_order(node, inner), step.key)

    def _inserted(self, step: Step, members: Members[Any, Any], key: Any, member: Any) -> Members[Any, Any]:  # noqa: ANN401 - of a list or of a leaf-list
        if step.insert is None:
            return members.put(key, member)
        point: Any = None
        if step.insert in _POINT:
            point = self._point(step, members)
        return members.insert(key, member, step.insert, point)

    def _point(self, step: Step, members: Members[Any, Any]) -> Any:  # noqa: ANN401
        """The member to insert before or after; a missing one is RFC 7950 section 15.7."""
        is_list = step.schema.kind is NodeKind.LIST
        try:
            point = step.point or ()
            if members.get(point if is_list else point[0]) is None:
                point = self._canonicaliser.point(step)
        except RpcErrors:
            point = ()
        found = point if is_list else next(iter(point), None)
        if found is None or members.get(found) is None or self._hides(step, found):
            name = "key" if is_list else "value"
            given = " ".join(map(repr, step.point or ()))
            text = f"there is no {step.schema.name} {given} to insert {step.insert}"
            error = errors.bad_attribute(name, step.schema.name, text)
            error.app_tag = "missing-instance"
            raise _Refusal(step.location.blame(error))
        return found

    def _hides(self, step: Step, point: Any) -> bool:  # noqa: ANN401 - a key or a value
        if self._sees is None:
            return False
        own = step.location
        if step.schema.kind is NodeKind.LIST:
            return not self._sees(Location(own.schema, (*own.keys[:-1], point)))
        return not self._sees(Location(own.schema, own.keys, point))


def _is_default(step: Step) -> bool:
    """Whether the value is said to be the default, which nobody sets; it has to be so (RFC 6243 4.5.2)."""
    if not step.default:
        return False
    if step.text not in step.schema.defaults:
        defaults = ", ".join(map(repr, step.schema.defaults)) or "none"
        text = f"<{step.schema.name}> is said to have its default and has not: the default is {defaults}"
        error = errors.invalid_value(text)
        raise _Refusal(step.location.blame(error))
    return step.operation is not Operation.NONE


def _check_existence(step: Step, exists: bool) -> None:
    """RFC 6241 section 7.2: create needs the node to be absent, delete and none need it."""
    if step.operation is Operation.MERGE:
        return
    if exists and step.operation is Operation.CREATE:
        raise _Refusal(step.location.blame(errors.data_exists(f"{step.named} exists already")))
    if not exists and step.operation in (Operation.DELETE, Operation.NONE):
        raise _Refusal(step.location.blame(errors.data_missing(f"{step.named} does not exist")))


def _put(work: Work, node: Node) -> None:
    """Set a child; what other cases of its choices hold goes (RFC 7950 section 7.9)."""
    tag = node.schema.tag
    if is_void(node):
        work.pop(tag, None)
        return
    if node.schema.cases and tag not in work:
        for other in [child.schema for child in work.values() if child.schema.cases]:
            if excludes(node.schema, other):
                del work[other.tag]
    work[tag] = node


def excludes(one: SchemaNode, other: SchemaNode) -> bool:
    """Whether two sibling nodes are in different cases of the same choice."""
    cases = dict(one.cases)
    return any(cases.get(choice, case) != case for choice, case in other.cases)


def _value_node(step: Step) -> Node:
    if step.schema.kind is NodeKind.ANYDATA:
        return AnyData(step.schema, step.text.encode())
    return Leaf(step.schema, step.text)


def _same(present: Node, node: Node) -> bool:
    if isinstance(present, Leaf) and isinstance(node, Leaf):
        return present.value == node.value
    return isinstance(present, AnyData) and isinstance(node, AnyData) and present.xml == node.xml


def _unchanged(before: Branch, work: Work) -> bool:
    if len(work) != len(before.children):
        return False
    return all(before.children.get(tag) is child for tag, child in work.items())

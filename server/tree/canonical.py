"""Canonical values for the steps of an edit, from the validator (RFC 7950 section 9.1).

The payload is printed without operations and without what is only deleted, and judged in one request. When
that fails it is halved until the units that are to blame stand alone, so that one request reports more than
its first error and continue-on-error knows what is left.
"""

from collections.abc import Callable, Iterable
from typing import TypeAlias

from lxml import etree

from server.protocol.errors import ErrorType, RpcErrors, operation_not_supported
from server.schema.model import Schema
from server.schema.node import NodeKind
from server.tree.members import Key
from server.tree.node import AnyData, Branch, Container, Leaf, LeafList, ListNode, Node, empty_root
from server.tree.payload import doublet
from server.tree.steps import REMOVING, Payload, Step
from server.tree.xml import Printer, parse_bytes

Canonical: TypeAlias = Callable[[bytes], bytes]


class Canonicaliser:
    """Replaces the client's values in the steps of a payload by canonical ones."""

    def __init__(self, schema: Schema, canonical: Canonical) -> None:
        self._schema = schema
        self._canonical = canonical
        self._printer = Printer(schema)

    def run(self, payload: Payload) -> None:
        """Give all steps canonical keys and values; units that have none are marked as failed."""
        units = [unit for unit in range(len(payload.units)) if unit not in payload.failed]
        tree = self._judge(payload, units)
        if tree is not None:
            self._assign(payload, payload.root, tree)

    def _judge(self, payload: Payload, units: list[int]) -> Container | None:
        """The canonical tree of the good ones among `units`."""
        if not units:
            return empty_root(self._schema.root)
        try:
            return self._ask(self._print(payload, units))
        except RpcErrors as refused:
            self._search(payload, units, refused)
        left = [unit for unit in units if unit not in payload.failed]
        if len(left) == len(units):
            return None
        try:
            return self._ask(self._print(payload, left))
        except RpcErrors as refused:
            payload.errors.extend(refused.errors)
            payload.failed.update(left)
            return None

    def _search(self, payload: Payload, units: list[int], refused: RpcErrors) -> None:
        """Find the units to blame for `refused` by halving."""
        if payload.is_hopeless:
            return
        if len(units) == 1:
            payload.errors.extend(refused.errors)
            payload.failed.update(units)
            return
        middle = len(units) // 2
        blamed = False
        for half in (units[:middle], units[middle:]):
            try:
                self._canonical(self._print(payload, half))
            except RpcErrors as error:
                blamed = True
                self._search(payload, half, error)
        if not blamed:
            # Each half is acceptable, only together they are not.
            payload.errors.extend(refused.errors)
            payload.failed.update(units)

    def _ask(self, xml: bytes) -> Container:
        canonical = self._canonical(xml)
        try:
            return parse_bytes(self._schema, canonical)
        except etree.XMLSyntaxError as error:
            # libyang declares a prefix twice for an instance-identifier through modules that share it.
            text = "an instance-identifier runs through modules with the same prefix, which is not supported"
            raise RpcErrors([operation_not_supported(text, ErrorType.APPLICATION)]) from error

    def _print(self, payload: Payload, units: Iterable[int]) -> bytes:
        """Some units, which are in document order, in the containers around them."""
        text: list[str] = []
        way: list[Step] = []
        for step in map(payload.units.__getitem__, units):
            parent = step.parent
            if parent is not None and parent.operation in REMOVING:
                continue
            if parent is not (way[-1] if way else payload.root):
                way = self._moved(text, way, _way_to(parent))
            text.append(self._step(step))
        self._moved(text, way, [])
        return "".join(text).encode()

    def _moved(self, text: list[str], way: list[Step], new: list[Step]) -> list[Step]:
        """Close the containers that `new` does not lead through and open those that it does; return `new`."""
        common = sum(1 for one, other in zip(way, new, strict=False) if one is other)
        text.extend(self._printer.tags(step.schema)[1] for step in reversed(way[common:]))
        text.extend(self._printer.tags(step.schema)[0] for step in new[common:])
        return new

    def _step(self, step: Step) -> str:
        """A step as XML without operations; empty when it only takes away."""
        kind = step.schema.kind
        if kind is NodeKind.LIST:
            return self._entry(step)
        if kind is NodeKind.LEAF_LIST:
            return self._printer.leaf(step.schema, step.text)
        if step.operation in REMOVING:
            return ""
        if kind is NodeKind.LEAF:
            return self._printer.leaf(step.schema, step.text)
        if kind is NodeKind.ANYDATA:
            return step.text
        inner = "".join(map(self._step, step.children))
        return self._printer.around(step.schema, inner) if inner or step.schema.presence else ""

    def _entry(self, step: Step) -> str:
        inner = self._keys(step)
        if step.operation not in REMOVING:
            inner += "".join(map(self._step, step.children))
        return self._printer.around(step.schema, inner)

    def _keys(self, step: Step) -> str:
        pairs = zip(step.schema.keys, step.key, strict=True)
        return "".join(self._printer.leaf(step.schema.children[tag], text) for tag, text in pairs)

    def _assign(self, payload: Payload, step: Step, tree: Branch | None) -> None:
        """Give the steps below `step` the values of `tree`, its canonical counterpart."""
        seen: dict[tuple[str, Key], Step] = {}
        for child in step.children:
            if child.unit in payload.failed:
                continue
            node = None if tree is None else tree.get(child.schema.tag)
            try:
                self._assign_one(payload, child, node)
            except RpcErrors as refused:
                payload.errors.extend(refused.errors)
                payload.failed.add(child.unit)
                continue
            if child.schema.kind in (NodeKind.LIST, NodeKind.LEAF_LIST):
                key = child.key or (child.text,)
                first = seen.setdefault((child.schema.tag, key), child)
                if first is not child:
                    payload.failed.add(first.unit)
                    payload.fail(child, doublet(child))

    def _assign_one(self, payload: Payload, step: Step, node: Node | None) -> None:
        if step.schema.kind is NodeKind.LEAF_LIST:
            if not (isinstance(node, LeafList) and step.text in node):
                step.text = self._value_alone(step, step.text)
        elif step.schema.kind is NodeKind.LIST:
            self._assign_entry(payload, step, node)
        elif isinstance(node, Leaf):
            step.text = node.value
        elif isinstance(node, AnyData):
            step.text = node.xml.decode()
        elif step.operation not in REMOVING:
            self._assign(payload, step, node if isinstance(node, Container) else None)

    def _assign_entry(self, payload: Payload, step: Step, node: Node | None) -> None:
        entry = node.get(step.key) if isinstance(node, ListNode) else None
        if entry is None:
            step.key = self._key_alone(step, step.key)
            entry = node.get(step.key) if isinstance(node, ListNode) else None
        if entry is not None and step.uniform:
            step.entry = entry
        elif step.operation not in REMOVING:
            self._assign(payload, step, entry)

    def complete(self, payload: Payload, step: Step) -> None:
        """Give the steps below a uniform entry the values that `run` left out."""
        self._assign(payload, step, step.entry)

    def point(self, step: Step) -> Key:
        """The canonical form of `step.point`; raises RpcErrors."""
        point = step.point or ()
        if step.schema.kind is NodeKind.LEAF_LIST:
            return (self._value_alone(step, point[0]),)
        return self._key_alone(step, point)

    def _value_alone(self, step: Step, text: str) -> str:
        node = self._alone(step, self._printer.leaf(step.schema, text))
        return next(iter(node)) if isinstance(node, LeafList) else text

    def _key_alone(self, step: Step, key: Key) -> Key:
        alone = Step(step.schema, step.parent, step.operation)
        alone.key = key
        node = self._alone(step, self._printer.around(step.schema, self._keys(alone)))
        return next(iter(node)).key if isinstance(node, ListNode) else key

    def _alone(self, step: Step, xml: str) -> Node | None:
        """Have one node judged with nothing but the way to it, and return its canonical form."""
        way: list[Step] = []
        above = step.parent
        while above is not None and above.parent is not None:
            keys = self._keys(above) if above.schema.kind is NodeKind.LIST else ""
            xml = self._printer.around(above.schema, keys + xml)
            way.append(above)
            above = above.parent
        branch: Branch = self._ask(xml.encode())
        for passed in reversed(way):
            node = branch.get(passed.schema.tag)
            if isinstance(node, ListNode):
                branch = next(iter(node))
            elif isinstance(node, Container):
                branch = node
        return branch.get(step.schema.tag)


def _way_to(step: Step | None) -> list[Step]:
    """The containers from the top down to `step`, which is the last of them; none for the root."""
    way: list[Step] = []
    while step is not None and step.parent is not None:
        way.append(step)
        step = step.parent
    way.reverse()
    return way

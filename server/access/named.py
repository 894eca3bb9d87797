"""What state tells of other nodes by their names, without those that the reader may not read. Pure.

A partial lock names the nodes that it is on (ietf-netconf-monitoring), a commit those that it changed
(twincast-commit-history), a filter of a subscription whatever it likes. Who may not read one of them must not
learn from its name that it is there, or was (RFC 8341 section 3.2.4).
"""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from server.access.reach import Reach
from server.schema import names
from server.schema.model import Schema
from server.schema.node import NodeKind
from server.tree.location import Location
from server.tree.members import Key
from server.tree.node import Container, Entry, LeafList, ListNode

_B = TypeVar("_B", Container, Entry)
_MONITORING: Final = "{urn:ietf:params:xml:ns:yang:ietf-netconf-monitoring}"
_WAY: Final = tuple(
    f"{_MONITORING}{name}" for name in ("netconf-state", "datastores", "datastore", "locks", "partial-lock")
)
_NODES: Final = f"{_MONITORING}locked-node"
_EXPRESSIONS: Final = f"{_MONITORING}select"
_HISTORY: Final = "{urn:twincast:yang:commit-history}"
_COMMITS: Final = (f"{_HISTORY}commit-history", f"{_HISTORY}commit")
_COUNT: Final = f"{_HISTORY}changes"
_CHANGES: Final = f"{_HISTORY}change"
_PATH: Final = f"{_HISTORY}path"
_SUBSCRIBED: Final = "{urn:ietf:params:xml:ns:yang:ietf-subscribed-notifications}"
_PUSHED: Final = "{urn:ietf:params:xml:ns:yang:ietf-yang-push}"
_SUBSCRIPTIONS: Final = (f"{_SUBSCRIBED}subscriptions", f"{_SUBSCRIBED}subscription")
_FILTERS: Final = (
    *(f"{_SUBSCRIBED}stream-{kind}" for kind in ("filter-name", "subtree-filter", "xpath-filter")),
    f"{_PUSHED}selection-filter-ref",
    *(f"{_PUSHED}datastore-{kind}-filter" for kind in ("subtree", "xpath")),
)


def without_hidden_names(schema: Schema, readable: Reach, root: Container) -> Container:
    """Return `root` as whoever may read as far as `readable` may see it.

    An expression or filter may name anything, so it is told only to those who may read everything; so is how
    many nodes a commit has changed.
    """
    ways = [way for way in (_WAY, _COMMITS, _SUBSCRIPTIONS) if way[0] in root.children]
    if not ways or readable.permits_all_below(Location(schema.root)):
        return root
    censor = _Censor(schema, readable)
    changes = {_WAY: censor.lock, _COMMITS: censor.commit, _SUBSCRIPTIONS: _without_filters}
    for way in ways:
        root = _followed(root, way, changes[way])
    return root


def _without_filters(subscription: Entry) -> Entry:
    for tag in _FILTERS:
        subscription = subscription.remove(tag)
    return subscription


def _followed(branch: _B, way: tuple[str, ...], change: Callable[[Any], Any]) -> _B:
    if not way:
        changed: _B = change(branch)
        return changed
    child = branch.get(way[0])
    if isinstance(child, Container):
        return branch.put(_followed(child, way[1:], change))
    if isinstance(child, ListNode):
        entries = [_followed(entry, way[1:], change) for entry in child]
        return branch.put(ListNode.of(child.schema, entries))
    return branch


class _Censor:
    """For one reader."""

    def __init__(self, schema: Schema, readable: Reach) -> None:
        self._schema = schema
        self._readable = readable
        served = [module for module in schema.modules if module.implemented]
        prefixes = Counter(module.prefix for module in served)
        self._modules = {each.prefix: each.name for each in served if prefixes[each.prefix] == 1}

    def lock(self, lock: Entry) -> Entry:
        """A partial lock."""
        lock = lock.remove(_EXPRESSIONS)
        named = lock.get(_NODES)
        if not isinstance(named, LeafList):
            return lock
        kept = [value for value in named if self._readable.permits_all_above(located(self._schema, value))]
        return lock.put(LeafList.of(named.schema, kept))

    def commit(self, commit: Entry) -> Entry:
        """A commit of the history."""
        commit = commit.remove(_COUNT)
        changes = commit.get(_CHANGES)
        if not isinstance(changes, ListNode):
            return commit
        kept = [change for change in changes if self._may_know(change.value(_PATH) or "")]
        return commit.put(ListNode.of(changes.schema, kept)) if kept else commit.remove(_CHANGES)

    def _may_know(self, path: str) -> bool:
        """Whether the reader may know of a node by its path; what cannot be found for certain he may not."""
        try:
            at = located(self._schema, path, self._modules)
        except (KeyError, ValueError):
            return False
        return self._readable.permits_all_above(at)


def located(schema: Schema, identifier: str, modules: Mapping[str, str] | None = None) -> Location:
    """Return where an instance-identifier leads; raises KeyError and ValueError.

    Its prefixes are module names, or what `modules` has names for.
    """
    node, module = schema.root, ""
    keys: list[Key] = []
    for step in names.parse_identifier(identifier):
        module = modules[step.prefix] if modules and step.prefix else step.prefix or module
        node = node.children[f"{{{schema.by_name[module].namespace}}}{step.name}"]
        if node.kind is NodeKind.LIST:
            values = {item.name: item.value for item in step.predicates}
            keys.append(tuple(values[node.children[tag].name] for tag in node.keys))
    return Location(node, tuple(keys))

"""The filters of subscriptions: what they select of event records and datastores (see `server.push.lens`)."""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Final

from server.access.guard import Guard
from server.datastores.locks import Datastore
from server.datastores.store import Store
from server.operations.filters import UNBOUNDED, Everything, Subtree, Wanted, xpath
from server.operations.nmda import INTENDED, OPERATIONAL
from server.operations.parameters import PUSH_NAMESPACE, SUBSCRIBED_NAMESPACE, WithDefaults
from server.operations.retrieve import Retrieve
from server.operations.terms import unsupported_filter
from server.protocol.errors import RpcError
from server.protocol.session import Peer
from server.push.errors import Problem, Unacceptable
from server.push.lens import ACCESS, FILTERS, Lens, Look
from server.push.notifiable import Notifiable, holds_value
from server.push.pace import OnChange
from server.push.terms import DatastoreTerms, Filter
from server.schema.model import Schema
from server.schema.node import SchemaNode
from server.telemetry.content import Content, Contents
from server.telemetry.subscription import Condition
from server.tree.diff import diff
from server.tree.filter import Selection
from server.tree.members import Key
from server.tree.node import AnyData, Container, Entry
from server.tree.tagged import Asked
from server.tree.xml import merge, stream_xml, to_xml
from server.xpath.evaluate import Evaluator
from server.xpath.functions import FUNCTIONS
from server.xpath.items import Budget
from server.xpath.parser import parse
from server.xpath.syntax import Expression, XPathError, XPathLimitError
from server.xpath.values import boolean

_SUBSCRIBED: Final = f"{{{SUBSCRIBED_NAMESPACE}}}"
_PUSH: Final = f"{{{PUSH_NAMESPACE}}}"
EVENT_STEPS: Final = 5_000
EVENT_SECONDS: Final = 0.02
"""What an expression may take for each event record, which has some dozens of nodes; one that takes more lets
it not pass. All subscriptions are served by one thread. Time is that of the processor."""
LOOK_SECONDS: Final = 1.0
"""Of the processor, for a look at a datastore when a subscription is established."""


class NarrowedSelection(Selection):
    """A selection without what an on-change subscription is not told of, so that it need not be built."""

    def __init__(self, schema: Schema, inner: Selection, notifiable: Notifiable) -> None:
        super().__init__(schema, ())
        self._inner = inner
        self._notifiable = notifiable

    def wants(self, node: SchemaNode | str) -> bool:
        """See `Selection`."""
        return not self._notifiable.leaves_out(self._resolved(node)) and self._inner.wants(node)

    def keys(self, node: SchemaNode | str) -> frozenset[Key] | None:
        """See `Selection`."""
        return self._inner.keys(node)

    def parts_of_keys(self, node: SchemaNode | str) -> frozenset[tuple[str | None, ...]] | None:
        """See `Selection`."""
        return self._inner.parts_of_keys(node)


@dataclass(frozen=True, slots=True)
class NotifiableWanted:
    """What a filter wants, without what an on-change subscription is not told of."""

    inner: Wanted
    notifiable: Notifiable

    def selection(self, schema: Schema) -> Selection:
        """See `Wanted`."""
        return NarrowedSelection(schema, self.inner.selection(schema), self.notifiable)

    def of(self, schema: Schema, root: Container, levels: int = UNBOUNDED) -> Container:
        """See `Wanted`."""
        return self.notifiable.pruned(self.inner.of(schema, root, levels))

    def asked(self, _schema: Schema, _root: str) -> Asked | None:
        """See `Wanted`: a subscription has no etags."""
        return None


@dataclass(frozen=True, slots=True)
class DatastoreLens:
    """A `server.push.lens.Lens` of one selection, which `selection` promises.

    The candidate is that of the session; it looks there first on its own thread.
    """

    schema: Schema
    store: Store
    retrieve: Retrieve
    datastore: str
    wanted: Wanted
    selection: Selection
    polls: bool
    session_id: int

    @property
    def waits(self) -> bool:
        """See `Lens`."""
        return self.datastore == OPERATIONAL

    def concerns(self, old: Container, new: Container) -> bool:
        """See `Lens`."""
        if old.get(ACCESS) is not new.get(ACCESS):
            return True
        return any(self.selection.wants(change.location.schema) for change in diff(old, new))

    def try_out(self, peer: Peer) -> Look:
        """See `Lens`."""
        began = time.thread_time()
        look = self.look(peer)
        if time.thread_time() - began > LOOK_SECONDS:
            raise unsupported_filter("the filter takes too long; name the nodes on the way, and keys")
        return look

    def look(self, peer: Peer, root: Container | None = None) -> Look:
        """See `Lens`."""
        try:
            return self._look(peer, self._root() if root is None else root)
        except RpcError as error:
            raise unsupported_filter(error.message) from error

    def _look(self, peer: Peer, root: Container) -> Look:
        if self.datastore != OPERATIONAL:
            return Look(self.retrieve.selected(peer, root, self.wanted, WithDefaults.EXPLICIT))
        state, streamed = self.retrieve.state(self.wanted)
        merged = merge(root, state)
        return Look(self.retrieve.selected(peer, merged, self.wanted, WithDefaults.REPORT_ALL), streamed)

    def _root(self) -> Container:
        own = self.datastore in tuple(Datastore)
        datastore = Datastore(self.datastore) if own else Datastore.RUNNING
        return self.store.root(datastore, self.session_id)

    def pieces(self, look: Look) -> Iterable[bytes]:
        """See `Lens`."""
        if look.streamed:
            return stream_xml(self.schema, look.tree, look.streamed)
        return to_xml(self.schema, look.tree)


class Selections:
    """Implements `server.push.lens.Selections`; for any thread."""

    def __init__(
        self, schema: Schema, store: Store, guard: Guard, retrieve: Retrieve, contents: Contents
    ) -> None:
        self._schema = schema
        self._store = store
        self._guard = guard
        self._retrieve = retrieve
        self._contents = contents
        self._notifiable = Notifiable.of(schema)
        self._modules: dict[str | None, str] = {each.name: each.namespace for each in schema.modules}
        prefixes: dict[str | None, str] = {each.prefix: each.namespace for each in schema.modules}
        self._namespaces = {**prefixes, **self._modules}

    def condition(self, wanted: Filter) -> Condition | None:
        """See `Selections` of `server.push.lens`."""
        if wanted.subtree:
            return self._contents.condition(wanted.element())
        if not wanted.xpath:
            return None
        try:
            expression = parse(wanted.xpath, self._namespaces, known=frozenset(FUNCTIONS))
        except (XPathError, RecursionError) as error:
            raise unsupported_filter(f"stream-xpath-filter: {error}") from error
        return partial(_passes, self._schema, expression, {**self._namespaces, **wanted.namespaces})

    def lens(self, terms: DatastoreTerms, session_id: int) -> Lens:
        """See `Selections` of `server.push.lens`."""
        wanted, polls = self.wanted(terms.filter), False
        selection = wanted.selection(self._schema)
        if isinstance(terms.trigger, OnChange):
            polls = self._checked(terms.datastore, selection)
            if terms.datastore == OPERATIONAL:
                wanted = NotifiableWanted(wanted, self._notifiable)
        return DatastoreLens(
            self._schema,
            self._store,
            self._retrieve,
            terms.datastore,
            wanted,
            selection,
            polls,
            session_id,
        )

    def _checked(self, datastore: str, selection: Selection) -> bool:
        """Whether a selection is about state; raises Unacceptable for what cannot be told on change."""
        if datastore not in (Datastore.RUNNING, INTENDED, OPERATIONAL):
            text = f"changes of {datastore} are not told; there are periodic updates"
            raise Unacceptable(Problem.ON_CHANGE_UNSUPPORTED, text)
        chosen = [node for node in self._schema.walk() if holds_value(node) and selection.wants(node)]
        if datastore != OPERATIONAL:
            chosen = [node for node in chosen if node.config]
        changing = [node for node in chosen if not self._notifiable.is_static(node)]
        if not changing:
            text = "the filter selects nothing that ever changes"
            raise Unacceptable(Problem.UNCHANGING_SELECTION, text)
        if datastore == OPERATIONAL:
            changing = [node for node in changing if not self._notifiable.leaves_out(node)]
        if not changing:
            text = (
                "the filter selects counters, memberships and the like: there are periodic updates of those"
            )
            raise Unacceptable(Problem.ON_CHANGE_UNSUPPORTED, text)
        return any(not node.config for node in changing)

    def wanted(self, wanted: Filter) -> Wanted:
        """Return what a filter asks for of a datastore; raises Unacceptable filter-unsupported."""
        if wanted.subtree:
            return Subtree(wanted.element())
        if not wanted.xpath:
            return Everything()
        bound = {**self._namespaces, **wanted.namespaces, **self._modules}
        path = "/nc:rpc/sn:establish-subscription/yp:datastore-xpath-filter"
        try:
            return xpath(wanted.xpath, bound, path, "yp", PUSH_NAMESPACE)
        except RpcError as error:
            raise unsupported_filter(error.message) from error

    def stream_filter(self, peer: Peer, name: str) -> Filter | None:
        """See `Selections` of `server.push.lens`."""
        entry = self._configured(peer, f"{_SUBSCRIBED}stream-filter", name)
        names = (f"{_SUBSCRIBED}stream-subtree-filter", f"{_SUBSCRIBED}stream-xpath-filter")
        return None if entry is None else _content(entry, name, *names)

    def selection_filter(self, peer: Peer, name: str) -> Filter | None:
        """See `Selections` of `server.push.lens`."""
        entry = self._configured(peer, f"{_PUSH}selection-filter", name)
        names = (f"{_PUSH}datastore-subtree-filter", f"{_PUSH}datastore-xpath-filter")
        return None if entry is None else _content(entry, name, *names)

    def _configured(self, peer: Peer, tag: str, name: str) -> Entry | None:
        there = self._store.root(Datastore.RUNNING).branch(FILTERS)
        if there is None:
            return None
        alone = Container(self._schema.root, {FILTERS: there})  # what a user may read of all would cost more
        filters = self._guard.visible(peer, alone).branch(FILTERS)
        entries = iter(()) if filters is None else filters.entries(tag)
        return next((entry for entry in entries if entry.key == (name,)), None)


def _content(entry: Entry, name: str, subtree: str, xpath: str) -> Filter:
    found = entry.get(subtree)
    return Filter(name, found.xml if isinstance(found, AnyData) else b"", entry.value(xpath) or "")


def _passes(
    schema: Schema, expression: Expression, namespaces: dict[str | None, str], content: Content
) -> bool:
    """RFC 8639 section 2.2: the value of the expression as a boolean; its context is the event record."""
    evaluator = Evaluator(
        schema, content.root, namespaces, Budget(EVENT_STEPS, EVENT_SECONDS, time.thread_time)
    )
    try:
        return boolean(evaluator.value(expression))
    except (XPathError, XPathLimitError, RecursionError):
        return False

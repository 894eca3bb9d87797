"""get and get-config (RFC 6241 sections 7.1 and 7.7), with-defaults in every mode (RFC 6243)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lxml import etree

from server.access.guard import Guard
from server.datastores.locks import Datastore
from server.datastores.store import Store
from server.operations.filters import UNBOUNDED, Wanted, take_wanted
from server.operations.handler import Handlers, base
from server.operations.parameters import Parameters, WithDefaults, take_with_defaults
from server.operations.sources import Offer, take_source
from server.protocol.messages import BASE_NAMESPACE, Data, Reply
from server.protocol.session import Peer
from server.schema.model import Schema, SchemaNode
from server.telemetry.sessions import Session
from server.tree.build import with_streams
from server.tree.etag import ETAG, TXID_NAMESPACE
from server.tree.filter import Selection
from server.tree.node import Container
from server.tree.tagged import Asked, TaggedPrinter
from server.tree.xml import merge, stream_xml, to_xml
from server.xpath.defaults import Defaults

StateSource = Callable[[Selection], dict[str, object]]
"""Builds the operational data that a selection wants, as RFC 7951-like data."""


@dataclass(frozen=True, slots=True)
class Get:
    """Parameters of get."""

    wanted: Wanted
    mode: WithDefaults
    asked: Asked | None = None

    @classmethod
    def parse(cls, operation: etree._Element, schema: Schema) -> "Get":
        """Read the parameters; raises RpcError."""
        parameters = Parameters(operation, attributes=(ETAG,))
        wanted = take_wanted(parameters)
        mode = take_with_defaults(parameters)
        parameters.finish()
        return cls(wanted, mode, wanted.asked(schema, operation.get(ETAG, "")))


@dataclass(frozen=True, slots=True)
class GetConfig:
    """Parameters of get-config."""

    source: Datastore
    wanted: Wanted
    mode: WithDefaults
    asked: Asked | None = None

    @classmethod
    def parse(cls, operation: etree._Element, schema: Schema, offer: Offer) -> "GetConfig":
        """Read the parameters; raises RpcError."""
        parameters = Parameters(operation, attributes=(ETAG,))
        source = take_source(parameters, "source", offer).datastore
        wanted = take_wanted(parameters)
        mode = take_with_defaults(parameters)
        parameters.finish()
        asked = wanted.asked(schema, operation.get(ETAG, ""))
        return cls(source or Datastore.RUNNING, wanted, mode, asked)


class Retrieve:
    """The reading operations. They take no lock: a root never changes."""

    def __init__(
        self, schema: Schema, store: Store, guard: Guard, sources: Sequence[StateSource], offer: Offer
    ) -> None:
        self._schema = schema
        self._offer = offer
        self._defaults = Defaults(schema)
        self._guard = guard
        self._store = store
        self._sources = sources

    def handlers(self) -> Handlers:
        """Return the operations of this file."""
        return {base("get"): self.get, base("get-config"): self.get_config}

    def get(self, session: Session, operation: etree._Element) -> Reply:
        """Running and operational state together; only the state that is asked for is built."""
        parameters = Get.parse(operation, self._schema)
        state, streamed = self.state(parameters.wanted)
        running = self._store.root(Datastore.RUNNING)
        return self._reply(session, merge(running, state), running, parameters, streamed)

    def get_config(self, session: Session, operation: etree._Element) -> Reply:
        """One datastore's configuration."""
        parameters = GetConfig.parse(operation, self._schema, self._offer)
        root = self._store.root(parameters.source, session.session_id)
        return self._reply(session, root, root, parameters)

    def state(self, wanted: Wanted) -> tuple[Container, frozenset[SchemaNode]]:
        """Build the operational state that is asked for; with it the nodes above lists that are streamed."""
        selection = wanted.selection(self._schema)
        data: dict[str, object] = {}
        for source in self._sources:
            data.update(source(selection))
        return with_streams(self._schema, data)

    def _reply(
        self,
        session: Session,
        root: Container,
        config: Container,
        parameters: Get | GetConfig,
        streamed: frozenset[SchemaNode] = frozenset(),
    ) -> Reply:
        tagged = parameters.mode is WithDefaults.REPORT_ALL_TAGGED
        selected = self.selected(session.peer, root, parameters.wanted, parameters.mode)
        if parameters.asked is not None:
            return self.with_etags(
                session,
                selected,
                config,
                parameters.asked,
                tagged=tagged,
                streamed=streamed,
                state=isinstance(parameters, Get),
            )
        if streamed:
            return Data.data(stream_xml(self._schema, selected, streamed, tagged=tagged))
        return Data.data(to_xml(self._schema, selected, tagged=tagged))

    def with_etags(
        self,
        session: Session,
        selected: Container,
        config: Container,
        asked: Asked,
        *,
        tagged: bool = False,
        streamed: frozenset[SchemaNode] = frozenset(),
        state: bool = False,
        namespace: str = BASE_NAMESPACE,
    ) -> Reply:
        """Print what was selected with the etags of `config` as the user may read it.

        `state`: the selection holds state too. `namespace` is that of `<data>`.
        """
        visible = self._guard.visible(session.peer, config)
        printer = TaggedPrinter(self._schema, visible, streamed, tagged=tagged, state=state)
        pieces = printer.pieces(selected, asked)
        pairs = [("xmlns:txid", TXID_NAMESPACE)]
        root = printer.root(asked)
        if root:
            pairs.append(("txid:etag", root))
        return Data.data(pieces if streamed else list(pieces), namespace, pairs)

    def selected(
        self,
        peer: Peer,
        root: Container,
        wanted: Wanted,
        mode: WithDefaults,
        levels: int = UNBOUNDED,
    ) -> Container:
        """Return what the user may read of what is wanted, with the defaults that `mode` reports.

        What may not be read is not there when the filter is applied, so no filter can find it out. Of
        each selected node `levels` levels are told.
        """
        root = self._guard.visible(peer, root)
        if mode in (WithDefaults.REPORT_ALL, WithDefaults.REPORT_ALL_TAGGED):
            root = self._defaults.narrowed(root, wanted.selection(self._schema))
            root = self._guard.visible(peer, self._defaults.filled(root))
        selected = wanted.of(self._schema, root, levels)
        return self._defaults.trimmed(selected) if mode is WithDefaults.TRIM else selected

"""get-data and edit-data: the operations on datastores of NMDA (RFC 8526 sections 3.1.1 and 3.1.2).

Intended is what running is: nothing here expands templates or holds configuration that is inactive.
Operational is the configuration in use, with its defaults and origins, and the state.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from lxml import etree

from server.datastores.locks import Datastore
from server.datastores.store import Store
from server.operations.edit import Edit, EditConfig, TestOption, take_edit
from server.operations.filters import UNBOUNDED, Everything, Subtree, Wanted, xpath
from server.operations.handler import Handlers
from server.operations.parameters import (
    NMDA_NAMESPACE,
    Parameters,
    WithDefaults,
    take_with_defaults,
    take_with_etag,
)
from server.operations.retrieve import Retrieve
from server.operations.sources import Offer, take_identity, take_url
from server.protocol import errors
from server.protocol.errors import ErrorType, RpcError
from server.protocol.messages import Data, Reply
from server.schema.model import Schema
from server.telemetry.sessions import Session
from server.tree.edit import DefaultOperation, ErrorOption
from server.tree.etag import ETAG
from server.tree.node import Container
from server.tree.origins import ORIGIN_NAMESPACE, Origin, OriginPrinter, Sieve
from server.tree.tagged import Asked
from server.tree.xml import merge, stream_xml, to_xml

OPERATIONAL: Final = "operational"
INTENDED: Final = "intended"
MAX_LEVELS: Final = 65_535


@dataclass(frozen=True, slots=True)
class GetData:
    """Parameters of get-data."""

    datastore: str
    wanted: Wanted
    sieve: Sieve
    levels: int
    mode: WithDefaults
    with_origin: bool
    asked: Asked | None = None

    @classmethod
    def parse(cls, operation: etree._Element, schema: Schema, offer: Offer) -> "GetData":
        """Read the parameters; raises RpcError."""
        parameters = Parameters(operation, attributes=(ETAG,))
        datastore = take_datastore(parameters, (*offer.datastores, INTENDED, OPERATIONAL))
        wanted = _take_wanted(parameters)
        operational = datastore == OPERATIONAL
        sieve = Sieve(parameters.boolean("config-filter"), _take_origins(parameters, schema, datastore))
        levels = _take_depth(parameters)
        with_origin = parameters.flag("with-origin")
        if with_origin and not operational:
            raise _only_operational(parameters, "with-origin", datastore)
        absent = WithDefaults.REPORT_ALL if operational else WithDefaults.EXPLICIT
        mode = take_with_defaults(parameters, NMDA_NAMESPACE, absent)
        parameters.finish()
        asked = wanted.asked(schema, operation.get(ETAG, ""))
        if asked is not None and operational:
            message = "ds:operational has no etags: they are of the datastores that hold configuration"
            raise errors.bad_attribute("etag", "get-data", message, errors.ErrorType.PROTOCOL)
        return cls(datastore, wanted, sieve, levels, mode, with_origin, asked)


def parse_edit_data(operation: etree._Element, offer: Offer) -> EditConfig:
    """Read the parameters of edit-data: an edit that is done wholly or not at all; raises RpcError."""
    parameters = Parameters(operation)
    parameters.expect(("datastore",), ("config", "url"))
    writable = (Datastore.RUNNING, Datastore.CANDIDATE) if offer.writable_running else (Datastore.CANDIDATE,)
    target = Datastore(take_datastore(parameters, writable))
    default_operation = parameters.choice("default-operation", DefaultOperation, DefaultOperation.MERGE)
    url = take_url(parameters, offer)
    source = take_edit(parameters, url)
    with_etag = take_with_etag(parameters)
    parameters.finish()
    error_option = ErrorOption.ROLLBACK_ON_ERROR
    return EditConfig(target, source, default_operation, TestOption.SET, error_option, with_etag)


def take_datastore(parameters: Parameters, possible: Sequence[str]) -> str:
    """Take `<datastore>`, an identity of ietf-datastores; raises RpcError invalid-value for another one."""
    return take_identity(parameters, parameters.required("datastore"), possible)


def _identity(element: etree._Element) -> tuple[str, str]:
    """The namespace and name of an identity; the namespace is empty for a prefix that is not bound."""
    prefix, _, name = (element.text or "").strip().rpartition(":")
    return element.nsmap.get(prefix or None) or "", name


def _take_wanted(parameters: Parameters) -> Wanted:
    subtree = parameters.element("subtree-filter", attributes=(ETAG,))
    expression = parameters.element("xpath-filter", attributes=(ETAG,))
    if subtree is not None and expression is not None:
        raise parameters.second_choice("xpath-filter")
    if subtree is not None:
        return Subtree(subtree)
    if expression is not None:
        Parameters(expression, parameters.path, (ETAG,)).finish(text=True)
        path = f"{parameters.path}/ncds:xpath-filter"
        found = xpath(expression.text or "", expression.nsmap, path, "ncds", NMDA_NAMESPACE)
        return replace(found, etag=expression.get(ETAG, ""))
    return Everything()


def _take_depth(parameters: Parameters) -> int:
    text = parameters.leaf("max-depth")
    if text is None or text == "unbounded":
        return UNBOUNDED
    if text.isascii() and text.isdigit() and len(text) <= 5 and 1 <= int(text) <= MAX_LEVELS:
        return int(text)
    raise parameters.invalid("max-depth", text, (f"1..{MAX_LEVELS}", "unbounded"))


def _take_origins(parameters: Parameters, schema: Schema, datastore: str) -> frozenset[Origin] | None:
    """Take `<origin-filter>` or `<negated-origin-filter>`: the origins that are asked for, None for all."""
    plain, negated = (_take_origin(parameters, schema, name) for name in _ORIGIN_FILTERS)
    if plain is not None and negated is not None:
        raise parameters.second_choice("negated-origin-filter")
    if plain is None and negated is None:
        return None
    if datastore != OPERATIONAL:
        raise _only_operational(parameters, _ORIGIN_FILTERS[plain is None], datastore)
    return plain if plain is not None else frozenset(Origin) - (negated or frozenset())


def _only_operational(parameters: Parameters, name: str, datastore: str) -> RpcError:
    message = f"<{name}> goes with the datastore ds:operational, not with ds:{datastore}"
    return parameters.at(errors.invalid_value(message, type=ErrorType.PROTOCOL), name)


_ORIGIN_FILTERS: Final = ("origin-filter", "negated-origin-filter")


def _take_origin(parameters: Parameters, schema: Schema, name: str) -> frozenset[Origin] | None:
    """The origins that any of the values is, or is above of."""
    found = parameters.several(name)
    if not found:
        return None
    known = schema.identities["ietf-origin:origin"]
    derived: set[str] = set()
    for element in found:
        namespace, local = _identity(element)
        identity = f"ietf-origin:{local}"
        if namespace != ORIGIN_NAMESPACE or identity not in known:
            possible = sorted(f"or:{each.rpartition(':')[2]}" for each in known)
            raise parameters.invalid(name, (element.text or "").strip(), possible)
        derived |= schema.identities[identity]
    return frozenset(origin for origin in Origin if f"ietf-origin:{origin}" in derived)


class Nmda:
    """The operations get-data and edit-data."""

    def __init__(self, schema: Schema, store: Store, retrieve: Retrieve, edit: Edit, offer: Offer) -> None:
        self._schema = schema
        self._store = store
        self._retrieve = retrieve
        self._edit = edit
        self._offer = offer

    def handlers(self) -> Handlers:
        """Return the operations of this file."""
        return {
            f"{{{NMDA_NAMESPACE}}}get-data": self.get_data,
            f"{{{NMDA_NAMESPACE}}}edit-data": self.edit_data,
        }

    def get_data(self, session: Session, operation: etree._Element) -> Reply:
        """What is wanted of one datastore, and passes every filter."""
        request = GetData.parse(operation, self._schema, self._offer)
        if request.datastore == OPERATIONAL:
            return self._operational(session, request)
        name = Datastore.RUNNING if request.datastore == INTENDED else Datastore(request.datastore)
        root = self._store.root(name, session.session_id)
        selected = self._retrieve.selected(session.peer, root, request.wanted, request.mode, request.levels)
        tagged = request.mode is WithDefaults.REPORT_ALL_TAGGED
        passed = request.sieve.of(selected, root)
        if request.asked is not None:
            return self._retrieve.with_etags(
                session, passed, root, request.asked, tagged=tagged, namespace=NMDA_NAMESPACE
            )
        return Data.data(to_xml(self._schema, passed, tagged=tagged), NMDA_NAMESPACE)

    def edit_data(self, session: Session, operation: etree._Element) -> Reply:
        """Edit a datastore as edit-config does, wholly or not at all."""
        return self._edit.edit(session, parse_edit_data(operation, self._offer))

    def _operational(self, session: Session, request: GetData) -> Reply:
        intended: Container = self._store.root(Datastore.RUNNING)
        state, streamed = self._retrieve.state(request.wanted)
        selected = self._retrieve.selected(
            session.peer, merge(intended, state), request.wanted, request.mode, request.levels
        )
        passed = request.sieve.of(selected, intended)
        tagged = request.mode is WithDefaults.REPORT_ALL_TAGGED
        if request.with_origin:
            printer = OriginPrinter(self._schema, streamed, tagged=tagged)
            pieces = printer.pieces(passed, intended)
            return Data.data(pieces if streamed else list(pieces), NMDA_NAMESPACE)
        if streamed:
            return Data.data(stream_xml(self._schema, passed, streamed, tagged=tagged), NMDA_NAMESPACE)
        return Data.data(to_xml(self._schema, passed, tagged=tagged), NMDA_NAMESPACE)

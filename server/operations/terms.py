"""The parameters of establish-subscription and modify-subscription, which the schema has accepted."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from lxml import etree

from server.operations.parameters import PUSH_NAMESPACE, Parameters, take_time
from server.operations.sources import DATASTORES_NAMESPACE
from server.protocol import errors
from server.protocol.errors import RpcError
from server.push.errors import Problem, Unacceptable
from server.push.pace import CENTISECOND, OnChange, Periodic, Trigger
from server.push.terms import DatastoreTerms, Filter, StreamTerms
from server.schema import names
from server.schema.model import Schema
from server.schema.node import TypeInfo
from server.telemetry.streams import NETCONF
from server.tree.xml import any_xml

_EXPRESSION: Final = TypeInfo("xpath1.0", has_prefix=True)
_BOOLEANS: Final = {"true": True, "1": True, "false": False, "0": False}
_XML: Final = "encode-xml"


class _FilterNames(NamedTuple):
    reference: str
    subtree: str
    xpath: str
    namespace: str = ""


_OF_STREAM: Final = _FilterNames("stream-filter-name", "stream-subtree-filter", "stream-xpath-filter")
_OF_DATASTORE: Final = _FilterNames(
    "selection-filter-ref", "datastore-subtree-filter", "datastore-xpath-filter", PUSH_NAMESPACE
)


class TermsReader:
    """Reads terms; raises RpcError. References to configured filters are left as names."""

    def __init__(self, schema: Schema, datastores: Sequence[str]) -> None:
        """`datastores` are those that there are."""
        self._schema = schema
        self._datastores = tuple(datastores)

    def establish(self, parameters: Parameters, now: int) -> StreamTerms | DatastoreTerms:
        """Read what establish-subscription asks for."""
        self._check_encoding(parameters)
        stop = take_time(parameters, "stop-time")
        if stop is not None and stop <= now and parameters.parent.find("{*}replay-start-time") is None:
            raise _wrong(parameters, "stop-time", "stop-time lies in the past")
        if parameters.parent.find(f"{{{PUSH_NAMESPACE}}}datastore") is not None:
            return self._datastore(parameters, stop)
        return self._stream(parameters, stop, now)

    def modify_stream(self, parameters: Parameters, current: StreamTerms, now: int) -> StreamTerms:
        """Read what modify-subscription changes of a subscription to a stream."""
        stop = take_time(parameters, "stop-time")
        self._check_stop(parameters, stop, now)
        wanted = self._filter(parameters, _OF_STREAM)
        return StreamTerms(current.stream, wanted, current.start, stop)

    def modify_datastore(self, parameters: Parameters, current: DatastoreTerms, now: int) -> DatastoreTerms:
        """Read what modify-subscription changes of a subscription to a datastore: it has to be the same one.

        Whether it is periodic or on change stays too.
        """
        stop = take_time(parameters, "stop-time")
        self._check_stop(parameters, stop, now)
        datastore = self._take_datastore(parameters)
        if datastore != current.datastore:
            text = f"the subscription is to the datastore {current.datastore}"
            raise _wrong(parameters, "datastore", text, PUSH_NAMESPACE)
        trigger = self._trigger(parameters, current.trigger)
        return DatastoreTerms(datastore, trigger, self._filter(parameters, _OF_DATASTORE), stop)

    def _check_stop(self, parameters: Parameters, stop: int | None, now: int) -> None:
        if stop is not None and stop <= now:
            raise _wrong(parameters, "stop-time", "stop-time lies in the past")

    def _check_encoding(self, parameters: Parameters) -> None:
        """There is one encoding, and the schema takes no other."""
        parameters.leaf("encoding")

    def _stream(self, parameters: Parameters, stop: int | None, now: int) -> StreamTerms:
        stream = parameters.leaf("stream") or ""
        if stream != NETCONF:
            raise parameters.invalid("stream", stream, (NETCONF,))
        start = take_time(parameters, "replay-start-time")
        if start is not None and start > now:
            raise _wrong(parameters, "replay-start-time", "replay-start-time lies in the future")
        if start is not None and stop is not None and stop < start:
            raise _wrong(parameters, "stop-time", "stop-time lies before replay-start-time")
        return StreamTerms(stream, self._filter(parameters, _OF_STREAM), start, stop)

    def _datastore(self, parameters: Parameters, stop: int | None) -> DatastoreTerms:
        datastore = self._take_datastore(parameters)
        trigger = self._trigger(parameters, None)
        return DatastoreTerms(datastore, trigger, self._filter(parameters, _OF_DATASTORE), stop)

    def _take_datastore(self, parameters: Parameters) -> str:
        found = parameters.element("datastore", PUSH_NAMESPACE)
        if found is None:
            raise _missing(parameters, "datastore", "<datastore> is missing: the subscription is to one")
        prefix, _, name = (found.text or "").strip().rpartition(":")
        known = found.nsmap.get(prefix or None) == DATASTORES_NAMESPACE and name in self._datastores
        return name if known else ""

    def _trigger(self, parameters: Parameters, current: Trigger | None) -> Trigger:
        periodic = parameters.element("periodic", PUSH_NAMESPACE)
        change = parameters.element("on-change", PUSH_NAMESPACE)
        if periodic is not None and not isinstance(current, OnChange):
            return self._periodic(Parameters(periodic, parameters.path))
        if change is not None and not isinstance(current, Periodic):
            return self._on_change(Parameters(change, parameters.path), current)
        if periodic is None and change is None and current is not None:
            return current
        if periodic is None and change is None:
            raise _missing(parameters, "periodic", "<periodic> or <on-change> is missing")
        name = "on-change" if change is not None else "periodic"
        text = "a periodic subscription cannot become one on change, nor the reverse"
        raise _wrong(parameters, name, text, PUSH_NAMESPACE)

    def _periodic(self, parameters: Parameters) -> Periodic:
        period = parameters.integer("period", 1, (1 << 32) - 1) * CENTISECOND
        anchor = take_time(parameters, "anchor-time")
        parameters.finish()
        return Periodic(period, anchor)

    def _on_change(self, parameters: Parameters, current: OnChange | None) -> OnChange:
        dampening = parameters.integer("dampening-period", 0, (1 << 32) - 1, 0) * CENTISECOND
        if current is not None:
            parameters.finish()
            return OnChange(dampening, current.sync_on_start, current.excluded)
        sync = _BOOLEANS.get(parameters.leaf("sync-on-start") or "true", True)
        excluded = frozenset((each.text or "").strip() for each in parameters.several("excluded-change"))
        parameters.finish()
        return OnChange(dampening, sync, excluded)

    def _filter(self, parameters: Parameters, names_of: _FilterNames) -> Filter:
        reference = parameters.leaf(names_of.reference, names_of.namespace)
        subtree = parameters.element(names_of.subtree, names_of.namespace)
        expression = parameters.element(names_of.xpath, names_of.namespace)
        if reference is not None:
            return Filter(name=reference)
        if subtree is not None:
            return Filter(subtree=any_xml(subtree))
        if expression is None:
            return Filter()
        return self._xpath(expression, names_of)

    def _xpath(self, element: etree._Element, names_of: _FilterNames) -> Filter:
        """RFC 8639 section 2.2: module names are bound as prefixes too, those in scope take precedence."""
        modules: dict[str | None, str] = {each.name: each.namespace for each in self._schema.modules}
        bound = {**modules, **element.nsmap}
        text = (element.text or "").strip()
        try:
            return Filter(xpath=names.from_xml(self._schema, _EXPRESSION, text, bound), namespaces=bound)
        except ValueError as error:
            raise unsupported_filter(f"{names_of.xpath}: {error}") from error


def unsupported_filter(message: str) -> Unacceptable:
    """Return the error of a filter that cannot be read or carried out."""
    return Unacceptable(Problem.FILTER_UNSUPPORTED, message, {"filter-failure-hint": message})


def _wrong(parameters: Parameters, name: str, message: str, namespace: str = "") -> RpcError:
    error = errors.invalid_value(message, type=errors.ErrorType.PROTOCOL)
    return parameters.at(error, name, namespace)


def _missing(parameters: Parameters, name: str, message: str) -> RpcError:
    return parameters.at(errors.missing_element(name, message), "", "")

"""What a scrape is answered with: the state of dataplane and server as samples of Prometheus.

A scrape never asks for the memberships themselves, of which there may be 100,000, and never waits longer than
`STATE_SECONDS` for the dataplane: without it the server's own metrics are told, and that it is away.
"""

import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from itertools import islice
from typing import Final

from lxml import etree
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from server.protocol.messages import BASE_NAMESPACE
from server.schema.model import Schema
from server.telemetry.metrics import LIMIT, Kind, Metric, Sample, Sampler, sources
from server.tree.filter import Selection
from server.tree.node import Branch, Container, ListNode

_log = logging.getLogger("twincast.telemetry.exposition")

STATE_SECONDS: Final = 5.0
"""Half of what Prometheus waits for a scrape."""

_INTERFACES: Final = "urn:ietf:params:xml:ns:yang:ietf-interfaces"
_TRB: Final = "urn:twincast:yang:remote-backup"
_SERVICE_STATE: Final = (
    "<channel-state/><channel-security/><sync-state/><last-up-time/><last-down-time/><statistics/>"
)
_PROFILE_STATE: Final = (
    "<local-role/><peer-role/><last-role-change/><igmp-copy-status/><mld-copy-status/><subscriber-list/>"
    "<hello-statistics/>"
)
_SERVER_STATE: Final = f"""<filter xmlns="{BASE_NAMESPACE}">
<server xmlns="urn:twincast:yang:server"><statistics/><call-home/></server>
<netconf-state xmlns="urn:ietf:params:xml:ns:yang:ietf-netconf-monitoring"><statistics/></netconf-state>
</filter>"""

StateSource = Callable[[Selection], Mapping[str, object]]


@dataclass(frozen=True, slots=True)
class Sources:
    """Where the values come from. `counted` are further counters: name, help, label, value by label.

    `connected` says whether the dataplane is there, None where there is none to speak of.
    """

    dataplane: StateSource
    server: Sequence[StateSource]
    running: Callable[[], Container]
    connected: Callable[[], bool] | None
    counted: Callable[[], Sequence[tuple[str, str, str, Mapping[str, int]]]]


@dataclass(slots=True)
class _Pending:
    """A question to the dataplane."""

    done: threading.Event = field(default_factory=threading.Event)
    answer: Mapping[str, object] | None = None


class StateCollector(Collector):
    """Collects everything anew at each scrape."""

    def __init__(self, schema: Schema, where: Sources) -> None:
        self._schema = schema
        self._where = where
        self._sampler = Sampler(sources())
        self._server = Selection(schema, (etree.fromstring(_SERVER_STATE),))
        self._mutex = threading.Lock()
        self._pending: _Pending | None = None

    def collect(self) -> Iterator[Family]:
        """Yield every metric that has a value."""
        selection, left_out = self._selection()
        connected = self._where.connected
        state = self._dataplane_state(selection)
        if connected is not None:
            up = connected() and state is not None
            yield _single("twincast_dataplane_up", "1 while the dataplane answers the server.", up)
        families = _Families()
        families.add(self._sampler.samples(state or {}))
        for source in self._where.server:
            families.add(self._sampler.samples(source(self._server)))
        yield from families
        yield from self._own(left_out)

    def _own(self, left_out: Mapping[str, int]) -> Iterator[Family]:
        gauge = GaugeMetricFamily(
            "twincast_metrics_left_out", f"Entries of a kind beyond the first {LIMIT}.", labels=["kind"]
        )
        for kind, count in left_out.items():
            gauge.add_metric([kind], count)
        yield gauge
        for name, text, label, values in self._where.counted():
            counter = CounterMetricFamily(name, text, labels=[label])
            for value, count in values.items():
                counter.add_metric([value], count)
            yield counter
        info = GaugeMetricFamily("twincast_build_info", "The version; always 1.", labels=["version"])
        info.add_metric([_version()], 1)
        yield info

    def _dataplane_state(self, selection: Selection) -> Mapping[str, object] | None:
        """Ask on a thread of its own; None without an answer in time. Scrapes at once share a question."""
        with self._mutex:
            pending = self._pending
            if pending is None:
                pending = self._pending = _Pending()
                asking = threading.Thread(
                    target=self._ask, args=(pending, selection), name="metrics-state", daemon=True
                )
                asking.start()
        pending.done.wait(STATE_SECONDS)
        return pending.answer

    def _ask(self, pending: "_Pending", selection: Selection) -> None:
        try:
            pending.answer = self._where.dataplane(selection)
        except Exception:  # noqa: BLE001 - a fault of ours must not keep the next scrape from asking
            _log.exception("scrape-fault")
        finally:
            with self._mutex:
                self._pending = None
            pending.done.set()

    def _selection(self) -> tuple[Selection, Mapping[str, int]]:
        """Select the first LIMIT of every list by name; of more than that the names are given one by one."""
        root = self._where.running()
        backup = _branch(root, f"{{{_TRB}}}remote-backup")
        interfaces = _branch(root, f"{{{_INTERFACES}}}interfaces")
        services = _names(backup, f"{{{_TRB}}}remote-backup-service")
        profiles = _names(backup, f"{{{_TRB}}}remote-backup-profile")
        ports = _names(interfaces, f"{{{_INTERFACES}}}interface")
        filters = f"""<filter xmlns="{BASE_NAMESPACE}"><remote-backup xmlns="{_TRB}">
            {_entries("remote-backup-service", services, _SERVICE_STATE)}
            {_entries("remote-backup-profile", profiles, _PROFILE_STATE)}</remote-backup>
            <interfaces xmlns="{_INTERFACES}">
            {_entries("interface", ports, f'<multicast xmlns="{_TRB}"><plane/><statistics/></multicast>')}
            </interfaces></filter>"""
        named = {"service": services, "profile": profiles, "interface": ports}
        left_out = {kind: names.left_out for kind, names in named.items()}
        return Selection(self._schema, (etree.fromstring(filters),)), left_out


class _Families(Iterable[Family]):
    """Samples by metric, in the order in which the metrics came."""

    def __init__(self) -> None:
        self._found: dict[Metric, Family] = {}

    def add(self, samples: Iterable[Sample]) -> None:
        for sample in samples:
            family = self._found.get(sample.metric)
            if family is None:
                family = self._found[sample.metric] = _family(sample.metric)
            family.add_metric(sample.labels, sample.value)  # type: ignore[attr-defined] # both kinds have it

    def __iter__(self) -> Iterator[Family]:
        return iter(self._found.values())


def _family(metric: Metric) -> Family:
    kind = CounterMetricFamily if metric.kind is Kind.COUNTER else GaugeMetricFamily
    return kind(metric.name, metric.help, labels=metric.labels)


def _single(name: str, text: str, value: float) -> Family:
    return GaugeMetricFamily(name, text, value=float(value))


def _branch(parent: Branch | None, tag: str) -> Branch | None:
    child = None if parent is None else parent.get(tag)
    return child if isinstance(child, Branch) else None


@dataclass(frozen=True, slots=True)
class _Names:
    """The first names of a list, and how many entries it has."""

    first: tuple[str, ...] = ()
    total: int = 0

    @property
    def left_out(self) -> int:
        return self.total - len(self.first)


def _names(parent: Branch | None, tag: str) -> _Names:
    node = None if parent is None else parent.get(tag)
    if not isinstance(node, ListNode):
        return _Names()
    return _Names(tuple(entry.key[0] for entry in islice(node, LIMIT)), len(node))


def _entries(element: str, names: _Names, inside: str) -> str:
    """What selects the entries of a list: all of them, or those that are named."""
    if not names.left_out:
        return f"<{element}><name/>{inside}</{element}>"
    return "".join(f"<{element}><name>{_escaped(name)}</name>{inside}</{element}>" for name in names.first)


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")


def _version() -> str:
    try:
        return metadata.version("twincast")
    except metadata.PackageNotFoundError:
        return "unknown"

"""Which metric each node of the model is, and how a tree of state becomes samples. Pure.

Names follow Prometheus: base units, `_total` for counters. A label is never a group, a subscriber or a
session: their number has no bound. What the labels are: names from the configuration, of which at most
`LIMIT` of a kind are told, and enumerations of the model.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, TypeAlias

LIMIT: Final = 1000
"""Profiles, services, interfaces and call-home clients that are told, each; the first by name."""

Data: TypeAlias = Mapping[str, Any]


class Kind(StrEnum):
    """What Prometheus calls the type."""

    COUNTER = "counter"
    GAUGE = "gauge"


class Reading(StrEnum):
    """How the value of a leaf becomes that of a sample.

    STATE: always 1, and the leaf's value is the last label; a value that changes is another series. TIME:
    seconds since 1970. FLAG: 1 for true. REST: what a leaf `total` has beyond its siblings, so that the sum
    over the label is the total.
    """

    NUMBER = "number"
    STATE = "state"
    TIME = "time"
    FLAG = "flag"
    REST = "rest"


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric; `name` without `_total`."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Source:
    """One node of the model that a metric is read from: `path` as `SchemaNode.path`.

    `fixed` are values of labels that the path itself stands for; before them come the keys of lists above.
    """

    path: str
    metric: Metric
    fixed: tuple[str, ...] = ()
    reading: Reading = Reading.NUMBER


@dataclass(frozen=True, slots=True)
class Sample:
    """One value of a metric; `labels` in the order of `Metric.labels`."""

    metric: Metric
    labels: tuple[str, ...]
    value: float


_BACKUP: Final = "/twincast-remote-backup:remote-backup"
_SERVICE: Final = f"{_BACKUP}/remote-backup-service"
_PROFILE: Final = f"{_BACKUP}/remote-backup-profile"
_MULTICAST: Final = "/ietf-interfaces:interfaces/interface/twincast-remote-backup:multicast"
_SERVER: Final = "/twincast-server:server"
_NETCONF: Final = "/ietf-netconf-monitoring:netconf-state/statistics"

_KINDS: Final = ("query", "report", "leave")
_KEYS: Final = ("name", "type", "reason", "cause")
"""The key leaves of the lists that metrics are in."""


def _counter(name: str, text: str, *labels: str) -> Metric:
    return Metric(f"twincast_{name}", Kind.COUNTER, text, labels)


def _gauge(name: str, text: str, *labels: str) -> Metric:
    return Metric(f"twincast_{name}", Kind.GAUGE, text, labels)


def _service_sources() -> Iterator[Source]:
    state = _gauge("channel_state", "The state that the channel is in.", "service", "state")
    yield Source(f"{_SERVICE}/channel-state", state, reading=Reading.STATE)
    sync = _gauge("channel_sync_state", "Whether the two routers have the same entries.", "service", "state")
    yield Source(f"{_SERVICE}/sync-state", sync, reading=Reading.STATE)
    security = _gauge("channel_security", "How the channel is protected.", "service", "security")
    yield Source(f"{_SERVICE}/channel-security", security, reading=Reading.STATE)
    for leaf in ("up", "down"):
        moment = _gauge(
            f"channel_last_{leaf}_timestamp_seconds", f"When the channel last went {leaf}.", "service"
        )
        yield Source(f"{_SERVICE}/last-{leaf}-time", moment, reading=Reading.TIME)
    for leaf, name, text in _CHANNEL_COUNTERS:
        metric = _counter(f"channel_{name}", text, "service")
        yield Source(f"{_SERVICE}/statistics/{leaf}", metric)


_CHANNEL_COUNTERS: Final = (
    ("sent/total", "sent_records", "Records that were to be sent to the peer."),
    ("sent/success", "sent_success_records", "Records that were handed to the connection."),
    (
        "sent/fail",
        "sent_fail_records",
        "Records that were lost with a connection before their acknowledgement.",
    ),
    ("sent/acknowledged", "sent_acknowledged_records", "Records that the peer acknowledged."),
    ("sent/queue-dropped", "sent_queue_dropped_records", "Records that were dropped: the queue was full."),
    ("sent/retransmitted", "sent_retransmitted_records", "Records that were sent again after a loss."),
    ("received/total", "received_records", "Records that arrived from the peer."),
    ("received/success", "received_success_records", "Records that were applied."),
    ("received/fail", "received_fail_records", "Records that were not applied."),
    ("received/duplicate", "received_duplicate_records", "Records that had been applied before."),
    ("received/sequence-gap", "received_sequence_gaps", "Gaps in the sequence of records."),
    ("received/decode-error", "received_decode_errors", "Messages of the peer that could not be decoded."),
    ("received/blocked", "received_blocked_records", "Records that a backup-block discarded."),
    ("received/refused-connections", "refused_connections", "Connections that did not come from the peer."),
    ("received/unknown-profile", "received_unknown_profile_records", "Records whose backup-id is unknown."),
    ("received/unknown-access", "received_unknown_access_records", "Records whose access-id is unknown."),
)


def _profile_sources() -> Iterator[Source]:
    role = _gauge("profile_role", "The role of this router.", "profile", "role")
    yield Source(f"{_PROFILE}/local-role", role, reading=Reading.STATE)
    peer = _gauge("profile_peer_role", "The role of the peer, as far as it is known.", "profile", "role")
    yield Source(f"{_PROFILE}/peer-role", peer, reading=Reading.STATE)
    changed = _gauge(
        "profile_last_role_change_timestamp_seconds", "When the role of this router last changed.", "profile"
    )
    yield Source(f"{_PROFILE}/last-role-change", changed, reading=Reading.TIME)
    status = f"{_PROFILE}/igmp-copy-status"
    for leaf, name, text in (
        (
            "last-batch-entries",
            "last_batch_memberships",
            "Memberships of the last batch that was acknowledged.",
        ),
        ("groups-count", "groups", "Groups with at least one member."),
        ("entries-count", "memberships", "Memberships: subscribers in groups."),
        ("retained-count", "retained_memberships", "Memberships that exist only because they were copied."),
    ):
        yield Source(f"{status}/{leaf}", _gauge(f"profile_{name}", text, "profile"))
    batch = _gauge(
        "profile_last_batch_timestamp_seconds", "When the peer last acknowledged a batch.", "profile"
    )
    yield Source(f"{status}/last-batch-completed", batch, reading=Reading.TIME)
    statistics = f"{_PROFILE}/hello-statistics"
    for leaf, text in (("sent", "Hellos to the peer."), ("received", "Hellos of the peer that counted.")):
        yield Source(f"{statistics}/{leaf}", _counter(f"profile_{leaf}_hellos", text, "profile"))
    refused = _counter("profile_refused_hellos", "Hellos that did not count, by reason.", "profile", "reason")
    yield Source(f"{statistics}/refused/hellos", refused)
    listed = _gauge("profile_listed_subscribers", "Subscribers in the list that is loaded.", "profile")
    yield Source(f"{_PROFILE}/subscriber-list/entries", listed)


def _copy_sources() -> Iterator[Source]:
    labels = ("profile", "type", "protocol")
    copied = _counter("copied_messages", "Messages that were copied to the peer.", *labels, "message")
    applied = _counter("applied_messages", "Messages of the peer that were applied.", *labels, "message")
    not_copied = _counter(
        "not_copied_messages",
        "Messages that were not copied, by reason.",
        "profile",
        "type",
        "reason",
        "protocol",
    )
    state = _gauge("copy_state", "Whether messages are copied, and if not, why not.", *labels, "state")
    mismatch = _gauge("copy_peer_mismatch", "1 while the peer's copy setting differs.", *labels)
    for protocol in ("igmp", "mld"):
        kind = f"{_PROFILE}/{protocol}-copy-status/subscriber-type"
        yield Source(f"{kind}/copy-state", state, (protocol,), Reading.STATE)
        yield Source(f"{kind}/peer-setting-mismatch", mismatch, (protocol,), Reading.FLAG)
        yield from _messages(f"{kind}/statistics/copied", copied, protocol)
        yield from _messages(f"{kind}/statistics/applied", applied, protocol)
        yield Source(f"{kind}/statistics/not-copied/messages", not_copied, (protocol,))


def _messages(path: str, metric: Metric, *fixed: str) -> Iterator[Source]:
    """The leaves of the grouping message-counters; `total` is the sum over the label `message`."""
    for kind in _KINDS:
        yield Source(f"{path}/{kind}", metric, (*fixed, kind))
    yield Source(f"{path}/total", metric, (*fixed, "other"), Reading.REST)


def _interface_sources() -> Iterator[Source]:
    statistics = f"{_MULTICAST}/statistics"
    for name, text in (
        ("received", "IGMP and MLD messages that were accepted."),
        ("sent", "IGMP and MLD messages of this router."),
        ("error", "IGMP and MLD messages that were refused."),
    ):
        metric = _counter(f"interface_{name}_messages", text, "interface", "message")
        yield from _messages(f"{statistics}/{name}", metric)
    checksum = _counter("interface_checksum_errors", "Messages with a wrong checksum.", "interface")
    yield Source(f"{statistics}/error/checksum", checksum)
    short = _counter("interface_too_short_errors", "Messages that were cut off.", "interface")
    yield Source(f"{statistics}/error/too-short", short)
    failed = _counter("interface_send_failures", "Messages that could not be sent.", "interface")
    yield Source(f"{statistics}/sent/failed", failed)
    dropped = _counter(
        "interface_dropped_packets", "Frames that were refused, by reason.", "interface", "reason"
    )
    yield Source(f"{statistics}/dropped/packets", dropped)
    for leaf, text in (
        ("in-packets", "Multicast packets that came in here to be forwarded."),
        ("in-octets", "Octets of these packets."),
        ("out-packets", "Multicast packets that were forwarded to here."),
        ("out-octets", "Octets of these packets."),
    ):
        name = f"interface_forwarded_{leaf.replace('-', '_').replace('octets', 'bytes')}"
        yield Source(f"{statistics}/forwarded/{leaf}", _counter(name, text, "interface"))
    plane = _gauge("interface_plane", "What forwards: the kernel, or nothing.", "interface", "plane")
    yield Source(f"{_MULTICAST}/plane", plane, reading=Reading.STATE)
    capture = _gauge("interface_capture", "How frames are read, if they are.", "interface", "state")
    yield Source(f"{_MULTICAST}/capture", capture, reading=Reading.STATE)


def _server_sources() -> Iterator[Source]:
    statistics = f"{_SERVER}/statistics"
    yield Source(f"{statistics}/connections", _gauge("server_connections", "Connections of SSH and TLS."))
    strangers = _gauge("server_unauthenticated_connections", "Connections on which nobody has logged in yet.")
    yield Source(f"{statistics}/unauthenticated-connections", strangers)
    yield Source(f"{statistics}/sessions", _gauge("netconf_sessions", "NETCONF sessions."))
    subscribed = _gauge("netconf_subscriptions", "Subscriptions made by establish-subscription.")
    yield Source(f"{statistics}/subscriptions", subscribed)
    refused = _counter("server_refused", "What was refused or ended, by cause.", "cause")
    yield Source(f"{statistics}/refused/count", refused)
    client = f"{_SERVER}/call-home/client/state"
    attempts = _counter("call_home_attempts", "Attempts to connect to a call-home client.", "client")
    yield Source(f"{client}/attempts", attempts)
    made = _counter("call_home_connections", "Attempts that led to a connection.", "client")
    yield Source(f"{client}/connections", made)
    start = _gauge("netconf_start_timestamp_seconds", "When the server began to serve.")
    yield Source(f"{_NETCONF}/netconf-start-time", start, reading=Reading.TIME)
    for leaf, name, text in (
        ("in-bad-hellos", "bad_hellos", "Sessions that began with something else than a correct hello."),
        ("in-sessions", "started_sessions", "Sessions that were started."),
        ("dropped-sessions", "dropped_sessions", "Sessions that ended without being closed or killed."),
        ("in-rpcs", "rpcs", "Correct requests that were received."),
        ("in-bad-rpcs", "bad_rpcs", "Messages that were no correct request."),
        ("out-rpc-errors", "rpc_errors", "Replies with an error."),
        ("out-notifications", "notifications", "Notifications that were sent."),
    ):
        yield Source(f"{_NETCONF}/{leaf}", _counter(f"netconf_{name}", text))


def sources() -> tuple[Source, ...]:
    """Return every source."""
    parts = (_service_sources, _profile_sources, _copy_sources, _interface_sources, _server_sources)
    return tuple(source for part in parts for source in part())


@dataclass(slots=True)
class _Place:
    """One node on the way to sources: what is below it, and what it is itself."""

    below: dict[str, "_Place"] = field(default_factory=dict)
    source: Source | None = None


class Sampler:
    """Turns trees of state, in the shape of RFC 7951, into samples of these sources."""

    def __init__(self, found: Sequence[Source]) -> None:
        self._root: Final = _Place()
        for source in found:
            place = self._root
            for step in source.path.strip("/").split("/"):
                place = place.below.setdefault(step, _Place())
            place.source = source

    def samples(self, data: Data) -> Iterator[Sample]:
        """Yield a sample for each leaf that is there; entries beyond `LIMIT` of a list are left out."""
        yield from self._inside(self._root, data, ())

    def _inside(self, place: _Place, data: Data, labels: tuple[str, ...]) -> Iterator[Sample]:
        for name, below in place.below.items():
            value = data.get(name)
            if value is None:
                continue
            if below.source is not None:
                yield from _sample(below.source, value, data, labels)
            elif isinstance(value, Mapping):
                yield from self._inside(below, value, labels)
            else:
                for entry in value[:LIMIT]:
                    yield from self._inside(below, entry, (*labels, _key(entry)))


def _key(entry: Data) -> str:
    return str(next(entry[name] for name in _KEYS if name in entry))


def _sample(source: Source, value: Any, around: Data, labels: tuple[str, ...]) -> Iterator[Sample]:  # noqa: ANN401
    labels = (*labels, *source.fixed)
    if source.reading is Reading.STATE:
        yield Sample(source.metric, (*labels, str(value)), 1.0)
    elif source.reading is Reading.TIME:
        yield Sample(source.metric, labels, datetime.fromisoformat(value).timestamp())
    elif source.reading is Reading.REST:
        rest = value - sum(around.get(kind) or 0 for kind in _KINDS)
        yield Sample(source.metric, labels, float(max(0, rest)))
    else:
        yield Sample(source.metric, labels, float(value))

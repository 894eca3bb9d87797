"""From the configuration tree to what the dataplane is told: typed entries, and the difference of two trees.

Pure. Owns the meaning of every configuration node of our module. An entry that did not change keeps its
typed value, so a commit of one leaf among many entries costs one entry. What YANG cannot say about the
configuration is checked here; what depends on the dataplane's means is the dataplane's to refuse.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from ipaddress import ip_address
from typing import Final, TypeVar

from dataplane.config import (
    AccessConfig,
    ETrunkArbitration,
    FilterRule,
    IgmpConfig,
    InterfaceConfig,
    PeerConfig,
    ProfileConfig,
    Role,
    Secret,
    Security,
    ServiceConfig,
    StaticArbitration,
    TagType,
    TlsConfig,
    UpstreamConfig,
    VrrpArbitration,
)
from dataplane.control.client import ConfigDelta, ServiceOnWire
from server.northbound.names import INTERFACE_PATH, PROFILE_PATH, SERVICE_PATH, interfaces, trb
from server.schema.model import Schema, SchemaNode
from server.tree.diff import Change
from server.tree.node import Branch, Container, Entry, ListNode

T = TypeVar("T")

_CACHE: Final = "northbound"
_CENTISECOND: Final = 0.01


class ConfigReader:
    """Reads trees of one schema; safe for many threads."""

    def __init__(self, schema: Schema) -> None:
        self.services: Final = schema.node(SERVICE_PATH)
        self.profiles: Final = schema.node(PROFILE_PATH)
        self.interfaces: Final = schema.node(INTERFACE_PATH)

    def list_node(self, root: Container, schema: SchemaNode) -> ListNode | None:
        """Return one of the three lists of `root`, None when it has no entries."""
        branch: Container | None = root
        for step in schema.chain()[:-1]:
            if branch is None:
                return None
            branch = branch.branch(step.tag)
        found = branch.get(schema.tag) if branch is not None else None
        return found if isinstance(found, ListNode) else None

    def whole(self, root: Container) -> ConfigDelta:
        """Return everything that `root` says."""
        return ConfigDelta(
            services=tuple(ServiceOnWire.wrap(item) for item in self._all(root, self.services, service)),
            profiles=tuple(self._all(root, self.profiles, profile)),
            interfaces=tuple(
                item for item in self._all(root, self.interfaces, interface) if item is not None
            ),
        )

    def delta(self, old: Container, new: Container, changes: Iterable[Change]) -> ConfigDelta:
        """Return what `changes`, which lead from `old` to `new`, mean for the dataplane."""
        touched = _Touched(self, old, new)
        for change in changes:
            touched.add(change)
        services, removed_services = touched.entries(self.services, service)
        profiles, removed_profiles = touched.entries(self.profiles, profile)
        links, removed_links = touched.entries(self.interfaces, interface)
        return ConfigDelta(
            services=tuple(ServiceOnWire.wrap(item) for item in services),
            profiles=tuple(profiles),
            interfaces=tuple(item for item in links if item is not None),
            removed_services=removed_services,
            removed_profiles=removed_profiles,
            removed_interfaces=removed_links,
        )

    def interface_configs(self, root: Container) -> "Iterator[tuple[Entry, InterfaceConfig]]":
        """Yield the interfaces that take part in multicast."""
        for entry in _entries(self.list_node(root, self.interfaces)):
            config = _cached(entry, interface)
            if config is not None:
                yield entry, config

    def service_configs(self, root: Container) -> "Iterator[tuple[Entry, ServiceConfig]]":
        """Yield the services."""
        for entry in _entries(self.list_node(root, self.services)):
            yield entry, _cached(entry, service)

    def _all(self, root: Container, schema: SchemaNode, read: Callable[[Entry], T]) -> Iterator[T]:
        return (_cached(entry, read) for entry in _entries(self.list_node(root, schema)))


class _Touched:
    """Collects the entries that changes are about."""

    def __init__(self, reader: ConfigReader, old: Container, new: Container) -> None:
        self._reader = reader
        self._old = old
        self._new = new
        self._keys: dict[SchemaNode, dict[str, None]] = {
            schema: {} for schema in (reader.services, reader.profiles, reader.interfaces)
        }

    def add(self, change: Change) -> None:
        """Note the entries that `change` is in, or that lie below it."""
        at = change.location.schema
        if at in self._keys and change.location.keys:  # a whole entry, as most changes of a large commit are
            self._keys[at][change.location.keys[0][0]] = None
            return
        chain = at.chain()
        for schema, keys in self._keys.items():
            if schema in chain and change.location.keys:
                keys[change.location.keys[0][0]] = None
            elif schema in chain or at in schema.chain():
                keys.update(dict.fromkeys(self._different(schema)))

    def entries(self, schema: SchemaNode, read: Callable[[Entry], T]) -> tuple[list[T], tuple[str, ...]]:
        """Return what is there now and differs from before, and the names of what is gone."""
        before = self._reader.list_node(self._old, schema)
        after = self._reader.list_node(self._new, schema)
        present: list[T] = []
        removed: list[str] = []
        for name in self._keys[schema]:
            old, new = _read(before, name, read), _read(after, name, read)
            if new is None and old is not None:
                removed.append(name)
            elif new is not None and new != old:
                present.append(new)
        return present, tuple(removed)

    def _different(self, schema: SchemaNode) -> Iterator[str]:
        before = self._reader.list_node(self._old, schema)
        after = self._reader.list_node(self._new, schema)
        for entry in _entries(before):
            if after is None or after.get(entry.key) is not entry:
                yield entry.key[0]
        for entry in _entries(after):
            if before is None or before.get(entry.key) is not entry:
                yield entry.key[0]


def service(entry: Entry) -> ServiceConfig:
    """Return the remote-backup-service in `entry`."""
    peer = entry.branch(trb("peer"))
    security, md5_key = _security(entry)
    return ServiceConfig(
        name=entry.key[0],
        enabled=_boolean(entry, trb("enabled"), default=True),
        peer=None if peer is None else _peer(peer),
        security=security,
        tls=_tls(entry.branch(trb("tls"))),
        md5_key=md5_key,
        block_send=_blocks(entry, "send"),
        block_receive=_blocks(entry, "receive"),
        daily_batch=_time_of_day(entry.value(trb("daily-batch-backup"))),
    )


def profile(entry: Entry) -> ProfileConfig:
    """Return the remote-backup-profile in `entry`."""
    service_type = entry.branch(trb("service-type"))
    dhcp_stb = entry.branch(trb("dhcp-stb"))
    return ProfileConfig(
        name=entry.key[0],
        service_name=entry.value(trb("service-name")) or "",
        backup_id=_integer(entry, trb("backup-id"), 0),
        multicast=_boolean(service_type, trb("multicast"), default=True),
        igmp_copy=_boolean(dhcp_stb, trb("igmp-copy"), default=True),
        mld_copy=_boolean(dhcp_stb, trb("mld-copy"), default=True),
        arbitration=_arbitration(entry),
    )


def interface(entry: Entry) -> InterfaceConfig | None:
    """Return the interface in `entry`; None when it takes no part in multicast."""
    multicast = entry.branch(trb("multicast"))
    if multicast is None:
        return None
    upstream = multicast.branch(trb("upstream"))
    if upstream is not None:
        access = None
    else:
        access = AccessConfig(
            profile=multicast.value(trb("remote-backup-profile")) or "",
            access_id=_integer(multicast, trb("access-id"), 1),
            igmp=_igmp(multicast.branch(trb("igmp")), later=0),
            mld=_igmp(multicast.branch(trb("mld")), later=1),
            outer_tag_type=TagType(multicast.value(trb("outer-tag-type")) or TagType.C_VLAN),
            single_tag_type=TagType(multicast.value(trb("single-tag-type")) or TagType.C_VLAN),
        )
    return InterfaceConfig(
        name=entry.key[0],
        enabled=_boolean(entry, interfaces("enabled"), default=True),
        access=access,
        upstream=None if upstream is None else UpstreamConfig(_integer(upstream, trb("preference"), 100)),
    )


def _peer(peer: Container) -> PeerConfig:
    return PeerConfig(
        address=ip_address(peer.value(trb("address")) or ""),
        source_address=ip_address(peer.value(trb("source-address")) or ""),
        port=_integer(peer, trb("port"), 0),
    )


def _security(entry: Entry) -> tuple[Security, Secret | None]:
    """Return the case of the choice; without one it is the default case, tls."""
    if entry.get(trb("none")) is not None:
        return Security.NONE, None
    tcp_md5 = entry.branch(trb("tcp-md5"))
    if tcp_md5 is not None:
        return Security.TCP_MD5, Secret(tcp_md5.value(trb("key")) or "")
    return Security.TLS, None


def _blocks(entry: Entry, direction: str) -> bool:
    blocks = entry.get(trb("backup-block"))
    return isinstance(blocks, ListNode) and any(block.key[0] == direction for block in blocks)


def _time_of_day(text: str | None) -> int | None:
    """Return hh:mm:ss as seconds after midnight."""
    if text is None:
        return None
    hours, minutes, seconds = map(int, text.split(":"))
    return (hours * 60 + minutes) * 60 + seconds


def _tls(tls: Container | None) -> TlsConfig:
    if tls is None:
        return TlsConfig()
    names = ("key", "certificate", "peer-certificate", "peer-key")
    return TlsConfig(*(tls.value(trb(name)) or "" for name in names))


def _arbitration(entry: Entry) -> StaticArbitration | VrrpArbitration | ETrunkArbitration | None:
    static = entry.value(trb("static-role"))
    if static is not None:
        return StaticArbitration(Role(static))
    vrrp = entry.branch(trb("vrrp"))
    if vrrp is not None:
        return _vrrp(vrrp)
    e_trunk = entry.branch(trb("e-trunk"))
    return None if e_trunk is None else _e_trunk(e_trunk)


def _vrrp(vrrp: Container) -> VrrpArbitration:
    return VrrpArbitration(
        vrid=_integer(vrrp, trb("vrid"), 0),
        interface=vrrp.value(trb("interface")) or "",
        virtual_address=vrrp.value(trb("virtual-address")) or "",
    )


def _e_trunk(e_trunk: Container) -> ETrunkArbitration:
    return ETrunkArbitration(
        id=_integer(e_trunk, trb("id"), 0),
        priority=_integer(e_trunk, trb("priority"), 100),
        security_key=e_trunk.value(trb("security-key")) or "",
        hello_interval=_integer(e_trunk, trb("hello-interval"), 10) * _CENTISECOND,
        failure_multiplier=_integer(e_trunk, trb("failure-multiplier"), 3),
        revertive=_boolean(e_trunk, trb("revertive"), default=True),
        revert_delay=float(_integer(e_trunk, trb("revert-delay"), 20)),
    )


def _igmp(igmp: Container | None, later: int) -> IgmpConfig:
    """Read igmp or mld; `later`: what to add to a version to have it in IGMP's terms."""
    if igmp is None:
        return IgmpConfig()
    return IgmpConfig(
        version=_integer(igmp, trb("version"), 3 - later) + later,
        query_interval=_integer(igmp, trb("query-interval"), 125),
        query_max_response_time=_integer(igmp, trb("query-max-response-time"), 10),
        robustness_variable=_integer(igmp, trb("robustness-variable"), 2),
        last_member_query_interval=_integer(igmp, trb("last-member-query-interval"), 1),
        immediate_leave=_boolean(igmp, trb("immediate-leave"), default=False),
        max_groups=_optional(igmp, trb("max-groups")),
        max_groups_per_subscriber=_optional(igmp, trb("max-groups-per-subscriber")),
        max_record_rate=_optional(igmp, trb("max-record-rate")),
        querier_election=_boolean(igmp, trb("querier-election"), default=True),
        group_filter=tuple(_rules(igmp)),
    )


def _rules(igmp: Container) -> Iterator[FilterRule]:
    """Yield the rules of a group filter in the order of their sequence."""
    rules = igmp.get(trb("group-filter"))
    for rule in sorted(rules if isinstance(rules, ListNode) else (), key=lambda rule: int(rule.key[0])):
        yield FilterRule(
            permit=rule.value(trb("action")) == "permit",
            group=rule.value(trb("group-prefix")) or "",
            source=rule.value(trb("source-prefix")) or "",
        )


def _boolean(branch: Branch | None, tag: str, *, default: bool) -> bool:
    value = branch.value(tag) if branch is not None else None
    return default if value is None else value == "true"


def _integer(branch: Branch, tag: str, default: int) -> int:
    value = branch.value(tag)
    return default if value is None else int(value)


def _optional(branch: Branch, tag: str) -> int | None:
    value = branch.value(tag)
    return None if value is None else int(value)


def _entries(node: ListNode | None) -> Sequence[Entry] | ListNode:
    return () if node is None else node


def _read(node: ListNode | None, name: str, read: Callable[[Entry], T]) -> T | None:
    entry = None if node is None else node.get((name,))
    return None if entry is None else _cached(entry, read)


def _cached(entry: Entry, read: Callable[[Entry], T]) -> T:
    """Return what `read` makes of `entry`; the entry is immutable, so it keeps it."""
    try:
        return entry.cache[_CACHE]  # type: ignore[return-value]
    except KeyError:
        value = entry.cache[_CACHE] = read(entry)
        return value

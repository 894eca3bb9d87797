"""What the engine keeps: services, profiles, access ports and the upstream side. Pure.

In each entity three things stay apart: `config` comes from a commit only and is frozen, link facts come
from the kernel only, and state comes from packets and timers. A part that does not run has no state object.
"""

import random
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from dataplane.config import (
    IgmpConfig,
    InterfaceConfig,
    ProfileConfig,
    Role,
    ServiceConfig,
    TagType,
)
from dataplane.copy_policy import CopyState, SubscriberType
from dataplane.engine.deadlines import Deadlines
from dataplane.engine.effects import Effect
from dataplane.forwarding.desired import Desired
from dataplane.forwarding.plane import Route
from dataplane.forwarding.querier import HeardQuerier
from dataplane.forwarding.upstream import UpstreamProxies
from dataplane.links import Link
from dataplane.membership.groups import Aggregate
from dataplane.membership.policing import Policer
from dataplane.membership.querier import Querier
from dataplane.membership.table import MembershipTable
from dataplane.packets.ethernet import ETHERTYPE_SERVICE_VLAN, ETHERTYPE_VLAN, Subscriber
from dataplane.packets.frames import PayloadError
from dataplane.packets.messages import Address, Query
from dataplane.packets.wire import DecodeError, DropReason
from dataplane.replication.peer import PeerMachine
from dataplane.replication.settings import ProfileSettings
from dataplane.roles import RoleMachine, StaticRole
from dataplane.subscriber_list import SubscriberList

IGMP: Final = 4
MLD: Final = 6
"""The protocols by the IP version of their messages and groups."""
_ETHERTYPES: Final = {TagType.C_VLAN: ETHERTYPE_VLAN, TagType.S_VLAN: ETHERTYPE_SERVICE_VLAN}

PROTOCOLS: Final = {IGMP: "igmp", MLD: "mld"}

RING_FULL: Final = "ring-full"
"""The reason under which frames are counted that were lost before anything could look at them."""

Named: TypeAlias = tuple[str, dict[int, str]]
"""What a backup-id stands for: a profile, and its ports by access-id."""

REPAIR_DELAY: Final = 1.0
"""Seconds from the plane's first refusal to the next attempt."""

HANDOVER: Final = 0.25
"""Seconds after a change of role in which a query of the old master may still be read: it was on its way, or
waits in a capture."""

Key = tuple[str, str] | tuple[str, str, int]
"""Names a part that has deadlines: its kind and its name, and the IP version of an access port's side."""


@dataclass(eq=False, slots=True)
class RequestedBatch:
    """What an operator asked for: batches of the profiles with these backup-ids, told of as one.

    A batch counts when it began after the request, which its higher id says as long as `machine` lives.
    """

    batch_id: int
    machine: PeerMachine
    waiting: set[int]
    entries: int = 0


@dataclass(eq=False, slots=True)
class Service:
    """One remote-backup-service. `machine` exists while the service is enabled and has a peer.

    `pulling`: the next machine asks for what this router had originated before it restarted (rule 12). A
    machine that only follows a commit does not: members that left in between would come back. `batches`:
    no batch of the next machine has an id up to it. `requested`: batches that an operator asked for and that
    are on their way. `daily_done`: the last local day whose
    daily batch has been sent or is not due, see `daily`. `named`: what the peer was told, by backup-id.
    """

    config: ServiceConfig
    discontinuity: float
    machine: PeerMachine | None = None
    pulling: bool = True
    hello_open: bool = False
    batches: int = 0
    requested: list[RequestedBatch] = field(default_factory=list)
    last_up: float | None = None
    last_down: float | None = None
    last_down_reason: str = ""
    daily_done: int = 0
    named: dict[int, Named] = field(default_factory=dict)


@dataclass(eq=False, slots=True)
class CopyStatus:
    """How one kind of subscriber of a profile stands, and what was counted since `discontinuity`."""

    state: CopyState
    since: float
    discontinuity: float
    copied: Counter[str] = field(default_factory=Counter)
    applied: Counter[str] = field(default_factory=Counter)
    not_copied: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, eq=False, slots=True)
class LoadedList:
    """A list of subscribers, and since when it decides, in wall-clock seconds."""

    patterns: SubscriberList
    since: float


@dataclass(frozen=True, eq=False, slots=True)
class LoadingList:
    """A list of subscribers of which parts have come; `number` is the sender's."""

    number: int
    profile: str
    patterns: SubscriberList


@dataclass(eq=False, slots=True)
class Profile:
    """One remote-backup-profile. `ports` are the names of the bound access interfaces, by access-id.

    `copy`: how each protocol, by IP version, and each kind of subscriber stands. `subscribers`: the list of
    those that are copied, None for everyone. `handover_until`: until then a query may be an old master's.
    `hellos_since`: when this machine began to count hellos, by the wall clock.
    """

    config: ProfileConfig
    machine: RoleMachine = field(default_factory=StaticRole)
    role: Role = Role.INIT
    peer_role: Role | None = None
    two_masters: bool = False
    handover_until: float = float("-inf")
    hellos_since: float = 0.0
    ports: dict[int, str] = field(default_factory=dict)
    copy: dict[int, dict[SubscriberType, CopyStatus]] = field(default_factory=dict)
    subscribers: LoadedList | None = None
    settings: ProfileSettings | None = None
    mismatch: frozenset[str] = frozenset()
    last_role_change: float | None = None
    last_role_change_reason: str = ""
    last_batch_completed: float | None = None
    last_batch_entries: int | None = None


@dataclass(eq=False, slots=True)
class InterfaceCounters:
    """Counts of IGMP and MLD on one interface."""

    received: Counter[str] = field(default_factory=Counter)
    sent: Counter[str] = field(default_factory=Counter)
    error: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)

    def refused(self, error: DecodeError) -> None:
        """Count a message that was refused, by the reason and by what it was as far as that is known.

        A report about a group of the link is sound, and every host with mDNS sends it: it is no error.
        """
        self.dropped[error.reason.value] += 1
        counted = self.received if error.reason is DropReason.LINK_LOCAL_GROUP else self.error
        counted["total"] += 1
        if isinstance(error, PayloadError) and error.kind:
            counted[error.kind] += 1
        if error.reason is DropReason.BAD_CHECKSUM:
            self.error["checksum"] += 1
        elif error.reason is DropReason.TOO_SHORT:
            self.error["too-short"] += 1


@dataclass(eq=False, slots=True)
class Side:
    """One protocol of an access port: IGMP, whose IP version is 4, or MLD, whose IP version is 6.

    `retained`: what the adopted entries say of groups whose members are not known yet, until
    `retained_until`. `circuits`: tagged members by circuit. `session_macs`: to which address of ours those
    in a PPPoE session send. `silent`: VLANs whose last member fell silent, with the number of general queries
    that still go there. `unasked`: the circuits that a general query has still to reach. The keys name its
    deadlines.
    """

    version: int
    table: MembershipTable
    querier: Querier
    policer: Policer
    table_key: Key
    querier_key: Key
    retained_key: Key
    unasked_key: Key
    retained: dict[Address, Aggregate] = field(default_factory=dict)
    retained_until: float | None = None
    circuits: Counter[Subscriber] = field(default_factory=Counter)
    silent: dict[Subscriber, int] = field(default_factory=dict)
    session_macs: dict[Subscriber, bytes] = field(default_factory=dict)
    unasked: tuple[Query, deque[Subscriber]] | None = None


def make_side(port: str, version: int, config: IgmpConfig) -> Side:
    """Make the side of a port that begins without members."""
    table = MembershipTable(config)
    return Side(
        version,
        table,
        Querier(config, table),
        Policer(config),
        table_key=("table", port, version),
        querier_key=("querier", port, version),
        retained_key=("retained", port, version),
        unasked_key=("unasked", port, version),
    )


@dataclass(eq=False, slots=True)
class Port:
    """One access interface; `sides` by IP version.

    `active` is what the plane was told; None before anything was. `adopted`: a former dataplane forwarded
    to it and the role is not known yet. `elsewhere`: the tags of VLANs that have an interface of their own.
    `captured`: the index that is to be captured; `capture_mode`: how it is, "" while it is not.
    """

    config: InterfaceConfig
    sides: dict[int, Side]
    discontinuity: float
    link: Link | None = None
    captured: int | None = None
    capture_mode: str = ""
    active: bool | None = None
    adopted: bool = False
    elsewhere: frozenset[tuple[int, ...]] = frozenset()
    counters: InterfaceCounters = field(default_factory=InterfaceCounters)

    @property
    def profile_name(self) -> str:
        """The profile it is bound to, "" for none."""
        return self.config.access.profile if self.config.access is not None else ""

    def tag_type(self, circuit: Subscriber) -> int:
        """Return the ethertype of the first tag on what is sent to a circuit."""
        access = self.config.access
        if access is None:
            return ETHERTYPE_VLAN
        return _ETHERTYPES[access.outer_tag_type if circuit.inner_vlan else access.single_tag_type]


@dataclass(eq=False, slots=True)
class UpstreamInterface:
    """One upstream interface; spares are captured too, so that they can take over.

    `queriers` by IP version, as its queries told; the proxy knows those of the active one.
    """

    config: InterfaceConfig
    discontinuity: float
    link: Link | None = None
    captured: int | None = None
    capture_mode: str = ""
    counters: InterfaceCounters = field(default_factory=InterfaceCounters)
    queriers: dict[int, HeardQuerier] = field(default_factory=lambda: {v: HeardQuerier() for v in PROTOCOLS})


@dataclass(frozen=True, eq=False, slots=True)
class Leaving:
    """A removed access port; `groups`: those that are still to be forgotten, each once at least."""

    name: str
    groups: Iterator[Address]


@dataclass(eq=False, slots=True)
class World:
    """Everything the engine keeps. `out` collects the effects of the message that is being handled.

    `wall_offset` turns monotonic seconds into seconds since the Unix epoch, for what people read, and
    `utc_offset` those into local time.
    `active_upstream` is reported on, `bound_upstream` is where streams come from, and `departing` are
    upstreams that were active, with the groups that are still to be left there; see `uplink`.
    `virtual_routers`: macvlans with the MAC address of a virtual router, each with the link that it lies on.
    `adopting`: the plane was asked for its former content; `adopted`: it has answered, so that roles may
    act on it. `former`: entries that the plane had and that nobody has looked at yet, by group, of the ports
    `former_ports`, since `former_since`. `leaving`: removed ports whose groups are not all forgotten.
    `by_backup_id` leads from (service, backup-id) to a profile, `by_service` from a service to
    its profiles; `elected` are the profiles whose role hellos decide, `tracking` those whose role
    follows links. `restated` are profiles whose copy-states the commit that is being acted on may change.
    `settings_changed` are services whose peer has to be told settings, `publishing` those with records
    collected, `proxy_changed` says that reports toward the core may be due: all three are settled when a
    burst ends. `refused_at`: when the plane last refused something; `repair_due`: it will be
    told again, and `repair_delay` after the next refusal. `reports_after`: when the next report toward the
    core may leave. `joining`: the core does not know yet of all groups that a new upstream or a batch
    brought. `tagged`: what members that the plane cannot reach want, by group and port. `subscriber_lists` by
    profile; `loading`: the one of which parts have come.
    """

    generator: random.Random
    wall_offset: float
    proxy: UpstreamProxies
    utc_offset: int = 0
    links: dict[str, Link] = field(default_factory=dict)
    virtual_routers: set[tuple[int, bytes]] = field(default_factory=set)
    services: dict[str, Service] = field(default_factory=dict)
    profiles: dict[str, Profile] = field(default_factory=dict)
    ports: dict[str, Port] = field(default_factory=dict)
    upstreams: dict[str, UpstreamInterface] = field(default_factory=dict)
    by_backup_id: dict[tuple[str, int], str] = field(default_factory=dict)
    by_service: dict[str, set[str]] = field(default_factory=dict)
    elected: set[str] = field(default_factory=set)
    tracking: set[str] = field(default_factory=set)
    active_upstream: str | None = None
    bound_upstream: str | None = None
    departing: dict[str, Iterator[Address]] = field(default_factory=dict)
    adopting: bool = False
    adopted: bool = False
    former: dict[Address, list[Route]] = field(default_factory=dict)
    former_ports: set[str] = field(default_factory=set)
    former_since: float = 0.0
    leaving: deque[Leaving] = field(default_factory=deque)
    ports_told: dict[str, int | None] = field(default_factory=dict)
    repair_delay: float = REPAIR_DELAY
    repair_due: bool = False
    refused_at: float = float("-inf")
    audit_at: float | None = None
    desired: Desired = field(default_factory=Desired)
    tagged: dict[Address, dict[str, Aggregate]] = field(default_factory=dict)
    subscriber_lists: dict[str, LoadedList] = field(default_factory=dict)
    loading: LoadingList | None = None
    deadlines: Deadlines[Key] = field(default_factory=Deadlines)
    settings_changed: set[str] = field(default_factory=set)
    publishing: set[str] = field(default_factory=set)
    restated: set[str] = field(default_factory=set)
    proxy_changed: bool = False
    reports_after: float = 0.0
    joining: bool = False
    out: list[Effect] = field(default_factory=list)

    def wall(self, when: float) -> float:
        """Return seconds since the Unix epoch of monotonic `when`."""
        return when + self.wall_offset

    def leaves(self, name: str) -> bool:
        """Whether groups of a removed port of this name are still to be forgotten."""
        return any(each.name == name for each in self.leaving)

    def role_of(self, port: Port) -> Role:
        """Return the role for a port; without a profile it is an ordinary proxy's port: master."""
        if not port.profile_name:
            return Role.MASTER
        profile = self.profiles.get(port.profile_name)
        return Role.INIT if profile is None else profile.role


def address_of(link: Link | None, version: int) -> Address | None:
    """Return the address that queries come from, None when the link has none.

    For IGMP the first; for MLD the first link-local one, because a query from another is ignored (RFC 3810
    section 5.1.14).
    """
    if link is None:
        return None
    if version == IGMP:
        return link.addresses[0].ip if link.addresses else None
    return next((address.ip for address in link.ipv6_addresses if address.is_link_local), None)

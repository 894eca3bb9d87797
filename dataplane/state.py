"""What the dataplane tells: the operational state it reports and the events it announces.

Owns the types only (msgspec; they cross the control socket as they are). Names are those of the YANG
module with underscores; strings hold the YANG enum names. Times are seconds since the Unix epoch,
durations seconds. `None` stands for a node that has no value yet.
"""

import msgspec


class StateSelection(msgspec.Struct, frozen=True):
    """What a state request wants. `None` means all entries of a kind, an empty tuple none of them.

    A `GroupKey` with empty fields matches every entry that agrees in the others. `counts`: whether the
    numbers of groups and entries of the profiles are wanted, which costs a look at every entry.
    """

    services: tuple[str, ...] | None = None
    profiles: tuple[str, ...] | None = None
    interfaces: tuple[str, ...] | None = None
    groups: "tuple[GroupKey, ...] | None" = None
    counts: bool = True

    @property
    def open(self) -> bool:
        """Whether it may match any number of membership entries, which a reader may take at his leisure."""
        return self.groups is None or not all(key.whole for key in self.groups)


class GroupKey(msgspec.Struct, frozen=True):
    """Names membership entries; an empty field matches any."""

    profile: str = ""
    interface: str = ""
    subscriber: str = ""
    group: str = ""

    @property
    def whole(self) -> bool:
        """Whether it names one entry at most."""
        return bool(self.interface and self.subscriber and self.group)


class PeerMismatch(msgspec.Struct, frozen=True):
    """A difference that the handshake found between the two routers."""

    profile: str
    setting: str
    local: str
    peer: str


class ServiceState(msgspec.Struct, frozen=True):
    """The channel of one remote-backup-service."""

    name: str
    channel_state: str
    channel_security: str
    sync_state: str
    discontinuity_time: float
    last_up_time: float | None = None
    last_down_time: float | None = None
    last_down_reason: str = ""
    peer_mismatch: tuple[PeerMismatch, ...] = ()
    sent: dict[str, int] = {}
    received: dict[str, int] = {}


class CopyStatus(msgspec.Struct, frozen=True):
    """How one kind of subscriber stands: does the profile copy its messages, and if not, why not."""

    type: str
    copy_state: str
    last_state_change: float
    peer_setting_mismatch: bool
    discontinuity_time: float
    copied: dict[str, int]
    applied: dict[str, int]
    not_copied: dict[str, int]


class HelloStatistics(msgspec.Struct, frozen=True):
    """Hellos about one profile since `discontinuity_time`; `refused` by reason."""

    discontinuity_time: float
    sent: int
    received: int
    refused: dict[str, int]


class ProfileState(msgspec.Struct, frozen=True):
    """One remote-backup-profile; `subscriber_types` is about IGMP, `mld_subscriber_types` about MLD."""

    name: str
    local_role: str
    peer_role: str
    bound_interface: tuple[str, ...]
    subscriber_types: tuple[CopyStatus, ...]
    groups_count: int | None = None
    entries_count: int | None = None
    retained_count: int | None = None
    last_role_change: float | None = None
    last_role_change_reason: str = ""
    last_batch_completed: float | None = None
    last_batch_entries: int | None = None
    mld_subscriber_types: tuple[CopyStatus, ...] = ()
    subscriber_list_entries: int | None = None
    subscriber_list_loaded: float | None = None
    hellos: HelloStatistics | None = None


class SourceState(msgspec.Struct, frozen=True):
    """One source of a membership entry; `expire` is None for a source that is excluded."""

    source_address: str
    expire: int | None
    up_time: int


class GroupState(msgspec.Struct, frozen=True):
    """One membership entry: what one subscriber of one access interface wants of one group."""

    profile: str
    interface: str
    subscriber: str
    group_address: str
    subscriber_type: str
    origin: str
    filter_mode: str
    expire: int
    up_time: int
    last_reporter: str
    forwarding: bool
    forwarding_reason: str
    source: tuple[SourceState, ...] = ()
    exceeds_filter: bool = False
    packets: int | None = None
    """Of the group, from the upstream side; None while the plane has no entry."""


class InterfaceState(msgspec.Struct, frozen=True):
    """The multicast side of one interface; `querier` is that of IGMP; `capture` "" while nothing is.

    `forwarded`: packets and octets that the plane took in or sent out there.
    """

    name: str
    plane: str
    querier: str = ""
    vif: int | None = None
    discontinuity_time: float | None = None
    received: dict[str, int] = {}
    sent: dict[str, int] = {}
    error: dict[str, int] = {}
    dropped: dict[str, int] = {}
    mld_querier: str = ""
    capture: str = ""
    forwarded: dict[str, int] = {}


class StatePiece(msgspec.Struct, frozen=True):
    """One piece of a state reply; a large reply is several of them."""

    services: tuple[ServiceState, ...] = ()
    profiles: tuple[ProfileState, ...] = ()
    interfaces: tuple[InterfaceState, ...] = ()
    groups: tuple[GroupState, ...] = ()


class RoleChanged(msgspec.Struct, frozen=True, tag="role-changed"):
    """The local role of a profile is another."""

    profile: str
    old: str
    new: str
    reason: str


class CopyStateChanged(msgspec.Struct, frozen=True, tag="igmp-copy-state-changed"):
    """The copy-state of one kind of subscriber of a profile is another, for IGMP or for MLD."""

    profile: str
    subscriber_type: str
    old: str
    new: str
    protocol: str = "igmp"


class ChannelStateChanged(msgspec.Struct, frozen=True, tag="channel-state-changed"):
    """The channel of a service is in another state."""

    service: str
    old: str
    new: str
    reason: str


class BatchCompleted(msgspec.Struct, frozen=True, tag="batch-backup-completed"):
    """The peer has applied a batch: one of a profile, or with profile "" all that one request asked for."""

    service: str
    profile: str
    entries: int
    batch_id: int


class OutOfSync(msgspec.Struct, frozen=True, tag="out-of-sync"):
    """Records of a profile were lost, in either direction; a batch makes up for them."""

    service: str
    profile: str
    reason: str


class DualMaster(msgspec.Struct, frozen=True, tag="dual-master"):
    """Both routers said they were master of a profile (rule 19)."""

    profile: str


Event = RoleChanged | CopyStateChanged | ChannelStateChanged | BatchCompleted | OutOfSync | DualMaster

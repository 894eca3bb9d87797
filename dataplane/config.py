"""What the dataplane is told to do: one immutable value, built from a committed configuration.

Owns the types only; it must not know YANG paths. They cross the control socket as they are (msgspec).
Durations are seconds unless a name says otherwise.
"""

from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address

import msgspec

Address = IPv4Address | IPv6Address


class Role(StrEnum):
    """Who forwards to subscribers: RFC 8347's states, in the vendor's terms."""

    INIT = "init"
    BACKUP = "backup"
    MASTER = "master"


class Security(StrEnum):
    """How the channel of a service is protected."""

    TLS = "tls"
    TCP_MD5 = "tcp-md5"
    NONE = "none"


class Secret(msgspec.Struct, frozen=True):
    """A shared key; it prints as stars, so that no log, error or state shows it by accident."""

    value: str

    def __repr__(self) -> str:
        return "Secret(***)"


class PeerConfig(msgspec.Struct, frozen=True):
    """Where the other router is: its address, our own, and the port that both ends use."""

    address: Address
    source_address: Address
    port: int


class TlsConfig(msgspec.Struct, frozen=True):
    """Which keys and certificates TLS uses, by name; "" for the usual name, which `replication.keys` knows.

    The peer is known by a certificate (its own, or that of the authority that signed it) or by its public
    key, never by both.
    """

    key: str = ""
    certificate: str = ""
    peer_certificate: str = ""
    peer_key: str = ""


class ServiceConfig(msgspec.Struct, frozen=True):
    """One remote-backup-service: a channel to one peer.

    `md5_key` belongs to Security.TCP_MD5. `block_send` and `block_receive`: nothing is copied to the peer,
    or what it copies is discarded. `daily_batch`: seconds after local midnight, None for no daily batch.
    """

    name: str
    enabled: bool = True
    peer: PeerConfig | None = None
    security: Security = Security.TLS
    tls: TlsConfig = TlsConfig()
    md5_key: Secret | None = None
    block_send: bool = False
    block_receive: bool = False
    daily_batch: int | None = None


class StaticArbitration(msgspec.Struct, frozen=True, tag="static"):
    """The role is what the operator wrote."""

    role: Role


class VrrpArbitration(msgspec.Struct, frozen=True, tag="vrrp"):
    """The role follows a VRRP group: the owner of its virtual address, which is text here, is master."""

    vrid: int
    interface: str
    virtual_address: str


class ETrunkArbitration(msgspec.Struct, frozen=True, tag="e-trunk"):
    """The role is agreed by hellos between the two routers; the lower priority value wins."""

    id: int
    priority: int = 100
    security_key: str = ""
    hello_interval: float = 1.0
    failure_multiplier: int = 3
    revertive: bool = True
    revert_delay: float = 20.0

    def __repr__(self) -> str:
        """Print everything but the key."""
        fields = {**msgspec.structs.asdict(self), "security_key": Secret(self.security_key)}
        return f"ETrunkArbitration({', '.join(f'{name}={value!r}' for name, value in fields.items())})"


class ProfileConfig(msgspec.Struct, frozen=True):
    """One remote-backup-profile."""

    name: str
    service_name: str = ""
    backup_id: int = 0
    multicast: bool = True
    igmp_copy: bool = True
    arbitration: StaticArbitration | VrrpArbitration | ETrunkArbitration | None = None
    mld_copy: bool = True

    @property
    def mapped(self) -> bool:
        """True when the profile names a service and a backup-id, so that its records can cross."""
        return bool(self.service_name) and self.backup_id > 0

    def dhcp_copy(self, version: int) -> bool:
        """Return whether messages of DHCP STBs are copied: IGMP for IP version 4, MLD for 6."""
        return self.igmp_copy if version == 4 else self.mld_copy


class FilterRule(msgspec.Struct, frozen=True):
    """One rule of a group filter. Prefixes are text, because they cross the control socket; "" means all."""

    permit: bool
    group: str
    source: str = ""


class IgmpConfig(msgspec.Struct, frozen=True):
    """IGMP, or MLD, of one access interface; the names are those of RFC 8652, durations are seconds.

    `version` is in IGMP's terms for both: MLDv1 is 2 and MLDv2 is 3, because RFC 3810 has the state machines
    of RFC 3376. `group_filter` is in the order in which the rules are asked.
    """

    version: int = 3
    query_interval: int = 125
    query_max_response_time: int = 10
    robustness_variable: int = 2
    last_member_query_interval: int = 1
    immediate_leave: bool = False
    max_groups: int | None = None
    max_groups_per_subscriber: int | None = None
    group_filter: tuple[FilterRule, ...] = ()
    max_record_rate: int | None = None
    querier_election: bool = True


class TagType(StrEnum):
    """What kind of VLAN tag stands outside of another (IEEE 802.1Q clause 9.5): 0x8100 or 0x88a8."""

    C_VLAN = "c-vlan"
    S_VLAN = "s-vlan"


class AccessConfig(msgspec.Struct, frozen=True):
    """The subscriber side of an interface; `access_id` names it to the peer.

    `outer_tag_type` is that of the outer one of two tags on what is sent, `single_tag_type` of one alone.
    """

    profile: str = ""
    access_id: int = 1
    igmp: IgmpConfig = IgmpConfig()
    mld: IgmpConfig = IgmpConfig()
    outer_tag_type: TagType = TagType.C_VLAN
    single_tag_type: TagType = TagType.C_VLAN


class UpstreamConfig(msgspec.Struct, frozen=True):
    """The network side of an interface; the lowest preference value that works is active."""

    preference: int = 100


class InterfaceConfig(msgspec.Struct, frozen=True):
    """One interface with multicast on it: access or upstream, never both."""

    name: str
    enabled: bool = True
    access: AccessConfig | None = None
    upstream: UpstreamConfig | None = None


class DataplaneConfig(msgspec.Struct, frozen=True):
    """Everything; `DataplaneConfig()` is the router that does nothing."""

    services: tuple[ServiceConfig, ...] = ()
    profiles: tuple[ProfileConfig, ...] = ()
    interfaces: tuple[InterfaceConfig, ...] = ()


class Subject(StrEnum):
    """What kind of configured thing a refusal is about."""

    SERVICE = "service"
    PROFILE = "profile"
    INTERFACE = "interface"


class Refusal(msgspec.Struct, frozen=True):
    """Why prepare said no: the thing, a sentence, and the leaf of the thing.

    The leaf is its YANG name, with the containers it is in where the name alone is not clear ("tls/key"), and
    "" for the whole.
    """

    subject: Subject
    name: str
    leaf: str
    message: str
    app_tag: str = ""

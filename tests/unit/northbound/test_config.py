"""From configuration trees to what the dataplane is told."""

from ipaddress import IPv4Address

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
from dataplane.control.messages import ConfigDelta, ServiceOnWire
from server.northbound.config import ConfigReader
from server.northbound.names import MULTICAST_PATH, PROFILE_PATH, SERVICE_PATH
from server.schema.model import Schema
from server.tree.diff import diff
from server.tree.node import empty_root
from tests.unit.northbound.conftest import Make

PEER = {"address": "192.0.2.2", "source-address": "192.0.2.1", "port": 2000}


def test_every_leaf_arrives(reader: ConfigReader, make: Make) -> None:
    tree = make(
        [
            {"name": "rbs1", "enabled": False, "peer": PEER, "none": {}},
            {"name": "rbs2", "tls": {"key": "a", "certificate": "b", "peer-key": "c"}},
            {
                "name": "rbs3",
                "tcp-md5": {"key": "secret"},
                "backup-block": [{"direction": "send", "service": "multicast"}],
                "daily-batch-backup": "02:30:01",
            },
        ],
        [
            {
                "name": "rbp1",
                "service-name": "rbs1",
                "backup-id": 7,
                "service-type": {"multicast": False},
                "static-role": "master",
            },
            {
                "name": "rbp2",
                "e-trunk": {
                    "id": 3,
                    "priority": 10,
                    "security-key": "k",
                    "hello-interval": 25,
                    "failure-multiplier": 4,
                    "revertive": False,
                    "revert-delay": 60,
                },
                "dhcp-stb": {"igmp-copy": False},
            },
            {
                "name": "rbp3",
                "vrrp": {"vrid": 51, "interface": "eth2", "virtual-address": "2001:db8::1"},
            },
        ],
        {
            "eth0": {
                "remote-backup-profile": "rbp1",
                "access-id": 4,
                "outer-tag-type": "s-vlan",
                "single-tag-type": "s-vlan",
                "igmp": {
                    "version": 2,
                    "query-interval": 60,
                    "query-max-response-time": 5,
                    "robustness-variable": 3,
                    "last-member-query-interval": 2,
                    "immediate-leave": True,
                    "max-groups": 100,
                    "max-groups-per-subscriber": 4,
                },
            },
            "eth1": {"upstream": {"preference": 5}},
            "eth2": None,
        },
    )
    assert reader.whole(tree) == ConfigDelta(
        services=(
            ServiceOnWire.wrap(
                ServiceConfig(
                    "rbs1",
                    False,
                    PeerConfig(IPv4Address("192.0.2.2"), IPv4Address("192.0.2.1"), 2000),
                    Security.NONE,
                )
            ),
            ServiceOnWire.wrap(ServiceConfig("rbs2", tls=TlsConfig("a", "b", "", "c"))),
            ServiceOnWire.wrap(
                ServiceConfig(
                    "rbs3",
                    security=Security.TCP_MD5,
                    md5_key=Secret("secret"),
                    block_send=True,
                    daily_batch=9001,
                )
            ),
        ),
        profiles=(
            ProfileConfig("rbp1", "rbs1", 7, False, True, StaticArbitration(Role.MASTER)),
            ProfileConfig(
                "rbp2", igmp_copy=False, arbitration=ETrunkArbitration(3, 10, "k", 0.25, 4, False, 60.0)
            ),
            ProfileConfig("rbp3", arbitration=VrrpArbitration(51, "eth2", "2001:db8::1")),
        ),
        interfaces=(
            InterfaceConfig(
                "eth0",
                access=AccessConfig(
                    "rbp1",
                    4,
                    IgmpConfig(2, 60, 5, 3, 2, True, 100, 4),
                    outer_tag_type=TagType.S_VLAN,
                    single_tag_type=TagType.S_VLAN,
                ),
            ),
            InterfaceConfig("eth1", upstream=UpstreamConfig(5)),
        ),
    )


def test_mld_and_the_filters_arrive(reader: ConfigReader, make: Make) -> None:
    rules = [
        {"sequence": 30, "action": "deny", "group-prefix": "0.0.0.0/0"},
        {"sequence": 4, "action": "permit", "group-prefix": "232.1.0.0/16", "source-prefix": "10.0.0.0/8"},
    ]
    mld = {
        "version": 1,
        "query-interval": 61,
        "query-max-response-time": 6,
        "robustness-variable": 4,
        "last-member-query-interval": 3,
        "immediate-leave": True,
        "max-groups": 101,
        "max-groups-per-subscriber": 5,
        "max-record-rate": 20,
        "querier-election": False,
        "group-filter": [{"sequence": 1, "action": "deny", "group-prefix": "ff3e::/32"}],
    }
    tree = make(
        [],
        [{"name": "rbp1", "dhcp-stb": {"mld-copy": False}}],
        {"eth0": {"igmp": {"group-filter": rules}, "mld": mld}},
    )
    delta = reader.whole(tree)
    assert delta.profiles == (ProfileConfig("rbp1", mld_copy=False),)
    access = delta.interfaces[0].access
    assert access is not None
    assert access.igmp == IgmpConfig(
        group_filter=(FilterRule(True, "232.1.0.0/16", "10.0.0.0/8"), FilterRule(False, "0.0.0.0/0"))
    )
    assert access.mld == IgmpConfig(
        2, 61, 6, 4, 3, True, 101, 5, (FilterRule(False, "ff3e::/32"),), 20, False
    )


def test_defaults_are_those_of_the_module(reader: ConfigReader, make: Make, schema: Schema) -> None:
    """The code fills defaults in; the YANG module has the last word on what they are."""
    tree = make(
        [{"name": "rbs1"}],
        [{"name": "rbp1", "e-trunk": {"id": 1}}],
        {"eth0": {}, "eth1": {"upstream": {}}},
    )
    delta = reader.whole(tree)
    trunk = delta.profiles[0].arbitration
    access, upstream = delta.interfaces[0].access, delta.interfaces[1].upstream
    assert delta.services == (ServiceOnWire("rbs1", security=Security.TLS),)
    assert isinstance(trunk, ETrunkArbitration)
    assert access is not None
    assert upstream is not None
    found = {
        f"{SERVICE_PATH}/enabled": delta.services[0].enabled,
        f"{PROFILE_PATH}/service-type/multicast": delta.profiles[0].multicast,
        f"{PROFILE_PATH}/dhcp-stb/igmp-copy": delta.profiles[0].igmp_copy,
        f"{PROFILE_PATH}/dhcp-stb/mld-copy": delta.profiles[0].mld_copy,
        f"{PROFILE_PATH}/e-trunk/priority": trunk.priority,
        f"{PROFILE_PATH}/e-trunk/hello-interval": round(trunk.hello_interval * 100),
        f"{PROFILE_PATH}/e-trunk/failure-multiplier": trunk.failure_multiplier,
        f"{PROFILE_PATH}/e-trunk/revertive": trunk.revertive,
        f"{PROFILE_PATH}/e-trunk/revert-delay": round(trunk.revert_delay),
        f"{MULTICAST_PATH}/access-id": access.access_id,
        f"{MULTICAST_PATH}/outer-tag-type": access.outer_tag_type.value,
        f"{MULTICAST_PATH}/single-tag-type": access.single_tag_type.value,
        f"{MULTICAST_PATH}/igmp/version": access.igmp.version,
        f"{MULTICAST_PATH}/igmp/query-interval": access.igmp.query_interval,
        f"{MULTICAST_PATH}/igmp/query-max-response-time": access.igmp.query_max_response_time,
        f"{MULTICAST_PATH}/igmp/robustness-variable": access.igmp.robustness_variable,
        f"{MULTICAST_PATH}/igmp/last-member-query-interval": access.igmp.last_member_query_interval,
        f"{MULTICAST_PATH}/igmp/immediate-leave": access.igmp.immediate_leave,
        f"{MULTICAST_PATH}/mld/version": access.mld.version - 1,
        f"{MULTICAST_PATH}/mld/query-interval": access.mld.query_interval,
        f"{MULTICAST_PATH}/mld/query-max-response-time": access.mld.query_max_response_time,
        f"{MULTICAST_PATH}/mld/robustness-variable": access.mld.robustness_variable,
        f"{MULTICAST_PATH}/mld/last-member-query-interval": access.mld.last_member_query_interval,
        f"{MULTICAST_PATH}/mld/immediate-leave": access.mld.immediate_leave,
        f"{MULTICAST_PATH}/upstream/preference": upstream.preference,
        "/ietf-interfaces:interfaces/interface/enabled": delta.interfaces[0].enabled,
    }
    texts = {path: (str(value).lower(),) for path, value in found.items()}
    assert {path: schema.node(path).defaults for path in found} == texts


def test_a_delta_holds_what_changed(reader: ConfigReader, make: Make) -> None:
    old = make([{"name": "rbs1"}], [{"name": "a"}, {"name": "b"}, {"name": "c"}], {"eth0": {}, "eth1": {}})
    new = make(
        [{"name": "rbs1"}],
        [{"name": "a"}, {"name": "b", "dhcp-stb": {"igmp-copy": False}}, {"name": "d"}],
        {"eth0": {"remote-backup-profile": "a"}, "eth1": None},
    )
    delta = reader.delta(old, new, diff(old, new))
    assert {profile.name for profile in delta.profiles} == {"b", "d"}
    assert delta.removed_profiles == ("c",)
    assert [interface.name for interface in delta.interfaces] == ["eth0"]
    assert delta.removed_interfaces == ("eth1",)
    assert (delta.services, delta.removed_services) == ((), ())


def test_a_change_that_means_nothing_to_the_dataplane_is_empty(reader: ConfigReader, make: Make) -> None:
    old = make(None, [{"name": "a"}], {"eth2": None})
    new = make(None, [{"name": "a", "dhcp-stb": {"igmp-copy": True}}], {"eth2": None, "eth3": None})
    assert reader.delta(old, new, diff(old, new)).empty


def test_from_and_to_nothing(reader: ConfigReader, make: Make, schema: Schema) -> None:
    empty = empty_root(schema.root)
    full = make([{"name": "rbs1"}], [{"name": "a"}], {"eth0": {}})
    assert reader.delta(empty, full, diff(empty, full)) == reader.whole(full)
    gone = reader.delta(full, empty, diff(full, empty))
    assert (gone.removed_services, gone.removed_profiles, gone.removed_interfaces) == (
        ("rbs1",),
        ("a",),
        ("eth0",),
    )


def test_an_entry_is_read_once(reader: ConfigReader, make: Make) -> None:
    tree = make(None, [{"name": "a"}])
    assert reader.whole(tree).profiles[0] is reader.whole(tree).profiles[0]

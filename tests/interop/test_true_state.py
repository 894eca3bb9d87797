"""Every value that the state of a running pair can have is provoked, and is told over NETCONF when it holds.

Changes are told by notifications too. What needs a kernel is in `tests/netns`.
"""

from collections.abc import Callable, Iterator
from ipaddress import IPv4Address
from typing import Any

import pytest
from lxml import etree

from cli.lab import configuration
from cli.lab.topology import ACCESS_INTERFACE, CORE_INTERFACE
from dataplane.packets.ethernet import Subscriber
from dataplane.packets.frames import query_frame, report_frames
from dataplane.packets.messages import GroupRecord, Query, RecordType
from tests.support.duo import Duo, free_port, running_duo
from tests.support.netconf import SPACES, backup, config, profile, service
from tests.support.wait import wait_for

STATIC = "<static-role>master</static-role>"
JOIN, LEAVE = RecordType.CHANGE_TO_EXCLUDE_MODE, RecordType.CHANGE_TO_INCLUDE_MODE
ROUTER_MAC = b"\x02\0\0\0\0\x01"
INTERFACES = "urn:ietf:params:xml:ns:yang:ietf-interfaces"


@pytest.fixture(scope="module")
def duo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Duo]:
    with running_duo(tmp_path_factory.mktemp("duo")) as running:
        running.configure(free_port(), arbitration=STATIC)
        commit(running, 1, profile("<static-role>backup</static-role>"))
        running.connected()
        yield running


class Told:
    """What a session was told since it subscribed; names of entries are left out, leaves joined by blanks."""

    def __init__(self, duo: Duo, name: str, *leaves: str) -> None:
        self._session = duo.routers[0].connect()
        self._session.create_subscription()
        self._name, self._leaves = name, leaves

    def until(self, last: str) -> list[str]:
        """All of this kind up to `last`."""
        found: list[str] = []
        while not found or found[-1] != last:
            notification = self._session.take_notification(timeout=10)
            assert notification is not None, f"{last} was not told, but {found}"
            envelope = etree.fromstring(notification.notification_xml.encode())
            told = envelope.find(f".//trb:{self._name}", SPACES)
            if told is not None:
                found.append(" ".join(str(told.findtext(f"trb:{leaf}", "", SPACES)) for leaf in self._leaves))
        return found

    def close(self) -> None:
        self._session.close_session()


def commit(duo: Duo, number: int, inner: str) -> None:
    whole = config(inner) if inner.startswith("<interfaces") else backup(inner)
    duo.sessions[number].edit_config(whole, target="candidate")
    duo.sessions[number].commit()


def interface(name: str, inner: str) -> str:
    return f'<interfaces xmlns="{INTERFACES}"><interface><name>{name}</name>{inner}</interface></interfaces>'


def access(inner: str) -> str:
    return interface(
        ACCESS_INTERFACE, f'<multicast xmlns="{configuration.REMOTE_BACKUP}">{inner}</multicast>'
    )


def copy_states(duo: Duo, protocol: str = "igmp") -> list[str]:
    """Of DHCP STBs and of PPPoE STBs."""
    data = duo.sessions[0].get(("subtree", configuration.profile_state(f"{protocol}-copy-status"))).data
    return [str(each.text) for each in data.iterfind(".//trb:copy-state", SPACES)]


def told_of(protocol: str, states: tuple[str, str]) -> list[str]:
    kinds = ("dhcp-stb", "pppoe-stb")
    return [f"{kind} {protocol} {state}" for kind, state in zip(kinds, states, strict=True)]


BLOCK = "<backup-block{}><direction>send</direction><service>multicast</service></backup-block>"
DELETE = ' nc:operation="delete"'
REMOVE = ' nc:operation="remove"'
BIND = "<remote-backup-profile>rbp3</remote-backup-profile>"
MAPPED = "<service-name>rbs1</service-name><backup-id>3</backup-id>"
WAYS = [
    (
        "igmp-copy",
        (0, profile("<dhcp-stb><igmp-copy>false</igmp-copy></dhcp-stb>")),
        (0, profile(f"<dhcp-stb><igmp-copy{REMOVE}/></dhcp-stb>")),
        ("admin-disabled", "active"),
        ("active", "active"),
    ),
    (
        "mld-copy",
        (0, profile("<dhcp-stb><mld-copy>false</mld-copy></dhcp-stb>")),
        (0, profile(f"<dhcp-stb><mld-copy{REMOVE}/></dhcp-stb>")),
        ("active", "active"),
        ("admin-disabled", "active"),
    ),
    (
        "service-type",
        (0, profile("<service-type><multicast>false</multicast></service-type>")),
        (0, profile(f"<service-type><multicast{REMOVE}/></service-type>")),
        ("service-disabled", "service-disabled"),
        ("service-disabled", "service-disabled"),
    ),
    (
        "block",
        (0, service(BLOCK.format(""))),
        (0, service(BLOCK.format(DELETE))),
        ("blocked", "blocked"),
        ("blocked", "blocked"),
    ),
    (
        "unbound",
        (0, access(f"<remote-backup-profile{REMOVE}/>")),
        (0, access(BIND)),
        ("unbound", "unbound"),
        ("unbound", "unbound"),
    ),
    (
        "unmapped-here",
        (0, profile(f"<service-name{REMOVE}/><backup-id{REMOVE}/>")),
        (0, profile(MAPPED)),
        ("unmapped", "unmapped"),
        ("unmapped", "unmapped"),
    ),
    (
        "unmapped-there",
        (1, profile(f"<service-name{REMOVE}/><backup-id{REMOVE}/>")),
        (1, profile(MAPPED)),
        ("unmapped", "unmapped"),
        ("unmapped", "unmapped"),
    ),
    (
        "no-access-id-there",
        (1, access("<access-id>9</access-id>")),
        (1, access(f"<access-id{REMOVE}/>")),
        ("unmapped", "unmapped"),
        ("unmapped", "unmapped"),
    ),
    (
        "channel-down",
        (1, service("<enabled>false</enabled>")),
        (1, service("<enabled>true</enabled>")),
        ("channel-down", "channel-down"),
        ("channel-down", "channel-down"),
    ),
]
BOTH = ("active", "active")


@pytest.mark.parametrize(
    ("do", "undo", "igmp", "mld"), [way[1:] for way in WAYS], ids=[way[0] for way in WAYS]
)
def test_a_copy_state_is_shown_and_told_and_ends(
    duo: Duo, do: tuple[int, str], undo: tuple[int, str], igmp: tuple[str, str], mld: tuple[str, str]
) -> None:
    told = Told(duo, "igmp-copy-state-changed", "subscriber-type", "protocol", "copy-state")
    changed = [
        each
        for protocol, states in (("igmp", igmp), ("mld", mld))
        for each in told_of(protocol, states)
        if not each.endswith(" active")
    ]
    commit(duo, *do)
    assert told.until(changed[-1]) == changed
    assert (copy_states(duo), copy_states(duo, "mld")) == ([*igmp], [*mld])
    commit(duo, *undo)
    ends = [f"{each.rpartition(' ')[0]} active" for each in changed]
    seen = told.until(ends[-1])
    assert [each for each in seen if each.endswith(" active")] == ends
    assert {each.rpartition(" ")[2] for each in seen} <= {"active", "synchronizing", "channel-down"}
    wait_for(lambda: (copy_states(duo), copy_states(duo, "mld")) == ([*BOTH], [*BOTH]), what="active again")
    told.close()


def test_every_state_of_the_channel_is_told_in_order(duo: Duo) -> None:
    told = Told(duo, "channel-state-changed", "channel-state", "reason")
    copying = Told(duo, "igmp-copy-state-changed", "subscriber-type", "protocol", "copy-state")
    commit(duo, 1, service("<enabled>false</enabled>"))
    down = told.until("connecting ")
    assert down[0].startswith("down peer-")
    assert down == [down[0], "connecting "]
    assert leaves(duo, "channel-state", "sync-state", "channel-security") == ["connecting", "out-of-sync", ""]
    commit(duo, 1, service("<enabled>true</enabled>"))
    assert told.until("connected ") == ["handshake ", "synchronizing ", "connected "]
    assert leaves(duo, "channel-state", "sync-state", "channel-security") == ["connected", "in-sync", "tls"]
    states = [each.rpartition(" ")[2] for each in copying.until("pppoe-stb mld active")]
    assert states == ["channel-down"] * 4 + ["synchronizing"] * 4 + ["active"] * 4
    commit(duo, 0, service("<enabled>false</enabled>"))
    assert told.until("down configuration-changed")
    assert leaves(duo, "channel-state", "last-down-reason") == ["down", "configuration-changed"]
    commit(duo, 0, service("<enabled>true</enabled>"))
    duo.connected()
    told.close()
    copying.close()


def leaves(duo: Duo, *names: str) -> list[str]:
    return [duo.leaf(0, configuration.service_state(name), name) for name in names]


@pytest.fixture
def elsewhere(duo: Duo) -> Iterator[None]:
    """The service of router 0 has a source address that the router does not have."""
    change = "<peer><source-address>{}</source-address></peer>"
    commit(duo, 0, service(change.format("192.0.2.77")))
    yield
    commit(duo, 0, service(change.format("127.0.0.1")))
    duo.connected()


@pytest.mark.usefixtures("elsewhere")
def test_without_its_source_address_a_service_goes_on_trying_and_says_why(duo: Duo) -> None:
    wait_for(
        lambda: leaves(duo, "channel-state", "last-down-reason") == ["connecting", "source-address-missing"],
        what="the reason",
    )


def say(duo: Duo, number: int, kind: RecordType, group: str, stb: int, to: Subscriber | None = None) -> None:
    """A set-top box says something, from behind tags or in a session with `to`."""
    record = GroupRecord(kind, IPv4Address(group))
    place = Subscriber(0, 0, 0, ROUTER_MAC) if to is None else to
    mac, address = bytes([2, 0, 0, 0, 1, stb]), IPv4Address("10.20.0.100") + stb
    send(duo, number, *report_frames(3, [record], mac, address, to=place))


def send(duo: Duo, number: int, *frames: bytes) -> None:
    for frame in frames:
        duo._socket.sendto(frame, str(duo._folders[number] / ACCESS_INTERFACE))


def entries(duo: Duo, number: int, group: str) -> list[dict[str, str]]:
    inner = f"<group><group-address>{group}</group-address></group>"
    wanted = configuration.profile_state("group").replace("<group/>", inner)
    found = duo.sessions[number].get(("subtree", wanted)).data.iterfind(".//trb:group", SPACES)
    return [{etree.QName(leaf).localname: str(leaf.text) for leaf in each} for each in found]


def entry(duo: Duo, number: int, group: str, **leaves: str) -> dict[str, str]:
    """The entry of a group, once it has these leaves."""
    expected = {name.replace("_", "-"): value for name, value in leaves.items()}

    def found() -> dict[str, str] | None:
        known = entries(duo, number, group)
        return known[0] if len(known) == 1 and expected.items() <= known[0].items() else None

    return wait_for(found, what=f"{group} on router {number} with {expected}") or {}


def test_origins_and_whose_the_entry_is(duo: Duo) -> None:
    group = "239.7.0.1"
    say(duo, 0, JOIN, group, 1)
    here = entry(duo, 0, group, origin="local", forwarding="true", forwarding_reason="forwarding")
    assert here["interface"] == ACCESS_INTERFACE
    assert (here["subscriber"], here["subscriber-type"]) == ("02:00:00:00:01:01", "dhcp-stb")
    assert (here["filter-mode"], here["last-reporter"]) == ("exclude", "10.20.0.101")
    entry(duo, 1, group, origin="copied", forwarding="false", forwarding_reason="standby")
    assert count(duo, 1, "retained-count") == 1
    say(duo, 1, JOIN, group, 1)
    entry(duo, 1, group, origin="both")
    entry(duo, 0, group, origin="both")
    assert count(duo, 1, "retained-count") == 0
    say(duo, 0, LEAVE, group, 1)
    wait_for(lambda: not entries(duo, 1, group), what="the end of the entry")


def count(duo: Duo, number: int, leaf: str) -> int:
    return int(duo.leaf(number, configuration.profile_state("igmp-copy-status"), leaf))


def test_a_member_behind_a_tag_and_one_in_a_session_are_kept_and_not_forwarded_to(duo: Duo) -> None:
    say(duo, 0, JOIN, "239.7.0.2", 2, Subscriber(100, 7, 0, ROUTER_MAC))
    say(duo, 0, JOIN, "239.7.0.3", 3, Subscriber(0, 0, 5, ROUTER_MAC))
    tagged = entry(duo, 0, "239.7.0.2", forwarding="false", forwarding_reason="tagged")
    assert (tagged["subscriber"], tagged["subscriber-type"]) == ("02:00:00:00:01:02@100.7", "dhcp-stb")
    session = entry(duo, 0, "239.7.0.3", forwarding="false", forwarding_reason="pppoe")
    assert (session["subscriber"], session["subscriber-type"]) == ("02:00:00:00:01:03/5", "pppoe-stb")
    entry(duo, 1, "239.7.0.2", origin="copied", forwarding_reason="tagged")
    entry(duo, 1, "239.7.0.3", origin="copied", forwarding_reason="pppoe")


REASONS = [
    ("standby", profile("<static-role>backup</static-role>"), profile(STATIC)),
    ("no-role", profile(f"<static-role{REMOVE}/>"), profile(STATIC)),
    (
        "no-upstream",
        interface(CORE_INTERFACE, "<enabled>false</enabled>"),
        interface(CORE_INTERFACE, "<enabled>true</enabled>"),
    ),
    (
        "link-down",
        interface(ACCESS_INTERFACE, "<enabled>false</enabled>"),
        interface(ACCESS_INTERFACE, "<enabled>true</enabled>"),
    ),
]


@pytest.mark.parametrize(("reason", "do", "undo"), REASONS, ids=[row[0] for row in REASONS])
def test_why_nothing_is_forwarded(duo: Duo, reason: str, do: str, undo: str) -> None:
    group = "239.7.1.1"
    say(duo, 0, JOIN, group, 4)
    entry(duo, 0, group, forwarding="true", forwarding_reason="forwarding")
    commit(duo, 0, do)
    entry(duo, 0, group, forwarding="false", forwarding_reason=reason)
    commit(duo, 0, undo)
    entry(duo, 0, group, forwarding="true", forwarding_reason="forwarding")


def test_a_member_who_gets_more_than_he_asked_for_is_told(duo: Duo) -> None:
    group, source = "239.7.2.1", IPv4Address("192.0.2.9")
    record = GroupRecord(RecordType.ALLOW_NEW_SOURCES, IPv4Address(group), (source,))
    send(duo, 0, *report_frames(3, [record], b"\x02\0\0\0\1\x05", IPv4Address("10.20.0.105")))
    alone = entry(duo, 0, group, filter_mode="include", exceeds_filter="false")
    assert "source" in alone
    say(duo, 0, JOIN, group, 6)
    wait_for(
        lambda: sorted(each["exceeds-filter"] for each in entries(duo, 0, group)) == ["false", "true"],
        what="one who gets more",
    )


def statistics(duo: Duo) -> dict[str, int]:
    """All counters of the profile of router 0 and of its access interface, by their path."""
    found: dict[str, int] = {}
    for protocol in ("igmp", "mld"):
        data = duo.sessions[0].get(("subtree", configuration.profile_state(f"{protocol}-copy-status"))).data
        for status in data.iterfind(".//trb:subscriber-type", SPACES):
            kind = status.findtext("trb:type", "", SPACES)
            found[f"{protocol} {kind} copied"] = int(status.findtext(".//trb:copied/trb:total", "", SPACES))
            for row in status.iterfind(".//trb:not-copied", SPACES):
                reason = row.findtext("trb:reason", "", SPACES)
                found[f"{protocol} {kind} {reason}"] = int(row.findtext("trb:messages", "", SPACES))
    wanted = interface(ACCESS_INTERFACE, f'<multicast xmlns="{configuration.REMOTE_BACKUP}"/>')
    data = duo.sessions[0].get(("subtree", wanted)).data
    for name in ("received", "error"):
        found[name] = int(data.findtext(f".//trb:{name}/trb:total", "", SPACES))
    for row in data.iterfind(".//trb:dropped", SPACES):
        found[f"dropped {row.findtext('trb:reason', '', SPACES)}"] = int(
            row.findtext("trb:packets", "", SPACES)
        )
    return found


def grown(duo: Duo, act: Callable[[], None], last: str) -> dict[str, int]:
    """By how much which counters have grown once `last` has."""
    before = statistics(duo)
    act()
    wait_for(lambda: statistics(duo).get(last, 0) > before.get(last, 0), what=f"{last} to grow")
    return {
        name: more for name, value in sorted(statistics(duo).items()) if (more := value - before.get(name, 0))
    }


def test_each_message_is_counted_once_by_its_reason(duo: Duo) -> None:
    source = IPv4Address("10.20.0.107")
    mac = b"\x02\0\0\0\1\x07"

    def frame(version: int, kind: RecordType, group: str) -> bytes:
        return report_frames(version, [GroupRecord(kind, IPv4Address(group))], mac, source)[0]

    good = frame(3, JOIN, "239.7.3.1")
    rows = [
        (good, "igmp dhcp-stb copied", {}),
        (frame(3, LEAVE, "239.7.3.9"), "igmp dhcp-stb no-change", {}),
        (frame(2, JOIN, "224.0.0.251"), "igmp dhcp-stb link-local-group", {"dropped link-local-group": 1}),
        (good[:-1] + b"\x07", "igmp dhcp-stb malformed", {"dropped bad-checksum": 1}),
        (query_frame(Query(3, IPv4Address("239.7.3.1")), mac, source), "igmp dhcp-stb query", {}),
    ]
    for sent, counter, more in rows:
        accepted = "error" if "malformed" in counter else "received"
        found = grown(duo, lambda sent=sent: send(duo, 0, sent), counter)  # type: ignore[misc]
        assert found == {counter: 1, accepted: 1, **more}


@pytest.mark.parametrize(
    ("do", "undo", "reason"),
    [
        (WAYS[0][1], WAYS[0][2], "admin-disabled"),
        (WAYS[2][1], WAYS[2][2], "service-disabled"),
        (WAYS[3][1], WAYS[3][2], "blocked"),
        (WAYS[5][1], WAYS[5][2], "unmapped"),
        (WAYS[8][1], WAYS[8][2], "channel-down"),
        (
            (0, access("<igmp><max-groups-per-subscriber>1</max-groups-per-subscriber></igmp>")),
            (0, access(f"<igmp><max-groups-per-subscriber{REMOVE}/></igmp>")),
            "refused",
        ),
    ],
    ids=["admin-disabled", "service-disabled", "blocked", "unmapped", "channel-down", "refused"],
)
def test_why_a_message_was_not_copied(duo: Duo, do: Any, undo: Any, reason: str) -> None:
    duo.join(0, "239.7.4.1", stb=8)
    entry(duo, 0, "239.7.4.1")
    wait_for(lambda: copy_states(duo) == [*BOTH], what="copying")
    commit(duo, *do)
    wait_for(lambda: reason == "refused" or copy_states(duo)[0] == reason, what=reason)
    found = grown(duo, lambda: duo.join(0, "239.7.4.2", stb=8), f"igmp dhcp-stb {reason}")
    refused = {"dropped too-many-subscriber-groups": 1} if reason == "refused" else {}
    assert found == {f"igmp dhcp-stb {reason}": 1, "received": 1, **refused}
    commit(duo, *undo)
    wait_for(lambda: copy_states(duo) == [*BOTH], what="copying again")
    say(duo, 0, LEAVE, "239.7.4.2", 8)
    wait_for(lambda: not entries(duo, 0, "239.7.4.2"), what="the leave")


def test_two_masters_are_told_once_and_their_roles_with_the_reason(duo: Duo) -> None:
    both, roles = Told(duo, "dual-master", "suppressed"), Told(duo, "role-changed", "local-role", "reason")
    commit(duo, 1, profile(STATIC))
    assert both.until("0") == ["0"]
    assert peer_role(duo) == "master"
    commit(duo, 1, profile("<static-role>backup</static-role>"))
    wait_for(lambda: peer_role(duo) == "backup", what="the peer as backup")
    commit(duo, 0, profile("<static-role>backup</static-role>"))
    commit(duo, 0, profile(STATIC))
    assert roles.until("master configured") == ["backup configured", "master configured"]
    commit(duo, 1, profile(STATIC))
    assert both.until("0") == ["0"]
    commit(duo, 1, profile("<static-role>backup</static-role>"))
    for told in (both, roles):
        told.close()


def peer_role(duo: Duo) -> str:
    return duo.leaf(0, configuration.profile_state("peer-role"), "peer-role")

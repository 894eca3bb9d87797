"""The same picture from the state of a provider with a tree, and from a reply."""

from collections.abc import Iterator, Sequence
from typing import Any

from lxml import etree

from server.status.picture import MOST_ENTRIES, MOST_GROUPS, Copying, Group, Interface, Picture, picture
from server.status.plain import merged, of_state, of_xml
from server.status.rates import Rates
from server.tree.build import Streamed

GROUP = {
    "interface": "access0",
    "subscriber": "02:00:00:00:01:01",
    "group-address": "239.1.1.1",
    "origin": "copied",
    "forwarding": False,
    "forwarding-reason": "standby",
}
STATE: dict[str, Any] = {
    "twincast-remote-backup:remote-backup": {
        "remote-backup-service": [
            {
                "name": "rbs1",
                "channel-state": "connected",
                "channel-security": "tls",
                "sync-state": "in-sync",
                "last-down-reason": None,
                "peer-mismatch": [
                    {"profile": "rbp3", "setting": "igmp-copy", "local-value": "true", "peer-value": "false"}
                ],
                "statistics": {
                    "discontinuity-time": "2026-11-27T12:00:00.000Z",
                    "sent": {"total": 7, "queue-dropped": 2},
                    "received": {"total": 9, "sequence-gap": 1},
                },
            }
        ],
        "remote-backup-profile": [
            {
                "name": "rbp3",
                "local-role": "backup",
                "peer-role": "master",
                "bound-interface": ["access0"],
                "igmp-copy-status": {
                    "subscriber-type": [
                        {
                            "type": "dhcp-stb",
                            "copy-state": "admin-disabled",
                            "peer-setting-mismatch": True,
                            "statistics": {
                                "copied": {"total": 3},
                                "applied": {"total": 4},
                                "not-copied": [
                                    {"reason": "admin-disabled", "messages": 5},
                                    {"reason": "blocked", "messages": 0},
                                ],
                            },
                        }
                    ],
                    "groups-count": 1,
                    "entries-count": 1,
                    "retained-count": 1,
                },
                "group": [GROUP],
            }
        ],
    },
    "ietf-interfaces:interfaces": {
        "interface": [
            {
                "name": "access0",
                "twincast-remote-backup:multicast": {
                    "plane": "kernel",
                    "querier": "10.20.0.1",
                    "statistics": {
                        "received": {"total": 11},
                        "sent": {"total": 12},
                        "dropped": [{"reason": "checksum", "packets": 6}],
                    },
                },
            }
        ]
    },
}
RUNNING: dict[str, Any] = {
    "remote-backup": {
        "remote-backup-service": [
            {"name": "rbs1", "peer": {"address": "192.0.2.2"}, "tcp-md5": {"key": "a secret"}}
        ],
        "remote-backup-profile": [
            {
                "name": "rbp3",
                "service-name": "rbs1",
                "dhcp-stb": {"igmp-copy": "false"},
                "e-trunk": {"security-key": "another secret"},
            }
        ],
    },
    "interfaces": {
        "interface": [
            {"name": "access0", "multicast": {"remote-backup-profile": "rbp3"}},
            {"name": "core0", "multicast": {"upstream": {}}},
            {"name": "eth0", "description": "not ours"},
        ]
    },
}


def seen(state: dict[str, Any] = STATE, running: dict[str, Any] = RUNNING) -> Picture:
    rates = Rates()
    rates.begin(0.0)
    return picture("here", merged(running, of_state(state, MOST_GROUPS)), (), rates)


def test_configuration_and_state_of_an_entry_come_together() -> None:
    found = seen()
    assert found.state
    (service,), (profile,) = found.services, found.profiles
    assert (service.peer, service.channel, service.sync, service.dropped, service.gaps) == (
        "192.0.2.2",
        "connected",
        "in-sync",
        2,
        1,
    )
    assert service.mismatches == ["rbp3 igmp-copy: here true, there false"]
    assert (profile.role, profile.peer_role, profile.igmp_copy, profile.retained) == (
        "backup",
        "master",
        False,
        1,
    )
    assert profile.copying == [
        Copying("igmp", "dhcp-stb", "admin-disabled", True, 3, 4, 0.0, 0.0, {"admin-disabled": 5})
    ]


def test_interfaces_with_multicast_and_their_sides() -> None:
    access, core = seen().interfaces
    assert access == Interface(
        "access0", "access", "rbp3", "kernel", "10.20.0.1", 11, 12, 0.0, 0.0, {"checksum": 6}, 0.0
    )
    assert (core.name, core.side) == ("core0", "upstream")


def test_groups_that_are_not_forwarded_say_why() -> None:
    assert seen().groups == [
        Group("rbp3", "239.1.1.1", "02:00:00:00:01:01", "access0", "copied", False, "standby")
    ]


def test_without_a_dataplane_there_is_the_configuration_alone() -> None:
    found = seen({})
    assert not found.state
    assert [each.role for each in found.profiles] == [""]
    assert seen({}, {}).state  # nothing is configured: nothing is missing


def test_no_key_is_in_the_picture() -> None:
    assert "secret" not in repr(seen())


def test_a_list_that_comes_in_pieces_is_read_no_further_than_it_is_shown() -> None:
    read, closed = [], []

    def parts() -> Iterator[Sequence[dict[str, Any]]]:
        try:
            for number in range(100):
                read.append(number)
                yield [GROUP] * 50
        finally:
            closed.append(True)

    profile = {
        "name": "rbp3",
        "local-role": "master",
        "igmp-copy-status": {"entries-count": 5000},
        "group": Streamed(parts),
    }
    found = seen({"twincast-remote-backup:remote-backup": {"remote-backup-profile": [profile]}}, {})
    assert (len(found.groups), found.more) == (MOST_GROUPS, {"groups": 5000 - MOST_GROUPS})
    assert (len(read), closed) == (MOST_GROUPS // 50, [True])


def test_many_profiles_are_counted_and_not_shown() -> None:
    running = {"remote-backup": {"remote-backup-profile": [{"name": f"p{number}"} for number in range(1000)]}}
    found = seen({}, running)
    assert (len(found.profiles), found.more) == (MOST_ENTRIES, {"profiles": 1000 - MOST_ENTRIES})


def element(name: str, value: Any) -> etree._Element:
    made = etree.Element(name.rpartition(":")[2])
    for key, each in value.items() if isinstance(value, dict) else ():
        for item in each if isinstance(each, list) else [each]:
            if item is not None:
                made.append(element(key, item))
    if not isinstance(value, dict):
        made.text = str(value).lower() if isinstance(value, bool) else str(value)
    return made


def test_a_reply_gives_the_same_picture() -> None:
    whole = merged(RUNNING, of_state(STATE, MOST_GROUPS))
    rates = Rates()
    rates.begin(0.0)
    assert picture("here", of_xml(element("data", whole)), (), rates) == seen()

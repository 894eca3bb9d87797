"""The procedure and what goes wrong with it, in the language of the real model."""

import pytest

from cli.shell.grammar import GrammarError
from cli.shell.model import Act, Change, Operation, Order
from tests.support.shell import Typist, shell_model


@pytest.fixture
def typist() -> Typist:
    return Typist(shell_model())


@pytest.fixture
def profile(typist: Typist) -> Typist:
    typist.type("system-view")
    typist.type("remote-backup-profile rbp3")
    return typist


def edits(command: Change) -> list[tuple[str, str, str | None]]:
    assert isinstance(command, Change)
    return [
        ("/".join(step.node.name for step in edit.path), str(edit.operation), edit.value)
        for edit in command.edits
    ]


PROFILE = "remote-backup/remote-backup-profile"
SERVICE = "remote-backup/remote-backup-service"
INTERFACE = "interfaces/interface"


def refusal(typist: Typist, line: str) -> GrammarError:
    with pytest.raises(GrammarError) as caught:
        typist.type(line)
    return caught.value


def test_the_procedure_word_for_word(typist: Typist) -> None:
    assert typist.type("system-view") == Order("system-view", {})
    assert edits(typist.type("remote-backup-profile rbp3")) == [(PROFILE, "merge", None)]
    assert typist.views.path[-1].keys == ("rbp3",)
    assert edits(typist.type("undo dhcp-stb igmp-copy")) == [
        (f"{PROFILE}/dhcp-stb/igmp-copy", "merge", "false")
    ]
    assert typist.type("commit") == Order("commit", {})


def test_its_reverse_takes_the_leaf_away(profile: Typist) -> None:
    assert edits(profile.type("dhcp-stb igmp-copy")) == [(f"{PROFILE}/dhcp-stb/igmp-copy", "remove", None)]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("service-type multicast", [("service-type/multicast", "remove", None)]),
        ("undo service-type multicast", [("service-type/multicast", "merge", "false")]),
        (
            "backup-id 3 remote-backup-service rbs1",
            [("backup-id", "merge", "3"), ("service-name", "merge", "rbs1")],
        ),
        ("undo backup-id", [("backup-id", "remove", None), ("service-name", "remove", None)]),
        ("peer-backup hot", [("mode", "merge", "hot")]),
        ("undo peer-backup", [("mode", "remove", None)]),
        (
            "vrrp-id 7 interface e0 virtual-address 192.0.2.9",
            [
                ("vrrp/vrid", "merge", "7"),
                ("vrrp/interface", "merge", "e0"),
                ("vrrp/virtual-address", "merge", "192.0.2.9"),
            ],
        ),
        ("undo vrrp-id 7", [("vrrp", "remove", None)]),
        ("vrrp6-id 7 interface e0", [("vrrp/vrid", "merge", "7"), ("vrrp/interface", "merge", "e0")]),
        ("undo vrrp6-id", [("vrrp", "remove", None)]),
        (
            "e-trunk 1 priority 10 revert-delay 5",
            [
                ("e-trunk", "merge", None),
                ("e-trunk/id", "merge", "1"),
                ("e-trunk/priority", "merge", "10"),
                ("e-trunk/revert-delay", "merge", "5"),
            ],
        ),
        ("undo e-trunk", [("e-trunk", "remove", None)]),
        ("static-role master", [("static-role", "merge", "master")]),
        ("undo static-role", [("static-role", "remove", None)]),
    ],
)
def test_commands_of_a_profile(
    profile: Typist, line: str, expected: list[tuple[str, str, str | None]]
) -> None:
    found = edits(profile.type(line))
    wanted = [(f"{PROFILE}/{path}", operation, value) for path, operation, value in expected]
    assert sorted(found, key=str) == sorted(wanted, key=str)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            "peer 10.0.0.2 source 10.0.0.1 port 9900",
            [
                ("peer", "merge", None),
                ("peer/address", "merge", "10.0.0.2"),
                ("peer/source-address", "merge", "10.0.0.1"),
                ("peer/port", "merge", "9900"),
            ],
        ),
        ("undo peer", [("peer", "remove", None)]),
        (
            "peer-ipv6 2001:db8::2 source-ipv6 2001:db8::1 port 9900",
            [
                ("peer/address", "merge", "2001:db8::2"),
                ("peer/source-address", "merge", "2001:db8::1"),
                ("peer/port", "merge", "9900"),
            ],
        ),
        ("undo peer-ipv6", [("peer", "remove", None)]),
        ("bind ssl-policy channel2", [("tls/key", "merge", "channel2")]),
        ("undo bind ssl-policy", [("tls/key", "remove", None)]),
        ("shutdown", [("enabled", "merge", "false")]),
        ("undo shutdown", [("enabled", "remove", None)]),
        ("backup block send", [("backup-block", "merge", None)]),
        ("backup block receive multicast", [("backup-block", "merge", None)]),
        ("undo backup block send", [("backup-block", "delete", None)]),
        ("batch-backup service-type all daily 03:30:00", [("daily-batch-backup", "merge", "03:30:00")]),
        ("undo batch-backup service-type all daily", [("daily-batch-backup", "remove", None)]),
        ("none", [("none", "merge", None)]),
        ("tls peer-key other", [("tls/peer-key", "merge", "other")]),
        ("tcp-md5 key secret", [("tcp-md5", "merge", None), ("tcp-md5/key", "merge", "secret")]),
    ],
)
def test_commands_of_a_service(
    typist: Typist, line: str, expected: list[tuple[str, str, str | None]]
) -> None:
    typist.type("system-view")
    typist.type("remote-backup-service rbs1")
    found = edits(typist.type(line))
    assert found == [(f"{SERVICE}/{path}", operation, value) for path, operation, value in expected]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("remote-backup-profile rbp3", [("multicast/remote-backup-profile", "merge", "rbp3")]),
        ("undo remote-backup-profile", [("multicast/remote-backup-profile", "remove", None)]),
        ("igmp version 2", [("multicast/igmp/version", "merge", "2")]),
        ("access-id 4", [("multicast/access-id", "merge", "4")]),
        ("upstream", [("multicast/upstream", "merge", None)]),
        ("undo multicast", [("multicast", "remove", None)]),
        ("description the access side", [("description", "merge", "the access side")]),
        ("type ethernetCsmacd", [("type", "merge", "iana-if-type:ethernetCsmacd")]),
    ],
)
def test_commands_of_an_interface(
    typist: Typist, line: str, expected: list[tuple[str, str, str | None]]
) -> None:
    typist.type("system-view")
    typist.type("interface access0")
    found = [
        item for item in edits(typist.type(line)) if item[0] != f"{INTERFACE}/multicast" or len(expected) == 1
    ]
    wanted = [(f"{INTERFACE}/{path}", operation, value) for path, operation, value in expected]
    assert [item for item in found if item in wanted] == wanted


def test_actions_of_views(profile: Typist) -> None:
    assert profile.type("switchover").action.name == "switchover"
    cleared = profile.type("clear-copied-groups group-address 239.1.1.1 interface e0")
    assert isinstance(cleared, Act)
    assert [value for _, value in cleared.values] == ["239.1.1.1", "e0"]
    profile.type("remote-backup-service rbs1")
    assert profile.type("batch-backup service-type multicast now").action.name == "batch-backup"
    assert profile.type("batch-backup").action.name == "batch-backup"
    assert profile.type("reset-statistics").action.name == "reset-statistics"


def test_abbreviations_and_case(typist: Typist) -> None:
    typist.type("SYS")
    typist.type("remote-backup-p RBP3")
    assert typist.views.path[-1].keys == ("rbp3",)
    assert edits(typist.type("und dhcp igmp")) == [(f"{PROFILE}/dhcp-stb/igmp-copy", "merge", "false")]


def test_an_ambiguous_word_names_what_it_may_be(typist: Typist) -> None:
    typist.type("system-view")
    error = refusal(typist, "remote-backup x")
    assert (error.position, error.word) == (0, 0)
    assert error.text == "'remote-backup' is ambiguous: remote-backup-profile, remote-backup-service"


@pytest.mark.parametrize(
    ("line", "position", "text"),
    [
        ("undo dhcp-stb igmp-cpy", 14, "there is no 'igmp-cpy' here; is 'igmp-copy' meant?"),
        ("undo dhcp-stb", 14, "the command is incomplete: expected igmp-copy, mld-copy"),
        ("undo dhcp-stb igmp-copy now", 24, "'now' is too much: the command ends before it"),
        ("e-trunk 1 priority 300", 19, "'300': expected a number from 1 to 254"),
        ("backup-id 0 remote-backup-service rbs1", 10, "'0': expected a number from 1 to 4095"),
        ("static-role boss", 12, "'boss': expected one of master, backup"),
        ("nonsense", 0, "there is no 'nonsense' here; '?' lists what there is"),
        ("undo nonsense", 5, "there is no 'nonsense' here; '?' lists what there is"),
    ],
)
def test_a_mistake_is_marked_and_named(profile: Typist, line: str, position: int, text: str) -> None:
    error = refusal(profile, line)
    assert (error.position, error.text) == (position, text)


def test_a_view_knows_the_commands_of_those_above_it(profile: Typist) -> None:
    profile.type("remote-backup-profile rbp4")
    assert [step.keys for step in profile.views.path] == [(), ("rbp4",)]
    assert len(profile.views.stack) == 2
    deleted = profile.type("undo remote-backup-profile rbp3")
    assert edits(deleted) == [(PROFILE, "delete", None)]
    assert deleted.edits[0].operation is Operation.DELETE


def test_a_list_within_a_view_has_a_view_of_its_own(typist: Typist) -> None:
    typist.type("system-view")
    typist.type("interface access0")
    typist.type("igmp group-filter 10")
    assert typist.views.prompt("*") == "[*r1-group-filter-10]"
    assert edits(typist.type("action deny"))[-1] == (
        f"{INTERFACE}/multicast/igmp/group-filter/action",
        "merge",
        "deny",
    )
    typist.type("igmp version 2")
    whole = edits(typist.type("igmp group-filter 20 action permit group-prefix 239.0.0.0/8"))
    assert [value for _, _, value in whole if value] == ["permit", "239.0.0.0/8"]


def test_commands_of_the_user_view_only(typist: Typist) -> None:
    assert refusal(typist, "commit").word == 0
    assert refusal(typist, "remote-backup-profile rbp3").word == 0


@pytest.mark.parametrize(
    ("line", "values"),
    [
        ("commit trial 60", {"seconds": "60"}),
        ("commit description a new customer", {"description": "a new customer"}),
        ('commit trial 60 description "for a minute"', {"seconds": "60", "description": "for a minute"}),
        ("commit trial 60 persist word", {"seconds": "60", "token": "word"}),
        ("rollback configuration to commit-id 7", {"commit-id": "7"}),
    ],
)
def test_commits(profile: Typist, line: str, values: dict[str, str]) -> None:
    assert dict(profile.type(line).values) == values

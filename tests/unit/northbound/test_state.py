"""State of the dataplane in the shape of the YANG module, and what is asked for."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from lxml import etree

from dataplane.control.client import ControlClient, Unavailable
from dataplane.state import (
    CopyStatus,
    GroupKey,
    GroupState,
    HelloStatistics,
    InterfaceState,
    PeerMismatch,
    ProfileState,
    ServiceState,
    SourceState,
    StatePiece,
    StateSelection,
)
from server.northbound.claims import COMMIT_HISTORY, claimed
from server.northbound.state import StateReader, _Collected, date_and_time
from server.schema.model import Schema
from server.tree.build import from_data, with_streams
from server.tree.filter import Selection
from server.tree.node import Branch, ListNode
from server.tree.xml import stream_xml
from server.xpath.parser import parse
from server.xpath.reach import XPathSelection

WHEN = 1_700_000_000.0
PIECE = StatePiece(
    services=(
        ServiceState(
            "rbs1",
            "connected",
            "none",
            "in-sync",
            WHEN,
            WHEN,
            WHEN,
            "reset",
            (PeerMismatch("rbp1", "igmp-copy", "true", "false"),),
            dict.fromkeys(("total", "success", "fail", "acknowledged", "queue-dropped", "retransmitted"), 1),
            dict.fromkeys(
                (
                    "total",
                    "success",
                    "fail",
                    "duplicate",
                    "sequence-gap",
                    "decode-error",
                    "blocked",
                    "refused-connections",
                    "unknown-profile",
                    "unknown-access",
                ),
                2,
            ),
        ),
    ),
    profiles=(
        ProfileState(
            "rbp1",
            "master",
            "backup",
            ("eth0",),
            (CopyStatus("dhcp-stb", "active", WHEN, False, WHEN, {"total": 1}, {}, {"query": 3}),),
            1,
            2,
            3,
            WHEN,
            "configured",
            WHEN,
            4,
            (CopyStatus("pppoe-stb", "active", WHEN, False, WHEN, {"total": 1}, {}, {"refused": 3}),),
            5,
            WHEN,
            HelloStatistics(WHEN, 7, 6, {"bad-authentication": 1}),
        ),
    ),
    interfaces=(
        InterfaceState(
            "eth0", "kernel", "10.0.0.1", 1, WHEN, {"total": 1}, {}, {}, {"too-short": 2}, "fe80::1", "ring"
        ),
    ),
    groups=(
        GroupState(
            "rbp1",
            "eth0",
            "02:00:00:00:00:01",
            "239.1.1.1",
            "dhcp-stb",
            "local",
            "include",
            20,
            5,
            "10.0.0.5",
            True,
            "forwarding",
            (SourceState("10.9.9.9", 20, 5),),
            packets=7,
        ),
    ),
)


def collected(piece: StatePiece) -> dict[str, object]:
    data = _Collected()
    data.add(piece)
    return data.data()


def paths(branch: Branch) -> set[str]:
    found = set()
    for child in branch:
        found.add(child.schema.path)
        if isinstance(child, Branch):
            found |= paths(child)
        elif isinstance(child, ListNode):
            for entry in child:
                found |= paths(entry)
    return found


def test_every_state_node_is_told(schema: Schema) -> None:
    tree = from_data(schema, collected(PIECE))
    ours = {path for path in claimed(config=False) if COMMIT_HISTORY not in path}
    assert ours <= paths(tree)


def test_what_is_not_known_is_left_out(schema: Schema) -> None:
    bare = StatePiece(
        services=(ServiceState("rbs1", "down", "none", "out-of-sync", WHEN),),
        profiles=(ProfileState("rbp1", "init", "", (), ()),),
        interfaces=(InterfaceState("eth0", "memory"),),
    )
    found = paths(from_data(schema, collected(bare)))
    assert not {path for path in found if path.endswith(("last-up-time", "peer-role", "/vif", "/querier"))}


def test_date_and_time_is_canonical() -> None:
    assert date_and_time(0.0) == "1970-01-01T00:00:00Z"
    assert date_and_time(None) is None


PROFILE = '<remote-backup xmlns="urn:twincast:yang:remote-backup"><remote-backup-profile>{}'
END = "</remote-backup-profile></remote-backup>"
INTERFACES = (
    '<interfaces xmlns="urn:ietf:params:xml:ns:yang:ietf-interfaces"><interface><name>eth0</name>'
    "</interface></interfaces>"
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            PROFILE.format("<name>a</name><local-role/>") + END,
            StateSelection((), ("a",), (), (), counts=False),
        ),
        (PROFILE.format("<name>a</name><dhcp-stb/>") + END, StateSelection((), (), (), (), counts=False)),
        (
            PROFILE.format("<name>a</name><group><interface>e</interface><subscriber>s</subscriber>")
            + "<group-address>239.1.1.1</group-address></group>"
            + END,
            StateSelection((), (), (), (GroupKey("a", "e", "s", "239.1.1.1"),), counts=False),
        ),
        (
            PROFILE.format("<group><group-address>239.1.1.1</group-address></group>") + END,
            StateSelection((), (), (), (GroupKey("", "", "", "239.1.1.1"),), counts=False),
        ),
        (
            PROFILE.format("<group><subscriber>s</subscriber></group><group><interface>e</interface></group>")
            + END,
            StateSelection((), (), (), (GroupKey("", "", "s"), GroupKey("", "e")), counts=False),
        ),
        (
            PROFILE.format("<group><subscriber>s</subscriber></group><group><origin/></group>") + END,
            StateSelection((), (), (), (GroupKey(),), counts=False),
        ),
        (
            PROFILE.format("<name>a</name>") + END,
            StateSelection((), ("a",), (), (GroupKey("a"),)),
        ),
        (INTERFACES, StateSelection((), (), ("eth0",), (), counts=False)),
        ("", StateSelection((), (), (), (), counts=False)),
    ],
    ids=[
        "one-leaf",
        "configuration-only",
        "one-group",
        "one-address",
        "two-parts-of-keys",
        "any-key",
        "one-profile",
        "one-interface",
        "nothing",
    ],
)
def test_only_what_is_asked_for_is_asked_for(
    schema: Schema, tmp_path: Path, text: str, expected: StateSelection
) -> None:
    reader = StateReader(schema, ControlClient(tmp_path / "control.sock"))
    filters = (etree.fromstring(f"<filter>{text}</filter>"),)
    assert reader.selection(Selection(schema, filters)) == expected


def test_without_a_filter_everything_is_asked_for(schema: Schema, tmp_path: Path) -> None:
    reader = StateReader(schema, ControlClient(tmp_path / "control.sock"))
    assert reader.selection(Selection(schema, None)) in (
        StateSelection(),
        StateSelection(groups=(GroupKey(),)),
    )


class Interrupted:
    """A dataplane that tells the profiles, and goes away in the middle of the groups."""

    def state(self, selection: StateSelection) -> Iterator[StatePiece]:
        yield PIECE
        if selection.groups:
            raise Unavailable("the dataplane went away")


def test_a_reply_that_cannot_be_completed_ends_the_session(schema: Schema) -> None:
    """It has begun when the dataplane goes away: there is no way to say so but to end."""
    reader = StateReader(schema, Interrupted())  # type: ignore[arg-type]
    groups = (etree.fromstring(f"<filter>{PROFILE.format('<group/>')}{END}</filter>"),)
    data = reader.read(Selection(schema, groups))
    root, above = with_streams(schema, data)
    with pytest.raises(ConnectionAbortedError):
        list(stream_xml(schema, root, above))


def test_a_dataplane_that_is_away_from_the_start_has_no_state(schema: Schema, tmp_path: Path) -> None:
    reader = StateReader(schema, ControlClient(tmp_path / "control.sock"))
    assert reader.read(Selection(schema, None)) == {}


GROUP = "/trb:remote-backup/trb:remote-backup-profile[trb:name='a']/trb:group"


@pytest.mark.parametrize(
    ("expression", "key"),
    [
        (GROUP, GroupKey("a")),
        (f"{GROUP}[trb:group-address='239.1.1.1']", GroupKey("a", "", "", "239.1.1.1")),
        (
            f"{GROUP}[trb:interface='e'][trb:subscriber='s'][trb:group-address='239.1.1.1']/trb:origin",
            GroupKey("a", "e", "s", "239.1.1.1"),
        ),
        (f"{GROUP}[trb:origin='copied']", GroupKey("a")),
        ("//trb:group[trb:origin='copied']", GroupKey()),
    ],
)
def test_an_expression_asks_for_what_it_may_select(
    schema: Schema, tmp_path: Path, expression: str, key: GroupKey
) -> None:
    reader = StateReader(schema, ControlClient(tmp_path / "control.sock"))
    parsed = parse(expression, {"trb": "urn:twincast:yang:remote-backup"}, known=frozenset())
    wanted = StateSelection((), (), (), (key,), counts=False)
    assert reader.selection(XPathSelection(schema, parsed)) == wanted

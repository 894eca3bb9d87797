"""Screens are printed as text and read as an operator does."""

import re
from dataclasses import dataclass, field
from io import StringIO

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from cli.top.render import GAP, NAME_LEAST, Column, View, plain, screen, widths
from server.status.picture import Copying, Event, Group, Interface, Picture, Profile, Service

COPYING = Copying("igmp", "dhcp-stb", "active", False, 1234, 5, 12.25, 0.0, {})
PROFILE = Profile(
    "rbp3",
    "rbs1",
    True,
    "master",
    "backup",
    "2026-11-27T12:00:01Z",
    "election-won",
    ["access0"],
    3,
    4,
    1,
    [COPYING],
)
SERVICE = Service("rbs1", True, "192.0.2.2", "connected", "tls", "in-sync", "", 9, 8, 150.0, 2.0, 7, 6, [])
INTERFACE = Interface(
    "access0", "access", "rbp3", "kernel", "10.20.0.1", 1, 2, 3.0, 4.0, {"checksum": 5}, 0.5
)
GROUP = Group("rbp3", "239.1.1.1", "02:00:00:00:00:01", "access0", "local", True, "")
EVENT = Event("2026-11-27T12:00:01Z", "role-changed", "rbp3", "master (election-won)")
PICTURE = Picture("edge-1", True, [SERVICE], [PROFILE], [INTERFACE], [GROUP], {}, [EVENT])


def changed(whole: msgspec.Struct, **fields: object) -> object:
    return msgspec.structs.replace(whole, **fields)


def shown(
    picture: Picture = PICTURE, view: View = View.OVERVIEW, width: int = 120, height: int = 40
) -> list[str]:
    """The lines of a terminal of this size."""
    console = Console(file=StringIO(), width=width, height=height, force_terminal=True, color_system=None)
    with console.capture() as capture:
        console.print(screen(picture, view, width, height))
    return [line.rstrip() for line in capture.get().splitlines()]


def row(lines: list[str], begin: str) -> str:
    """The words of the line that begins so."""
    return " ".join(next(line for line in lines if line.startswith(begin)).split())


def test_the_overview_has_everything() -> None:
    lines = shown()
    assert row(lines, "rbp3     master") == "rbp3 master backup 11-27 12:00:01 election-won 3 4 1"
    assert row(lines, "rbp3     igmp") == "rbp3 igmp dhcp-stb active 12.2 0.0 1,234 5"
    assert row(lines, "rbs1") == "rbs1 192.0.2.2 connected tls in-sync 150 2.0 7 6"
    assert row(lines, "access0") == "access0 access rbp3 kernel 10.20.0.1 3.0 4.0 0.5 checksum 5"
    assert row(lines, "11-27") == "11-27 12:00:01 role-changed rbp3 master (election-won)"


@pytest.mark.parametrize("view", View)
@pytest.mark.parametrize(("width", "height"), [(80, 24), (100, 30), (120, 60), (60, 12), (40, 5)])
@pytest.mark.parametrize("many", [0, 1, 300])
def test_a_screen_is_never_larger_than_the_terminal(view: View, width: int, height: int, many: int) -> None:
    picture = Picture("edge-1", True, [SERVICE] * many, [PROFILE] * many, [INTERFACE] * many, [GROUP] * many)
    lines = shown(changed(picture, events=[EVENT] * many), view, width, height)  # type: ignore[arg-type]
    assert len(lines) <= height
    assert max(map(len, lines)) <= width
    assert lines[-1].startswith("q quit")


def test_what_does_not_fit_is_counted() -> None:
    picture = changed(PICTURE, groups=[GROUP] * 50)
    lines = shown(picture, View.GROUPS, height=20)  # type: ignore[arg-type]
    listed = sum(line.startswith("239.1.1.1") for line in lines)
    assert f"and {50 - listed} more" in lines


def test_a_small_terminal_has_the_last_event() -> None:
    lines = shown(height=16, width=80)
    assert "Events" not in lines
    assert "last event: 11-27 12:00:01  role-changed  rbp3  master (election-won)" in lines


def test_a_narrow_terminal_keeps_what_matters() -> None:
    lines = shown(width=80)
    assert row(lines, "rbs1") == "rbs1 192.0.2.2 connected in-sync 150 7"
    assert row(lines, "rbp3     igmp") == "rbp3 igmp dhcp-stb active 12.2 0.0"


@dataclass(frozen=True)
class Case:
    line: str
    profiles: dict[str, object] = field(default_factory=dict)
    services: dict[str, object] = field(default_factory=dict)
    state: bool = True


@pytest.mark.parametrize(
    "case",
    [
        Case("! the channel of rbs1 is lost: joins are not copied", services={"channel": "connecting"}),
        Case("! both routers are master of rbp3", profiles={"peer_role": "master"}),
        Case("! the dataplane does not answer: what is shown is the configuration alone", state=False),
    ],
    ids=lambda case: case.line[:20],
)
def test_what_needs_somebody_is_said_at_the_top(case: Case) -> None:
    profile, service = changed(PROFILE, **case.profiles), changed(SERVICE, **case.services)
    picture = changed(PICTURE, profiles=[profile], services=[service], state=case.state)
    assert shown(picture)[1] == case.line  # type: ignore[arg-type]
    assert case.line in plain(picture)  # type: ignore[arg-type]


def test_a_service_that_is_switched_off_is_no_warning() -> None:
    service = changed(SERVICE, channel="down", enabled=False)
    assert not [line for line in shown(changed(PICTURE, services=[service])) if line.startswith("!")]  # type: ignore[arg-type]


def test_state_is_said_without_colour() -> None:
    copying = changed(COPYING, state="channel-down", not_copied={"channel-down": 3}, mismatch=True)
    lines = shown(changed(PICTURE, profiles=[changed(PROFILE, copying=[copying])]))  # type: ignore[arg-type]
    found = next(line for line in lines if line.startswith("rbp3     igmp"))
    assert "! channel-down" in found
    assert found.endswith("channel-down 3; the peer is set otherwise")


def test_nothing_is_said_of_what_is_not_there() -> None:
    text = plain(Picture("edge-1", True))
    for words in (
        "none is configured",
        "no service is configured",
        "none has multicast",
        "nobody has joined",
    ):
        assert words in text


def test_groups_that_are_too_many_are_counted() -> None:
    picture = changed(PICTURE, groups=[], more={"groups": 100_000, "profiles": 7})
    text = plain(picture)  # type: ignore[arg-type]
    assert "100,000 members: too many to list" in text
    assert "Profiles (7 more)" in text


def test_plain_text_has_no_control_characters_and_ends_no_line_with_spaces() -> None:
    text = plain(PICTURE)
    assert text.isascii()
    assert not [line for line in text.splitlines() if line != line.rstrip() or not line.isprintable()]
    assert text.count("Events") == 1


def test_what_a_router_says_does_not_steer_the_terminal() -> None:
    evil = "a\x1b[2Jb\x9b31mc\nd\te\x07"
    profile = changed(PROFILE, name=evil, reason=evil)
    event = changed(EVENT, text=evil, where=evil)
    for view in View:
        lines = shown(changed(PICTURE, profiles=[profile], events=[event]), view)  # type: ignore[arg-type]
        assert not [line for line in lines if re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f]", line)]
        assert len(lines) <= 40


def test_long_names_are_cut_and_states_are_not() -> None:
    name = "residential-iptv-profile-01"
    copying = changed(COPYING, state="admin-disabled")
    profile = changed(PROFILE, name=name, copying=[copying])
    service = changed(
        SERVICE, name=name, peer="2001:db8:1234:5678:9abc:def0:1234:5678", channel="synchronizing"
    )
    interface = changed(INTERFACE, name="enp5s0f0np0.4094", profile=name, querier="2001:db8::1234:5678")
    picture = changed(PICTURE, profiles=[profile], services=[service], interfaces=[interface])
    lines = shown(picture, width=80)  # type: ignore[arg-type]
    for words in (
        "master backup 11-27 12:00:01",
        "igmp dhcp-stb ! admin-disabled 12.2 0.0",
        "! synchronizing in-sync 150 7",
        "3.0 4.0 0.5",
    ):
        assert any(words in " ".join(line.split()) for line in lines), words


COLUMNS = st.builds(Column, st.just("x"), flexible=st.booleans(), cut=st.booleans())


@given(st.lists(st.tuples(COLUMNS, st.integers(1, 60)), min_size=1, max_size=12), st.integers(20, 200))
def test_columns_fit_as_far_as_they_can(drawn: list[tuple[Column, int]], width: int) -> None:
    columns, needs = [column for column, _ in drawn], [need for _, need in drawn]
    found = widths(columns, needs, width)
    total = sum(found) + GAP * (len(found) - 1)
    assert total <= width or found == [1] * len(found)
    assert all(size >= 1 for size in found)
    if any(
        size < need
        for size, need, each in zip(found, needs, columns, strict=True)
        if not each.cut and not each.flexible
    ):
        assert all(size <= NAME_LEAST for size, each in zip(found, columns, strict=True) if each.cut)

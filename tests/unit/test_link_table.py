"""Links as netlink tells them."""

from struct import pack

import pytest

from dataplane import netlink
from dataplane.links import (
    IFLA_ADDRESS,
    IFLA_IFNAME,
    IFLA_INFO_DATA,
    IFLA_INFO_KIND,
    IFLA_LINK,
    IFLA_LINKINFO,
    IFLA_MTU,
    IFLA_VLAN_ID,
    PASSES_PACKETS,
    LinkChanged,
    LinkEvent,
    LinkRemoved,
    LinkTable,
)

NESTED = 0x8000


def told(index: int, name: str, *more: bytes, kind: int = netlink.RTM_NEWLINK) -> netlink.Message:
    """A message of the kernel about a link."""
    head = pack("BxHiII", 0, 1, index, PASSES_PACKETS, 0)
    facts = [
        netlink.attribute(IFLA_IFNAME, name.encode() + b"\0"),
        netlink.attribute(IFLA_MTU, pack("I", 1500)),
        netlink.attribute(IFLA_ADDRESS, b"\x02\0\0\0\0" + bytes([index])),
        *more,
    ]
    return netlink.Message(kind, memoryview(head + b"".join(facts)))


def test_a_vlan_knows_its_number() -> None:
    data = netlink.attribute(IFLA_INFO_DATA | NESTED, netlink.attribute(IFLA_VLAN_ID, pack("H", 100)))
    info = netlink.attribute(IFLA_INFO_KIND, b"vlan\0") + data
    table = LinkTable()
    table.apply(told(1, "access0"))
    table.apply(
        told(
            2,
            "access0.100",
            netlink.attribute(IFLA_LINK, pack("I", 1)),
            netlink.attribute(IFLA_LINKINFO | NESTED, info),
        )
    )
    links = table.by_name()
    assert (links["access0.100"].kind, links["access0.100"].parent, links["access0.100"].vlan) == (
        "vlan",
        1,
        100,
    )
    assert links["access0"].vlan == 0


def table(*links: tuple[int, str]) -> LinkTable:
    made = LinkTable()
    for index, name in links:
        made.apply(told(index, name))
    return made


def followed(names: dict[str, int], events: list[LinkEvent]) -> dict[str, int]:
    """What somebody knows who goes by names, as the engine does."""
    for event in events:
        if isinstance(event, LinkRemoved):
            names.pop(event.link.name, None)
        else:
            names[event.link.name] = event.link.index
    return names


@pytest.mark.parametrize(
    "now",
    [
        ((1, "b"), (2, "a")),
        ((1, "b"), (2, "c")),
        ((1, "c"), (2, "a")),
        ((2, "a"), (3, "b")),
        ((1, "a"), (2, "b"), (3, "c")),
    ],
    ids=str,
)
def test_names_that_moved_while_events_were_lost(now: tuple[tuple[int, str], ...]) -> None:
    known = table((1, "a"), (2, "b"))
    events = known.replace(table(*now))
    assert followed({"a": 1, "b": 2}, events) == {name: index for index, name in now}
    assert known.replace(table(*now)) == []


def test_an_event_of_a_wireless_driver_says_nothing_of_the_link() -> None:
    """It comes as a link's, but with the name alone."""
    known = table((1, "a"))
    before = known.by_name()
    bare = pack("BxHiII", 0, 1, 1, PASSES_PACKETS, 0) + netlink.attribute(IFLA_IFNAME, b"a\0")
    assert known.apply(netlink.Message(netlink.RTM_NEWLINK, memoryview(bare))) == []
    assert known.by_name() == before


def test_a_link_that_is_renamed_goes_and_comes() -> None:
    known = table((1, "a"))
    events = known.apply(told(1, "b"))
    assert [type(event) for event in events] == [LinkRemoved, LinkChanged]
    assert followed({"a": 1}, events) == {"b": 1}

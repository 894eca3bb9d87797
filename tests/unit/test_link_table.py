"""Links as netlink tells them."""

from struct import pack

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

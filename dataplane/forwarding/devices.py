"""The devices and rules that the kernel plane makes: sinks, links between tables, rules. System calls only.

A sink swallows what it is given and stands for a port that must not have it. Each VIF has a sink of its own,
and the sink's alias says which port the VIF is for: the kernel keeps nothing of the kind with a VIF itself.
"""

import errno
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from struct import Struct
from typing import Final

from dataplane import netlink
from dataplane.forwarding.family import MAXIMUM_INDEX_6
from dataplane.forwarding.placement import FIRST_TABLE, MAXIMUM_TABLES, Place

SINK_PREFIX: Final = "tc-sink"
LINK_PREFIX: Final = "tc-link"
ALIAS: Final = "twincast: "

IFLA_IFNAME, IFLA_MTU, IFLA_LINKINFO, IFLA_IFALIAS = 3, 4, 18, 20
IFLA_INFO_KIND, IFLA_INFO_DATA, VETH_INFO_PEER = 1, 2, 1
FRA_IIFNAME, FRA_PRIORITY, FRA_TABLE = 3, 6, 15
FR_ACT_TO_TBL = 1
IFF_UP, IFF_RUNNING = 0x1, 0x40
LINK_PATIENCE: Final = 0.1
LINK_PAUSE: Final = 0.0005

LARGEST_MTU: Final = 65_535
"""What passes the upstream interface must pass between the tables and into a sink: the kernel would tell an
IPv6 source of a smaller one, which makes its packets smaller for everybody (RFC 8201)."""
RULE_PRIORITY: Final = 7_300
DEFAULT_PRIORITY: Final = 32_767
FIRST_FURTHER_TABLE: Final = 7_300
"""Numbers of the kernel's tables beyond the default one: this plus the table, from 1."""

_INTERFACE = Struct("BxHiII")  # struct ifinfomsg
_RULE = Struct("8BI")  # struct fib_rule_hdr: family, lengths, TOS, table, reserved, action; flags
_U32 = Struct("=I")
_SETTINGS = Path("/proc/sys/net")


@dataclass(frozen=True, slots=True)
class Device:
    """One network device of this namespace."""

    index: int
    name: str
    alias: str


def sink_name(place: Place) -> str:
    """Return the name of a VIF's sink."""
    return f"{SINK_PREFIX}{place.number}"


def link_names(table: int) -> tuple[str, str]:
    """Return the names of the two ends of the link to a further table: the first table's end, and its own."""
    return f"{LINK_PREFIX}{table}a", f"{LINK_PREFIX}{table}b"


def kernel_table(table: int) -> int:
    """Return the kernel's number of a further table."""
    return FIRST_FURTHER_TABLE + table


def find(name: str) -> Device | None:
    """Find a device of the calling thread's network namespace, None when there is none. Raises OSError."""
    try:
        return _device(netlink.get(netlink.RTM_GETLINK, _link(name, 0)))
    except OSError as error:
        if error.errno != errno.ENODEV:
            raise
        return None


def devices() -> dict[str, Device]:
    """List all devices by name. Raises OSError.

    For starts and ends: 4,000 interfaces of subscribers take 160 ms.
    """
    body = _INTERFACE.pack(socket.AF_UNSPEC, 0, 0, 0, 0)
    found = (_device(message) for message in netlink.dump(netlink.RTM_GETLINK, body))
    return {device.name: device for device in found}


def _device(message: netlink.Message) -> Device:
    _, _, index, _, _ = _INTERFACE.unpack_from(message.body)
    found = netlink.attributes(message.body, _INTERFACE.size)
    return Device(index, _text(found.get(IFLA_IFNAME, b"")), _text(found.get(IFLA_IFALIAS, b"")))


def _text(octets: bytes | memoryview) -> str:
    return bytes(octets).rstrip(b"\0").decode(errors="replace")


def make_sink(name: str, stands_for: str) -> int:
    """Make a sink, up, unless it is there, note what it stands for, and return its index. Raises OSError.

    Which kind of device a kernel has differs, so each is tried.
    """
    for kind in (b"dummy", b"ifb"):
        try:
            _make(name, netlink.attribute(IFLA_INFO_KIND, kind))
        except OSError as error:
            if error.errno != errno.EOPNOTSUPP or kind == b"ifb":
                raise
            continue
        break
    name_sink(name, stands_for)
    return socket.if_nametoindex(name)


def name_sink(name: str, stands_for: str) -> None:
    """Note what a sink stands for, and have it up and for packets of any size. Raises OSError."""
    attributes = {IFLA_IFALIAS: _alias(stands_for), IFLA_MTU: _U32.pack(LARGEST_MTU)}
    netlink.change(netlink.RTM_NEWLINK, 0, _link(name, IFF_UP, attributes))


def make_link(table: int) -> tuple[int, int]:
    """Make the link to a further table, both ends up, unless it is there; return the indices of the ends.

    Packets of any source come out of the far end, to which no route leads: the reverse path filter must not
    look at them. Nor does it matter whether new interfaces have IPv6. Raises OSError.
    """
    near, far = link_names(table)
    peer = _link(far, 0, {IFLA_MTU: _U32.pack(LARGEST_MTU)}, _free_index(_free_index()))
    information = netlink.attribute(IFLA_INFO_KIND, b"veth")
    information += netlink.attribute(IFLA_INFO_DATA, netlink.attribute(VETH_INFO_PEER, peer))
    _make(near, information, {IFLA_MTU: _U32.pack(LARGEST_MTU)})
    _quiet(far)
    write_setting(f"ipv4/conf/{far}/rp_filter", 0)
    for name in (near, far):
        write_setting(f"ipv6/conf/{name}/disable_ipv6", 0)
        netlink.change(netlink.RTM_NEWLINK, 0, _link(name, IFF_UP))
    _wait_until_running((near, far))
    return socket.if_nametoindex(near), socket.if_nametoindex(far)


def _wait_until_running(names: tuple[str, ...]) -> None:
    """Wait for the kernel's own work on a new link, a millisecond; a link that stays down is no error here.

    Before that the near end sends nothing, and the far end has no IPv6 route for what arrives.
    """
    deadline = time.monotonic() + LINK_PATIENCE
    for name in names:
        while not _is_running(name) and time.monotonic() < deadline:
            time.sleep(LINK_PAUSE)


def _is_running(name: str) -> bool:
    message = netlink.get(netlink.RTM_GETLINK, _link(name, 0))
    _, _, _, flags, _ = _INTERFACE.unpack_from(message.body)
    return bool(flags & IFF_RUNNING)


def _make(name: str, information: bytes, others: dict[int, bytes] | None = None) -> None:
    """Make a device, down, unless it is there. Raises OSError."""
    attributes = {IFLA_LINKINFO: information, **(others or {})}
    device = _link(name, 0, attributes, _free_index())
    with suppress(FileExistsError):
        netlink.change(netlink.RTM_NEWLINK, netlink.CREATE | netlink.EXCLUSIVE, device)
        _quiet(name)


def _free_index(below: int = MAXIMUM_INDEX_6 + 1) -> int:
    """Find a free interface index that IPv6 multicast routing can have; 0, the kernel's choice, for none.

    The kernel gives out one after another and never goes back: where sessions come and go as interfaces they
    are soon too high, and a sink without a VIF of IPv6 would keep entries from naming it.
    """
    for index in range(below - 1, 0, -1):
        try:
            socket.if_indextoname(index)
        except OSError:
            return index
    return 0


def _quiet(name: str) -> None:
    """Keep a device from having IPv6 addresses, and so from speaking (addr_gen_mode none)."""
    write_setting(f"ipv6/conf/{name}/addr_gen_mode", 1)


def write_setting(name: str, value: int) -> bool:
    """Write a setting below /proc/sys/net; False when this kernel or this process may not."""
    try:
        (_SETTINGS / name).write_text(str(value), encoding="ascii")
    except OSError:
        return False
    return True


def read_setting(name: str) -> int | None:
    """Read a setting below /proc/sys/net, None when there is none."""
    try:
        return int((_SETTINGS / name).read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None


def _alias(stands_for: str) -> bytes:
    return f"{ALIAS}{stands_for}".encode()


def stands_for(device: Device) -> str:
    """Return which port a sink was made for, "" when nobody knows."""
    return device.alias.removeprefix(ALIAS) if device.alias.startswith(ALIAS) else ""


def delete(name: str) -> None:
    """Remove a device. Raises OSError."""
    netlink.change(netlink.RTM_DELLINK, 0, _link(name, 0))


def _link(name: str, flags: int, attributes: dict[int, bytes] | None = None, index: int = 0) -> bytes:
    body = _INTERFACE.pack(socket.AF_UNSPEC, 0, index, flags, flags)
    body += netlink.attribute(IFLA_IFNAME, name.encode() + b"\0")
    for kind, value in (attributes or {}).items():
        body += netlink.attribute(kind, value)
    return body


def add_rule(family: int, table: int) -> None:
    """Let packets that come out of the link to a further table be looked up there. Raises OSError."""
    with suppress(FileExistsError):
        netlink.change(netlink.RTM_NEWRULE, netlink.CREATE | netlink.EXCLUSIVE, _rule(family, table))


def delete_rule(family: int, table: int) -> None:
    """Remove the rule of a further table. Raises OSError."""
    netlink.change(netlink.RTM_DELRULE, 0, _rule(family, table))


def _rule(family: int, table: int) -> bytes:
    body = _RULE.pack(family, 0, 0, 0, 0, 0, 0, FR_ACT_TO_TBL, 0)
    body += netlink.attribute(FRA_IIFNAME, link_names(table)[1].encode() + b"\0")
    body += netlink.attribute(FRA_PRIORITY, _U32.pack(RULE_PRIORITY + table))
    return body + netlink.attribute(FRA_TABLE, _U32.pack(kernel_table(table)))


def has_rule(family: int, table: int) -> bool:
    """Whether any rule leads to a table of the kernel, by its number there. Raises OSError."""
    rules = netlink.dump(netlink.RTM_GETRULE, _RULE.pack(family, *bytes(7), 0))
    found = (netlink.attributes(rule.body, _RULE.size) for rule in rules)
    return any(_U32.unpack(each[FRA_TABLE])[0] == table for each in found if FRA_TABLE in each)


def add_default_rule(family: int, table: int) -> None:
    """Make the kernel's own rule for everything anew. Raises OSError."""
    body = _RULE.pack(family, 0, 0, 0, 0, 0, 0, FR_ACT_TO_TBL, 0)
    body += netlink.attribute(FRA_PRIORITY, _U32.pack(DEFAULT_PRIORITY))
    body += netlink.attribute(FRA_TABLE, _U32.pack(table))
    netlink.change(netlink.RTM_NEWRULE, netlink.CREATE | netlink.EXCLUSIVE, body)


def further_tables() -> Iterator[int]:
    """Every further table that there may be."""
    yield from range(FIRST_TABLE + 1, MAXIMUM_TABLES)

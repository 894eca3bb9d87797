"""The Linux multicast routing API (linux/mroute.h): system calls and nothing else.

What to install, and where, is decided one layer up, in `kernel`.
"""

import errno
import fcntl
import socket
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path
from struct import Struct

from dataplane import netlink
from dataplane.forwarding.plane import MAXIMUM_SLOTS, RouteCounters, RouteKey

MRT_INIT, MRT_ADD_VIF, MRT_DEL_VIF = 200, 202, 203
MRT_ADD_MFC, MRT_DEL_MFC, MRT_ADD_MFC_PROXY, MRT_DEL_MFC_PROXY = 204, 205, 210, 211
SIOCGETVIFCNT, SIOCGETSGCNT = 0x89E0, 0x89E1
VIFF_USE_IFINDEX = 0x8
FORWARDS = 1
"""A TTL threshold: packets with more than this pass."""
BLOCKED = 255

RTNL_FAMILY_IPMR, RTM_GETROUTE = 128, 26
RTA_DST, RTA_SRC, RTA_IIF, RTA_MULTIPATH, RTA_MFC_STATS = 1, 2, 3, 9, 17
IFLA_IFNAME, IFLA_LINKINFO, IFLA_INFO_KIND = 3, 18, 1
IFF_UP = 0x1

_VIF = Struct("HBBIi4s")  # struct vifctl: number, flags, threshold, rate limit, interface index, remote
_MFC = Struct("4s4sH32s2xIIIi")  # struct mfcctl: origin, group, parent, TTLs, three counters, expire
_VIF_COUNT = Struct("H6xLLLL")  # struct sioc_vif_req: number, packets in and out, bytes in and out
_ROUTE_COUNT = Struct("4s4sLLL")  # struct sioc_sg_req: source, group, packets, bytes, wrong interface
_ROUTE = Struct("8BI")  # struct rtmsg: family, seven octets that do not matter here, flags
_HOP = Struct("HBBi")  # struct rtnexthop: length, flags, TTL threshold, interface index
_STATISTICS = Struct("QQQ")  # struct rta_mfc_stats
_INTERFACE = Struct("BxHiII")  # struct ifinfomsg
_INDEX = Struct("=i")
_NATIVE = Struct("=I")
ANY = IPv4Address(0)
_ANY_PACKED = ANY.packed
_NOWHERE = bytes((BLOCKED,)) * MAXIMUM_SLOTS


@dataclass(frozen=True, slots=True)
class Vif:
    """One virtual interface of the kernel's table as /proc tells it."""

    number: int
    device: str
    mark: int
    """What `add_vif` was given; the kernel keeps it and does not use it."""
    packets_in: int
    bytes_in: int
    packets_out: int
    bytes_out: int


@dataclass(frozen=True, slots=True)
class Entry:
    """One resolved entry of the kernel's table."""

    key: RouteKey
    parent: int
    vifs: tuple[int, ...]
    counters: RouteCounters


def add_vif(routing: socket.socket, number: int, index: int, mark: int) -> None:
    """Bind a VIF number to the interface with this index. Raises OSError.

    `mark` goes where a tunnel would have its remote address, which the kernel ignores for others: it lets
    a later process tell which port a VIF stands for while it is bound to the sink.
    """
    flags = VIFF_USE_IFINDEX
    _set(routing, MRT_ADD_VIF, _VIF.pack(number, flags, FORWARDS, 0, index, _INDEX.pack(mark)))


def delete_vif(routing: socket.socket, number: int) -> None:
    """Free a VIF number; entries keep naming it. Raises OSError (EADDRNOTAVAIL: it is not there)."""
    _set(routing, MRT_DEL_VIF, _VIF.pack(number, 0, 0, 0, 0, bytes(4)))


def thresholds(vifs: Iterable[int]) -> bytes:
    """Return the TTL thresholds of an entry that forwards to these VIFs."""
    found = bytearray(_NOWHERE)
    for vif in vifs:
        found[vif] = FORWARDS
    return bytes(found)


def add_entry(routing: socket.socket, key: RouteKey, parent: int, ttls: bytes) -> None:
    """Add an entry, or replace the outgoing VIFs of the one that is there. Raises OSError.

    `ttls` are `thresholds`; the incoming VIF has to be among those of a (*,G) entry, where the kernel looks
    for it; there it never sends a packet back. In an (S,G) entry it would.
    """
    option = MRT_ADD_MFC_PROXY if key.source is None else MRT_ADD_MFC
    _set(routing, option, _mfc(key, parent, ttls))


def delete_entry(routing: socket.socket, key: RouteKey, parent: int) -> None:
    """Remove an entry. Raises OSError (ENOENT: it is not there)."""
    option = MRT_DEL_MFC_PROXY if key.source is None else MRT_DEL_MFC
    _set(routing, option, _mfc(key, parent, bytes(MAXIMUM_SLOTS)))


def _mfc(key: RouteKey, parent: int, ttls: bytes) -> bytes:
    source = _ANY_PACKED if key.source is None else key.source.packed
    return _MFC.pack(source, key.group.packed, parent, ttls, 0, 0, 0, 0)


def _set(routing: socket.socket, option: int, value: bytes) -> None:
    routing.setsockopt(socket.IPPROTO_IP, option, value)


def entry_counters(routing: socket.socket, key: RouteKey) -> RouteCounters:
    """Read the counters of one entry. Raises OSError (EADDRNOTAVAIL: it is not there)."""
    source = ANY if key.source is None else key.source
    request = bytearray(_ROUTE_COUNT.pack(source.packed, key.group.packed, 0, 0, 0))
    fcntl.ioctl(routing, SIOCGETSGCNT, request)
    _, _, packets, octets, wrong = _ROUTE_COUNT.unpack(request)
    return RouteCounters(packets, octets, wrong)


def vif_counters(routing: socket.socket, number: int) -> tuple[int, int, int, int]:
    """Read packets in, packets out, bytes in, bytes out of a VIF. Raises OSError."""
    request = bytearray(_VIF_COUNT.pack(number, 0, 0, 0, 0))
    fcntl.ioctl(routing, SIOCGETVIFCNT, request)
    _, packets_in, packets_out, bytes_in, bytes_out = _VIF_COUNT.unpack(request)
    return packets_in, packets_out, bytes_in, bytes_out


def vifs() -> list[Vif]:
    """List the VIFs of the calling thread's network namespace. Raises OSError."""
    lines = Path("/proc/thread-self/net/ip_mr_vif").read_text(encoding="ascii", errors="replace").splitlines()
    return [_vif(line.split()) for line in lines[1:]]


def _vif(fields: list[str]) -> Vif:
    number, device, bytes_in, packets_in, bytes_out, packets_out, _, _, remote = fields
    (mark,) = _INDEX.unpack(_NATIVE.pack(int(remote, 16)))
    return Vif(int(number), device, mark, int(packets_in), int(bytes_in), int(packets_out), int(bytes_out))


def entries(numbers: Mapping[int, int]) -> Iterator[Entry]:
    """Walk the resolved entries of the calling thread's network namespace. Raises OSError.

    Netlink names VIFs by interface index; `numbers` translates, so no two VIFs may share an interface.
    (/proc has the numbers, but walks the table from its start for every page: 8 s for 100,000 entries.)
    """
    for message in netlink.dump(RTM_GETROUTE, _ROUTE.pack(RTNL_FAMILY_IPMR, *bytes(7), 0)):
        found = netlink.attributes(message.body, _ROUTE.size)
        if RTA_IIF in found and RTA_DST in found:
            yield _entry(found, numbers)


def _entry(found: Mapping[int, memoryview], numbers: Mapping[int, int]) -> Entry:
    source = IPv4Address(bytes(found[RTA_SRC])) if RTA_SRC in found else ANY
    (parent,) = _INDEX.unpack(found[RTA_IIF])
    hops = _HOP.iter_unpack(found.get(RTA_MULTIPATH, b""))
    counters = _STATISTICS.unpack(found[RTA_MFC_STATS]) if RTA_MFC_STATS in found else (0, 0, 0)
    return Entry(
        RouteKey(IPv4Address(bytes(found[RTA_DST])), None if source == ANY else source),
        numbers.get(parent, MAXIMUM_SLOTS),
        tuple(numbers[index] for _, _, _, index in hops if index in numbers),
        RouteCounters(*counters),
    )


def make_sink(name: str) -> int:
    """Make a device that swallows what it is given, up, unless it is there; return its index.

    Which kind a kernel has differs, so each is tried. Raises OSError.
    """
    for kind in (b"dummy", b"ifb"):
        try:
            netlink.change(netlink.RTM_NEWLINK, netlink.CREATE | netlink.EXCLUSIVE, _link(name, IFF_UP, kind))
        except FileExistsError:
            netlink.change(netlink.RTM_NEWLINK, 0, _link(name, IFF_UP))
        except OSError as error:
            if error.errno != errno.EOPNOTSUPP or kind == b"ifb":
                raise
            continue
        break
    return socket.if_nametoindex(name)


def delete_link(name: str) -> None:
    """Remove a device. Raises OSError."""
    netlink.change(netlink.RTM_DELLINK, 0, _link(name, 0))


def _link(name: str, flags: int, kind: bytes | None = None) -> bytes:
    body = _INTERFACE.pack(socket.AF_UNSPEC, 0, 0, flags, flags)
    body += netlink.attribute(IFLA_IFNAME, name.encode() + b"\0")
    if kind is not None:
        body += netlink.attribute(IFLA_LINKINFO, netlink.attribute(IFLA_INFO_KIND, kind))
    return body

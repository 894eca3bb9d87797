"""The Linux multicast routing API (linux/mroute.h, linux/mroute6.h): system calls and nothing else.

What to install, and where, is decided one layer up, in `table` and `kernel`; `family` has the octets.
"""

import errno
import fcntl
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from struct import Struct

from dataplane import netlink
from dataplane.forwarding.family import Family
from dataplane.forwarding.plane import RouteCounters, RouteKey

INIT, ADD_VIF, DELETE_VIF, ADD_ENTRY, DELETE_ENTRY = 200, 202, 203, 204, 205
TABLE, ADD_ANY_SOURCE, DELETE_ANY_SOURCE = 209, 210, 211
"""MRT_* and MRT6_*: the numbers are the same; the last two are for (*,G), MRT_ADD_MFC_PROXY and so on."""
COUNT_VIF, COUNT_ENTRY = 0x89E0, 0x89E1  # SIOCGETVIFCNT, SIOCGETSGCNT, and the same of IPv6

RTA_DST, RTA_SRC, RTA_IIF, RTA_MULTIPATH, RTA_TABLE, RTA_MFC_STATS = 1, 2, 3, 9, 15, 17
RTPROT_STATIC = 4
"""What the kernel says of an entry that another than the holder of the table has made."""

_VIF = Struct("HBBIi4x")  # struct vifctl: number, flags, threshold, rate limit, interface index, remote
_VIF_6 = Struct("HBBHxxI")  # struct mif6ctl: number, flags, threshold, interface index, rate limit
_ENTRY = Struct("4s4sH32s18x")  # struct mfcctl: origin, group, parent, TTLs, counters and expiry
_ADDRESS_6 = Struct("=HHI16sI")  # struct sockaddr_in6
_ENTRY_6 = Struct("28s28sHxxI28x")  # struct mf6cctl: origin, group, parent, set of interfaces
_COUNT_VIF = Struct("H6xLLLL")  # struct sioc_vif_req, sioc_mif_req6: number, packets, octets in and out
_COUNT_ENTRY = Struct("4s4sLLL")  # struct sioc_sg_req: source, group, packets, octets, wrong interface
_COUNT_ENTRY_6 = Struct("28s28sLLL")
_ROUTE = Struct("8BI")  # struct rtmsg: family, lengths, TOS, table, protocol, scope, type, flags
_PROTOCOL = 5
_HOP = Struct("HBBi")  # struct rtnexthop: length, flags, TTL threshold, interface index
_STATISTICS = Struct("QQQ")  # struct rta_mfc_stats
_INDEX = Struct("=i")
_U32 = Struct("=I")


@dataclass(frozen=True, slots=True)
class VifCounters:
    """What passed a VIF."""

    packets_in: int
    packets_out: int
    bytes_in: int
    bytes_out: int


@dataclass(frozen=True, slots=True)
class Entry:
    """One resolved entry as netlink tells it: VIFs by the index of their interface.

    `parent` is 0 while the kernel has no such VIF. `foreign`: another process than the holder of the table
    has made or changed it.
    """

    table: int
    key: RouteKey
    parent: int
    outgoing: tuple[int, ...]
    counters: RouteCounters
    foreign: bool


def open_socket(family: Family) -> socket.socket:
    """Open the raw socket that can become a multicast router. Raises OSError."""
    return socket.socket(family.domain, socket.SOCK_RAW, family.protocol)


def become_router(family: Family, routing: socket.socket, table: int | None) -> None:
    """Take a table, None for the default one. Raises OSError."""
    if table is not None:
        routing.setsockopt(family.level, TABLE, _U32.pack(table))
    routing.setsockopt(family.level, INIT, 1)


def add_vif(family: Family, routing: socket.socket, number: int, index: int) -> None:
    """Bind a VIF number to the interface with this index. Raises OSError."""
    routing.setsockopt(family.level, ADD_VIF, family.vif(number, index))


def delete_vif(family: Family, routing: socket.socket, number: int) -> None:
    """Free a VIF number; entries keep naming it. Raises OSError (EADDRNOTAVAIL: it is not there)."""
    # IPv6 takes the number alone
    value = family.vif(number, 0) if family.version == 4 else _U32.pack(number)[:2]
    routing.setsockopt(family.level, DELETE_VIF, value)


def add_entry(family: Family, routing: socket.socket, key: RouteKey, parent: int, outgoing: bytes) -> None:
    """Add an entry, or replace the outgoing VIFs of the one that is there. Raises OSError.

    The parent has to be among the outgoing VIFs of a (*,G) entry, where the kernel looks for it; there it
    never sends a packet back. In an (S,G) entry it would.
    """
    option = ADD_ANY_SOURCE if key.source is None else ADD_ENTRY
    routing.setsockopt(family.level, option, family.entry(key, parent, outgoing))


def delete_entry(family: Family, routing: socket.socket, key: RouteKey, parent: int) -> None:
    """Remove an entry. Raises OSError (ENOENT: it is not there)."""
    option = DELETE_ANY_SOURCE if key.source is None else DELETE_ENTRY
    routing.setsockopt(family.level, option, family.entry(key, parent, family.outgoing(0)))


def entry_counters(family: Family, routing: socket.socket, key: RouteKey) -> RouteCounters:
    """Read the counters of one entry. Raises OSError (EADDRNOTAVAIL: it is not there)."""
    request = bytearray(family.count_entry(key))
    fcntl.ioctl(routing, COUNT_ENTRY, request)
    return family.entry_counters(request)


def vif_counters(routing: socket.socket, number: int) -> VifCounters:
    """Read the counters of a VIF. Raises OSError (EADDRNOTAVAIL: it is not there)."""
    request = bytearray(_COUNT_VIF.pack(number, 0, 0, 0, 0))
    fcntl.ioctl(routing, COUNT_VIF, request)
    return VifCounters(*_COUNT_VIF.unpack(request)[1:])


def dump(family: Family) -> netlink.Dump:
    """Begin to read the entries of all tables of the calling thread's network namespace. Raises OSError."""
    return netlink.Dump(netlink.RTM_GETROUTE, _ROUTE.pack(family.netlink, *bytes(7), 0))


def read_entry(family: Family, message: netlink.Message) -> Entry | None:
    """Read one message of a dump; None for an entry that is not resolved, which has no counters."""
    found = netlink.attributes(message.body, _ROUTE.size)
    if RTA_MFC_STATS not in found:
        return None
    source = bytes(found.get(RTA_SRC, b""))
    hops = _HOP.iter_unpack(found.get(RTA_MULTIPATH, b""))
    (table,) = _U32.unpack(found[RTA_TABLE])
    (parent,) = _INDEX.unpack(found[RTA_IIF]) if RTA_IIF in found else (0,)
    return Entry(
        table,
        RouteKey(family.address(found[RTA_DST]), family.address(found[RTA_SRC]) if any(source) else None),
        parent,
        tuple([index for _, _, _, index in hops]),
        RouteCounters(*_STATISTICS.unpack(found[RTA_MFC_STATS])),
        message.body[_PROTOCOL] == RTPROT_STATIC,
    )


def entries(family: Family) -> Iterator[Entry]:
    """Walk the resolved entries of all tables of this network namespace. Raises OSError.

    Netlink names VIFs by the interface, so no two VIFs of a table may share one. (/proc has the numbers, but
    walks the table from its start for every page, 8 s for 100,000 entries, and has the default table only.)
    """
    reader = dump(family)
    try:
        while messages := reader.read():
            for message in messages:
                entry = read_entry(family, message)
                if entry is not None:
                    yield entry
    finally:
        reader.close()


def find_entry(family: Family, table: int, key: RouteKey, query: netlink.Query | None = None) -> Entry | None:
    """Read one entry, None when it is not there. Raises OSError.

    IPv6 before Linux 6.0 cannot be asked for one: with `query` that is an error (EOPNOTSUPP), else the tables
    are read.
    """
    size = len(key.group.packed) * 8
    body = _ROUTE.pack(family.netlink, size, size, 0, 0, 0, 0, 0, 0)
    if key.source is not None:
        body += netlink.attribute(RTA_SRC, key.source.packed)
    body += netlink.attribute(RTA_DST, key.group.packed) + netlink.attribute(RTA_TABLE, _U32.pack(table))
    ask = netlink.get if query is None else query.get
    try:
        return read_entry(family, ask(netlink.RTM_GETROUTE, body))
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno != errno.EOPNOTSUPP or query is not None:
            raise
    return next((entry for entry in entries(family) if (entry.table, entry.key) == (table, key)), None)

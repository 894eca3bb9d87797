"""Facts about network interfaces, and events when they change, from rtnetlink. No polling.

Owns one netlink socket. It configures nothing.
"""

import errno
import socket
from collections.abc import Mapping
from dataclasses import dataclass, replace
from ipaddress import IPv4Interface, IPv6Interface
from struct import Struct
from typing import TypeVar

from dataplane import netlink, receive_queue

IFF_UP, IFF_RUNNING, IFF_LOWER_UP = 0x1, 0x40, 0x10000
PASSES_PACKETS = IFF_UP | IFF_RUNNING | IFF_LOWER_UP
IFLA_ADDRESS, IFLA_IFNAME, IFLA_MTU, IFLA_LINK, IFLA_LINKINFO = 1, 3, 4, 5, 18
IFLA_LINK_NETNSID, IFLA_PROTO_DOWN = 37, 39
IFLA_INFO_KIND, IFLA_INFO_DATA = 1, 2
IFLA_VLAN_ID = 1
IFA_ADDRESS, IFA_LOCAL, IFA_FLAGS = 1, 2, 8
IFA_F_DADFAILED = 0x08

A = TypeVar("A")

_LINK = Struct("BxHiII")  # struct ifinfomsg: family, type, index, flags, change
_ADDRESS = Struct("BBBBI")  # struct ifaddrmsg: family, prefix length, flags, scope, index
_U16 = Struct("H")
_U32 = Struct("I")
_ROOM = 1 << 20
_BUFFER_BYTES = 1 << 16
_READ_LIMIT = 64
_DISCARD_LIMIT = 10_000


@dataclass(frozen=True, slots=True)
class Link:
    """One network interface as the kernel describes it."""

    index: int
    name: str
    up: bool
    """Administratively up and with carrier: packets can pass."""
    mac: bytes
    mtu: int
    addresses: tuple[IPv4Interface, ...] = ()
    ipv6_addresses: tuple[IPv6Interface, ...] = ()
    """Without those that duplicate address detection found at another host (RFC 4862 section 5.4.5)."""
    kind: str = ""
    """What made it: "macvlan", "vlan", "" for hardware."""
    parent: int | None = None
    """The index of the link that it lies on, in this network namespace."""
    protodown: bool = False
    """A protocol keeps it down: it does not count as there for others, whatever its flags say."""
    vlan: int = 0
    """Of a VLAN's link its VID; 0 for others."""


@dataclass(frozen=True, slots=True)
class LinkChanged:
    """A link appeared (`previous` is None) or one of its facts changed."""

    link: Link
    previous: Link | None


@dataclass(frozen=True, slots=True)
class LinkRemoved:
    """A link is gone, or has another name now; `link` is what was last known of it."""

    link: Link


LinkEvent = LinkChanged | LinkRemoved


class LinkTable:
    """The links as told by netlink messages: pure."""

    def __init__(self) -> None:
        self._links: dict[int, Link] = {}

    def apply(self, message: netlink.Message) -> list[LinkEvent]:
        """Take one message in and tell what it changed."""
        if message.type in (netlink.RTM_NEWLINK, netlink.RTM_DELLINK):
            return self._link(message)
        if message.type in (netlink.RTM_NEWADDR, netlink.RTM_DELADDR):
            return self._address(message)
        return []

    def _link(self, message: netlink.Message) -> list[LinkEvent]:
        family, _, index, flags, _ = _LINK.unpack_from(message.body)
        if family != socket.AF_UNSPEC:
            return []  # a bridge telling about its port
        known = self._links.get(index)
        if message.type == netlink.RTM_DELLINK:
            return [] if known is None else [LinkRemoved(self._links.pop(index))]
        found = netlink.attributes(message.body, _LINK.size)
        if IFLA_MTU not in found:
            return []  # a wireless driver's event: it has the name and nothing else of the link
        link = _link(index, flags, found)
        if known is not None:
            link = replace(link, addresses=known.addresses, ipv6_addresses=known.ipv6_addresses)
        return self._store(link)

    def _address(self, message: netlink.Message) -> list[LinkEvent]:
        family, length, flags, _, index = _ADDRESS.unpack_from(message.body)
        known = self._links.get(index)
        if family not in (socket.AF_INET, socket.AF_INET6) or known is None:
            return []
        found = netlink.attributes(message.body, _ADDRESS.size)
        octets = found.get(IFA_LOCAL, found.get(IFA_ADDRESS))
        if octets is None:
            return []
        flags = _U32.unpack(found[IFA_FLAGS])[0] if IFA_FLAGS in found else flags
        new = message.type == netlink.RTM_NEWADDR and not flags & IFA_F_DADFAILED
        if family == socket.AF_INET:
            address = IPv4Interface((bytes(octets), length))
            return self._store(replace(known, addresses=_changed(known.addresses, address, present=new)))
        other = IPv6Interface((bytes(octets), length))
        addresses = _changed(known.ipv6_addresses, other, present=new)
        return self._store(replace(known, ipv6_addresses=addresses))

    def _store(self, link: Link) -> list[LinkEvent]:
        known = self._links.get(link.index)
        if known == link:
            return []
        self._links[link.index] = link
        if known is not None and known.name != link.name:
            return [LinkRemoved(known), LinkChanged(link, None)]
        return [LinkChanged(link, known)]

    def replace(self, other: "LinkTable") -> list[LinkEvent]:
        """Become the other table and tell the differences: first what is gone, so that names are free."""
        there = {link.index: link for link in other.by_name().values()}
        names = {link.index: link.name for link in there.values()}
        gone = [link for link in self._links.values() if names.get(link.index) != link.name]
        for link in gone:
            del self._links[link.index]
        events: list[LinkEvent] = [LinkRemoved(link) for link in gone]
        for link in there.values():
            events.extend(self._store(link))
        return events

    def by_name(self) -> dict[str, Link]:
        """Index the links by name."""
        return {link.name: link for link in self._links.values()}


def _link(index: int, flags: int, found: Mapping[int, memoryview]) -> Link:
    info = netlink.attributes(found[IFLA_LINKINFO], 0) if IFLA_LINKINFO in found else {}
    kind = _text(info.get(IFLA_INFO_KIND, memoryview(b"")))
    here = IFLA_LINK in found and IFLA_LINK_NETNSID not in found
    return Link(
        index=index,
        name=_text(found[IFLA_IFNAME]),
        up=flags & PASSES_PACKETS == PASSES_PACKETS,
        mac=bytes(found.get(IFLA_ADDRESS, b"")),
        mtu=_U32.unpack(found[IFLA_MTU])[0],
        kind=kind,
        parent=_U32.unpack(found[IFLA_LINK])[0] if here else None,
        protodown=bytes(found.get(IFLA_PROTO_DOWN, b"\0")) != b"\0",
        vlan=_vlan(info) if kind == "vlan" else 0,
    )


def _vlan(info: Mapping[int, memoryview]) -> int:
    found = netlink.attributes(info[IFLA_INFO_DATA], 0) if IFLA_INFO_DATA in info else {}
    return int(_U16.unpack(found[IFLA_VLAN_ID])[0]) if IFLA_VLAN_ID in found else 0


def _text(octets: memoryview) -> str:
    return bytes(octets).rstrip(b"\0").decode(errors="replace")


def _changed(known: tuple[A, ...], address: A, *, present: bool) -> tuple[A, ...]:
    """Return the addresses with or without `address`; one that is there already keeps its place."""
    if present:
        return known if address in known else (*known, address)
    return tuple(other for other in known if other != address)


class Links:
    """The links of this network namespace.

    The constructor has the full picture when it returns. Watch `fileno()` for reading and call `read()`;
    it never blocks. A lost event (full socket buffer) is repaired by a new dump inside `read()`.
    """

    def __init__(self) -> None:
        self._socket = netlink.open_socket(
            netlink.GROUP_LINK | netlink.GROUP_IPV4_ADDRESS | netlink.GROUP_IPV6_ADDRESS
        )
        self._socket.setblocking(False)
        receive_queue.enlarge(self._socket, _ROOM)
        self._table = LinkTable()
        self._by_name: dict[str, Link] | None = None
        self._incomplete = False
        self._table.replace(_everything())

    def fileno(self) -> int:
        """The descriptor to watch."""
        return self._socket.fileno()

    def read(self) -> list[LinkEvent]:
        """Return the events since the last call, oldest first."""
        events: list[LinkEvent] = []
        for _ in range(_READ_LIMIT):
            try:
                data = self._socket.recv(_BUFFER_BYTES)
            except BlockingIOError:
                break
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                self._incomplete = True
                break
            for message in netlink.messages(memoryview(data)):
                events.extend(self._table.apply(message))
        if self._incomplete:
            events.extend(self._recover())
        if events:
            self._by_name = None
        return events

    def _recover(self) -> list[LinkEvent]:
        """Throw away what waits, for it is older than the dump and would undo it, and ask for everything.

        Where there is no answer it is asked for with the next event; what was told before must not be lost.
        """
        for _ in range(_DISCARD_LIMIT):
            try:
                self._socket.recv(_BUFFER_BYTES)
            except BlockingIOError:
                break
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
        try:
            everything = _everything()
        except OSError:
            return []
        self._incomplete = False
        return self._table.replace(everything)

    def get(self, name: str) -> Link | None:
        """Find the link with this name, if there is one."""
        return self.all().get(name)

    def all(self) -> Mapping[str, Link]:
        """Every link by name; made when asked for, because a router may have thousands of sessions."""
        if self._by_name is None:
            self._by_name = self._table.by_name()
        return self._by_name

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()


def _everything() -> LinkTable:
    """Ask the kernel for all links and addresses. Raises OSError."""
    table = LinkTable()
    for message in netlink.dump(netlink.RTM_GETLINK, _LINK.pack(socket.AF_UNSPEC, 0, 0, 0, 0)):
        table.apply(message)
    for message in netlink.dump(netlink.RTM_GETADDR, _ADDRESS.pack(socket.AF_UNSPEC, 0, 0, 0, 0)):
        table.apply(message)
    return table

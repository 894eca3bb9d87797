"""What differs between the multicast routing API of IPv4 and IPv6 (linux/mroute.h, linux/mroute6.h): octets.

The two do the same with other structures. Linux's VIF (IPv4) and MIF (IPv6) are both called VIF here.
"""

import errno
import socket
from ipaddress import IPv4Address, IPv6Address
from struct import Struct
from typing import Final, Protocol

from dataplane.forwarding.placement import MAXIMUM_VIFS
from dataplane.forwarding.plane import RouteCounters, RouteKey
from dataplane.packets.messages import Address

VIFF_USE_IFINDEX = 0x8
FORWARDS = 1
"""A TTL threshold: packets with more than this pass."""
BLOCKED = 255
MAXIMUM_INDEX_6: Final = 0xFFFF
"""struct mif6ctl has 16 bits for the index of the interface."""
RTNL_FAMILY_IPMR, RTNL_FAMILY_IP6MR = 128, 129

_VIF = Struct("HBBIi4x")  # struct vifctl: number, flags, threshold, rate limit, interface index, remote
_VIF_6 = Struct("HBBHxxI")  # struct mif6ctl: number, flags, threshold, interface index, rate limit
_ENTRY = Struct("4s4sH32s18x")  # struct mfcctl: origin, group, parent, TTLs, counters and expiry
_ADDRESS_6 = Struct("=HHI16sI")  # struct sockaddr_in6
_ENTRY_6 = Struct("28s28sHxxI28x")  # struct mf6cctl: origin, group, parent, set of interfaces
_COUNT_ENTRY = Struct("4s4sLLL")  # struct sioc_sg_req: source, group, packets, octets, wrong interface
_COUNT_ENTRY_6 = Struct("28s28sLLL")
_U32 = Struct("=I")


class Family(Protocol):
    """What differs between IPv4 and IPv6."""

    @property
    def version(self) -> int:
        """The IP version."""
        ...

    @property
    def level(self) -> int:
        """The level of the socket options."""
        ...

    @property
    def netlink(self) -> int:
        """The rtnetlink family of the entries."""
        ...

    @property
    def default_table(self) -> int:
        """The number of the first table in netlink."""
        ...

    @property
    def domain(self) -> int:
        """The address family of the socket that can become a multicast router."""
        ...

    @property
    def protocol(self) -> int:
        """The protocol of that raw socket."""
        ...

    def vif(self, number: int, index: int) -> bytes:
        """Compose what binds a VIF to an interface. Raises OSError for an index that does not fit."""
        ...

    def outgoing(self, vifs: int) -> bytes:
        """Compose the outgoing VIFs of an entry from a set of bits."""
        ...

    def entry(self, key: RouteKey, parent: int, outgoing: bytes) -> bytes:
        """Compose an entry."""
        ...

    def count_entry(self, key: RouteKey) -> bytes:
        """Compose the question for the counters of an entry."""
        ...

    def entry_counters(self, answer: bytes | bytearray) -> RouteCounters:
        """Read its answer."""
        ...

    def address(self, octets: memoryview) -> Address:
        """Read an address."""
        ...


class Ipv4Family:
    """Linux ipmr."""

    version: Final = 4
    domain: Final = socket.AF_INET
    protocol: Final = socket.IPPROTO_IGMP
    level: Final = socket.IPPROTO_IP
    netlink: Final = RTNL_FAMILY_IPMR
    default_table: Final = 253  # RT_TABLE_DEFAULT

    def vif(self, number: int, index: int) -> bytes:
        """Compose what binds a VIF to an interface; see `Family.vif`."""
        return _VIF.pack(number, VIFF_USE_IFINDEX, FORWARDS, 0, index)

    def outgoing(self, vifs: int) -> bytes:
        """Compose the outgoing VIFs of an entry."""
        return bytes(FORWARDS if vifs >> number & 1 else BLOCKED for number in range(MAXIMUM_VIFS))

    def entry(self, key: RouteKey, parent: int, outgoing: bytes) -> bytes:
        """Compose an entry."""
        source = bytes(4) if key.source is None else key.source.packed
        return _ENTRY.pack(source, key.group.packed, parent, outgoing)

    def count_entry(self, key: RouteKey) -> bytes:
        """Compose the question for the counters of an entry."""
        source = bytes(4) if key.source is None else key.source.packed
        return _COUNT_ENTRY.pack(source, key.group.packed, 0, 0, 0)

    def entry_counters(self, answer: bytes | bytearray) -> RouteCounters:
        """Read its answer."""
        return RouteCounters(*_COUNT_ENTRY.unpack(answer)[2:])

    def address(self, octets: memoryview) -> IPv4Address:
        """Read an address."""
        return IPv4Address(bytes(octets))


class Ipv6Family:
    """Linux ip6mr."""

    version: Final = 6
    domain: Final = socket.AF_INET6
    protocol: Final = socket.IPPROTO_ICMPV6
    level: Final = socket.IPPROTO_IPV6
    netlink: Final = RTNL_FAMILY_IP6MR
    default_table: Final = 254  # RT6_TABLE_DFLT is the main table

    def vif(self, number: int, index: int) -> bytes:
        """Compose what binds a VIF to an interface; see `Family.vif`."""
        if index > MAXIMUM_INDEX_6:
            raise OSError(
                errno.ERANGE, f"interface indices of IPv6 multicast routing end at {MAXIMUM_INDEX_6}"
            )
        return _VIF_6.pack(number, 0, FORWARDS, index, 0)

    def outgoing(self, vifs: int) -> bytes:
        """Compose the outgoing VIFs of an entry."""
        return _U32.pack(vifs)

    def entry(self, key: RouteKey, parent: int, outgoing: bytes) -> bytes:
        """Compose an entry."""
        (vifs,) = _U32.unpack(outgoing)
        return _ENTRY_6.pack(_socket_address(key.source), _socket_address(key.group), parent, vifs)

    def count_entry(self, key: RouteKey) -> bytes:
        """Compose the question for the counters of an entry."""
        return _COUNT_ENTRY_6.pack(_socket_address(key.source), _socket_address(key.group), 0, 0, 0)

    def entry_counters(self, answer: bytes | bytearray) -> RouteCounters:
        """Read its answer."""
        return RouteCounters(*_COUNT_ENTRY_6.unpack(answer)[2:])

    def address(self, octets: memoryview) -> IPv6Address:
        """Read an address."""
        return IPv6Address(bytes(octets))


def _socket_address(address: Address | None) -> bytes:
    packed = bytes(16) if address is None else address.packed
    return _ADDRESS_6.pack(socket.AF_INET6, 0, 0, packed, 0)


IPV4: Final = Ipv4Family()
IPV6: Final = Ipv6Family()
FAMILIES: Final[tuple[Family, ...]] = (IPV4, IPV6)

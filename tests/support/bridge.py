"""What a snooping bridge has learnt, from its own netlink: the querier, router ports and members."""

import socket
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from struct import Struct

from cli.lab.namespaces import Namespace
from dataplane import netlink
from dataplane.links import IFLA_LINKINFO

RTM_GETMDB = 86
IFLA_INFO_DATA, IFLA_BR_MCAST_QUERIER_STATE = 2, 47
MDBA_MDB, MDBA_ROUTER, MDBA_ROUTER_PORT, MDBA_MDB_ENTRY, MDBA_MDB_ENTRY_INFO = 1, 2, 1, 1, 1
QUERIER = {4: (1, 2), 6: (5, 6)}
"""Attributes of address and port, by IP version."""

_LINK = Struct("BxHiII")
_PORT = Struct("B3xI")  # struct br_port_msg: family, index
_U32 = Struct("I")
_ENTRY = Struct("IBBH16sH2x")  # struct br_mdb_entry: index, state, flags, VLAN, address, protocol


@dataclass(frozen=True)
class Querier:
    """Who asks, and on which port it was heard."""

    address: IPv4Address | IPv6Address
    port: str


def querier(space: Namespace, bridge: str, version: int = 4) -> Querier | None:
    """The querier that the bridge has learnt, None for none."""
    body = _LINK.pack(socket.AF_UNSPEC, 0, space.index(bridge), 0, 0)
    (message,) = [
        each for each in space.run(lambda: list(netlink.dump(netlink.RTM_GETLINK, body))) if _is(each, bridge)
    ]
    info = netlink.attributes(netlink.attributes(message.body, _LINK.size)[IFLA_LINKINFO], 0)
    state = netlink.attributes(info[IFLA_INFO_DATA], 0).get(IFLA_BR_MCAST_QUERIER_STATE)
    found = netlink.attributes(state, 0) if state is not None else {}
    address, port = QUERIER[version]
    if address not in found or port not in found:
        return None
    return Querier(ip_address(bytes(found[address])), _names(space)[_U32.unpack(found[port])[0]])


def _is(message: netlink.Message, name: str) -> bool:
    found = netlink.attributes(message.body, _LINK.size)
    return bytes(found[3]).rstrip(b"\0") == name.encode()


def router_ports(space: Namespace) -> set[str]:
    """The ports behind which the bridge knows routers."""
    names = _names(space)
    return {names[_U32.unpack_from(each)[0]] for each in _nested(space, MDBA_ROUTER, MDBA_ROUTER_PORT)}


def members(space: Namespace) -> set[tuple[str, str]]:
    """Port and group of every member that the bridge forwards to."""
    names = _names(space)
    found = set()
    for entry in _nested(space, MDBA_MDB, MDBA_MDB_ENTRY):
        for info in _each(entry, MDBA_MDB_ENTRY_INFO):
            index, _, _, _, octets, protocol = _ENTRY.unpack_from(info)
            length = 4 if socket.ntohs(protocol) == 0x0800 else 16
            found.add((names[index], str(ip_address(octets[:length]))))
    return found


def _nested(space: Namespace, outer: int, inner: int) -> list[memoryview]:
    body = _PORT.pack(socket.AF_BRIDGE, 0)
    messages = space.run(lambda: list(netlink.dump(RTM_GETMDB, body)))
    return [
        each
        for message in messages
        for block in _each(message.body[_PORT.size :], outer)
        for each in _each(block, inner)
    ]


def _each(body: memoryview, kind: int) -> list[memoryview]:
    """Every attribute of a kind, which may come several times."""
    found, position = [], 0
    while position + 4 <= len(body):
        length, what = Struct("HH").unpack_from(body, position)
        if length < 4:
            break
        if what & 0x3FFF == kind:
            found.append(body[position + 4 : position + length])
        position += (length + 3) & ~3
    return found


def _names(space: Namespace) -> dict[int, str]:
    return dict(space.run(socket.if_nameindex))

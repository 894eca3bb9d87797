"""A kernel plane with real links around it: two cores that send, three access ports with a host each."""

import fcntl
import functools
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager

from cli.lab.namespaces import Namespace, veth
from dataplane.forwarding.kernel import KernelPlane, open_multicast_routing_sockets
from dataplane.forwarding.plane import Repairs, RouteCounters, RouteKey
from dataplane.forwarding.table import KernelTable, RoutingSocket
from dataplane.packets.messages import Address
from tests.support.plane_contract import IPV4, IPV6, PACKET, PORTS, UPSTREAMS
from tests.support.wait import wait_for

HEADERS = {4: 28, 6: 48}
DESTINATION = {4: slice(30, 34), 6: slice(38, 54)}
ETHERTYPES = {4: 0x0800, 6: 0x86DD}
MARKER_TYPE = 0x88B5  # IEEE 802 local experimental
MARKER = bytes(12) + MARKER_TYPE.to_bytes(2, "big") + bytes(46)
PACKET_IGNORE_OUTGOING = 23
ROUTER = "router"
SIOCGIFFLAGS, IFF_RUNNING = 0x8913, 0x40


class Receiver:
    """One end of a link: sees every frame that the other end sends."""

    def __init__(self, host: Namespace, other: Namespace, other_interface: str, interface: str) -> None:
        self._frames = host.run(_packet_socket, interface)
        self._frames.settimeout(5.0)
        self._marker = other.run(_packet_socket, other_interface)

    def count(self, group: Address) -> int:
        """How many packets of a group came since the last call; a marker frame says when to stop waiting."""
        try:
            self._marker.send(MARKER)
        except OSError:
            return 0  # the port was removed
        found, version = 0, group.version
        while True:
            frame = self._frames.recv(2_048)
            kind = int.from_bytes(frame[12:14], "big")
            if kind == MARKER_TYPE:
                return found
            found += kind == ETHERTYPES[version] and frame[DESTINATION[version]] == group.packed

    def close(self) -> None:
        self._frames.close()
        self._marker.close()


class KernelRig:
    """Implements the contract's Rig; `router` is the namespace that the test itself lives in."""

    def __init__(self, router: Namespace, hosts: dict[str, Namespace]) -> None:
        self.router = router
        self.hosts = hosts
        self.routing, _ = open_multicast_routing_sockets()
        self.plane = KernelPlane(self.held())
        self._tables = [KernelTable(each) for each in self.routing]
        self._receivers = {port: Receiver(hosts[port], router, port, "eth0") for port in PORTS}
        self._arrivals = {name: Receiver(router, hosts[name], "eth0", name) for name in UPSTREAMS}
        self._senders = {
            (upstream, streams.group.version, number): hosts[upstream].run(_sender, source)
            for upstream in UPSTREAMS
            for streams in (IPV4, IPV6)
            for number, source in enumerate(streams.sources[upstream])
        }

    def end_of_all_holders(self) -> None:
        """Every process that held a table ended; others open the tables anew, with another plane."""
        self.plane.close()
        for each in self.routing:
            each.socket.close()
        self.routing, _ = open_multicast_routing_sockets()
        self._tables = [KernelTable(each) for each in self.routing]
        self.plane = KernelPlane(self.held())

    def held(self) -> tuple[RoutingSocket, ...]:
        """The tables for one more plane, as the supervisor hands them to a dataplane."""
        return tuple(RoutingSocket(each.version, each.table, each.socket.dup()) for each in self.routing)

    def index(self, name: str) -> int:
        return self.router.index(name)

    def stream(
        self, group: Address, count: int, *, upstream: str = "core0", source: int = 0
    ) -> dict[str, int]:
        version = group.version
        streams = IPV4 if version == 4 else IPV6
        key = RouteKey(group, streams.sources[upstream][source])
        if self.plane.counters(key) is None:
            key = RouteKey(group)
        before = {number: counters.packets for number, counters in self._seen(key).items()}
        for _ in range(count):
            self.send(group, upstream=upstream, source=source)
        if before and self.plane.slot(upstream) is not None:
            wait_for(
                lambda: all(seen.packets >= before[at] + count for at, seen in self._seen(key).items()),
                what="every table saw the stream",
            )
        else:
            self._arrivals[upstream].count(group)
        counted = {port: receiver.count(group) for port, receiver in self._receivers.items()}
        return {port: number for port, number in counted.items() if number}

    def send(self, group: Address, *, upstream: str = "core0", source: int = 0) -> None:
        """Send one packet into an upstream interface."""
        payload = bytes(PACKET - HEADERS[group.version])
        self._senders[upstream, group.version, source].sendto(payload, (str(group), 5_000))

    def count(self, port: str, group: Address) -> int:
        """How many packets of a group a port got since the last call."""
        return self._receivers[port].count(group)

    def count_until(self, port: str, group: Address, wanted: int) -> int:
        """The same, until there are so many: what passes a further table arrives later than it is counted."""
        found = 0

        def enough() -> bool:
            nonlocal found
            found += self.count(port, group)
            return found >= wanted

        wait_for(enough, what=f"{wanted} packets at {port}")
        return found

    def _seen(self, key: RouteKey) -> dict[int, RouteCounters]:
        """What the entry of each table has seen; a further table gets its packets from the first, later."""
        tables = (table for table in self._tables if table.family.version == key.group.version)
        found = {table.number: table.counters(key) for table in tables}
        return {number: counters for number, counters in found.items() if counters is not None}

    def close(self) -> None:
        for receiver in (*self._receivers.values(), *self._arrivals.values()):
            receiver.close()
        for opened in (*self._senders.values(), *(each.socket for each in self.routing)):
            opened.close()
        self.plane.close()


@contextmanager
def kernel_rig() -> Iterator[KernelRig]:
    """Build it in this process's own network namespace."""
    router = Namespace(ROUTER, new=False)
    hosts = {name: Namespace(name) for name in (*UPSTREAMS, *PORTS)}
    for namespace in (router, *hosts.values()):
        namespace.sysctl("net/ipv6/conf/default/accept_dad", 0)
        for scope in ("all", "default"):
            namespace.sysctl(f"net/ipv4/conf/{scope}/rp_filter", 0)
    for number, name in enumerate((*UPSTREAMS, *PORTS)):
        veth(router, name, hosts[name], "eth0")
        router.address(name, f"10.0.{number}.1/24")
        router.address(name, f"2001:db8:{number}::1/64")
        for source in IPV4.sources.get(name, ()):
            hosts[name].address("eth0", f"{source}/24")
        for source in IPV6.sources.get(name, ()):
            hosts[name].address("eth0", f"{source}/64")
    for name in (*UPSTREAMS, *PORTS):
        wait_for(functools.partial(router.run, _is_running, name), what=f"{name} running")
        wait_for(functools.partial(hosts[name].run, _is_running, "eth0"), what=f"eth0 of {name} running")
    rig = KernelRig(router, hosts)
    try:
        yield rig
    finally:
        rig.close()
        for namespace in (router, *hosts.values()):
            namespace.close()


def audited(rig: KernelRig, *, whole: bool = True) -> Repairs:
    """What one audit puts right."""
    return sum(rig.plane.audit(whole=whole), Repairs())


def _packet_socket(interface: str) -> socket.socket:
    opened = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
    opened.setsockopt(263, PACKET_IGNORE_OUTGOING, 1)
    opened.bind((interface, 3))
    return opened


def _is_running(interface: str) -> bool:
    """Whether the kernel is done with a new link: before that it has no IPv6 addresses and routes there."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as opened:
        answer = fcntl.ioctl(opened, SIOCGIFFLAGS, struct.pack("16sh14x", interface.encode(), 0))
    return bool(struct.unpack("16sh14x", answer)[1] & IFF_RUNNING)


def _sender(source: Address) -> socket.socket:
    if source.version == 4:
        opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        opened.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, source.packed)
        opened.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 8)
        opened.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 0)
    else:
        opened = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        index = socket.if_nametoindex("eth0")
        opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
        opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 8)
        opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_LOOP, 0)
    # an address is not to be had until the kernel's own work on it is done, however short
    wait_for(lambda: _binds(opened, source), what=f"{source} to send from")
    return opened


def _binds(opened: socket.socket, source: Address) -> bool:
    try:
        opened.bind((str(source), 0))
    except OSError:
        return False
    return True

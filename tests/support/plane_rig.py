"""A kernel plane with real links around it: two cores that send, three access ports with a host each."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv4Address

from cli.lab.namespaces import Namespace, veth
from dataplane.forwarding.kernel import KernelPlane, open_multicast_routing_socket
from dataplane.forwarding.plane import RouteKey
from tests.support.plane_contract import PORTS, SOURCES, UPSTREAMS
from tests.support.wait import wait_for

PAYLOAD = bytes(100)  # with 28 octets of headers: 128
MARKER_TYPE = 0x88B5  # IEEE 802 local experimental
IPV4_TYPE = 0x0800
MARKER = bytes(12) + MARKER_TYPE.to_bytes(2, "big") + bytes(46)
PACKET_IGNORE_OUTGOING = 23
ROUTER = "router"


class Receiver:
    """One end of a link: sees every frame that the other end sends."""

    def __init__(self, host: Namespace, other: Namespace, other_interface: str, interface: str) -> None:
        self._frames = host.run(_packet_socket, interface)
        self._frames.settimeout(5.0)
        self._marker = other.run(_packet_socket, other_interface)

    def count(self, group: IPv4Address) -> int:
        """How many packets of a group came since the last call; a marker frame says when to stop waiting."""
        try:
            self._marker.send(MARKER)
        except OSError:
            return 0  # the port was removed
        found = 0
        while True:
            frame = self._frames.recv(2_048)
            kind = int.from_bytes(frame[12:14], "big")
            if kind == MARKER_TYPE:
                return found
            found += kind == IPV4_TYPE and frame[30:34] == group.packed

    def close(self) -> None:
        self._frames.close()
        self._marker.close()


class KernelRig:
    """Implements the contract's Rig; `router` is the namespace that the test itself lives in."""

    def __init__(self, router: Namespace, hosts: dict[str, Namespace]) -> None:
        self.router = router
        self.hosts = hosts
        self.routing = open_multicast_routing_socket()
        self.plane = KernelPlane(self.routing.dup())
        self._receivers = {port: Receiver(hosts[port], router, port, "eth0") for port in PORTS}
        self._arrivals = {name: Receiver(router, hosts[name], "eth0", name) for name in UPSTREAMS}
        self._senders = {
            (upstream, number): hosts[upstream].run(_sender, source)
            for upstream in UPSTREAMS
            for number, source in enumerate(SOURCES[upstream])
        }

    def index(self, name: str) -> int:
        return self.router.index(name)

    def stream(
        self, group: IPv4Address, count: int, *, upstream: str = "core0", source: int = 0
    ) -> dict[str, int]:
        key = RouteKey(group, SOURCES[upstream][source])
        if self.plane.counters(key) is None:
            key = RouteKey(group)
        before = self._seen(key)
        for _ in range(count):
            self._senders[upstream, source].sendto(PAYLOAD, (str(group), 5_000))
        if before is not None and self.plane.slot(upstream) is not None:
            wait_for(lambda: (self._seen(key) or 0) >= before + count, what="the router saw the stream")
        else:
            self._arrivals[upstream].count(group)
        counted = {port: receiver.count(group) for port, receiver in self._receivers.items()}
        return {port: number for port, number in counted.items() if number}

    def _seen(self, key: RouteKey) -> int | None:
        counters = self.plane.counters(key)
        return None if counters is None else counters.packets

    def close(self) -> None:
        for receiver in (*self._receivers.values(), *self._arrivals.values()):
            receiver.close()
        for opened in (*self._senders.values(), self.routing):
            opened.close()
        self.plane.close()


@contextmanager
def kernel_rig() -> Iterator[KernelRig]:
    """Build it in this process's own network namespace."""
    router = Namespace(ROUTER, new=False)
    hosts = {name: Namespace(name) for name in (*UPSTREAMS, *PORTS)}
    for namespace in (router, *hosts.values()):
        namespace.sysctl("net/ipv6/conf/default/disable_ipv6", 1)
        for scope in ("all", "default"):
            namespace.sysctl(f"net/ipv4/conf/{scope}/rp_filter", 0)
    for number, name in enumerate((*UPSTREAMS, *PORTS)):
        veth(router, name, hosts[name], "eth0")
        router.address(name, f"10.0.{number}.1/24")
        for source in SOURCES.get(name, ()):
            hosts[name].address("eth0", f"{source}/24")
    rig = KernelRig(router, hosts)
    try:
        yield rig
    finally:
        rig.close()
        for namespace in (router, *hosts.values()):
            namespace.close()


def _packet_socket(interface: str) -> socket.socket:
    opened = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
    opened.setsockopt(263, PACKET_IGNORE_OUTGOING, 1)
    opened.bind((interface, 3))
    return opened


def _sender(source: IPv4Address) -> socket.socket:
    opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    opened.bind((str(source), 0))
    opened.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, source.packed)
    opened.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 8)
    opened.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 0)
    return opened

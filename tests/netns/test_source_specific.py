"""Source-specific members behind a router whose core speaks IGMPv3: it sends the sources that they want only.

The core is a bridge that snoops IGMPv3, so that a source reaches the router only if it was asked for.
"""

import socket
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cli.lab.namespaces import Namespace, veth
from dataplane.config import (
    AccessConfig,
    DataplaneConfig,
    IgmpConfig,
    InterfaceConfig,
    ProfileConfig,
    Role,
    StaticArbitration,
    UpstreamConfig,
)
from dataplane.forwarding.kernel import open_multicast_routing_sockets
from tests.support.dataplane import DataplaneProcess
from tests.support.wait import wait_for

GROUP, PORT = "232.7.7.7", 5000
FIRST, SECOND = "10.61.0.10", "10.61.0.11"
IP_ADD_SOURCE_MEMBERSHIP = 39
PACKET_IGNORE_OUTGOING = 23
ETH_P_IP = 0x0800


class Tap:
    """Counts the packets of the group that come in at an interface, by source."""

    def __init__(self, interface: str) -> None:
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0)
        self._socket.setsockopt(263, PACKET_IGNORE_OUTGOING, 1)
        self._socket.bind((interface, ETH_P_IP))
        self._socket.settimeout(0.1)
        self.seen: Counter[str] = Counter()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        group = socket.inet_aton(GROUP)
        while not self._stop.is_set():
            try:
                packet = self._socket.recv(128)
            except TimeoutError:
                continue
            if packet[16:20] == group:
                self.seen[socket.inet_ntoa(packet[12:16])] += 1

    def gets(self, *sources: str, packets: int = 50) -> bool:
        """Whether the next packets are of all these sources and of no others."""
        self.seen.clear()
        wait_for(lambda: sum(self.seen.values()) >= packets, what="packets", timeout=30)
        return set(self.seen) == set(sources)

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()
        self._socket.close()


def send_from(addresses: tuple[str, ...], stop: threading.Event) -> None:
    """The same stream from each address, 200 packets a second, until stopped."""
    senders = []
    for address in addresses:
        opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        opened.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(address))
        opened.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 8)
        opened.bind((address, 0))
        senders.append(opened)
    while not stop.wait(0.005):
        for opened in senders:
            opened.sendto(b"x", (GROUP, PORT))
    for opened in senders:
        opened.close()


def join(source: str) -> socket.socket:
    """Join by the kernel's own IGMPv3."""
    member = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    index = socket.if_nametoindex("eth0").to_bytes(4, sys.byteorder)
    member.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, bytes(8) + index)
    own = socket.inet_aton("10.60.0.10")
    request = socket.inet_aton(GROUP) + own + socket.inet_aton(source)
    member.setsockopt(socket.IPPROTO_IP, IP_ADD_SOURCE_MEMBERSHIP, request)
    return member


@dataclass
class Site:
    stbs: tuple[Namespace, Namespace]
    core: Tap
    access: tuple[Tap, Tap]


@contextmanager
def site(folder: Path) -> Iterator[Site]:
    router, core, source = Namespace("router"), Namespace("core"), Namespace("source")
    stbs = (Namespace("stb0"), Namespace("stb1"))
    core.bridge("br0", mcast_snooping=1, mcast_igmp_version=3)
    for far, end, name in ((router, "core0", "to-router"), (source, "eth0", "to-source")):
        veth(far, end, core, name)
        core.bridge_port(name, "br0")
    core.bridge_port("to-router", "br0", mcast_flood=0)
    core.bridge_options("br0", mcast_query_response_interval=10)
    core.bridge_options("br0", mcast_querier=1)
    router.address("core0", "10.61.0.1/24")
    for address in (FIRST, SECOND):
        source.address("eth0", f"{address}/24")
    for number, stb in enumerate(stbs):
        veth(router, f"access{number}", stb, "eth0")
        stb.address("eth0", "10.60.0.10/24")
    routing, _ = router.run(open_multicast_routing_sockets)
    process = DataplaneProcess(folder, routing, router)
    process.start()
    stop = threading.Event()
    sender = threading.Thread(target=lambda: source.run(send_from, (FIRST, SECOND), stop))
    sender.start()
    found = Site(stbs, router.run(Tap, "core0"), (stbs[0].run(Tap, "eth0"), stbs[1].run(Tap, "eth0")))
    try:
        igmp = IgmpConfig(query_interval=30, query_max_response_time=20)
        ports = tuple(
            InterfaceConfig(f"access{number}", access=AccessConfig("rbp1", number + 1, igmp, igmp))
            for number in range(len(stbs))
        )
        profile = ProfileConfig("rbp1", "", 0, arbitration=StaticArbitration(Role.MASTER))
        process.restore(
            DataplaneConfig((), (profile,), (*ports, InterfaceConfig("core0", upstream=UpstreamConfig())))
        )
        yield found
    finally:
        stop.set()
        sender.join()
        for tap in (found.core, *found.access):
            tap.stop()
        process.close()


def test_the_core_is_asked_for_the_sources_that_members_name_and_each_gets_its_own(tmp_path: Path) -> None:
    with site(tmp_path) as here:
        one = here.stbs[0].run(join, FIRST)
        assert here.core.gets(FIRST)
        assert here.access[0].gets(FIRST)
        two = here.stbs[1].run(join, SECOND)
        wait_for(lambda: here.core.seen[SECOND] > 0, what="the other source", timeout=30)
        assert here.core.gets(FIRST, SECOND)
        assert here.access[0].gets(FIRST)
        assert here.access[1].gets(SECOND)
        one.close()
        wait_for(lambda: here.core.gets(SECOND), what="the core stops the first source", timeout=30)
        assert here.access[1].gets(SECOND)
        two.close()

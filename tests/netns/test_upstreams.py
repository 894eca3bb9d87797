"""Two upstream interfaces toward cores that snoop: what a change from one to the other costs, with a stream.

A core sends to the router only what it understood the router to report, so what its bridge has learnt proves
the reports. The better core sends only when the test lets it: it has to build its tree first.
"""

import socket
import struct
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
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
from tests.netns.test_restarted_service import GROUP, PORT, Stb
from tests.support import bridge
from tests.support.dataplane import DataplaneProcess
from tests.support.wait import wait_for

PREFERENCES = {"core0": 100, "core1": 200}


@dataclass
class Source:
    """One numbered stream, into the cores that have built their trees."""

    sockets: dict[str, socket.socket]
    built: set[str] = field(default_factory=set)
    sent: int = 0
    _stop: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.wait(0.005):
            for core in tuple(self.built):
                self.sockets[core].sendto(struct.pack("!I", self.sent), (GROUP, PORT))
            self.sent += 1

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()
        for each in self.sockets.values():
            each.close()


def sender(interface: str) -> socket.socket:
    opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    index = socket.if_nametoindex(interface).to_bytes(4, sys.byteorder)
    opened.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, bytes(8) + index)
    opened.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 8)
    return opened


@dataclass
class Site:
    router: Namespace
    cores: dict[str, Namespace]
    dataplane: DataplaneProcess
    source: Source
    stb: Stb

    def restore(self, **preferences: int) -> None:
        igmp = IgmpConfig(query_interval=30, query_max_response_time=20)
        upstreams = {**PREFERENCES, **preferences}.items()
        self.dataplane.restore(
            DataplaneConfig(
                (),
                (ProfileConfig("rbp1", "", 0, arbitration=StaticArbitration(Role.MASTER)),),
                (
                    InterfaceConfig("access0", access=AccessConfig("rbp1", 1, igmp, igmp)),
                    *(InterfaceConfig(name, upstream=UpstreamConfig(each)) for name, each in upstreams),
                ),
            )
        )

    def joined(self, core: str) -> bool:
        return ("to-router", GROUP) in bridge.members(self.cores[core])

    def wait_for_stream(self, packets: int = 50) -> None:
        heard = len(self.stb.heard)
        wait_for(lambda: len(self.stb.heard) >= heard + packets, what="the stream", timeout=30)

    def bound(self, core: str) -> bool:
        text = self.router.run(Path("/proc/thread-self/net/ip_mr_vif").read_text)
        return core in {line.split()[1] for line in text.splitlines()[1:]}


@contextmanager
def site(folder: Path) -> Iterator[Site]:
    router, stb_host = Namespace("router"), Namespace("stb")
    source_host = Namespace("source")
    cores = {name: Namespace(name) for name in PREFERENCES}
    sockets = {}
    for number, (name, core) in enumerate(cores.items()):
        core.bridge("br0", mcast_snooping=1)
        veth(router, name, core, "to-router")
        veth(source_host, name, core, "to-source")
        router.address(name, f"10.7{number}.0.1/24")
        source_host.address(name, f"10.7{number}.0.10/24")
        for port in ("to-router", "to-source"):
            core.bridge_port(port, "br0")
        core.bridge_port("to-router", "br0", mcast_flood=0)
        core.bridge_options("br0", mcast_query_response_interval=10)
        core.bridge_options("br0", mcast_querier=1)
        sockets[name] = source_host.run(sender, name)
    veth(router, "access0", stb_host, "stb0")
    router.address("access0", "10.60.0.1/24")
    stb_host.address("stb0", "10.60.0.10/24")
    routing, _ = router.run(open_multicast_routing_sockets)
    process = DataplaneProcess(folder, routing, router)
    process.start()
    stb = stb_host.run(lambda: Stb("stb0"))
    found = Site(router, cores, process, Source(sockets), stb)
    try:
        yield found
    finally:
        found.source.stop()
        stb.stop()
        process.close()


def is_whole(site: Site, since: int) -> bool:
    """Whether the stream has come, each packet once; the rebind itself may cost or double one."""
    heard = [number for number in site.stb.heard if number >= since]
    missing = set(range(since, heard[-1])) - set(heard)
    return len(missing) <= 1 and len(heard) - len(set(heard)) <= 1


def test_a_better_upstream_is_joined_before_the_streams_move_and_the_other_is_left(tmp_path: Path) -> None:
    with site(tmp_path) as found:
        found.router.down("core0")
        found.restore()
        wait_for(lambda: found.joined("core1"), what="the spare's core is joined")
        found.source.built.add("core1")
        found.wait_for_stream()
        since = found.stb.heard[-1]
        found.router.up("core0")
        wait_for(lambda: found.joined("core0"), what="the better core is joined")
        assert found.bound("core1"), "the streams stay where they are"
        found.source.built.add("core0")
        wait_for(lambda: found.bound("core0"), what="the streams move", timeout=30)
        found.wait_for_stream()
        wait_for(lambda: not found.joined("core1"), what="the other core is left", timeout=30)
        assert is_whole(found, since)


def test_a_changed_preference_loses_nothing_and_the_other_core_is_left(tmp_path: Path) -> None:
    with site(tmp_path) as found:
        found.restore()
        wait_for(lambda: found.joined("core0"), what="the better core is joined")
        found.source.built.add("core0")
        found.wait_for_stream()
        since = found.stb.heard[-1]
        found.restore(core1=1)
        wait_for(lambda: found.joined("core1"), what="the new core is joined")
        found.source.built.add("core1")
        wait_for(lambda: found.bound("core1"), what="the streams move", timeout=30)
        found.wait_for_stream()
        wait_for(lambda: not found.joined("core0"), what="the other core is left", timeout=30)
        assert is_whole(found, since)

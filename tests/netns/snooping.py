"""An access switch that snoops, between the routers and real hosts (see `scenarios`)."""

import socket
import struct
import time
from functools import partial
from pathlib import Path

from cli.lab.laboratory import Laboratory
from cli.lab.play import RATE, until
from cli.lab.topology import ACCESS_INTERFACE
from tests.netns import watching
from tests.netns.watching import Stream, wait_for, wait_for_role
from tests.support import bridge

GROUP = "239.42.0.{}"
GROUP_6 = "ff15::42"
MEMBERSHIP = 350
"""Hundredths of a second after which the bridge forgets a member that does not answer queries."""
LONGER_SECONDS = 5


def snooping(laboratory: Laboratory) -> dict[str, object]:
    """The bridge learns our querier and forwards to members only, as long as we ask."""
    watching.prepared(laboratory)
    access, a = laboratory.topology.access, laboratory.routers[0]
    access.bridge_options("br0", mcast_query_response_interval=100, mcast_membership_interval=MEMBERSHIP)
    access.bridge_options("br0", mcast_snooping=1)
    _ask_every_2_seconds(laboratory)
    until(lambda: bridge.querier(access, "br0") is not None, "the bridge learns a querier")
    learnt = bridge.querier(access, "br0")
    until(lambda: bridge.router_ports(access) == {a.site.access_port}, "the port of the querier")
    found: dict[str, object] = {
        "querier": str(learnt.address) if learnt else "",
        "port": learnt and learnt.port,
    }
    found["streams"] = {version: _stream(laboratory, version) for version in (2, 3)}
    found["failover"] = _failover(laboratory)
    found["forgotten"] = _forgotten(laboratory)
    found["version 1"] = _version_1(laboratory)
    found["mld"] = _mld(laboratory)
    return found


def _ask_every_2_seconds(laboratory: Laboratory) -> None:
    for router in laboratory.routers:
        router.commit(watching.intervals(2, 1))


def _join(laboratory: Laboratory, version: int) -> str:
    group = GROUP.format(version)
    laboratory.topology.stbs[0].sysctl("net/ipv4/conf/all/force_igmp_version", version)
    laboratory.stbs[0].do("join", [group])
    wait_for(laboratory.routers, group)
    until(partial(_is_member, laboratory, group), f"{group} in the bridge's table")
    return group


def _is_member(laboratory: Laboratory, group: str) -> bool:
    return ("stb1", group) in bridge.members(laboratory.topology.access)


def _stream(laboratory: Laboratory, version: int) -> dict[str, int]:
    """A stream for longer than the bridge remembers a member that is not asked; to that member only."""
    group = _join(laboratory, version)
    stream = Stream(laboratory, group)
    until(lambda: not _is_flooded(laboratory, stream), "the bridge uses its table")
    before = _received(laboratory)
    heard = stream.heard()
    until(lambda: stream.heard() > heard + RATE * LONGER_SECONDS, "the stream goes on")
    others = _received(laboratory) - before
    lost = stream.end().lost
    laboratory.stbs[0].do("leave", [group])
    return {"lost": lost, "others": others}


def _is_flooded(laboratory: Laboratory, stream: Stream) -> bool:
    before = _received(laboratory)
    stream.goes_on()
    return _received(laboratory) - before > RATE // 20


def _received(laboratory: Laboratory) -> int:
    """Packets that the kernel of the other STB took from its interface."""
    text = laboratory.topology.stbs[1].run(Path("/proc/thread-self/net/dev").read_text)
    (line,) = [each for each in text.splitlines() if each.strip().startswith("eth0:")]
    return int(line.split(":")[1].split()[1])


def _failover(laboratory: Laboratory) -> dict[str, object]:
    """Dual-homed: the other router hears the STBs if its port is configured as a router port (RFC 4541)."""
    topology, (a, b) = laboratory.topology, laboratory.routers
    topology.dual_homed(enabled=True)
    topology.access.bridge_port(b.site.access_port, "br0", multicast_router=2)
    group = _join(laboratory, 2)
    stream = Stream(laboratory, group)
    topology.cut_core_link(a.site)
    wait_for_role(b, "master")
    heard = stream.heard()
    until(lambda: stream.heard() > heard + RATE * LONGER_SECONDS, "the stream goes on")
    lost = stream.end().lost
    topology.restore_core_link(a.site)
    wait_for_role(a, "master")
    topology.dual_homed(enabled=False)
    return {"lost": lost, "origin": watching.members(b, group)[0]["origin"]}


def _forgotten(laboratory: Laboratory) -> bool:
    """Without our queries the bridge forgets the member: it was they that kept it."""
    group = GROUP.format(2)
    kept = _is_member(laboratory, group)
    for router in laboratory.routers:
        router.commit(watching.intervals(60, 2))
    until(lambda: not _is_member(laboratory, group), "the bridge forgets the member", 30)
    return kept


def _version_1(laboratory: Laboratory) -> dict[str, int]:
    """Such a host answers within 10 seconds whatever the query says, and does not say that it leaves."""
    stream = Stream(laboratory, _join(laboratory, 1))
    stream.goes_on()
    return {"lost": stream.end().lost}


def _mld(laboratory: Laboratory) -> dict[str, object]:
    """The same with IPv6: the querier's address is link-local, and the member is kept by its answers."""
    topology, (a, b) = laboratory.topology, laboratory.routers
    for space, name in (
        (a.site.namespace, ACCESS_INTERFACE),
        (b.site.namespace, ACCESS_INTERFACE),
        (topology.access, "br0"),
        (topology.stbs[0], "eth0"),
    ):
        space.sysctl(f"net/ipv6/conf/{name}/disable_ipv6", 0)
    for router in laboratory.routers:
        router.commit(watching.intervals(2, 1, protocol="mld"))
    until(lambda: bridge.querier(topology.access, "br0", 6) is not None, "the bridge learns an MLD querier")
    learnt = bridge.querier(topology.access, "br0", 6)
    member = topology.stbs[0].run(_listener)
    try:
        until(lambda: bool(watching.members(b, GROUP_6)), "the copy on the backup")
        until(lambda: ("stb1", GROUP_6) in bridge.members(topology.access), "the bridge knows the listener")
        begin = time.monotonic()
        until(lambda: time.monotonic() > begin + LONGER_SECONDS, "the bridge would have forgotten it")
        kept = ("stb1", GROUP_6) in bridge.members(topology.access)
    finally:
        member.close()
    return {"querier": learnt and str(learnt.address), "port": learnt and learnt.port, "kept": kept}


def _listener() -> socket.socket:
    member = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    request = socket.inet_pton(socket.AF_INET6, GROUP_6) + struct.pack("@I", socket.if_nametoindex("eth0"))
    member.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, request)
    return member

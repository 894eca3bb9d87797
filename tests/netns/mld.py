"""MLD hot backup: a real MLD host that one router hears, and a stream over a failover (see `scenarios`)."""

from functools import partial
from ipaddress import IPv6Address
from pathlib import Path

from cli.lab.hosts import KernelRouter
from cli.lab.laboratory import Laboratory
from cli.lab.namespaces import Namespace
from cli.lab.play import until
from cli.lab.topology import ACCESS_INTERFACE, CORE_INTERFACE
from tests.netns import watching
from tests.netns.ipv6_hosts import SOURCE, Stb, Stream
from tests.netns.watching import members, wait_for_role

TENTATIVE = 0x40
GROUP, NOT_COPIED = "ff3e::44:1", "ff3e::44:2"


def mld_backup(laboratory: Laboratory) -> dict[str, object]:
    """A failover and a failback under a stream, mld-copy switched off, and a leave that is a copy."""
    _with_ipv6(laboratory)
    player = watching.prepared(laboratory)
    a, b = laboratory.routers
    until(lambda: bool(watching.mld_querier(a, ACCESS_INTERFACE)), "a querier of MLD")
    found: dict[str, object] = {}
    with Stream(laboratory.topology.source, GROUP) as stream:
        stb = Stb(laboratory.topology.stbs[0], GROUP)
        try:
            first = stb.goes_on()
            until(partial(_knows, b, GROUP), "the copy on the backup")
            found["entry"] = members(b, GROUP)[0]
            until(lambda: _packets(b, GROUP) > 100, "the stream at the backup")
            laboratory.topology.cut_core_link(a.site)
            wait_for_role(b, "master")
            stb.goes_on()
            laboratory.topology.restore_core_link(a.site)
            player.wait_for_roles()
            stb.goes_on()
            found["lost"] = len(stb.lost_since(first))
            found["received"] = len(stb.numbers)
            found["switched_off"] = _switched_off(laboratory)
        finally:
            stb.close()
        until(lambda: not _knows(b, GROUP) and not _knows(a, GROUP), "the leave on both routers")
        found["sent"] = stream.sent
    return found


def _with_ipv6(laboratory: Laboratory) -> None:
    """Link-local addresses for those who speak MLD, and an address for the source."""
    topology = laboratory.topology
    interfaces = [(topology.source, "eth0"), (topology.core, "br0")]
    interfaces += [(stb, "eth0") for stb in topology.stbs]
    interfaces += [
        (site.namespace, name)
        for site in (topology.a, topology.b)
        for name in (ACCESS_INTERFACE, CORE_INTERFACE)
    ]
    for namespace, name in interfaces:
        namespace.sysctl(f"net/ipv6/conf/{name}/accept_dad", 0)
        namespace.sysctl(f"net/ipv6/conf/{name}/disable_ipv6", 0)
    for site in (topology.a, topology.b):
        site.namespace.sysctl("net/ipv6/conf/all/disable_ipv6", 0)
    for namespace, name in interfaces:
        until(partial(_has_address, namespace, name), f"an address of {name}")
    for querier in (0, 1):  # the core's bridge had no address to ask from, and would wait for half a minute
        topology.core.bridge_options("br0", mcast_querier=querier)
    topology.source.address("eth0", f"{SOURCE}/64")
    topology.source.route("ff00::/8", interface="eth0")


def _has_address(namespace: Namespace, name: str) -> bool:
    """The kernel gives an interface its address a moment after IPv6 is switched on, also without DAD."""
    text = namespace.run(Path("/proc/thread-self/net/if_inet6").read_text)
    rows = (line.split() for line in text.splitlines())
    return any(row[5] == name and not int(row[4], 16) & TENTATIVE for row in rows)


def _switched_off(laboratory: Laboratory) -> dict[str, object]:
    """With mld-copy false a join reaches the master only; the leaf of IGMP is not asked."""
    a, b = laboratory.routers
    for router in (a, b):
        router.commit(watching.profile("<dhcp-stb><mld-copy>false</mld-copy></dhcp-stb>"))
    joined = Stb(laboratory.topology.stbs[1], NOT_COPIED)
    try:
        until(partial(_knows, a, NOT_COPIED), "the member on the master")
        states = [watching.copy_state(a, protocol) for protocol in ("igmp", "mld")]
        return {"states": states, "on_backup": _knows(b, NOT_COPIED), "kept": _knows(b, GROUP)}
    finally:
        joined.close()
        for router in (a, b):
            router.commit(watching.profile("<dhcp-stb><mld-copy>true</mld-copy></dhcp-stb>"))


def _knows(router: KernelRouter, group: str) -> bool:
    return bool(members(router, group))


def _packets(router: KernelRouter, group: str) -> int:
    """Packets of a group that the kernel's table has counted."""
    text = router.site.namespace.run(Path("/proc/thread-self/net/ip6_mr_cache").read_text)
    rows = (line.split() for line in text.splitlines()[1:])
    return max((int(row[3]) for row in rows if IPv6Address(row[0]) == IPv6Address(group)), default=0)

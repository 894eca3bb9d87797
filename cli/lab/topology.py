"""The wires of the laboratory: who is connected to what, and how a link fails.

    source ── core ──┬── cut-a ── router-a ──┬── access ──┬── stb-1
                     └── cut-b ── router-b ──┘            └── stb-2
                                  a ──── b  (a link of their own for the channel)

The core is a bridge that snoops, so that a stream reaches a router only if it joined. The access
switch does not snoop; toward the standby leg of a smart link it sends nothing. A core link is cut in
a namespace between core and router: a snooping bridge that loses a port cleans up its table first, and
would delay the very failover that is measured.
"""

from dataclasses import dataclass

from cli.lab.namespaces import Namespace, veth

SOURCE_ADDRESS = "10.10.0.10"
STB_NETWORK = "10.20.0"
CHANNEL_PORT = 9900
CORE_INTERFACE = "core0"
ACCESS_INTERFACE = "access0"
CHANNEL_INTERFACE = "peer0"
STBS = 2


@dataclass(frozen=True, slots=True)
class RouterSite:
    """Where one router stands: its namespace, its addresses and the preference for its role."""

    name: str
    namespace: Namespace
    cut: Namespace
    access_port: str
    channel_address: str
    peer_address: str
    priority: int


class Topology:
    """Builds everything on creation; `close` takes it down."""

    def __init__(self) -> None:
        self._all: list[Namespace] = []
        self.source = self._namespace("source")
        self.core = self._namespace("core")
        self.access = self._namespace("access")
        self.stbs = tuple(self._namespace(f"stb{number}") for number in range(1, STBS + 1))
        self.a = self._site("a", 1, "10.30.0.1", "10.30.0.2", priority=10)
        self.b = self._site("b", 2, "10.30.0.2", "10.30.0.1", priority=20)
        self._build_core()
        self._build_access()
        self._build_channel()
        self.dual_homed(enabled=False)

    def _namespace(self, name: str) -> Namespace:
        namespace = Namespace(name)
        self._all.append(namespace)
        for scope in ("all", "default"):
            namespace.sysctl(f"net/ipv4/conf/{scope}/rp_filter", 0)
            namespace.sysctl(f"net/ipv6/conf/{scope}/disable_ipv6", 1)
        return namespace

    def _site(self, name: str, _number: int, own: str, peer: str, *, priority: int) -> RouterSite:
        router, cut = self._namespace(f"router-{name}"), self._namespace(f"cut-{name}")
        return RouterSite(name, router, cut, f"to-{name}", own, peer, priority)

    def _build_core(self) -> None:
        self.core.bridge("br0", mcast_snooping=1, mcast_hash_max=65536, mcast_query_use_ifaddr=1)
        self.core.address("br0", "10.10.0.254/24")
        # In two steps: a bridge that becomes the querier ignores its table for one response interval.
        self.core.bridge_options("br0", mcast_query_response_interval=10)
        self.core.bridge_options("br0", mcast_querier=1)
        veth(self.source, "eth0", self.core, "source")
        self.core.bridge_port("source", "br0")
        self.source.address("eth0", f"{SOURCE_ADDRESS}/24")
        self.source.route("224.0.0.0/4", interface="eth0")
        for number, site in ((1, self.a), (2, self.b)):
            veth(self.core, f"to-{site.name}", site.cut, "outer")
            veth(site.cut, "inner", site.namespace, CORE_INTERFACE)
            site.cut.bridge("br0", mcast_snooping=0)
            site.cut.bridge_port("outer", "br0")
            site.cut.bridge_port("inner", "br0")
            self.core.bridge_port(f"to-{site.name}", "br0", mcast_flood=0)
            site.namespace.address(CORE_INTERFACE, f"10.10.0.{number}/24")

    def _build_access(self) -> None:
        self.access.bridge("br0", mcast_snooping=0)
        for number, site in ((1, self.a), (2, self.b)):
            veth(self.access, site.access_port, site.namespace, ACCESS_INTERFACE)
            self.access.bridge_port(site.access_port, "br0")
            site.namespace.address(ACCESS_INTERFACE, f"{STB_NETWORK}.{number}/24")
        for number, stb in enumerate(self.stbs, start=1):
            veth(self.access, f"stb{number}", stb, "eth0")
            # Isolated, as subscribers are: an STB that hears another's report would keep its own back.
            self.access.bridge_port(f"stb{number}", "br0", isolated=1)
            stb.address("eth0", f"{STB_NETWORK}.{100 + number}/24")
            stb.route("224.0.0.0/4", interface="eth0")
            stb.sysctl("net/ipv4/igmp_max_memberships", 100_000)
            self._widen(stb)

    def _widen(self, stb: Namespace) -> None:
        """Room for many memberships on one socket; kernels that keep it per machine have enough for 500."""
        from cli.lab.namespaces import NamespaceError

        try:
            stb.sysctl("net/core/optmem_max", 4 * 1024 * 1024)
        except NamespaceError:
            return

    def _build_channel(self) -> None:
        veth(self.a.namespace, CHANNEL_INTERFACE, self.b.namespace, CHANNEL_INTERFACE)
        for site in (self.a, self.b):
            site.namespace.address(CHANNEL_INTERFACE, f"{site.channel_address}/30")

    def dual_homed(self, *, enabled: bool) -> None:
        """Whether the messages of the STBs reach both routers, or router a alone (smart link)."""
        self.access.bridge_port(self.b.access_port, "br0", mcast_flood=int(enabled))

    def stb_address(self, number: int) -> str:
        """Return the address of STB `number`, counted from 0."""
        return f"{STB_NETWORK}.{101 + number}"

    def cut_core_link(self, site: RouterSite) -> None:
        """Let the core link of a router fail: its interface loses the carrier."""
        site.cut.down("inner")

    def restore_core_link(self, site: RouterSite) -> None:
        """Mend the core link of a router."""
        site.cut.up("inner")

    def close(self) -> None:
        """Take everything down."""
        for namespace in reversed(self._all):
            namespace.close()

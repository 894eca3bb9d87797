"""A real dataplane between real MLD hosts and a core that snoops MLD: IPv6 streams from source to receiver.

The core is a bridge that forwards to the router only what it understood the router to report, so a stream
that arrives proves the reports as well as the entries.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv6Address
from pathlib import Path

import pytest

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
from dataplane.forwarding import mroute
from dataplane.forwarding.family import IPV6
from dataplane.forwarding.kernel import open_multicast_routing_sockets
from dataplane.forwarding.placement import MAXIMUM_PORTS
from dataplane.forwarding.plane import RouteKey
from tests.netns.ipv6_hosts import SOURCE, Stb, Stream
from tests.support.dataplane import DataplaneProcess
from tests.support.wait import wait_for

GROUP, OTHER = "ff3e::7:7", "ff3e::7:8"


@dataclass
class Site:
    """The source and the core, the router's dataplane, and an STB behind each access port."""

    source: Namespace
    stbs: dict[str, Namespace]
    dataplane: DataplaneProcess
    ports: tuple[str, ...]

    def restore(self, role: Role = Role.MASTER) -> None:
        mld = IgmpConfig(query_interval=30, query_max_response_time=1)
        self.dataplane.restore(
            DataplaneConfig(
                (),
                (ProfileConfig("rbp1", "", 0, arbitration=StaticArbitration(role)),),
                (
                    *(
                        InterfaceConfig(name, access=AccessConfig("rbp1", number, mld, mld))
                        for number, name in enumerate(self.ports, 1)
                    ),
                    InterfaceConfig("core0", upstream=UpstreamConfig()),
                ),
            )
        )

    def described(self) -> str:
        """What the router knows and what its kernel has, for a failure to tell where the stream stopped."""
        router = self.dataplane.namespace
        assert router is not None
        state = self.dataplane.state()
        kernel = [
            *router.run(lambda: list(mroute.entries(IPV6))),
            router.run(Path("/proc/thread-self/net/ip6_mr_vif").read_text),
        ]
        log = (self.dataplane.folder / "log").read_text()[-2_000:]
        return "\n".join(map(str, (*state.groups, *state.interfaces, *kernel, log)))

    def packets(self) -> int:
        """What the entry of the one group has counted."""
        (entry,) = self.dataplane.state().groups
        assert entry.packets is not None
        return entry.packets

    def sent_out(self, name: str) -> int:
        """Packets of streams that left by an interface."""
        return next(
            each.forwarded["out-packets"] for each in self.dataplane.state().interfaces if each.name == name
        )

    def reasons(self) -> dict[str, str]:
        return {entry.interface: entry.forwarding_reason for entry in self.dataplane.state().groups}


@contextmanager
def site(folder: Path, *missing: str) -> Iterator[Site]:
    """`missing` are further access ports, configured and without a link."""
    router, core, source = Namespace("router"), Namespace("core"), Namespace("source")
    stbs = {name: Namespace(name) for name in ("access0", "access1")}
    spaces = (router, core, source, *stbs.values())
    for space in spaces:
        space.sysctl("net/ipv6/conf/default/accept_dad", 0)
    core.bridge("br0", mcast_snooping=1)
    for far, end, name in ((router, "core0", "to-router"), (source, "eth0", "to-source")):
        veth(far, end, core, name)
        core.bridge_port(name, "br0")
    source.address("eth0", f"{SOURCE}/64")
    core.bridge_port("to-router", "br0", mcast_flood=0)
    core.bridge_options("br0", mcast_query_response_interval=10)
    core.bridge_options("br0", mcast_querier=1)
    for name, stb in stbs.items():
        veth(router, name, stb, "eth0")
    routing, problems = router.run(open_multicast_routing_sockets)
    assert problems == ()
    process = DataplaneProcess(folder, routing, router)
    process.start()
    found = Site(source, stbs, process, (*missing, *stbs))
    try:
        found.restore()
        yield found
    except AssertionError as error:
        error.add_note(found.described())
        raise
    finally:
        process.close()
        for space in spaces:
            space.close()


def stays_silent(stb: Stb, stream: Stream) -> bool:
    """Nothing comes while the source sends fifty more packets."""
    before, sent = stb.heard(), stream.sent
    wait_for(lambda: stream.sent > sent + 50, what="packets sent")
    return stb.heard() == before


def test_a_stream_follows_join_source_and_leave(tmp_path: Path) -> None:
    with site(tmp_path) as here, Stream(here.source, GROUP) as stream, Stream(here.source, OTHER) as other:
        one, two = Stb(here.stbs["access0"], GROUP), Stb(here.stbs["access1"], OTHER, SOURCE)
        one.goes_on()
        two.goes_on()
        stranger = Stb(here.stbs["access1"], GROUP, "2001:db8:50::66")
        assert stays_silent(stranger, stream)
        one.close()
        wait_for(lambda: "access0" not in here.reasons(), what="the member is gone")
        assert here.reasons() == {"access1": "forwarding"}
        two.goes_on()
        assert other.sent
        for each in (two, stranger):
            each.close()


def test_a_backup_has_the_stream_at_hand_and_forwards_when_it_becomes_master(tmp_path: Path) -> None:
    with site(tmp_path) as here, Stream(here.source, GROUP) as stream:
        stb = Stb(here.stbs["access0"], GROUP)
        stb.goes_on()
        here.restore(Role.BACKUP)
        wait_for(lambda: here.reasons() == {"access0": "standby"}, what="the port is on standby")
        sent = here.sent_out("access0")
        assert stays_silent(stb, stream)
        packets = here.packets()
        wait_for(lambda: here.packets() > packets, what="the state tells that the stream is at hand")
        assert here.sent_out("access0") == sent
        here.restore(Role.MASTER)
        stb.goes_on()
        assert here.reasons() == {"access0": "forwarding"}
        stb.close()


@pytest.mark.parametrize("further", [False, True], ids=["one-table", "further-table"])
def test_no_packet_is_lost_when_the_dataplane_is_killed_and_takes_over(tmp_path: Path, further: bool) -> None:
    missing = [f"p{number}" for number in range(MAXIMUM_PORTS if further else 0)]
    with site(tmp_path, *missing) as here, Stream(here.source, GROUP) as stream:
        stb = Stb(here.stbs["access0"], GROUP)
        first = stb.goes_on()
        for _ in range(2):
            here.dataplane.kill()
            here.dataplane.start()
            here.restore()
            wait_for(lambda: here.reasons() == {"access0": "forwarding"}, what="the member is known again")
            stb.goes_on()
        total = stream.stop()
        wait_for(lambda: stb.numbers[-1] == total - 1, what="the last packet")
        assert stb.lost_since(first) == set()
        assert len(stb.numbers) == len(set(stb.numbers))
        stb.close()


def test_an_entry_that_somebody_removed_by_hand_is_put_back_after_a_link_flap(tmp_path: Path) -> None:
    """Once a minute too, which is too long for a test."""
    key = RouteKey(IPv6Address(GROUP))
    with site(tmp_path) as here, Stream(here.source, GROUP):
        stb = Stb(here.stbs["access0"], GROUP)
        stb.goes_on()
        router = here.dataplane.namespace
        assert router is not None
        with router.run(mroute.open_socket, IPV6) as administrators:
            mroute.delete_entry(IPV6, administrators, key, 0)
        assert router.run(mroute.find_entry, IPV6, IPV6.default_table, key) is None
        here.stbs["access1"].down("eth0")
        stb.goes_on()
        log = (here.dataplane.folder / "log").read_text()
        assert "plane-repaired" in log
        stb.close()

"""An access interface of a real dataplane that is changed under it: heard, asked and forwarded to then."""

import select
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from cli.lab.namespaces import Namespace, veth
from dataplane.capture import Capture
from dataplane.config import AccessConfig, DataplaneConfig, IgmpConfig, InterfaceConfig, UpstreamConfig
from dataplane.forwarding.kernel import open_multicast_routing_sockets
from dataplane.packets import frames
from dataplane.packets.messages import Query, Report
from dataplane.packets.wire import DecodeError
from tests.support.dataplane import DataplaneProcess
from tests.support.wait import wait_for

ACCESS, CORE = "access0", "core0"
ADDRESS = "10.60.0.1"
PORT = 5_000
ASKING = IgmpConfig(query_interval=2, query_max_response_time=1)


@dataclass
class Place:
    """A router with a subscriber on one side and a source on the other; every join is for another group."""

    router: Namespace
    outside: Namespace
    core: Namespace
    dataplane: DataplaneProcess
    kind: str
    groups: Iterator[str] = field(default_factory=lambda: (f"239.7.7.{number}" for number in range(1, 250)))

    def wire(self) -> None:
        """Make the access link, of the kind that is wanted."""
        veth(self.router, "port0" if self.kind else ACCESS, self.outside, "stb0")
        if self.kind == "bridge":
            self.router.bridge(ACCESS, mcast_snooping=1)
            self.router.bridge_port("port0", ACCESS)
        elif self.kind:
            self.router.device(ACCESS, self.kind, link=self.router.index("port0"))
        self.router.address(ACCESS, f"{ADDRESS}/24")
        self.outside.address("stb0", "10.60.0.10/24")

    def wire_core(self) -> None:
        """Make the link toward the source."""
        veth(self.router, CORE, self.core, "source0")
        self.router.address(CORE, "10.70.0.1/24")
        self.core.address("source0", "10.70.0.10/24")

    def configure(self, *, access: bool) -> None:
        """Commit the upstream interface, and the access interface or not."""
        interfaces = [InterfaceConfig(CORE, upstream=UpstreamConfig())]
        if access:
            interfaces.append(InterfaceConfig(ACCESS, access=AccessConfig("", 1, ASKING)))
        self.dataplane.restore(DataplaneConfig((), (), tuple(interfaces)))

    def settings(self, **options: object) -> None:
        """Change the router's end of the access link."""
        self.router._netlink("link", "set", index=self.router.index(ACCESS), **options)

    def works(self) -> None:
        """A host joins, is heard, and gets what a source sends to the group."""
        group = next(self.groups)
        with self.outside.run(_member, group) as member, self.core.run(_source) as source:
            wait_for(lambda: self._passes(source, member, group), what=f"a packet to {group}")

    def _passes(self, source: socket.socket, member: socket.socket, group: str) -> bool:
        source.sendto(b"picture", (group, PORT))
        return bool(select.select([member], [], [], 0.05)[0])

    def reported_from(self) -> tuple[str, bytes]:
        """The address and the MAC address of the report that the core hears when a host joins."""
        capture = self.core.run(lambda: Capture(socket.if_nametoindex("source0"), ring_bytes=0))
        try:
            with self.outside.run(_member, next(self.groups)):
                return wait_for(lambda: _heard(capture, Report), what="a report")
        finally:
            capture.close()

    def asked_from(self) -> tuple[str, bytes]:
        """The address and the MAC address of the next query that the subscriber hears."""
        capture = self.outside.run(lambda: Capture(socket.if_nametoindex("stb0"), ring_bytes=0))
        try:
            return wait_for(lambda: _heard(capture, Query), what="a query")
        finally:
            capture.close()


def _member(group: str) -> socket.socket:
    member = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    member.bind((group, PORT))
    interface = socket.if_nametoindex("stb0").to_bytes(4, sys.byteorder)
    member.setsockopt(
        socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton(group) + bytes(4) + interface
    )
    return member


def _source() -> socket.socket:
    source = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    interface = bytes(8) + socket.if_nametoindex("source0").to_bytes(4, sys.byteorder)
    source.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, interface)
    source.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 8)
    return source


def _heard(capture: Capture, kind: type[Query | Report]) -> tuple[str, bytes] | None:
    for captured in capture.read():
        with suppress(DecodeError):
            heard = frames.decode(captured.frame)
            if isinstance(heard.message, kind) and heard.source.version == 4:
                return str(heard.source), captured.frame[6:12]
    return None


@contextmanager
def place(folder: Path, kind: str = "") -> Iterator[Place]:
    with Namespace("outside", new=False) as outside, Namespace("router") as router, Namespace("core") as core:
        for space in (outside, router):
            for name in ("all", "default"):
                space.sysctl(f"net/ipv4/conf/{name}/rp_filter", 0)
        routing, _ = router.run(open_multicast_routing_sockets)
        dataplane = DataplaneProcess(folder, routing, router)
        here = Place(router, outside, core, dataplane, kind)
        here.wire()
        here.wire_core()
        dataplane.start()
        try:
            here.configure(access=True)
            here.works()
            yield here
        finally:
            dataplane.close()


def down_and_up(here: Place) -> None:
    here.router.down(ACCESS)
    here.router.up(ACCESS)


def carrier_lost(here: Place) -> None:
    here.outside.down("stb0")
    here.outside.up("stb0")


def made_anew(here: Place) -> None:
    before = here.router.index(ACCESS)
    here.router.delete(ACCESS)
    here.wire()
    assert here.router.index(ACCESS) != before


def configured_while_it_is_down(here: Place) -> None:
    here.configure(access=False)
    here.router.down(ACCESS)
    here.configure(access=True)
    here.router.up(ACCESS)


def configured_before_it_is_there(here: Place) -> None:
    here.configure(access=False)
    here.router.delete(ACCESS)
    here.configure(access=True)
    here.wire()


def renamed_and_back(here: Place) -> None:
    _rename_and_back(here, ACCESS)


def _rename_and_back(here: Place, own: str) -> None:
    index = here.router.index(own)
    for name in ("other0", own):
        here.router._netlink("link", "set", index=index, state="down")
        here.router._netlink("link", "set", index=index, ifname=name)
        here.router._netlink("link", "set", index=index, state="up")


def another_takes_the_name(here: Place) -> None:
    index = here.router.index(ACCESS)
    here.router._netlink("link", "set", index=index, state="down")
    here.router._netlink("link", "set", index=index, ifname="old0")
    here.outside._netlink("link", "set", index=here.outside.index("stb0"), state="down")
    here.outside._netlink("link", "set", index=here.outside.index("stb0"), ifname="oldstb0")
    here.router.remove_address("old0", f"{ADDRESS}/24")
    here.outside.remove_address("oldstb0", "10.60.0.10/24")
    here.wire()


def moved_away_and_back(here: Place) -> None:
    with Namespace("elsewhere") as elsewhere:
        here.settings(net_ns_fd=elsewhere.fileno())
        index = elsewhere.index(ACCESS)
        elsewhere._netlink("link", "set", index=index, net_ns_fd=here.router.fileno())
    here.router.up(ACCESS)
    here.router.address(ACCESS, f"{ADDRESS}/24")


def in_a_bridge_and_out(here: Place) -> None:
    here.router.bridge("br0")
    here.router.bridge_port(ACCESS, "br0")
    here.settings(master=0)


def smaller_mtu(here: Place) -> None:
    here.settings(mtu=1_280)


CHANGES = [
    down_and_up,
    carrier_lost,
    made_anew,
    configured_while_it_is_down,
    configured_before_it_is_there,
    renamed_and_back,
    another_takes_the_name,
    moved_away_and_back,
    in_a_bridge_and_out,
    smaller_mtu,
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_after_a_change_everything_works_again(change: Callable[[Place], None], tmp_path: Path) -> None:
    with place(tmp_path) as here:
        change(here)
        here.works()
        assert here.asked_from() == (ADDRESS, here.router.mac(ACCESS))
        assert {each.capture for each in here.dataplane.state().interfaces} == {"ring"}


def core_down_and_up(here: Place) -> None:
    here.router.down(CORE)
    here.router.up(CORE)


def core_made_anew(here: Place) -> None:
    here.router.delete(CORE)
    here.wire_core()


def core_renamed_and_back(here: Place) -> None:
    _rename_and_back(here, CORE)


def core_with_another_mac(here: Place) -> None:
    here.router._netlink("link", "set", index=here.router.index(CORE), address="02:00:00:00:00:78")


@pytest.mark.parametrize(
    "change",
    [core_down_and_up, core_made_anew, core_renamed_and_back, core_with_another_mac],
    ids=lambda change: change.__name__,
)
def test_after_a_change_of_the_upstream_interface_too(
    change: Callable[[Place], None], tmp_path: Path
) -> None:
    with place(tmp_path) as here:
        change(here)
        here.works()
        assert here.reported_from() == ("10.70.0.1", here.router.mac(CORE))


@pytest.mark.parametrize("kind", ["bridge", "macvlan"])
def test_an_access_interface_of_another_kind(kind: str, tmp_path: Path) -> None:
    with place(tmp_path, kind) as here:
        assert here.asked_from() == (ADDRESS, here.router.mac(ACCESS))
        down_and_up(here)
        here.works()


def test_another_mac_and_another_address_are_asked_from(tmp_path: Path) -> None:
    with place(tmp_path) as here:
        assert here.asked_from() == (ADDRESS, here.router.mac(ACCESS))
        here.settings(address="02:00:00:00:00:77")
        wait_for(lambda: here.asked_from() == (ADDRESS, bytes.fromhex("020000000077")), what="the new MAC")
        here.router.remove_address(ACCESS, f"{ADDRESS}/24")
        here.router.address(ACCESS, "10.60.0.7/24")
        wait_for(lambda: here.asked_from()[0] == "10.60.0.7", what="the new address")
        here.works()

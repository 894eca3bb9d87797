"""Two real dataplanes with the kernel plane and a TLS channel, and as many members as are wanted on the wire.

members ── a ── link0 ── b
"""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path

from cli.lab.namespaces import Namespace, veth
from dataplane.config import (
    AccessConfig,
    DataplaneConfig,
    IgmpConfig,
    InterfaceConfig,
    PeerConfig,
    ProfileConfig,
    Role,
    ServiceConfig,
    StaticArbitration,
    TlsConfig,
    UpstreamConfig,
)
from dataplane.forwarding.kernel import open_multicast_routing_sockets
from dataplane.packets.frames import report_frames
from dataplane.packets.messages import GroupRecord, RecordType
from dataplane.replication import making
from dataplane.replication.keys import OWN_NAME, FileKind, KeyStore
from dataplane.state import ProfileState, ServiceState, StateSelection
from tests.support.dataplane import DataplaneProcess
from tests.support.keys import identity
from tests.support.wait import wait_for

ADDRESSES = {"a": "10.50.0.1", "b": "10.50.0.2"}
SERVICE, PROFILE, ACCESS, CORE, LINK = "peer", "rbp1", "access0", "core0", "link0"
PORT = 20_000
OTHER = {"a": "b", "b": "a"}
QUIET = IgmpConfig(query_interval=600, query_max_response_time=10)
"""No member has to repeat itself while something is measured."""
RECORDS_A_REPORT = 100
JOIN_SECONDS = 120.0
COUNTS = StateSelection((SERVICE,), (PROFILE,), (), ())
CHANNEL_ONLY = StateSelection((SERVICE,), (), (), (), counts=False)


@dataclass(eq=False)
class Crowd:
    """Router a is master and hears the members; router b is its backup."""

    outside: Namespace
    processes: dict[str, DataplaneProcess]

    def configure(self, name: str) -> None:
        """Give a router its whole configuration, as the server does whenever a dataplane comes back."""
        here, there = (IPv4Address(ADDRESSES[each]) for each in (name, OTHER[name]))
        role = Role.MASTER if name == "a" else Role.BACKUP
        service = ServiceConfig(
            SERVICE, peer=PeerConfig(there, here, PORT), tls=TlsConfig(peer_certificate="other")
        )
        profile = ProfileConfig(PROFILE, SERVICE, 7, arbitration=StaticArbitration(role))
        access = InterfaceConfig(ACCESS, access=AccessConfig(PROFILE, 1, QUIET))
        core = InterfaceConfig(CORE, upstream=UpstreamConfig())
        self.processes[name].restore(DataplaneConfig((service,), (profile,), (access, core)))

    def pid(self, name: str) -> int:
        process = self.processes[name].process
        assert process is not None
        return process.pid

    def service(self, name: str) -> ServiceState:
        return self.processes[name].state(CHANNEL_ONLY).services[0]

    def profile(self, name: str) -> ProfileState:
        return self.processes[name].state(COUNTS).profiles[0]

    def entries(self, name: str) -> int:
        """How many members a router knows of: the whole table is counted."""
        return self.profile(name).entries_count or 0

    def in_sync(self, name: str) -> bool:
        found = self.processes[name].state(CHANNEL_ONLY).services
        return bool(found) and (found[0].channel_state, found[0].sync_state) == ("connected", "in-sync")

    def both_in_sync(self) -> bool:
        return all(self.in_sync(name) for name in self.processes)

    def kernel_entries(self, name: str) -> int:
        """How many resolved entries the kernel of a router has."""
        space = self.processes[name].namespace
        assert space is not None
        lines = space.run(Path("/proc/thread-self/net/ip_mr_cache").read_text).splitlines()[1:]
        return sum(line.split()[2] != "-1" for line in lines)

    def connect(self, *, connected: bool) -> None:
        """Cut the link between the routers, or mend it."""
        space = self.processes["b"].namespace
        assert space is not None
        (space.up if connected else space.down)(LINK)

    def join(self, subscribers: int, groups: int) -> None:
        """Let each subscriber join each group, and wait until the master has read it all."""
        with self.outside.run(_packet_socket, f"stb-{ACCESS}") as sender:
            for frame in reports(subscribers, groups):
                sender.send(frame)
        wait_for(
            lambda: self.entries("a") == subscribers * groups,
            what="every member on the master",
            timeout=JOIN_SECONDS,
            interval=0.2,
        )

    def close(self) -> None:
        for process in self.processes.values():
            process.close()


def reports(subscribers: int, groups: int) -> Iterator[bytes]:
    """The IGMPv3 reports with which each subscriber joins each group."""
    first = IPv4Address("239.1.0.0")
    records = [GroupRecord(RecordType.CHANGE_TO_EXCLUDE_MODE, first + number, ()) for number in range(groups)]
    for subscriber in range(1, subscribers + 1):
        mac, address = b"\x02\x00\x00" + subscriber.to_bytes(3, "big"), IPv4Address("10.60.1.0") + subscriber
        for begin in range(0, groups, RECORDS_A_REPORT):
            yield from report_frames(3, records[begin : begin + RECORDS_A_REPORT], mac, address)


def _packet_socket(interface: str) -> socket.socket:
    found = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    found.bind((interface, 0))
    return found


@contextmanager
def crowd(folder: Path) -> Iterator[Crowd]:
    """Build everything and wait until both routers are in step; the caller is root of a user namespace."""
    outside = Namespace("outside", new=False)
    spaces = {name: Namespace(name) for name in ADDRESSES}
    for name, space in spaces.items():
        veth(space, ACCESS, outside, f"stb-{ACCESS}" if name == "a" else f"idle-{ACCESS}")
        veth(space, CORE, outside, f"core-{name}")
        space.address(ACCESS, f"10.60.0.{1 if name == 'a' else 2}/16")
        space.address(CORE, f"10.70.0.{1 if name == 'a' else 2}/24")
    veth(spaces["a"], LINK, spaces["b"], LINK)
    built = Crowd(outside, {})
    try:
        for name, space in spaces.items():
            space.address(LINK, f"{ADDRESSES[name]}/24")
            routing, _ = space.run(open_multicast_routing_sockets)
            built.processes[name] = DataplaneProcess(folder / name, routing, space)
        _exchange_keys(built)
        for name in ADDRESSES:
            built.processes[name].start()
            built.configure(name)
        wait_for(built.both_in_sync, what="both are in step", timeout=60)
        yield built
    finally:
        built.close()


def _exchange_keys(built: Crowd) -> None:
    """Make keys for both, and hand the certificates over."""
    for name, process in built.processes.items():
        key, certificate = identity()
        own, other = KeyStore(process.keys), KeyStore(built.processes[OTHER[name]].keys)
        own.put(OWN_NAME, FileKind.KEY, making.private_pem(key), replace=True)
        own.put(OWN_NAME, FileKind.CERTIFICATE, making.certificate_pem(certificate), replace=True)
        other.put("other", FileKind.CERTIFICATE, making.certificate_pem(certificate), replace=True)

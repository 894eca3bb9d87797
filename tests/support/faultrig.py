"""Two real dataplanes in namespaces, a bad wire between them, and real IGMP hosts behind each.

Two services join the routers, one over IPv4 with certificates and one over IPv6 with pinned keys. On each,
one profile has its members behind router a and one behind router b, so that both directions of both channels
carry records.

    hosts ── a ── wire ── b ── hosts
"""

import fcntl
import json
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Any

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
)
from dataplane.replication import making
from dataplane.replication.keys import OWN_NAME, FileKind, KeyStore
from dataplane.state import StatePiece
from tests.support.dataplane import DataplaneProcess
from tests.support.keys import identity
from tests.support.wait import wait_for

ROUTERS = ("a", "b")
ADDRESSES = {
    "four": {"a": "10.50.0.1", "b": "10.50.0.2"},
    "six": {"a": "2001:db8:50::1", "b": "2001:db8:50::2"},
}
PORTS = {"four": 20_000, "six": 20_001}
PEER_NAMES = {
    "four": TlsConfig(peer_certificate="other"),
    "six": TlsConfig(peer_key="other"),
}
IGMP = IgmpConfig(query_interval=2, query_max_response_time=1)
MEMBERSHIP_INTERVAL = 5.0
PROFILES = tuple(f"{service}-{owner}" for service in ADDRESSES for owner in ROUTERS)
LINK = "link0"
RECOVERY_SECONDS = 60.0

_SIOCETHTOOL = 0x8946
_OFFLOADS = {"tx-checksum": 0x17, "tso": 0x1F, "gso": 0x24, "gro": 0x2C}
"""linux/ethtool.h: ETHTOOL_STXCSUM and others."""

Entry = tuple[str, str, str]
"""Profile, subscriber, group."""


def whole_frames(interface: str) -> None:
    """Let the kernel send frames as a cable carries them: with checksums, none larger than the MTU."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        for command in _OFFLOADS.values():
            value = bytearray(struct.pack("=II", command, 0))
            address = (struct.pack("=Q", _address_of(value))).ljust(24, b"\0")
            fcntl.ioctl(any_socket, _SIOCETHTOOL, struct.pack("16s", interface.encode()) + address)


def _address_of(buffer: bytearray) -> int:
    import ctypes

    return ctypes.addressof(ctypes.c_char.from_buffer(buffer))


@dataclass(eq=False)
class FaultRig:
    """The two routers; `held` is what the hosts want now."""

    wire: "subprocess.Popen[bytes]"
    spaces: dict[str, Namespace]
    hosts: Namespace
    processes: dict[str, DataplaneProcess]
    held: dict[tuple[str, str], socket.socket] = field(default_factory=dict)

    # the wire

    def set_wire(self, **what: Any) -> dict[str, int]:
        """Say what the wire does from now on; nothing means a good one. Returns its counters."""
        assert self.wire.stdin is not None
        assert self.wire.stdout is not None
        self.wire.stdin.write(json.dumps(what).encode() + b"\n")
        self.wire.stdin.flush()
        return {str(name): int(value) for name, value in json.loads(self.wire.stdout.readline()).items()}

    # the routers

    def configure(self, name: str) -> None:
        """Give a router its whole configuration, as the server does whenever a dataplane comes back."""
        other = "b" if name == "a" else "a"
        services, profiles, interfaces = [], [], []
        for service, addresses in ADDRESSES.items():
            peer = PeerConfig(ip_address(addresses[other]), ip_address(addresses[name]), PORTS[service])
            services.append(ServiceConfig(service, peer=peer, tls=PEER_NAMES[service]))
        for number, profile in enumerate(PROFILES, start=1):
            role = Role.MASTER if profile.endswith(name) else Role.BACKUP
            service = profile.partition("-")[0]
            profiles.append(ProfileConfig(profile, service, number, arbitration=StaticArbitration(role)))
            interfaces.append(InterfaceConfig(profile, access=AccessConfig(profile, 1, IGMP)))
        self.processes[name].restore(DataplaneConfig(tuple(services), tuple(profiles), tuple(interfaces)))

    def restart(self, name: str) -> None:
        """Start a router that was ended."""
        self.processes[name].start()
        self.configure(name)

    def entries(self, state: StatePiece) -> set[Entry]:
        return {(each.profile, each.subscriber, each.group_address) for each in state.groups}

    def reasons(self, name: str) -> dict[str, str]:
        return {each.name: each.last_down_reason for each in self.processes[name].state().services}

    def states(self, name: str) -> set[str]:
        return {each.channel_state for each in self.processes[name].state().services}

    def down(self, name: str) -> bool:
        """Whether a router has seen that no channel works."""
        return "connected" not in self.states(name)

    def _both(self) -> list[StatePiece]:
        return [self.processes[name].state() for name in ROUTERS]

    def complete(self) -> bool:
        """Whether both channels are in step and both routers have everything the hosts want."""
        pieces = self._both()
        in_step = all(
            len(piece.services) == 2
            and all((e.channel_state, e.sync_state) == ("connected", "in-sync") for e in piece.services)
            for piece in pieces
        )
        wanted = set(self.held)
        return in_step and all(
            wanted <= {(each[0], each[2]) for each in self.entries(piece)} for piece in pieces
        )

    def equal(self) -> bool:
        """Whether the tables of both routers are the same, and hold what the hosts want and no more."""
        tables = [self.entries(piece) for piece in self._both()]
        return tables[0] == tables[1] and {(each[0], each[2]) for each in tables[0]} == set(self.held)

    # the hosts

    def join(self, profile: str, *groups: str) -> None:
        """Join with the kernel's own IGMP host."""
        for group in groups:
            self.held[profile, group] = self.hosts.run(_join, profile, group)

    def leave(self, profile: str, *groups: str) -> None:
        for group in groups:
            self.held.pop((profile, group)).close()

    # what a fault did

    def recovered(self) -> tuple[float, float]:
        """Wait for the tables; the seconds until both have all members, and until they are equal."""
        begin = time.monotonic()
        wait_for(self.complete, what="both have every member", timeout=RECOVERY_SECONDS)
        complete = time.monotonic() - begin
        wait_for(self.equal, what="the tables are equal", timeout=RECOVERY_SECONDS)
        return complete, time.monotonic() - begin

    def keys(self, name: str) -> KeyStore:
        return KeyStore(self.processes[name].keys)

    def close(self) -> None:
        for member in self.held.values():
            member.close()
        for process in self.processes.values():
            process.close()
        self.wire.kill()
        self.wire.wait()


def _join(interface: str, group: str) -> socket.socket:
    member = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    index = socket.if_nametoindex(interface).to_bytes(4, sys.byteorder)
    member.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton(group) + bytes(4) + index)
    return member


@contextmanager
def fault_rig(folder: Path) -> Iterator[FaultRig]:
    """Build everything and wait until both routers are in step."""
    hosts, middle = Namespace("hosts", new=False), Namespace("middle")
    spaces = {name: Namespace(name) for name in ROUTERS}
    wire = _wire(middle, spaces)
    for profile in PROFILES:
        _access(profile, hosts, spaces)
    rig = FaultRig(wire, spaces, hosts, {})
    try:
        for name, space in spaces.items():
            rig.processes[name] = DataplaneProcess(folder / name, (), space)
        exchange(rig)
        for name in ROUTERS:
            rig.restart(name)
        for profile in PROFILES:
            rig.join(profile, *(f"239.1.{PROFILES.index(profile)}.{number}" for number in range(1, 11)))
        rig.recovered()
        yield rig
    except BaseException:
        for process in rig.processes.values():
            print((process.folder / "log").read_text()[-3000:], file=sys.stderr)
        raise
    finally:
        rig.close()


def _wire(middle: Namespace, spaces: dict[str, Namespace]) -> "subprocess.Popen[bytes]":
    for name, space in spaces.items():
        space.sysctl("net/ipv6/conf/default/accept_dad", 0)
        veth(space, LINK, middle, name)
        for addresses, length in ((ADDRESSES["four"], 24), (ADDRESSES["six"], 64)):
            space.address(LINK, f"{addresses[name]}/{length}")
        space.run(whole_frames, LINK)
    command = [sys.executable, "-m", "tests.support.wire", *ROUTERS]
    wire = middle.popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert wire.stdout is not None
    assert wire.stdout.readline()
    return wire


def _access(profile: str, hosts: Namespace, spaces: dict[str, Namespace]) -> None:
    """An access interface on both routers; the hosts' end of the owner's is named as the profile."""
    number = PROFILES.index(profile)
    for name, space in spaces.items():
        owner = profile.endswith(name)
        veth(space, profile, hosts, profile if owner else f"{profile}-idle")
        space.address(profile, f"10.60.{number}.{1 if name == 'a' else 2}/24")
    hosts.address(profile, f"10.60.{number}.10/24")
    hosts.sysctl("net/ipv4/igmp_max_memberships", 1000)


def exchange(rig: FaultRig, only: str = "") -> None:
    """Make keys for the routers, or for one of them, and hand the public halves to the other."""
    for name in [only] if only else ROUTERS:
        key, certificate = identity()
        store, other = rig.keys(name), rig.keys("b" if name == "a" else "a")
        store.put(OWN_NAME, FileKind.KEY, making.private_pem(key), replace=True)
        store.put(OWN_NAME, FileKind.CERTIFICATE, making.certificate_pem(certificate), replace=True)
        other.put("other", FileKind.CERTIFICATE, making.certificate_pem(certificate), replace=True)
        other.put("other", FileKind.PUBLIC_KEY, making.public_pem(key), replace=True)

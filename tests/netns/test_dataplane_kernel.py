"""Two real dataplanes with the kernel plane: a real join on the master becomes an entry on the backup."""

import socket
import sys
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
from tests.support.dataplane import DataplaneProcess, service
from tests.support.wait import wait_for

GROUP, LATER = "239.7.7.7", "239.7.7.8"
CHANNEL = {"a": "10.50.0.1", "b": "10.50.0.2"}
PORT = 20_000


@dataclass
class Routers:
    """Router a is master and has the subscribers' link; router b is backup behind a link of its own."""

    outside: Namespace
    a: DataplaneProcess
    b: DataplaneProcess

    def restore(self, process: DataplaneProcess, **changes: object) -> None:
        here, there = ("a", "b") if process is self.a else ("b", "a")
        role = Role.MASTER if process is self.a else Role.BACKUP
        igmp = IgmpConfig(query_interval=30, query_max_response_time=2)
        process.restore(
            DataplaneConfig(
                (service("peer", CHANNEL[here], CHANNEL[there], PORT),),
                (ProfileConfig("rbp1", "peer", 7, arbitration=StaticArbitration(role), **changes),),  # type: ignore[arg-type]
                (
                    InterfaceConfig("access0", access=AccessConfig("rbp1", 1, igmp)),
                    InterfaceConfig("core0", upstream=UpstreamConfig()),
                ),
            )
        )


@contextmanager
def routers(folder: Path) -> Iterator[Routers]:
    outside = Namespace("outside", new=False)
    spaces = {name: Namespace(name) for name in ("a", "b")}
    for name, space in spaces.items():
        veth(space, "access0", outside, f"stb-{name}")
        veth(space, "core0", outside, f"core-{name}")
        space.address("access0", f"10.60.0.{1 if name == 'a' else 2}/24")
    veth(spaces["a"], "link0", spaces["b"], "link0")
    processes = {}
    for name, space in spaces.items():
        space.address("link0", f"{CHANNEL[name]}/24")
        routing, _ = space.run(open_multicast_routing_sockets)
        processes[name] = DataplaneProcess(folder / name, routing, space)
        processes[name].start()
    outside.address("stb-a", "10.60.0.10/24")
    found = Routers(outside, processes["a"], processes["b"])
    try:
        for process in processes.values():
            found.restore(process)
        wait_for(lambda: {copy_state(each) for each in processes.values()} == {"active"}, what="copying")
        yield found
    finally:
        for process in processes.values():
            process.close()


def copy_state(process: DataplaneProcess) -> str:
    profiles = process.state().profiles
    return profiles[0].subscriber_types[0].copy_state if profiles else ""


def join(group: str) -> socket.socket:
    """Join with the kernel's own IGMP host on the subscriber's end of router a's access link."""
    member = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    interface = socket.if_nametoindex("stb-a").to_bytes(4, sys.byteorder)
    member.setsockopt(
        socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton(group) + bytes(4) + interface
    )
    return member


def entries(process: DataplaneProcess) -> set[str]:
    """The groups of the resolved any-source entries in the kernel's table."""
    assert process.namespace is not None
    text = process.namespace.run(Path("/proc/thread-self/net/ip_mr_cache").read_text)
    rows = [line.split() for line in text.splitlines()[1:]]
    return {socket.inet_ntoa(int(row[0], 16).to_bytes(4, sys.byteorder)) for row in rows if row[2] != "-1"}


def devices(process: DataplaneProcess) -> set[str]:
    """The devices that are bound in the kernel's table."""
    assert process.namespace is not None
    text = process.namespace.run(Path("/proc/thread-self/net/ip_mr_vif").read_text)
    return {line.split()[1] for line in text.splitlines()[1:]}


def test_a_join_reaches_the_backups_kernel_as_igmp_copy_says(tmp_path: Path) -> None:
    with routers(tmp_path) as pair:
        assert "access0" in devices(pair.a)
        assert "access0" not in devices(pair.b)
        with join(GROUP):
            wait_for(lambda: GROUP in entries(pair.a), what="the master's entry")
            wait_for(lambda: GROUP in entries(pair.b), what="the backup's entry")
            pair.restore(pair.a, igmp_copy=False)
            with join(LATER):
                wait_for(lambda: LATER in entries(pair.a), what="the second entry of the master")
                counted = {"admin-disabled"}
                wait_for(lambda: counted <= set(not_copied(pair.a)), what="it is counted as not copied")
                assert entries(pair.b) == {GROUP}
                pair.restore(pair.a)
                wait_for(lambda: LATER in entries(pair.b), what="the batch")


def not_copied(process: DataplaneProcess) -> dict[str, int]:
    return process.state().profiles[0].subscriber_types[0].not_copied


def test_a_dataplane_that_was_killed_takes_its_table_over(tmp_path: Path) -> None:
    with routers(tmp_path) as pair, join(GROUP):
        wait_for(lambda: GROUP in entries(pair.b), what="the backup's entry")
        for process in (pair.a, pair.b):
            bound = devices(process)
            process.kill()
            assert entries(process) == {GROUP}
            process.start()
            assert (entries(process), devices(process)) == ({GROUP}, bound)
            pair.restore(process)
            assert (entries(process), devices(process)) == ({GROUP}, bound)
        wait_for(lambda: {copy_state(pair.a), copy_state(pair.b)} == {"active"}, what="copying again")
        wait_for(lambda: len(pair.a.state().groups) == 1, what="the members are known again")

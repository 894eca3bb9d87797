"""The laboratory without namespaces: two real routers with the memory plane, and joins as frames on wires.

What it leaves out is the kernel: no real IGMP hosts, no forwarding, so no link fails and nothing is lost.
What it shows is the main job: which joins reach the backup as the committed `igmp-copy` says.
"""

import json
import socket
import subprocess
import sys
import tempfile
import time
from argparse import Namespace as Options
from collections.abc import Callable, Iterator, Sequence
from ipaddress import IPv4Address
from pathlib import Path

from cli.lab import configuration, report
from cli.lab.cases import CaseName, CaseResult, group_block
from cli.lab.hosts import LabError, Router
from cli.lab.laboratory import exchange_keys, make_key
from cli.lab.play import QUERY_INTERVAL, QUERY_RESPONSE, until
from cli.lab.topology import ACCESS_INTERFACE, CORE_INTERFACE
from dataplane.packets.frames import report_frames
from dataplane.packets.messages import GroupRecord, RecordType

OWN = ("127.0.0.1", "127.0.0.2")
"""The loopback addresses of the two ends of the channel."""
STB_MAC = b"\x02\x00\x00\x00\x01\x01"
STB_ADDRESS = IPv4Address("10.20.0.101")


def play_in_memory(options: Options, problem: str) -> int:
    """Play the cases' memberships; returns 0, or 1 when a case missed its expectation."""
    print(f"No namespaces here ({problem}): the memory plane is used. This leaves out the kernel:")
    print("no real IGMP hosts, no forwarding; no link fails, and no loss is measured.")
    with tempfile.TemporaryDirectory(prefix="twincast-lab-") as name:
        routers: list[Router] = []
        try:
            routers.extend(_start(Path(name)))
            exchange_keys([router.folder for router in routers])
            player = MemoryPlayer(routers, [Path(name) / "wires-a", Path(name) / "wires-b"], options.groups)
            results = report.print_as_they_come("memory", options.groups, player.play())
        except LabError as error:
            print(f"twincast lab: {error}", file=sys.stderr)
            return 1
        finally:
            for router in routers:
                router.close()
    if options.json:
        content = report.as_json("memory", options.groups, results)
        Path(options.json).write_text(json.dumps(content, indent=2) + "\n")
    return 1 if any(result.misses() for result in results) else 0


def _start(folder: Path) -> Iterator[Router]:
    key, port = make_key(folder), _free_port()
    for number, name in enumerate("ab"):
        wires = folder / f"wires-{name}"
        wires.mkdir()
        interfaces = {
            ACCESS_INTERFACE: f"10.20.0.{number + 1}/24",
            CORE_INTERFACE: f"10.10.0.{number + 1}/24",
        }
        (wires / "wires.json").write_text(json.dumps(interfaces))
        listener = socket.create_server(("127.0.0.1", 0))
        arguments = ("--plane", "memory", "--wires", str(wires))
        router = Router(name, subprocess.Popen, arguments, folder / f"router-{name}", listener, key)
        yield router
        router.connect()
        router.commit(
            configuration.router(
                OWN[number],
                OWN[1 - number],
                port,
                10 * (number + 1),
                query_interval=QUERY_INTERVAL,
                query_max_response_time=QUERY_RESPONSE,
            )
        )


def _free_port() -> int:
    """A port in the range of the model that both ends may bind."""
    for port in range(20_000, 50_000):
        try:
            for address in OWN:
                socket.create_server((address, port)).close()
        except OSError:
            continue
        return port
    raise LabError("no free port")


class MemoryPlayer:
    """Plays what a set-top box's reports do to the two routers' entries."""

    def __init__(self, routers: Sequence[Router], wires: Sequence[Path], groups: int) -> None:
        self._routers, self._wires, self._groups = routers, wires, groups
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._blocks = 0

    def play(self) -> Iterator[CaseResult]:
        """Yield the result of each case as it is known."""
        self._wait_for_roles()
        copied = self._joined(copied=True)
        yield self._result(CaseName.COPIED, copied)
        self._copy(enabled=False)
        new = self._joined(copied=False)
        yield self._result(CaseName.NOT_COPIED, new, copied, igmp_copy=False)
        again = self._joined(copied=False)
        self._copy(enabled=True)
        self._wait_for(1, again)
        yield self._result(CaseName.RE_ENABLED, again, copied)
        self._copy(enabled=False)
        both = self._joined(copied=True, legs=(0, 1))
        yield self._result(CaseName.DUAL_HOMED, both, igmp_copy=False)
        self._copy(enabled=True)
        last, begin = self._joined(copied=True), time.monotonic()
        self._report(self._block()[:1], RecordType.CHANGE_TO_EXCLUDE_MODE, (0,))
        self._wait_for(1, group_block(self._blocks, 1))
        yield self._result(CaseName.ZAP, last, zap_ms=round((time.monotonic() - begin) * 1e3, 3))

    def _result(
        self,
        name: CaseName,
        groups: Sequence[str],
        before: Sequence[str] = (),
        *,
        igmp_copy: bool = True,
        zap_ms: float | None = None,
    ) -> CaseResult:
        entries = self._entries(1)
        found, retained = len(entries & set(groups)), len(entries & set(before))
        return CaseResult(name, igmp_copy, self._groups, found, retained, None, zap_ms)

    def _joined(self, *, copied: bool, legs: Sequence[int] = (0,)) -> list[str]:
        """Join a block of groups; wait for the entries of router a, and of b where they are expected."""
        groups = self._block()
        self._report(groups, RecordType.CHANGE_TO_EXCLUDE_MODE, legs)
        self._wait_for(0, groups)
        if copied:
            self._wait_for(1, groups)
        return groups

    def _block(self) -> list[str]:
        self._blocks += 1
        return group_block(self._blocks, self._groups)

    def _report(self, groups: Sequence[str], kind: RecordType, legs: Sequence[int]) -> None:
        records = [GroupRecord(kind, IPv4Address(group), ()) for group in groups]
        for frame in report_frames(3, records, STB_MAC, STB_ADDRESS):
            for leg in legs:
                self._socket.sendto(frame, str(self._wires[leg] / ACCESS_INTERFACE))

    def _copy(self, *, enabled: bool) -> None:
        for router in self._routers:
            router.commit(configuration.igmp_copy(enabled=enabled))

    def _entries(self, number: int) -> set[str]:
        data = self._routers[number].get(configuration.groups())
        return {element.text for element in data.iter(f"{{{configuration.REMOTE_BACKUP}}}group-address")}

    def _wait_for(self, number: int, groups: Sequence[str]) -> None:
        name = self._routers[number].name
        until(lambda: set(groups) <= self._entries(number), f"{len(groups)} entries on router {name}")

    def _wait_for_roles(self) -> None:
        for number, role in enumerate(("master", "backup")):
            until(self._leaf_is(number, configuration.profile_state, "local-role", role), f"the role {role}")
            connected = self._leaf_is(number, configuration.service_state, "channel-state", "connected")
            until(connected, "the channel")

    def _leaf_is(
        self, number: int, subtree: Callable[[str], str], leaf: str, value: str
    ) -> Callable[[], bool]:
        name = f".//{{{configuration.REMOTE_BACKUP}}}{leaf}"
        return lambda: self._routers[number].get(subtree(leaf)).findtext(name) == value

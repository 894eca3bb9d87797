"""The state of 100,000 memberships: over NETCONF one entry, the parts of a key, and all of it; as metrics."""

import json
import re
import socket
import statistics
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from ipaddress import IPv4Address
from pathlib import Path

from cli.lab import configuration
from cli.lab.topology import ACCESS_INTERFACE, CORE_INTERFACE
from dataplane.packets.frames import report_frames
from dataplane.packets.messages import GroupRecord, RecordType
from tests.bench.machine import cpu_seconds, peak_mib, reset_peak, resident_mib
from tests.bench.table import Row, latency
from tests.support.fast_client import timed
from tests.support.twincast import Twincast
from tests.support.wait import wait_for

SUBSCRIBERS, GROUPS_EACH, LINE_UP = 1_000, 100, 5_000
ROLES = ("server", "dataplane")
GET = '<get><filter type="subtree">{}</filter></get>'
ONE = (
    f"<interface>{ACCESS_INTERFACE}</interface><subscriber>02:00:00:00:00:05</subscriber>"
    "<group-address>239.0.0.190</group-address>"
)
CONFIG = f"""
<config xmlns="urn:ietf:params:xml:ns:netconf:base:1.0">
  <remote-backup xmlns="{configuration.REMOTE_BACKUP}">
    <remote-backup-profile>
      <name>{configuration.PROFILE}</name>
      <static-role>master</static-role>
    </remote-backup-profile>
  </remote-backup>
  <interfaces xmlns="urn:ietf:params:xml:ns:yang:ietf-interfaces">
    <interface>
      <name>{ACCESS_INTERFACE}</name>
      <type xmlns:ianaift="urn:ietf:params:xml:ns:yang:iana-if-type">ianaift:ethernetCsmacd</type>
      <multicast xmlns="{configuration.REMOTE_BACKUP}">
        <remote-backup-profile>{configuration.PROFILE}</remote-backup-profile>
        <igmp><query-interval>600</query-interval></igmp>
      </multicast>
    </interface>
  </interfaces>
</config>
"""
COUNT = GET.format(configuration.profile_state("igmp-copy-status"))


class Bench:
    """Measures one router with memberships on a wire."""

    def __init__(self, twincast: Twincast, wires: Path) -> None:
        self._wires = wires
        self._pids = {role: twincast.pid(role) for role in ROLES}
        self._client = twincast.client()
        self._metrics = metrics_url(twincast)

    def rows(self) -> Iterator[Row]:
        self._fill()
        yield from self._repeated("get of one of 100,000 memberships", group_filter(ONE), 500)
        part = "<group-address>239.0.0.190</group-address>"
        yield from self._repeated("get by group-address, 20 of 100,000", group_filter(part), 200)
        part = "<subscriber>02:00:00:00:00:05</subscriber>"
        yield from self._repeated("get by subscriber, 100 of 100,000", group_filter(part), 50)
        yield from self._repeated("get of the counts of 100,000 memberships", COUNT, 20)
        yield from self._scrapes(20)
        yield from self._all()

    def _scrapes(self, count: int) -> Iterator[Row]:
        pids = list(self._pids.values())
        before, dataplane = cpu_seconds(pids), cpu_seconds([self._pids["dataplane"]])
        seconds, size = [], 0
        for _ in range(count):
            begin = time.perf_counter()
            with urllib.request.urlopen(self._metrics, timeout=60) as response:
                size = len(response.read())
            seconds.append(time.perf_counter() - begin)
        cpu = (cpu_seconds(pids) - before) / count * 1e3
        counting = (cpu_seconds([self._pids["dataplane"]]) - dataplane) / count * 1e3
        note = f"{size / 1e3:.0f} kB, {counting:.0f} ms of it in the dataplane; {latency(seconds)}"
        yield Row(
            "scrape of the metrics, 100,000 memberships", statistics.median(seconds) * 1e3, "ms", cpu, note
        )

    def _fill(self) -> None:
        sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        for number in range(SUBSCRIBERS):
            mac = bytes([2, 0, 0, 0, number >> 8, number & 255])
            groups = [(number * 37 + each) % LINE_UP for each in range(GROUPS_EACH)]
            records = [
                GroupRecord(RecordType.CHANGE_TO_EXCLUDE_MODE, IPv4Address("239.0.0.0") + each, ())
                for each in groups
            ]
            for frame in report_frames(3, records, mac, IPv4Address("10.20.0.100")):
                sender.sendto(frame, str(self._wires / ACCESS_INTERFACE))
        sender.close()
        wait_for(
            lambda: self._count() == SUBSCRIBERS * GROUPS_EACH,
            what="100,000 memberships",
            timeout=120,
            interval=0.5,
        )

    def _count(self) -> int:
        found = re.search(rb"<entries-count>(\d+)<", self._client.rpc(COUNT))
        return int(found[1]) if found else 0

    def _repeated(self, name: str, request: str, count: int) -> Iterator[Row]:
        before = cpu_seconds(list(self._pids.values()))
        seconds = [timed(self._client, request) for _ in range(count)]
        cpu = (cpu_seconds(list(self._pids.values())) - before) / count * 1e3
        yield Row(name, statistics.median(seconds) * 1e3, "ms", cpu, latency(seconds))

    def _all(self) -> Iterator[Row]:
        """Everything there is, and what it costs each process beyond what it holds anyway."""
        pids = list(self._pids.values())
        resident = {role: resident_mib([pid]) for role, pid in self._pids.items()}
        for pid in pids:
            reset_peak(pid)
        before = {role: cpu_seconds([pid]) for role, pid in self._pids.items()}
        begin = time.perf_counter()
        size = len(self._client.rpc("<get/>"))
        wall = time.perf_counter() - begin
        note = f"{size / 1e6:.0f} MB"
        cpu = (cpu_seconds(pids) - sum(before.values())) * 1e3
        yield Row("get of everything, 100,000 memberships", wall * 1e3, "ms", cpu, note)
        for role, pid in self._pids.items():
            used = (cpu_seconds([pid]) - before[role]) * 1e3
            grown = peak_mib(pid) - resident[role]
            yield Row(f"  peak memory of the {role} beyond its usual", grown, "MiB", used)


def metrics_url(twincast: Twincast) -> str:
    """Where a router with `--metrics` is scraped."""
    line = wait_for(
        lambda: next((line for line in twincast.log if "metrics-ready" in line), ""), what="the metrics"
    )
    return f"http://{line.split('address=')[1].strip()}/metrics"


def group_filter(inner: str) -> str:
    """A get of the groups of the profile that match."""
    return GET.format(configuration.profile_state("group").replace("<group/>", f"<group>{inner}</group>"))


def rows() -> Iterator[Row]:
    """Start a router with a wire for an access interface and measure it."""
    with tempfile.TemporaryDirectory(prefix="twincast-bench-") as name:
        wires = Path(name) / "wires"
        wires.mkdir()
        interfaces = {ACCESS_INTERFACE: "10.20.0.1/24", CORE_INTERFACE: "10.10.0.1/24"}
        (wires / "wires.json").write_text(json.dumps(interfaces))
        with Twincast(Path(name) / "router", "--wires", str(wires), "--metrics", "127.0.0.1:0") as twincast:
            session = twincast.connect()
            session.edit_config(CONFIG, target="candidate")
            session.commit()
            session.close_session()
            yield from Bench(twincast, wires).rows()

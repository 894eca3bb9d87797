"""NETCONF: what a session, a get, an edit and a commit cost, alone and with 20,000 entries present."""

import statistics
import tempfile
import time
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

from tests.bench.machine import cpu_seconds, resident_mib
from tests.bench.table import Row, latency
from tests.support.fast_client import timed
from tests.support.twincast import Twincast

NAMESPACE = "urn:twincast:yang:remote-backup"
ENTRY = (
    "<remote-backup-profile><name>rbp{0}</name><mode>hot</mode>"
    "<static-role>backup</static-role><dhcp-stb><igmp-copy>true</igmp-copy></dhcp-stb></remote-backup-profile>"
)
EDIT = "<edit-config><target><candidate/></target><config>{}</config></edit-config>"
COMMIT = "<commit/>"
GET_ONE = (
    '<get-config><source><running/></source><filter type="subtree">'
    f'<remote-backup xmlns="{NAMESPACE}"><remote-backup-profile><name>rbp7</name></remote-backup-profile>'
    "</remote-backup></filter></get-config>"
)
GET_ALL = "<get-config><source><running/></source></get-config>"
ROLES = ("server", "validator", "dataplane")


def profiles(first: int, count: int) -> str:
    entries = "".join(ENTRY.format(number) for number in range(first, first + count))
    return EDIT.format(f'<remote-backup xmlns="{NAMESPACE}">{entries}</remote-backup>')


def one_leaf(turn: int) -> str:
    value = "false" if turn % 2 else "true"
    return EDIT.format(
        f'<remote-backup xmlns="{NAMESPACE}"><remote-backup-profile><name>rbp7</name>'
        f"<dhcp-stb><igmp-copy>{value}</igmp-copy></dhcp-stb></remote-backup-profile></remote-backup>"
    )


class Bench:
    """Measures one server; every method yields rows."""

    def __init__(self, twincast: Twincast) -> None:
        self._twincast = twincast
        self._pids = [twincast.pid(role) for role in ROLES]
        self._client = twincast.client()

    def _repeat(self, count: int, once: Callable[[int], float]) -> tuple[list[float], float]:
        """Return the seconds of each repetition and the server's CPU milliseconds for one."""
        before = cpu_seconds(self._pids)
        seconds = [once(turn) for turn in range(count)]
        return seconds, (cpu_seconds(self._pids) - before) / count * 1e3

    def rows(self) -> Iterator[Row]:
        yield from self._sessions()
        self._client.rpc(profiles(0, 10))
        self._client.rpc(COMMIT)
        yield from self._get_one("10 entries")
        few = yield from self._one_leaf("10 entries")
        yield from self._bulk()
        yield from self._get_one("20,000 entries")
        many = yield from self._one_leaf("20,000 entries")
        yield Row("one-leaf edit + commit, 20,000 entries over 10", many / few, "ratio", note="at most 2")

    def _sessions(self) -> Iterator[Row]:
        def once(_: int) -> float:
            begin = time.perf_counter()
            self._twincast.client().close()
            return time.perf_counter() - begin

        seconds, cpu = self._repeat(50, once)
        yield Row("session set-up", statistics.median(seconds) * 1e3, "ms", cpu, latency(seconds))
        before = resident_mib(self._pids)
        idle = [self._twincast.client() for _ in range(200)]
        grown = resident_mib(self._pids) - before
        start, begin = cpu_seconds(self._pids), time.monotonic()
        time.sleep(10)
        used = (cpu_seconds(self._pids) - start) / (time.monotonic() - begin)
        yield Row("200 idle sessions, CPU of one core", used * 100, "%", note=f"{grown / 200:.2f} MiB each")
        for client in idle:
            client.close()

    def _get_one(self, present: str) -> Iterator[Row]:
        seconds, cpu = self._repeat(1000, lambda _: timed(self._client, GET_ONE))
        yield Row(f"get-config of one entry, {present}", 1000 / sum(seconds), "RPC/s", cpu, latency(seconds))

    def _one_leaf(self, present: str) -> Generator[Row, None, float]:
        def once(turn: int) -> float:
            return timed(self._client, one_leaf(turn)) + timed(self._client, COMMIT)

        self._repeat(20, once)
        seconds, cpu = self._repeat(200, once)
        yield Row(
            f"one-leaf edit + durable commit, {present}",
            200 / sum(seconds),
            "commits/s",
            cpu,
            latency(seconds),
        )
        return statistics.median(seconds)

    def _bulk(self) -> Iterator[Row]:
        yield self._once("edit of 10,000 entries in one RPC", profiles(10_000, 10_000))
        yield self._once("commit of 10,000 new entries", COMMIT)
        yield self._once("get-config of 10,000 entries, first", GET_ALL)
        yield self._once("get-config of 10,000 entries, second", GET_ALL)
        self._client.rpc(profiles(20_000, 9_990))
        self._client.rpc(COMMIT)

    def _once(self, name: str, operation: str) -> Row:
        seconds, cpu = self._repeat(1, lambda _: timed(self._client, operation))
        return Row(name, seconds[0], "s", cpu)


def rows() -> Iterator[Row]:
    """Measure a `twincast run` of its own."""
    with tempfile.TemporaryDirectory() as name, Twincast(Path(name)) as twincast:
        yield from Bench(twincast).rows()

"""What the kernel's multicast tables cost with 100,000 entries of each family.

Installing, reading back, rebinding, memory; and how late a 10 ms timer is while the tables are audited, which
is how late a hello would be. Lateness counts what else the machine does; the CPU time of a piece does not.
"""

import asyncio
import functools
import gc
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

from cli.lab.namespaces import enter_user_namespace, user_namespaces_problem
from dataplane.app import COLLECTION
from dataplane.forwarding.auditor import Auditor
from dataplane.forwarding.kernel import KernelPlane
from dataplane.forwarding.plane import Plane, Route, RouteKey
from dataplane.packets.messages import Address
from tests.bench.table import Row, percentile
from tests.support.plane_rig import kernel_rig

ENTRIES = 100_000
SWAPS = 200
TICK = 0.01
FIRST: dict[str, Address] = {"IPv4": IPv4Address("239.0.0.0"), "IPv6": IPv6Address("ff3e::1:0:0")}


def rows() -> Iterator[Row]:
    """Measure in a process of its own, which may enter a user namespace."""
    if (problem := user_namespaces_problem()) is not None:
        yield Row("forwarding", 0.0, "", note=f"not measured: {problem}")
        return
    output = subprocess.run([sys.executable, "-m", "tests.bench.forwarding"], capture_output=True, check=True)
    for line in output.stdout.splitlines():
        yield Row(*json.loads(line))


def measure() -> Iterator[tuple[str, float, str]]:
    """Measure one family after the other, then the audit of both together."""
    enter_user_namespace()
    gc.set_threshold(*COLLECTION)  # as the dataplane does
    with kernel_rig() as rig:
        plane = rig.plane
        ports = {name: rig.index(name) for name in ("access0", "access1")}
        plane.configure(ports)
        plane.set_upstream("core0", rig.index("core0"))
        for family, first in FIRST.items():
            yield from _family(plane, family, first)
        yield from _audit(plane)
        yield from _adoption(KernelPlane(rig.held()), ports)


def _family(plane: Plane, family: str, first: Address) -> Iterator[tuple[str, float, str]]:
    routes = [Route(RouteKey(first + number), frozenset({"access0"})) for number in range(ENTRIES)]
    slab, own = _slab(), _resident()
    seconds = _cpu(lambda: plane.install(routes))
    yield f"install {ENTRIES:,} entries, {family}", seconds, "s CPU"
    yield f"kernel memory of an entry, {family}", (_slab() - slab) / ENTRIES, "octets"
    yield f"our memory of an entry in the plane, {family}", (_resident() - own) / ENTRIES, "octets"
    seconds = _cpu(lambda: sum(1 for held in plane.dump() if held.route.key.group.version == first.version))
    yield f"dump of the tables so far, {family} last", seconds, "s CPU"
    times = [
        _wall(functools.partial(plane.set_active, "access0", active=bool(number % 2)))
        for number in range(SWAPS)
    ]
    yield f"rebind a port, both families, entries of {family} last", statistics.median(times) * 1e6, "us p50"
    yield f"rebind a port, both families, entries of {family} last", percentile(times, 0.99) * 1e6, "us p99"


def _audit(plane: Plane) -> Iterator[tuple[str, float, str]]:
    for whole, kind in ((False, "audit every minute"), (True, "whole audit")):
        lateness, seconds, used = asyncio.run(_ticking(plane, whole=whole))
        yield f"{kind}, {2 * ENTRIES:,} entries", seconds, "s"
        yield f"{kind}, {2 * ENTRIES:,} entries", used, "s CPU"
        yield from _late(f"lateness of a 10 ms timer, {kind}", lateness)
        pieces = list(_pieces(plane, whole=whole))
        yield f"CPU time of a piece, {kind}", percentile(pieces, 0.99) * 1e3, "ms p99"
        yield f"CPU time of a piece, {kind}", max(pieces) * 1e3, "ms max"
    yield from _late("lateness of a 10 ms timer, no audit", asyncio.run(_idle(10.0)))


def _late(name: str, lateness: list[float]) -> Iterator[tuple[str, float, str]]:
    yield name, statistics.median(lateness) * 1e3, "ms p50"
    yield name, percentile(lateness, 0.99) * 1e3, "ms p99"
    yield name, max(lateness) * 1e3, "ms max"


async def _ticking(plane: Plane, *, whole: bool) -> tuple[list[float], float, float]:
    """Run an audit beside a timer; return how late the timer was, and seconds and CPU seconds it all took."""
    loop = asyncio.get_running_loop()
    over = loop.create_future()
    auditor = Auditor(plane, over.set_result)
    gc.freeze()
    begin, cpu, lateness = time.monotonic(), time.process_time(), []
    auditor.start(whole=whole)
    while not over.done():
        due = loop.time() + TICK
        await asyncio.sleep(TICK)
        lateness.append(loop.time() - due)
    assert over.result() is None
    return lateness, time.monotonic() - begin, time.process_time() - cpu


async def _idle(seconds: float) -> list[float]:
    """How late the timer is when nothing else runs in this process."""
    loop, lateness = asyncio.get_running_loop(), []
    end = loop.time() + seconds
    while loop.time() < end:
        due = loop.time() + TICK
        await asyncio.sleep(TICK)
        lateness.append(loop.time() - due)
    return lateness


def _pieces(plane: Plane, *, whole: bool) -> Iterator[float]:
    """CPU seconds of this thread for each piece."""
    audit = plane.audit(whole=whole)
    while True:
        begin = time.thread_time()
        if next(audit, None) is None:
            return
        yield time.thread_time() - begin
        time.sleep(0.0005)


def _adoption(successor: Plane, ports: dict[str, int | None]) -> Iterator[tuple[str, float, str]]:
    seconds = _cpu(lambda: successor.adopt(ports))
    yield f"adoption of {len(successor.installed()):,} entries", seconds, "s CPU"


def _cpu(work: Callable[[], object]) -> float:
    begin = time.process_time()
    work()
    return time.process_time() - begin


def _wall(work: Callable[[], object]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def _slab() -> int:
    """Octets of kernel memory that cannot be reclaimed: entries are there, and what else the machine does."""
    lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("SUnreclaim"))


def _resident() -> int:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize()


if __name__ == "__main__":
    for row in measure():
        print(json.dumps(row), flush=True)

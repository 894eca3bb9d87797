"""A hundred thousand memberships on two real routers: kernel plane, TLS channel, reports on the wire.

From the return of the channel until both say in-sync and the backup has every member; adoption by a new
dataplane; one entry and all over the control socket; memory.
"""

import functools
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from cli.lab.namespaces import enter_user_namespace, user_namespaces_problem
from dataplane.state import GroupKey, StateSelection
from tests.bench.machine import cpu_seconds, resident_mib
from tests.bench.table import Row, latency
from tests.support.crowd import CHANNEL_ONLY, Crowd, crowd
from tests.support.wait import wait_for

SUBSCRIBERS, GROUPS = 100, 1_000
STATES = SUBSCRIBERS * GROUPS
NAMES = {"a": "master", "b": "backup"}
RUNS = 3
GETS = 300
ONE = GroupKey(subscriber="02:00:00:00:00:07", group="239.1.1.7")
LONG = 120.0


def measure(rig: Crowd) -> Iterator[Row]:
    """Fill the master while the channel is up, then cut, mend and begin again."""
    idle = {name: resident_mib([rig.pid(name)]) for name in NAMES}
    begin, before = time.monotonic(), _cpu(rig)
    rig.join(SUBSCRIBERS, GROUPS)
    wait_for(
        lambda: rig.entries("b") == STATES, what="every member on the backup", timeout=LONG, interval=0.2
    )
    yield _row(f"{STATES:,} members heard and copied", time.monotonic() - begin, _used(rig, before))
    for name, role in NAMES.items():
        grown = (resident_mib([rig.pid(name)]) - idle[name]) * 1024 * 1024 / STATES
        yield Row(f"memory of a membership, resident, {role}", grown, "octets")
    yield from _bulk(rig)
    yield from _restart(rig, "b")
    yield from _restart(rig, "a")
    yield from _gets(rig)


def _bulk(rig: Crowd) -> Iterator[Row]:
    """Cut the link until both have noticed; then everything comes with one batch."""
    seconds, used = [], []
    for _ in range(RUNS):
        rig.connect(connected=False)
        wait_for(lambda: not rig.in_sync("a") and not rig.in_sync("b"), what="it is noticed", timeout=LONG)
        completed = rig.profile("b").last_batch_completed
        rig.connect(connected=True)
        begin, before = _reconnecting(rig), _cpu(rig)
        wait_for(
            functools.partial(_synchronized, rig, completed),
            what="in-sync again",
            timeout=LONG,
            interval=0.05,  # each look costs both of them CPU
        )
        seconds.append(time.monotonic() - begin)
        used.append(_used(rig, before))
        assert rig.entries("b") == STATES
    for number in range(RUNS):
        name = f"reconnect -> in-sync, {STATES:,} states, TLS, run {number + 1}"
        yield _row(name, seconds[number], used[number])


def _reconnecting(rig: Crowd) -> float:
    """Wait until the channel begins to come back: TCP's own waiting is not the batch's."""
    wait_for(
        lambda: rig.service("a").channel_state not in ("down", "connecting"),
        what="the channel comes back",
        timeout=LONG,
        interval=0.002,
    )
    return time.monotonic()


def _synchronized(rig: Crowd, completed: float | None) -> bool:
    if not rig.both_in_sync():
        return False
    states = rig.processes["b"].state(StateSelection((), None, (), (), counts=False))
    return states.profiles[0].last_batch_completed != completed


def _restart(rig: Crowd, name: str) -> Iterator[Row]:
    """Another dataplane adopts the kernel's table and gets everything from its peer."""
    process = rig.processes[name]
    process.kill()
    process.start()
    begin, before = time.monotonic(), cpu_seconds([rig.pid(name)])
    rig.configure(name)
    adopted = time.monotonic() - begin
    adopted_cpu = cpu_seconds([rig.pid(name)]) - before
    yield Row(
        f"restart of the {NAMES[name]}: configured, {GROUPS:,} entries adopted",
        adopted * 1e3,
        "ms",
        adopted_cpu * 1e3,
    )
    wait_for(
        lambda: rig.both_in_sync() and rig.entries(name) == STATES,
        what=f"everything on the {NAMES[name]} again",
        timeout=LONG,
        interval=0.05,
    )
    took, used = time.monotonic() - begin, cpu_seconds([rig.pid(name)]) - before
    assert rig.kernel_entries(name) == GROUPS
    yield Row(f"restart of the {NAMES[name]}: {STATES:,} states again", took * 1e3, "ms", used * 1e3)


def _gets(rig: Crowd) -> Iterator[Row]:
    for name, role in NAMES.items():
        process, pid = rig.processes[name], rig.pid(name)
        one = StateSelection((), (), (), (ONE,))
        before, seconds = cpu_seconds([pid]), []
        for _ in range(GETS):
            begin = time.perf_counter()
            assert len(process.state(one).groups) == 1
            seconds.append(time.perf_counter() - begin)
        used = (cpu_seconds([pid]) - before) / GETS * 1e3
        yield Row(
            f"get of one of {STATES:,}, control socket, {role}",
            statistics.median(seconds) * 1e3,
            "ms",
            used,
            latency(seconds),
        )
        before, begin = cpu_seconds([pid]), time.perf_counter()
        found = sum(len(piece.groups) for piece in process.client.state(StateSelection((), (), ())))
        took = time.perf_counter() - begin
        assert found == STATES
        used = (cpu_seconds([pid]) - before) * 1e3
        yield Row(f"get of all {STATES:,}, control socket, {role}", took * 1e3, "ms", used)
        assert process.state(CHANNEL_ONLY).services


def _cpu(rig: Crowd) -> dict[str, float]:
    return {name: cpu_seconds([rig.pid(name)]) for name in NAMES}


def _used(rig: Crowd, before: dict[str, float]) -> dict[str, float]:
    return {NAMES[name]: seconds - before[name] for name, seconds in _cpu(rig).items()}


def _row(name: str, seconds: float, used: dict[str, float]) -> Row:
    each = ", ".join(f"{role} {cpu:.2f} s ({cpu / STATES * 1e6:.1f} us each)" for role, cpu in used.items())
    return Row(name, seconds, "s", sum(used.values()) * 1e3, f"CPU: {each}")


def rows() -> Iterator[Row]:
    """Measure in a process of its own, which may enter a user namespace."""
    if (problem := user_namespaces_problem()) is not None:
        yield Row("routers", 0.0, "", note=f"not measured: {problem}")
        return
    command = [sys.executable, "-m", "tests.bench.routers"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        for line in process.stdout:
            yield Row(**json.loads(line))
    if process.returncode:
        yield Row("routers", 0.0, "", note=f"ended with status {process.returncode}")


def main() -> None:
    """Print a row of JSON as each becomes known."""
    enter_user_namespace()
    with tempfile.TemporaryDirectory(prefix="twincast-bench-") as name, crowd(Path(name)) as rig:
        for row in measure(rig):
            print(json.dumps(asdict(row)), flush=True)


if __name__ == "__main__":
    main()

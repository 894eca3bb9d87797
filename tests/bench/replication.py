"""The main job's speed: a report on the master until the entry is in the backup's kernel.

Two real routers in the laboratory; the sender's clock starts before the frame leaves, the watcher's stops
when it has read the kernel's own announcement, so both ends' reading is inside the figure.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from cli.lab import configuration
from cli.lab.laboratory import Laboratory, in_laboratory
from cli.lab.namespaces import user_namespaces_problem
from cli.lab.play import QUERY_INTERVAL, QUERY_RESPONSE, Player
from tests.bench.machine import cpu_seconds
from tests.bench.table import Row, latency

CASES = ((1_000, 3_000, "239.100.0.0"), (10_000, 20_000, "239.120.0.0"))
"""Joins a second, how many, and the first group."""
BURST = (1_000_000, 10_000, "239.160.0.0")
"""As fast as the sender can."""


@dataclass(frozen=True, slots=True)
class Joined:
    """When each group left the sender and was in the backup's kernel, in ns, and the CPU time a join."""

    sent: dict[str, int]
    seen: dict[str, int]
    note: str


def _measure(laboratory: Laboratory, rate: int, count: int, first: str) -> Row:
    """The usual case: how long each of many joins takes."""
    joined = _join(laboratory, rate, count, first)
    both = joined.sent.keys() & joined.seen
    seconds = [(joined.seen[group] - joined.sent[group]) / 1e9 for group in both]
    return Row(
        f"report on the master -> kernel entry of the backup, {rate:,}/s",
        statistics.median(seconds) * 1e3 if seconds else float("nan"),
        "ms",
        note=f"{latency(seconds) if seconds else 'none arrived'}; {joined.note}",
    )


def _measure_burst(laboratory: Laboratory, rate: int, count: int, first: str) -> Row:
    """Many at once: from the first report until the last entry."""
    joined = _join(laboratory, rate, count, first)
    sent = sorted(joined.sent.values())
    whole = (max(joined.seen.values(), default=sent[0]) - sent[0]) / 1e9
    note = f"sent within {(sent[-1] - sent[0]) / 1e9:.3f} s; {joined.note}"
    return Row(f"burst of {count:,} new groups -> all in the backup's kernel", whole, "s", note=note)


def _join(laboratory: Laboratory, rate: int, count: int, first: str) -> Joined:
    program = [sys.executable, "-m", "cli.lab.joins"]
    pids = [int((router.folder / "dataplane.pid").read_text()) for router in laboratory.routers]
    watcher = laboratory.topology.b.namespace.popen(
        [*program, "watch", str(count), str(count / rate + 5)], stdout=subprocess.PIPE
    )
    assert watcher.stdout is not None
    assert watcher.stdout.readline() == b"watching\n"
    before = [cpu_seconds([pid]) for pid in pids]
    sender = laboratory.topology.stbs[0].popen(
        [*program, "send", "eth0", str(count), str(rate), first], stdout=subprocess.PIPE
    )
    sent = json.loads(sender.communicate()[0])
    seen = json.loads(watcher.communicate()[0])
    master, backup = (
        (cpu_seconds([pid]) - start) / count * 1e6 for pid, start in zip(pids, before, strict=True)
    )
    note = f"{len(sent.keys() - seen)} of {count:,} missing; "
    return Joined(sent, seen, f"{note}CPU a join: master {master:.0f} us, backup {backup:.0f} us")


def _work(file: Path, laboratory: Laboratory) -> int:
    player = Player(laboratory.topology, laboratory.routers, laboratory.source, laboratory.stbs, 1)
    for router in laboratory.routers:
        router.commit(configuration.of_site(router.site, QUERY_INTERVAL, QUERY_RESPONSE))
    player.wait_for_roles()
    found = [_measure(laboratory, *case) for case in CASES]
    found.append(_measure_burst(laboratory, *BURST))
    file.write_text(json.dumps([row.as_json() for row in found]))
    return 0


def rows() -> Iterator[Row]:
    """Measure in a laboratory of its own, in a child process; nothing where user namespaces are off."""
    problem = user_namespaces_problem()
    if problem is not None:
        print(f"left out: {problem}", file=sys.stderr)
        return
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "rows.json"
        if in_laboratory(partial(_work, file)) == 0:
            yield from (Row(**row) for row in json.loads(file.read_text()))


def switchover_rows() -> Iterator[Row]:
    """Play the laboratory's five cases once and report what each failover cost."""
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "lab.json"
        command = [sys.executable, "-m", "cli.main", "lab", "--once", "--groups", "1000", "--json", str(file)]
        subprocess.run(command, check=False, stdout=subprocess.DEVNULL, env=dict(os.environ))
        if file.exists():
            result = json.loads(file.read_text())
            for case in result["cases"]:
                note = f"of {case['sent']}, 1,000 groups, longest gap {case['gap_ms']} ms"
                yield Row(f"switchover, {case['name']}, packets lost", case["lost"], "packets", note=note)

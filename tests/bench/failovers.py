"""What a change of role costs: lost packets of a stream of 1,000 a second, on two routers in namespaces.

`python -m tests.bench.failovers [--groups 1000 30000] [--runs 5]` prints a row for each kind of change and
writes `bench-results/failovers-GROUPS.json`. All groups are joined by real hosts and copied; the core snoops.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from statistics import median

from cli.lab import configuration
from cli.lab.hosts import KernelRouter
from cli.lab.laboratory import Laboratory, in_laboratory
from cli.lab.play import until
from cli.lab.topology import CHANNEL_INTERFACE
from tests.bench.machine import description
from tests.netns import watching
from tests.netns.orders import may_be_given
from tests.netns.vrrp import Group, following
from tests.netns.watching import Stream, wait_for, wait_for_role
from tests.support.keepalived import MISSING, PROGRAM

QUERY_INTERVAL, QUERY_RESPONSE = 125, 10  # RFC 3376 sections 8.2 and 8.3
JOIN_SECONDS = 600
QUIET_SECONDS = 3.0
"""Hosts repeat their reports within a second, and routers toward the core: a change of role is measured."""

Act = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Cost:
    """Packets that one kind of change lost and sent twice, run by run."""

    change: str
    groups: int
    lost: list[int]
    duplicates: list[int]

    def __str__(self) -> str:
        lost, twice = (", ".join(map(str, each)) for each in (self.lost, self.duplicates))
        return f"{self.change:<44} {self.groups:>7,} {median(self.lost):>7g}  {lost:<28} {twice}"


HEAD = f"{'change of role':<44} {'groups':>7} {'median':>7}  {'lost packets, run by run':<28} twice"


def groups_of(count: int) -> list[str]:
    """So many groups of the administratively scoped range (RFC 2365)."""
    return [
        f"239.{44 + number // 50_000}.{number // 250 % 200}.{number % 250 + 1}" for number in range(count)
    ]


class Bench:
    """One laboratory in which all groups are joined, and the arbitrations that are played on it in turn."""

    def __init__(self, laboratory: Laboratory, groups: int, runs: int) -> None:
        self._laboratory, self._runs = laboratory, runs
        self._groups = groups_of(groups)
        self._a, self._b = laboratory.routers

    def rows(self) -> Iterator[Cost]:
        """Yield each row as it is known."""
        self._join()
        yield from self._e_trunk()
        for interval in (10, 1):
            yield self._vanishing(interval)
        yield from self._orders()
        yield from self._static()
        if PROGRAM is None:
            print(MISSING, file=sys.stderr)
        else:
            yield from self._vrrp()

    def _join(self) -> None:
        self._configure("")
        self._roles(self._a, self._b)
        for number, stb in enumerate(self._laboratory.stbs):
            stb.do("join", self._groups[number :: len(self._laboratory.stbs)])
        for router in (self._a, self._b):
            until(partial(self._is_known, router), f"all entries on router {router.name}", JOIN_SECONDS)

    def _is_known(self, router: KernelRouter) -> bool:
        time.sleep(0.5)  # the whole table is read
        return watching.has(router, *self._groups)

    def _configure(self, arbitration: str) -> None:
        for router in (self._a, self._b):
            router.commit(configuration.of_site(router.site, QUERY_INTERVAL, QUERY_RESPONSE))
            if arbitration:
                router.commit(watching.profile(arbitration))

    def _roles(self, master: KernelRouter, backup: KernelRouter) -> None:
        wait_for_role(master, "master")
        wait_for_role(backup, "backup")

    def _e_trunk(self) -> Iterator[Cost]:
        topology, site = self._laboratory.topology, self._a.site
        yield from self._there_and_back(
            ("e-trunk, core link of the master fails", lambda: topology.cut_core_link(site)),
            ("e-trunk, failback after its delay", lambda: topology.restore_core_link(site)),
        )

    def _vanishing(self, interval: int) -> Cost:
        """The master is cut off on all sides; `interval` is that of the hellos, in hundredths of a second."""
        self._configure(f"<e-trunk><id>1</id><hello-interval>{interval}</hello-interval></e-trunk>")
        cost = Cost(f"e-trunk, master vanishes, hellos {10 * interval} ms x 3", len(self._groups), [], [])
        for _ in range(self._runs):
            self._roles(self._a, self._b)
            stream = self._stream(self._a)
            self._isolate(isolated=True)
            wait_for_role(self._b, "master")
            cost.lost.append(stream.end().lost)
            cost.duplicates.append(stream.duplicates)
            self._isolate(isolated=False)
        return cost

    def _isolate(self, *, isolated: bool) -> None:
        topology, site = self._laboratory.topology, self._a.site
        for space, name in (
            (site.namespace, CHANNEL_INTERFACE),
            (site.cut, "inner"),
            (topology.access, site.access_port),
        ):
            (space.down if isolated else space.up)(name)

    def _orders(self) -> Iterator[Cost]:
        self._configure("<e-trunk><id>1</id><hello-interval>10</hello-interval></e-trunk>")
        self._roles(self._a, self._b)  # before the role would stay where the last row left it
        self._configure("<e-trunk><id>1</id><revertive>false</revertive></e-trunk>")
        yield from self._there_and_back(
            ("e-trunk, switchover: the master is told", lambda: self._order(self._a)),
            ("e-trunk, switchover: the backup is told", lambda: self._order(self._a)),
        )

    @staticmethod
    def _order(told: KernelRouter) -> None:
        until(lambda: may_be_given(told), "the router that is to be master is ready")

    def _static(self) -> Iterator[Cost]:
        for router, role in ((self._a, "master"), (self._b, "backup")):
            router.commit(watching.profile(f"<static-role>{role}</static-role>"))
        yield from self._there_and_back(
            ("static, switchover: backup, then master", lambda: self._both(self._b, self._a)),
            ("static, the same back", lambda: self._both(self._a, self._b)),
        )

    def _both(self, backup: KernelRouter, master: KernelRouter) -> None:
        for router in (backup, master):
            router.act(configuration.switchover())

    def _vrrp(self) -> Iterator[Cost]:
        topology, site = self._laboratory.topology, self._a.site
        topology.dual_homed(enabled=True)
        with following(self._laboratory, Group()) as (first, _):
            yield from self._there_and_back(
                ("keepalived, the master's is stopped", first.stop),
                ("keepalived, started again: failback", first.start),
            )
            yield from self._there_and_back(
                ("keepalived, core link of the master fails", lambda: topology.cut_core_link(site)),
                ("keepalived, mended: failback", lambda: topology.restore_core_link(site)),
            )

    def _there_and_back(self, there: tuple[str, Act], back: tuple[str, Act]) -> Iterator[Cost]:
        """Play both, in turn, as often as wanted."""
        self._roles(self._a, self._b)
        costs = [Cost(name, len(self._groups), [], []) for name, _ in (there, back)]
        ways = ((there[1], self._b, self._a), (back[1], self._a, self._b))
        for _ in range(self._runs):
            for cost, (act, master, backup) in zip(costs, ways, strict=True):
                lost, duplicates = self._cost(act, master, backup)
                cost.lost.append(lost)
                cost.duplicates.append(duplicates)
        yield from costs

    def _cost(self, act: Act, master: KernelRouter, backup: KernelRouter) -> tuple[int, int]:
        stream = self._stream(master)
        act()
        self._roles(master, backup)
        return stream.end().lost, stream.duplicates

    def _stream(self, router: KernelRouter) -> Stream:
        """Begin a stream when nothing else happens; `router` is to forward it."""
        wait_for([router], self._groups[0])
        time.sleep(QUIET_SECONDS)
        return Stream(self._laboratory, self._groups[0])


def _work(groups: int, runs: int, laboratory: Laboratory) -> int:
    rows = []
    for cost in Bench(laboratory, groups, runs).rows():
        print(cost, flush=True)
        rows.append(asdict(cost))
    folder = Path("bench-results")
    folder.mkdir(exist_ok=True)
    content = {"machine": description(), "rows": rows}
    (folder / f"failovers-{groups}.json").write_text(json.dumps(content, indent=2) + "\n")
    return 0


def main(arguments: list[str]) -> int:
    """Measure with each number of groups, each in a laboratory of its own."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.failovers")
    parser.add_argument("--groups", type=int, nargs="+", default=[1_000, 30_000])
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args(arguments)
    print(", ".join(f"{key} {value}" for key, value in description().items()))
    print(HEAD, flush=True)
    status = 0
    for count in options.groups:
        status |= in_laboratory(partial(_work, count, options.runs))
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Scenarios on the whole laboratory, each a program: `python -m tests.netns.scenarios NAME FILE`.

They build two real routers in namespaces, do something to them, and write what was seen as JSON.
"""

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from cli.lab import configuration
from cli.lab.cases import group_block
from cli.lab.hosts import KernelRouter
from cli.lab.laboratory import Laboratory, in_laboratory
from cli.lab.measure import loss
from cli.lab.play import RATE, Player, until
from cli.lab.scenarios import SCENARIOS as PLAYS
from cli.lab.stage import Pace, Stage
from tests.netns import flood, foreign, frame_kinds, mld, orders, rules, situations, snooping, vrrp

GROUPS = group_block(9, 5)
LATER = group_block(10, 5)


def prepared(laboratory: Laboratory) -> Player:
    player = Player(laboratory.topology, laboratory.routers, laboratory.source, laboratory.stbs, len(GROUPS))
    for router in laboratory.routers:
        router.commit(configuration.of_site(router.site, 30, 2))
    player.wait_for_roles()
    return player


def has_entries(router: KernelRouter, groups: list[str]) -> bool:
    return set(groups) <= router.kernel_entries().keys()


def join_and_wait(laboratory: Laboratory, groups: list[str]) -> None:
    laboratory.stbs[0].do("join", groups)
    for router in laboratory.routers:
        until(partial(has_entries, router, groups), f"entries on router {router.name}")


def kill(router: KernelRouter, role: str) -> None:
    """Kill a child of a router and wait until it was started again."""
    file = router.folder / f"{role}.pid"
    old = int(file.read_text())
    os.kill(old, signal.SIGKILL)
    until(lambda: int(file.read_text()) != old, f"a new {role} of router {router.name}")


def master_dataplane_killed(laboratory: Laboratory) -> dict[str, object]:
    """Ten kills of the master's dataplane while a stream runs through it."""
    player = prepared(laboratory)
    join_and_wait(laboratory, GROUPS)
    stb, source = laboratory.stbs[0], laboratory.source
    stb.do("listen", GROUPS[0])
    source.do("start", GROUPS[0], RATE)
    until(lambda: stb.do("heard", GROUPS[0]) > RATE // 5, "the stream")
    begin = time.monotonic_ns()
    for _ in range(10):
        kill(laboratory.routers[0], "dataplane")
        player.wait_for_roles()
    end = time.monotonic_ns()
    time.sleep(0.3)
    found = loss(source.do("stop", GROUPS[0]), stb.do("finish", GROUPS[0]), (begin, begin), end)
    join_and_wait(laboratory, LATER)
    return {"sent": found.sent, "lost": found.lost, "gap_ms": found.gap_ms}


def backup_processes_killed(laboratory: Laboratory) -> dict[str, object]:
    """Each process of the backup is killed; replication resumes without a restart of the master."""
    player = prepared(laboratory)
    masters = {
        role: (laboratory.routers[0].folder / f"{role}.pid").read_text() for role in ("server", "dataplane")
    }
    for number, role in enumerate(("dataplane", "server", "validator")):
        kill(laboratory.routers[1], role)
        if role == "server":
            laboratory.routers[1].reconnect()
        player.wait_for_roles()
        join_and_wait(laboratory, group_block(20 + number, 5))
    after = {role: (laboratory.routers[0].folder / f"{role}.pid").read_text() for role in masters}
    return {"master_untouched": masters == after}


def lab_scenarios(laboratory: Laboratory) -> list[dict[str, object]]:
    """Every scenario of `twincast lab`, shortened."""
    stage = Stage(laboratory, len(GROUPS), lambda _: None, Pace(0.5, 0.8, 400, 400))
    stage.prepare()
    return [play(stage).as_json() for play in PLAYS.values()]


SCENARIOS: dict[str, Callable[[Laboratory], object]] = {
    "lab-scenarios": lab_scenarios,
    "master-dataplane-killed": master_dataplane_killed,
    "backup-processes-killed": backup_processes_killed,
    "igmp-hosts": situations.igmp_hosts,
    "switchovers": situations.switchovers,
    "channel-cut": situations.channel_cut,
    "commits": situations.commits,
    "copying-disabled": situations.copying_disabled,
    "router-restarted": situations.router_restarted,
    "crowd": situations.crowd,
    "vrrp": vrrp.vrrp,
    "orders": orders.orders,
    "flood": flood.flood,
    "foreign-querier": foreign.foreign,
    "snooping": snooping.snooping,
    "rules": rules.rules,
    "mld-backup": mld.mld_backup,
    "frame-kinds": frame_kinds.frame_kinds,
}


def _work(name: str, file: Path, laboratory: Laboratory) -> int:
    try:
        file.write_text(json.dumps(SCENARIOS[name](laboratory)))
    except BaseException:
        for router in laboratory.routers:
            print(
                f"--- router {router.name}\n{(router.folder / 'log').read_text()[-6000:]}",
                file=sys.stderr,
            )
        raise
    return 0


if __name__ == "__main__":
    sys.exit(in_laboratory(partial(_work, sys.argv[1], Path(sys.argv[2]))))

"""`twincast lab`: plays cases or scenarios, tells what was seen, leaves the laboratory up on a terminal."""

import json
import signal
import sys
from argparse import Namespace as Options
from collections.abc import Iterator, Sequence
from pathlib import Path

from cli.lab import files, page, report
from cli.lab.cases import CaseResult
from cli.lab.hosts import USER, LabError
from cli.lab.laboratory import Laboratory, in_laboratory
from cli.lab.namespaces import user_namespaces_problem
from cli.lab.play import Player
from cli.lab.progress import progress
from cli.lab.role_watch import RoleWatch
from cli.lab.scenarios import SCENARIOS
from cli.lab.scenes import Scenario, ScenarioName
from cli.lab.stage import Stage

CASES, ALL = "cases", "all"


def lab(options: Options) -> int:
    """Play the laboratory; returns 0, or 1 when a case missed its expectation or nothing could be played."""
    problem = user_namespaces_problem()
    if problem is None:
        return in_laboratory(lambda laboratory: _play(options, laboratory))
    if options.scenario or options.report:
        print(f"twincast lab: scenarios and reports need namespaces: {problem}", file=sys.stderr)
        return 1
    from cli.lab.memory import play_in_memory

    return play_in_memory(options, problem)


def chosen(names: Sequence[str]) -> list[ScenarioName]:
    """Return the scenarios that were asked for, in the order in which they can be played."""
    return [name for name in SCENARIOS if name in names or ALL in names]


def _play(options: Options, laboratory: Laboratory) -> int:
    results: list[CaseResult] = []
    seen: list[Scenario] = []
    if not options.scenario or CASES in options.scenario:
        results = _cases(options, laboratory)
        seen += [page.of_cases(results)] if options.report else []
    scenarios = list(_scenarios(options, laboratory))
    seen += scenarios
    if options.report:
        content = page.Report(files.now(), files.machine(), options.groups, seen)
        print(f"report: {files.write(content, Path(options.report))}")
    if not options.once and sys.stdout.isatty():
        routers = laboratory.routers
        ports, folders = [router.port for router in routers], [router.folder for router in routers]
        report.print_how_to_connect(USER, laboratory.key, ports, folders)
        signal.pause()
    missed = any(each.misses() for each in results) or any(each.misses() for each in scenarios)
    return 1 if missed else 0


def _cases(options: Options, laboratory: Laboratory) -> list[CaseResult]:
    roles = RoleWatch(laboratory.routers if options.report else ())
    player = Player(
        laboratory.topology, laboratory.routers, laboratory.source, laboratory.stbs, options.groups, roles
    )
    results = report.print_as_they_come("kernel", options.groups, player.play())
    roles.close()
    if options.json:
        content = report.as_json("kernel", options.groups, results)
        Path(options.json).write_text(json.dumps(content, indent=2) + "\n")
    return results


def _scenarios(options: Options, laboratory: Laboratory) -> Iterator[Scenario]:
    names = chosen(options.scenario)
    if not names:
        return
    report.print_scenario_head(options.groups)
    with progress(len(names)) as bars:
        stage = Stage(laboratory, options.groups, bars.step)
        stage.prepare()
        for name in names:
            bars.begin(name)
            found = _one(stage, name)
            report.print_scenario(found)
            yield found


def _one(stage: Stage, name: ScenarioName) -> Scenario:
    """Play one; what the laboratory cannot do is a miss of the scenario, not the end of the report."""
    try:
        return SCENARIOS[name](stage)
    except LabError as error:
        return Scenario(name, name, "It broke off.", found=[str(error)])

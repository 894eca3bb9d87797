"""What the laboratory tells: a table as the cases end, a result file, and how to reach the routers."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from cli.lab.cases import CaseResult
from cli.lab.measure import Loss
from cli.lab.scenes import Scenario

_ROW = "{:<26} {:<9} {:>8} {:>9} {:>7} {:>7} {:>9}  {}"


def print_as_they_come(plane: str, groups: int, results: Iterable[CaseResult]) -> list[CaseResult]:
    """Print the head, then a row for each case when it is known; return all of them."""
    stream = ", a stream of 1,000 packets a second" if plane == "kernel" else ""
    print(f"Two routers, plane {plane}, {groups} groups a case{stream}.")
    print(_ROW.format("case", "igmp-copy", "entries", "retained", "sent", "lost", "gap ms", ""), flush=True)
    seen = []
    for result in results:
        seen.append(result)
        print(_row(result), flush=True)
    return seen


def _row(result: CaseResult) -> str:
    misses = result.misses()
    remark = f"MISSED: {'; '.join(misses)}" if misses else "as expected"
    if result.zap_ms is not None:
        remark += f"; new channel after {result.zap_ms:.0f} ms"
    return _ROW.format(
        result.name,
        "true" if result.igmp_copy else "false",
        result.entries_on_backup,
        result.retained_entries,
        *_columns(result.loss),
        remark,
    )


def _columns(loss: Loss | None) -> tuple[str, str, str]:
    if loss is None:
        return "-", "-", "-"
    gap = "no return" if loss.gap_ms is None else f"{loss.gap_ms:.1f}"
    return str(loss.sent), str(loss.lost), gap


_SCENE = "{:<15} {:<36} {:>6} {:>6} {:>6} {:>10}  {}"


def print_scenario_head(groups: int) -> None:
    """Print the head of the table of scenarios."""
    print(f"Scenarios, plane kernel, {groups} groups each, a stream of 1,000 packets a second.")
    print(_SCENE.format("scenario", "stream", "sent", "lost", "twice", "gap ms", ""), flush=True)


def print_scenario(scenario: Scenario) -> None:
    """Print a row for each stream of a scenario, and what else there is to say."""
    if scenario.skipped:
        print(f"{scenario.name:<15} not played: {scenario.skipped}", flush=True)
    for scene in scenario.scenes:
        sent, lost, gap = _columns(scene.loss())
        misses = scene.misses()
        remark = f"MISSED: {'; '.join(misses)}" if misses else "as expected"
        twice = scene.timeline.twice()
        print(_SCENE.format(scenario.name, scene.title, sent, lost, twice, gap, remark), flush=True)
    for miss in scenario.found:
        print(f"{scenario.name:<15} MISSED: {miss}", flush=True)
    if scenario.latencies:
        found = ", ".join(f"{name} {value:.2f}" for name, value in scenario.latency().items())
        missing = f"; {scenario.missing} missing" if scenario.missing else ""
        joins = f"{len(scenario.latencies):,} joins to the backup's kernel"
        print(f"{scenario.name:<15} {joins}, ms: {found}{missing}", flush=True)


def as_json(plane: str, groups: int, results: Sequence[CaseResult]) -> dict[str, object]:
    """Return the result file's content."""
    return {"plane": plane, "groups": groups, "cases": [result.as_json() for result in results]}


def print_how_to_connect(user: str, key: Path, ports: Sequence[int], state_dirs: Sequence[Path]) -> None:
    """Print what to type in another shell to reach both routers, until Ctrl-C."""
    for name, port, state_dir in zip("ab", ports, state_dirs, strict=True):
        print(f"\nrouter {name}:")
        print(f"  twincast shell --state-dir {state_dir}")
        print(
            f"  ssh -i {key} -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null"
            f" -p {port} {user}@127.0.0.1 -s netconf"
        )
        print("  from ncclient import manager")
        print(f"  with manager.connect(host='127.0.0.1', port={port}, username='{user}',")
        print(f"                       key_filename='{key}', hostkey_verify=False,")
        print("                       allow_agent=False, look_for_keys=False) as router:")
        print("      print(router.get_config('running'))")
    print("\nThe laboratory stays until Ctrl-C.", flush=True)

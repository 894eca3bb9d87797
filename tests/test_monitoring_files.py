"""What is shipped for Prometheus and Grafana: it parses, it alerts, and it names metrics that there are."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from server.metrics import COMMITS, DROPPED, REFUSED
from server.telemetry.metrics import Kind, sources

ROOT = Path(__file__).parent.parent
RULES = ROOT / "packaging" / "prometheus" / "twincast.rules.yml"
DASHBOARD = json.loads((ROOT / "packaging" / "grafana" / "twincast.json").read_text())
OTHERS = {"twincast_dataplane_up", "twincast_metrics_left_out", "twincast_build_info"}
OTHERS |= {f"{name}_total" for name, _, _ in (COMMITS, DROPPED, REFUSED)}
METRICS = {
    f"{source.metric.name}_total" if source.metric.kind is Kind.COUNTER else source.metric.name
    for source in sources()
}


def promtool(*words: str, cwd: Path) -> None:
    path = shutil.which("promtool")
    if path is None:
        pytest.skip("promtool is not installed")
    done = subprocess.run([path, *words], capture_output=True, text=True, timeout=120, check=False, cwd=cwd)
    assert done.returncode == 0, done.stdout + done.stderr


def named(text: str) -> set[str]:
    return set(re.findall(r"\btwincast_[a-z_]+", text))


def expressions(panel: Any) -> list[str]:
    return [target["expr"] for target in panel.get("targets", [])]


def test_the_rules_are_right() -> None:
    promtool("check", "config", "prometheus.yml", cwd=RULES.parent)
    promtool("check", "rules", RULES.name, cwd=RULES.parent)


def test_the_rules_alert() -> None:
    promtool("test", "rules", "twincast.rules.test.yml", cwd=RULES.parent)


def test_every_alert_is_played() -> None:
    alerts = set(re.findall(r"alert: (\w+)", RULES.read_text()))
    played = re.findall(
        r"alertname: (\w+)\n\s+exp_alerts", (RULES.parent / "twincast.rules.test.yml").read_text()
    )
    assert alerts == set(played)


def test_every_alert_has_its_entry_in_the_runbook() -> None:
    alerts = re.findall(r"alert: (\w+)", RULES.read_text())
    headings = re.findall(r"^## (\w+)$", (ROOT / "docs" / "runbook.md").read_text(), re.MULTILINE)
    assert alerts == headings
    links = re.findall(r"runbook: docs/runbook.md#(\w+)", RULES.read_text())
    assert links == [alert.lower() for alert in alerts]


def test_rules_and_dashboard_name_metrics_that_there_are() -> None:
    text = RULES.read_text() + json.dumps(DASHBOARD)
    assert named(text) - METRICS - OTHERS == set()
    assert len(named(json.dumps(DASHBOARD))) > 20


def test_the_expressions_of_the_dashboard_are_right(tmp_path: Path) -> None:
    rules = [
        {"record": f"panel:{panel['id']}:{number}", "expr": _filled(expression)}
        for panel in DASHBOARD["panels"]
        for number, expression in enumerate(expressions(panel))
    ]
    assert len(rules) > 30
    file = tmp_path / "dashboard.yml"
    file.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
    promtool("check", "rules", "--lint=none", str(file), cwd=tmp_path)


def _filled(expression: str) -> str:
    return expression.replace("$__rate_interval", "1m")


def test_the_panels_of_the_dashboard_do_not_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken, panel["title"]
        taken |= cells
        assert place["x"] + place["w"] <= 24
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])

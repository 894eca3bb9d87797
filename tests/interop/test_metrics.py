"""The metrics of a real router, read by the parser of Prometheus's own client and judged by promtool."""

import json
import os
import shutil
import signal
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from ncclient.operations import RPCError
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families

from cli.main import main
from tests.interop.test_operating import CONFIG
from tests.support.netconf import config
from tests.support.twincast import Twincast
from tests.support.wait import wait_for


@pytest.fixture(scope="module")
def router(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Twincast]:
    folder = tmp_path_factory.mktemp("router")
    with Twincast(folder, "--metrics", "127.0.0.1:0") as router:
        kept = folder / "config.json"
        kept.write_text(json.dumps(CONFIG))
        assert main(["import", str(kept), "--state-dir", str(router.state_dir)]) == 0
        yield router


def url(router: Twincast) -> str:
    line = wait_for(
        lambda: next((line for line in router.log if "metrics-ready" in line), ""), what="metrics"
    )
    return f"http://{line.split('address=')[1].strip()}/metrics"


def scrape(router: Twincast, accept: str = "") -> str:
    request = urllib.request.Request(url(router), headers={"Accept": accept} if accept else {})
    with urllib.request.urlopen(request, timeout=60) as response:
        return str(response.read().decode())


def values(router: Twincast) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    families = text_string_to_metric_families(scrape(router))
    return {(s.name, frozenset(s.labels.items())): s.value for family in families for s in family.samples}


def value(router: Twincast, name: str, **labels: str) -> float | None:
    return values(router).get((name, frozenset(labels.items())))


@pytest.mark.parametrize("version", ["1.0.0", "1.x", "", "-1"])
def test_whatever_version_is_accepted(router: Twincast, version: str) -> None:
    text = scrape(router, f"application/openmetrics-text;version={version}")
    assert "twincast_dataplane_up 1.0" in text
    assert not [line for line in router.log if "scrape-fault" in line]


def test_the_state_of_the_router_is_told(router: Twincast) -> None:
    assert value(router, "twincast_dataplane_up") == 1
    assert value(router, "twincast_profile_memberships", profile="rbp3") == 0
    state = {"profile": "rbp3", "type": "dhcp-stb", "protocol": "igmp", "state": "admin-disabled"}
    assert value(router, "twincast_copy_state", **state) == 1
    assert value(router, "twincast_interface_plane", interface="lo", plane="memory") == 1


def test_openmetrics_is_told_to_who_prefers_it(router: Twincast) -> None:
    text = scrape(router, "application/openmetrics-text; version=1.0.0")
    assert text.endswith("# EOF\n")
    assert {"twincast_commits", "twincast_channel_sent_records"} <= {each.name for each in open_metrics(text)}


def test_requests_and_commits_are_counted(router: Twincast) -> None:
    before = {name: value(router, name) or 0 for name in ("twincast_netconf_rpcs_total",)}
    failed = value(router, "twincast_commits_total", result="failed") or 0
    with router.connect() as session:
        assert value(router, "twincast_netconf_sessions") == 1
        wrong = '<interfaces xmlns="urn:ietf:params:xml:ns:yang:ietf-interfaces"><interface><name>x</name>'
        session.edit_config(config(f"{wrong}</interface></interfaces>"), target="candidate")
        with pytest.raises(RPCError):
            session.commit()
        session.discard_changes()
    assert (value(router, "twincast_netconf_rpcs_total") or 0) >= before["twincast_netconf_rpcs_total"] + 3
    assert value(router, "twincast_commits_total", result="failed") == failed + 1
    assert value(router, "twincast_commits_total", result="ok") == 1


def test_promtool_finds_nothing_wrong(router: Twincast) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed")
    done = subprocess.run(
        [promtool, "check", "metrics"],
        input=scrape(router),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_dataplane_that_is_killed_is_told_and_comes_back(router: Twincast) -> None:
    pid = router.pid("dataplane")
    os.kill(pid, signal.SIGSTOP)
    try:
        assert value(router, "twincast_dataplane_up") == 0
        assert value(router, "twincast_netconf_sessions") == 0
    finally:
        os.kill(pid, signal.SIGCONT)
    router.kill("dataplane")
    wait_for(lambda: value(router, "twincast_dataplane_up") == 1, what="the dataplane is back", timeout=30)


def test_an_address_that_is_none_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--metrics", "nonsense:1", "--state-dir", str(tmp_path / "state")]) == 2
    assert "--metrics nonsense:1: expected ADDR:PORT" in capsys.readouterr().err

"""A real Prometheus with the shipped configuration scrapes a pair; alerts and dashboard see what is wrong."""

import json
import re
import shutil
import socket
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest

from cli.main import main
from dataplane.packets.frames import report_frames
from dataplane.packets.messages import GroupRecord, RecordType
from tests.support.twincast import Twincast
from tests.support.wait import wait_for

PACKAGING = Path(__file__).parents[2] / "packaging"
DEADLINE = 90.0
TARGETS = '["bras1.example.net:9641", "bras2.example.net:9641"]'
ACCESS = "access0"
FILTERED = {"Frames dropped", "Refused"}
"""Panels that show only what is above zero."""


def router(number: int, port: int) -> str:
    """Both routers are configured as master, and the channel cannot come up: its peer is nobody."""
    service = {
        "name": "rbs1",
        "peer": {"address": "192.0.2.2", "source-address": f"127.0.0.{number}", "port": port},
        "none": {},
    }
    profile = {"name": "rbp3", "service-name": "rbs1", "backup-id": 3, "static-role": "master"}
    access = {
        "name": ACCESS,
        "type": "iana-if-type:ethernetCsmacd",
        "twincast-remote-backup:multicast": {"remote-backup-profile": "rbp3"},
    }
    backup = {"remote-backup-service": [service], "remote-backup-profile": [profile]}
    return json.dumps(
        {
            "twincast-remote-backup:remote-backup": backup,
            "ietf-interfaces:interfaces": {"interface": [access]},
        }
    )


class Prometheus:
    """A server of its own; `ask` is its HTTP interface."""

    def __init__(self, program: str, folder: Path) -> None:
        self._log = folder / "log"
        with self._log.open("w") as log:
            self.process = subprocess.Popen(
                [
                    program,
                    f"--config.file={folder / 'prometheus.yml'}",
                    f"--storage.tsdb.path={folder / 'data'}",
                    "--web.listen-address=127.0.0.1:0",
                ],
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        found = wait_for(
            lambda: re.search(r'msg="Listening on" address=(\S+)', self._log.read_text()),
            what="Prometheus",
            timeout=DEADLINE,
        )
        assert found is not None
        self._base = f"http://{found[1]}/api/v1/"
        ready = "Server is ready to receive web requests"
        wait_for(lambda: ready in self._log.read_text(), what="Prometheus is ready", timeout=DEADLINE)

    def ask(self, path: str) -> Any:
        with urllib.request.urlopen(self._base + path, timeout=30) as response:
            return json.load(response)["data"]

    def query(self, expression: str) -> list[Any]:
        return list(self.ask(f"query?query={urllib.parse.quote(expression)}")["result"])

    def firing(self) -> set[str]:
        alerts = self.ask("alerts")["alerts"]
        return {alert["labels"]["alertname"] for alert in alerts if alert["state"] == "firing"}

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    program = shutil.which("prometheus")
    if program is None:
        pytest.skip("prometheus is not installed")
    folder = tmp_path_factory.mktemp("prometheus")
    with ExitStack() as stack:
        addresses = []
        for number in (1, 2):
            wires = folder / f"wires{number}"
            wires.mkdir()
            (wires / "wires.json").write_text(json.dumps({ACCESS: f"10.20.0.{number}/24"}))
            options = ("--metrics", "127.0.0.1:0", "--wires", str(wires))
            twincast = stack.enter_context(Twincast(folder / f"r{number}", *options))
            config = folder / f"r{number}.json"
            config.write_text(router(number, 7900 + number))
            assert main(["import", str(config), "--state-dir", str(twincast.state_dir)]) == 0
            addresses.append(address(twincast))
            join(wires / ACCESS)
        shipped = (PACKAGING / "prometheus" / "prometheus.yml").read_text()
        assert TARGETS in shipped
        hasty = shipped.replace(TARGETS, json.dumps(addresses)).replace("15s", "1s")
        (folder / "prometheus.yml").write_text(hasty)
        rules = (PACKAGING / "prometheus" / "twincast.rules.yml").read_text()
        (folder / "twincast.rules.yml").write_text(re.sub(r"for: \d+[ms]", "for: 2s", rules))
        started = Prometheus(program, folder)
        stack.callback(started.stop)
        yield started


def join(wire: Path) -> None:
    """A subscriber reports; without a channel his message is not copied."""
    wait_for(wire.exists, what="the interface is read")
    record = GroupRecord(RecordType.CHANGE_TO_EXCLUDE_MODE, IPv4Address("239.1.1.1"))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        for frame in report_frames(3, [record], b"\x02\x00\x00\x00\x00\x01", IPv4Address("10.20.0.9")):
            sender.sendto(frame, str(wire))


def address(twincast: Twincast) -> str:
    line = wait_for(
        lambda: next((line for line in twincast.log if "metrics-ready" in line), ""), what="the metrics"
    )
    return line.split("address=")[1].strip()


def test_both_routers_are_scraped(prometheus: Prometheus) -> None:
    up = 'up{job="twincast",pair="bras1-bras2"}'
    wait_for(
        lambda: [each["value"][1] for each in prometheus.query(up)] == ["1", "1"],
        what="both routers",
        timeout=DEADLINE,
    )
    assert len(prometheus.query("twincast_dataplane_up == 1")) == 2
    assert len(prometheus.query('twincast_profile_role{profile="rbp3",role="master"}')) == 2


def test_what_is_wrong_alerts_and_nothing_else(prometheus: Prometheus) -> None:
    wrong = {"TwincastBothMasters", "TwincastChannelDown", "TwincastNothingForwarded"}
    wait_for(lambda: prometheus.firing() >= wrong, what=f"{wrong}", timeout=DEADLINE)
    assert prometheus.firing() == wrong


def test_the_panels_of_the_dashboard_show_something(prometheus: Prometheus) -> None:
    dashboard = json.loads((PACKAGING / "grafana" / "twincast.json").read_text())
    waiting = [
        (panel["title"], target["expr"].replace("$__rate_interval", "5s"))
        for panel in dashboard["panels"]
        for target in panel.get("targets", [])
        if panel["title"] not in FILTERED
    ]
    assert len(waiting) > 25
    for title, expression in waiting:
        asked = re.sub(r"\$(pair|instance|profile)\b", ".*", expression)
        wait_for(lambda q=asked: prometheus.query(q), what=title, timeout=DEADLINE, interval=0.2)

import json
import struct
from pathlib import Path

import pytest
from lxml import html as html_reader

from cli import main
from cli.lab import files, page
from cli.lab.cases import CaseName, CaseResult
from cli.lab.command import chosen
from cli.lab.measure import Loss
from cli.lab.page import Report
from cli.lab.scenes import Scenario, ScenarioName, Scene
from cli.lab.timeline import MarkKind
from tests.support.timelines import timeline

LINE = timeline(3.0, lost=range(1000, 1200), marks=[(MarkKind.FAILURE, 1.0, "<core> & link")])
SCENARIOS = [
    Scenario("core-link", "The link", "typed `undo`, <then>", [Scene("copied", "", LINE, 5)], {"a <b>": "1"}),
    Scenario("zapping-storm", "A storm", "", latencies=[0.5, 0.8, 2.0], missing=0),
    Scenario("vrrp", "VRRP", "", skipped="keepalived is not installed"),
]


def report(*scenarios: Scenario) -> Report:
    return Report("2026-11-27", "2 processors", 20, scenarios or SCENARIOS)


def test_the_page_needs_nothing_from_elsewhere_and_runs_nothing() -> None:
    root = html_reader.fromstring(page.html(report()))
    assert not root.xpath("//script | //link | //img | //iframe | //@src | //@onclick")
    assert all(str(each).startswith("#") for each in root.xpath("//@href"))
    assert "url(" not in page.html(report())
    assert "@import" not in page.html(report())


def test_the_table_has_a_row_for_each_stream_and_says_what_was_not_played() -> None:
    rows = [
        [cell.text_content() for cell in row]
        for row in html_reader.fromstring(page.html(report())).xpath("//tbody/tr")
    ]
    assert rows == [
        ["core-link", "copied", "2,000", "200", "0", "201.0 ms", "no: lost 200 packets, 5 are allowed"],
        ["vrrp", "not played: keepalived is not installed"],
    ]


def test_text_is_text_and_what_is_typed_is_marked() -> None:
    written = page.html(report())
    assert "&lt;core&gt; &amp; link" in written
    assert "typed <code>undo</code>, &lt;then&gt;" in written
    assert "a &lt;b&gt;" in written


def test_every_link_of_the_table_leads_somewhere() -> None:
    root = html_reader.fromstring(page.html(report()))
    assert {str(each)[1:] for each in root.xpath("//tbody//@href")} <= {
        str(each) for each in root.xpath("//@id")
    }


def test_files_of_a_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(files, "_converter", lambda: None)
    assert files.write(report(), tmp_path / "new").name == "report.html"
    names = {each.name for each in (tmp_path / "new").iterdir()}
    assert names == {"report.html", "report.json", "core-link.svg", "zapping-storm-latency.svg"}
    content = json.loads((tmp_path / "new/report.json").read_text())
    assert content["scenarios"][0]["scenes"][0]["lost"] == 200
    assert content["scenarios"][1]["join_to_backup_ms"] == {"median": 0.8, "p99": 1.976, "most": 2.0}
    assert "twincast[report]" in capsys.readouterr().err


def test_pictures_are_png_where_the_library_is_installed(tmp_path: Path) -> None:
    pytest.importorskip("resvg_py", reason="resvg-py, the extra `report`, is not installed")
    files.write(report(), tmp_path)
    head = (tmp_path / "core-link.png").read_bytes()[:24]
    assert head[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">I", head[16:20]) == (1760,)


def test_the_five_cases_become_scenes() -> None:
    cut = timeline(3.0, lost=range(1000, 3000), marks=[(MarkKind.FAILURE, 1.0, "core link fails")])
    results = [
        CaseResult(CaseName.NOT_COPIED, False, 20, 0, 19, Loss(2000, 2000, None), None, cut),
        CaseResult(CaseName.ZAP, True, 20, 20, 0, Loss(2000, 0, 1.0), 12.0, timeline(3.0)),
    ]
    found = page.of_cases(results)
    assert [scene.misses() for scene in found.scenes] == [[], []]
    assert found.found == ["not-copied-link-failure: 19 of 20 entries retained"]
    assert found.facts == {"a new channel after the failover": "12 ms"}


def test_all_is_every_scenario_in_the_order_in_which_they_can_be_played() -> None:
    assert chosen(["all"]) == list(ScenarioName) == list(main.SCENARIOS)
    assert chosen(["vrrp", "core-link", "cases"]) == [ScenarioName.CORE_LINK, ScenarioName.VRRP]
    assert chosen([]) == []

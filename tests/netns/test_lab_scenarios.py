"""The scenarios of `twincast lab --scenario`, shortened; what each costs is for the bench and the report."""

from pathlib import Path

import pytest

from cli.lab import keepalived
from cli.lab.namespaces import user_namespaces_problem
from tests.netns.test_situations import seen

pytestmark = [
    pytest.mark.timeout(400),
    pytest.mark.skipif(user_namespaces_problem() is not None, reason="user namespaces are off"),
]


def test_the_scenarios(tmp_path: Path) -> None:
    scenarios = {each["name"]: each for each in seen("lab-scenarios", tmp_path)}
    skipped = {name for name, each in scenarios.items() if each["skipped"]}
    assert skipped == (set() if keepalived.PROGRAM else {"vrrp"})
    copied, not_copied = scenarios["core-link"]["scenes"]
    assert not_copied["lost"] == not_copied["sent"] > 0
    back = [
        copied,
        *(scene for name, each in scenarios.items() if name != "core-link" for scene in each["scenes"]),
    ]
    assert len(back) == 6 - len(skipped)
    assert all(scene["gap_ms"] is not None for scene in back), scenarios
    assert scenarios["partition"]["scenes"][0]["twice"] > 0
    assert scenarios["re-enable"]["facts"] == {"entries on the backup before the commit": "0"}
    assert scenarios["zapping-storm"]["join_to_backup_ms"]["median"] > 0
    marks = {name: each["marks"] for name, each in scenarios.items() if not each["skipped"]}
    assert all("b master" in found for found in marks.values()), marks
    assert "undo igmp-copy" in marks["core-link"]

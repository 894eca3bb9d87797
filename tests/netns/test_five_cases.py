"""The main job on two real routers with a real kernel: the five cases of `twincast lab`."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from cli.lab.namespaces import user_namespaces_problem

pytestmark = [
    pytest.mark.timeout(400),
    pytest.mark.skipif(user_namespaces_problem() is not None, reason="user namespaces are off"),
]


def test_the_five_cases(tmp_path: Path) -> None:
    """What reaches the backup and whether the stream returns; what a failover costs is for the bench."""
    file = tmp_path / "lab.json"
    command = [sys.executable, "-P", "-m", "cli.main", "lab", "--once", "--groups", "50", "--json", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert file.exists(), done.stdout + done.stderr
    result = json.loads(file.read_text())
    assert (result["plane"], result["groups"]) == ("kernel", 50)
    cases = {case["name"]: case for case in result["cases"]}
    not_copied = cases.pop("not-copied-link-failure")
    assert (not_copied["entries_on_backup"], not_copied["retained_entries"]) == (0, 50)
    assert not_copied["lost"] == not_copied["sent"] > 0
    assert not_copied["gap_ms"] is None
    assert [case["entries_on_backup"] for case in cases.values()] == [50] * 4
    assert all(case["gap_ms"] is not None for case in cases.values()), done.stdout
    assert cases["copied-zap-after-failure"]["zap_ms"] is not None

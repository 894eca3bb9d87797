"""The main job on two real routers with a real kernel: what a crash may not break."""

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


def scenario(name: str, folder: Path) -> dict[str, object]:
    file = folder / "seen.json"
    command = [sys.executable, "-m", "tests.netns.scenarios", name, str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(file.read_text())


def test_a_stream_loses_nothing_over_ten_kills_of_the_masters_dataplane(tmp_path: Path) -> None:
    seen = scenario("master-dataplane-killed", tmp_path)
    assert seen["lost"] == 0
    assert int(str(seen["sent"])) > 1000


def test_replication_resumes_after_a_kill_without_a_restart_of_the_other_side(tmp_path: Path) -> None:
    assert scenario("backup-processes-killed", tmp_path) == {"master_untouched": True}

"""MLD hot backup on two real routers with a real MLD host behind a smart link."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cli.lab.namespaces import user_namespaces_problem

pytestmark = [
    pytest.mark.timeout(200),
    pytest.mark.skipif(user_namespaces_problem() is not None, reason="user namespaces are off"),
]


def test_a_stream_goes_on_over_a_failover_and_mld_copy_decides(tmp_path: Path) -> None:
    file = tmp_path / "seen.json"
    command = [sys.executable, "-m", "tests.netns.scenarios", "mld-backup", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: Any = json.loads(file.read_text())
    entry = found["entry"]
    assert (entry["origin"], entry["filter-mode"]) == ("copied", "exclude")
    assert (entry["forwarding"], entry["forwarding-reason"]) == ("false", "standby")
    assert found["lost"] < 200  # two changes of role on a busy machine, at 1,000 packets a second
    assert found["received"] > 5 * found["lost"]
    assert found["switched_off"] == {
        "states": ["active", "admin-disabled"],
        "on_backup": False,
        "kept": True,
    }

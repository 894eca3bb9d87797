"""The laboratory where namespaces are off: two real routers with the memory plane on loopback."""

import json
import subprocess
import sys
from pathlib import Path

PROGRAM = """
import sys
from argparse import Namespace
from cli.lab.memory import play_in_memory
sys.exit(play_in_memory(Namespace(groups=30, json=sys.argv[1]), "switched off for this test"))
"""


def test_the_cases_memberships(tmp_path: Path) -> None:
    file = tmp_path / "lab.json"
    done = subprocess.run(
        [sys.executable, "-P", "-c", PROGRAM, str(file)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "switched off for this test" in done.stdout
    result = json.loads(file.read_text())
    assert (result["plane"], result["groups"]) == ("memory", 30)
    assert [case["entries_on_backup"] for case in result["cases"]] == [30, 0, 30, 30, 30]
    assert [case["igmp_copy"] for case in result["cases"]] == [True, False, True, False, True]
    assert result["cases"][1]["retained_entries"] == 30

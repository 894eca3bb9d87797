"""The procedure typed word for word into the shells of two live routers shows what is documented."""

import json
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from cli.lab.namespaces import user_namespaces_problem
from tests.support.shell_session import BEGIN, END

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.skipif(user_namespaces_problem() is not None, reason="user namespaces are off"),
]
DOCUMENT = Path(__file__).parents[2] / "docs" / "shell.md"


@pytest.fixture(scope="module")
def frames(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    file = tmp_path_factory.mktemp("session") / "frames.json"
    command = [sys.executable, "-m", "tests.support.shell_session", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return {frame["title"]: frame["lines"] for frame in json.loads(file.read_text())}


def masked(lines: Iterable[str]) -> list[str]:
    """What is not of the day. Hellos are refused while two routers meet, and none where they meet well."""
    return [_masked(line) for line in lines if not line.startswith(" Hellos refused")]


def _masked(line: str) -> str:
    """Numbers, times and the width of columns are of the day, and so is why a role changed last."""
    line = re.sub(r"(Reason +:) .*", r"\1 why", line)
    return re.sub(r"-+", "-", " ".join(re.sub(r"\d+", "0", line).split()))


def test_the_documented_session(frames: dict[str, list[str]]) -> None:
    text = DOCUMENT.read_text().split(BEGIN)[1].split(END)[0]
    documented = re.findall(r"^([^\n]+):\n\n```text\n(.*?)\n```$", text, re.MULTILINE | re.DOTALL)
    assert [title for title, _ in documented] == list(frames)
    for title, body in documented:
        assert masked(frames[title]) == masked(body.splitlines()), title


def test_what_the_operator_verifies_with(frames: dict[str, list[str]]) -> None:
    [before_a, before_b, procedure_a, _, _, after_a, after_b] = frames.values()
    assert " dhcp-stb igmp-copy enable" in before_a
    assert " DHCP user IGMP copy : enable" in before_a
    assert " State                        : Master" in before_a
    assert procedure_a[:4] == [
        "<router-a>system-view",
        "Enter system view, return to user view with 'return'.",
        "[~router-a]remote-backup-profile rbp3",
        "[~router-a-rm-backup-prf-rbp3]undo dhcp-stb igmp-copy",
    ]
    assert "[*router-a-rm-backup-prf-rbp3]commit" in procedure_a
    assert " dhcp-stb igmp-copy disable" in after_a
    assert " DHCP user IGMP copy : disable" in after_a
    assert " RUI Master send total        : 0" in after_a
    assert "  Total 4 IGMP Groups reported" in after_a
    assert "  Total 2 IGMP Groups reported" in before_b
    assert "  Total 2 IGMP Groups reported" in after_b

"""`twincast subscribers` against a whole `twincast run`: loaded, shown over NETCONF, kept over restarts."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.fast_client import Client
from tests.support.twincast import Twincast
from tests.support.wait import wait_for

LISTED = '02:00:00:00:00:01@*/*\n# a comment\n{"pppoe-session": 7}\n'
PROFILE = (
    "<edit-config><target><candidate/></target><config>"
    '<remote-backup xmlns="urn:twincast:yang:remote-backup"><remote-backup-profile><name>rbp1</name>'
    "</remote-backup-profile></remote-backup></config></edit-config>"
)
STATE = (
    '<get><filter><remote-backup xmlns="urn:twincast:yang:remote-backup"><remote-backup-profile>'
    "<name>rbp1</name><subscriber-list/></remote-backup-profile></remote-backup></filter></get>"
)


def command(folder: Path, *arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cli.main", "subscribers", *arguments, "--state-dir", str(folder)],
        input=text,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def entries(client: Client) -> str | None:
    reply = client.rpc(STATE)
    text = reply if isinstance(reply, str) else reply.decode()
    return text.partition("<entries>")[2].partition("</entries>")[0] or None


@pytest.mark.timeout(120)
def test_a_list_is_loaded_and_survives_the_dataplane_and_the_supervisor(tmp_path: Path) -> None:
    with Twincast(tmp_path) as twincast:
        client = twincast.client()
        client.rpc(PROFILE)
        client.rpc("<commit/>")
        assert entries(client) is None
        loaded = command(twincast.state_dir, "load", "-", text=LISTED)
        assert (loaded.returncode, loaded.stderr) == (0, "")
        assert entries(client) == "2"
        twincast.kill("dataplane")
        wait_for(lambda: entries(client) == "2", what="the list after a crash of the dataplane", timeout=20)
        shown = command(twincast.state_dir, "show")
        assert shown.stdout.startswith("profile rbp1: 2 subscribers, loaded 20")
        bad = command(twincast.state_dir, "load", "-", text="02:00:00:00:00:01\nnonsense\n")
        assert bad.returncode == 1
        assert "line 2: 'nonsense' is no subscriber" in bad.stderr
        assert entries(client) == "2"
        early = command(twincast.state_dir, "load", "-", "--profile", "rbp2", text=LISTED)
        assert early.stdout.endswith("; there is no such profile yet\n")
        assert command(twincast.state_dir, "clear", "--profile", "rbp2").returncode == 0
    waiting = command(twincast.state_dir, "show")
    assert (
        waiting.stdout == "all profiles without a list of their own: 2 subscribers, from the next start on\n"
    )
    own = tmp_path / "own"
    own.write_text("*@100.200\n")
    assert command(twincast.state_dir, "load", str(own), "--profile", "rbp1").returncode == 0
    with Twincast(tmp_path) as twincast:
        client = twincast.client()
        wait_for(lambda: entries(client) == "1", what="the profile's own list after a start", timeout=20)
        assert command(twincast.state_dir, "clear", "--profile", "rbp1").returncode == 0
        assert entries(client) == "2"
        assert command(twincast.state_dir, "clear").returncode == 0
        assert entries(client) is None

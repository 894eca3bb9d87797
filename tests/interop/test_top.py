"""`twincast top` against two real routers: once as text, and on a terminal."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import paramiko
import pytest
from ncclient.xml_ import to_ele

from cli.lab import configuration
from tests.support.duo import Duo, free_port, running_duo
from tests.support.terminal import Terminal

PROGRAM = [sys.executable, "-P", "-m", "cli.main", "top"]
NOT_REVERTIVE = "<e-trunk><id>1</id><priority>10</priority><revertive>false</revertive></e-trunk>"


@pytest.fixture(scope="module")
def duo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Duo]:
    with running_duo(tmp_path_factory.mktemp("duo")) as running:
        running.configure(free_port(), arbitration=NOT_REVERTIVE)
        running.connected()
        for number, role in enumerate(("master", "backup")):
            running.wait_for(number, configuration.profile_state("local-role"), "local-role", role)
        running.join(0, "239.7.7.7")
        yield running


def here(duo: Duo) -> list[str]:
    return [*PROGRAM, "--state-dir", str(duo.routers[0].state_dir), "--interval", "0.5"]


def once(*arguments: str, home: Path | None = None) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*PROGRAM, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, **({"HOME": str(home)} if home else {})},
    )


def test_once_is_everything_as_text(duo: Duo) -> None:
    done = once(*here(duo)[len(PROGRAM) :], "--once")
    assert (done.returncode, done.stderr) == (0, "")
    for words in (
        "rbp3     master  backup",
        "igmp dhcp-stb",
        "connected",
        "access0",
        "239.7.7.7",
        "role-changed",
    ):
        assert words in done.stdout
    assert "\x1b" not in done.stdout


def test_a_router_elsewhere(duo: Duo, tmp_path: Path) -> None:
    router = duo.routers[1]
    key = tmp_path / "key"
    key.touch(mode=0o600)
    key.write_bytes(router.private_key)
    host_key = paramiko.PKey.from_path(router.state_dir / "host_key")
    known_hosts = tmp_path / ".ssh" / "known_hosts"
    known_hosts.parent.mkdir(mode=0o700)
    known_hosts.write_text(f"[127.0.0.1]:{router.port} {host_key.get_name()} {host_key.get_base64()}\n")
    done = once(
        *("--host", "127.0.0.1", "--port", str(router.port), "--user", "admin", "--identity", str(key)),
        *("--interval", "0.5", "--once"),
        home=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert "rbp3     backup  master" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        ([], 2, "this is no terminal: use --once"),
        (["--once", "--port", "830"], 2, "--port goes with --host"),
        (["--once", "--interval", "0.1"], 2, "from 0.5 to 60"),
        (["--once", "--socket", "/nowhere/netconf.sock"], 3, "/nowhere/netconf.sock"),
    ],
)
def test_what_cannot_be_done_is_said(arguments: list[str], status: int, words: str) -> None:
    done = once(*arguments)
    assert (done.returncode, done.stdout) == (status, "")
    assert words in done.stderr


def test_on_a_terminal_it_follows_the_router_and_leaves_all_as_it_was(duo: Duo) -> None:
    with Terminal(here(duo), {"COLUMNS": "80", "LINES": "24"}, size=(110, 40)) as terminal:
        before = terminal.settings()
        terminal.until("q quit")
        assert "rbp3     master  backup" in terminal.text()
        assert "role-changed" in terminal.text()
        assert terminal.settings() != before  # keys come one by one
        terminal.send("g")
        terminal.until("239.7.7.7")
        terminal.send("e")
        terminal.until("channel-state-changed")
        terminal.send("o")
        terminal.until("Copying")
        duo.sessions[0].dispatch(to_ele(configuration.switchover()))
        terminal.until("rbp3     backup  master")
        terminal.until("backup (switchover)")
        terminal.resize(80, 18)
        terminal.until("last event: ")
        terminal.send("q")
        assert terminal.wait() == 0
        assert terminal.settings() == before


def test_a_router_that_stops_ends_it_with_a_word(duo: Duo) -> None:
    with Terminal(here(duo), size=(110, 40)) as terminal:
        before = terminal.settings()
        terminal.until("Profiles")
        duo.routers[0].stop()
        assert terminal.wait() == 3
        terminal.until("twincast top: ")
        assert terminal.settings() == before

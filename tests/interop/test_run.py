"""`twincast run` as a person or a service manager starts it: three real processes and their supervisor."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.twincast import PASSWORD, READY, Twincast
from tests.support.wait import wait_for

ROLES = ("server", "validator", "dataplane")


def gone(pid: int) -> bool:
    """True when no such process runs; a zombie of somebody else's counts as gone."""
    try:
        return "\nState:\tZ" in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True


def test_one_line_on_standard_output_and_status_0_after_sigterm(tmp_path: Path) -> None:
    with Twincast(tmp_path) as twincast:
        children = [twincast.pid(role) for role in ROLES]
        twincast.process.send_signal(signal.SIGTERM)
        assert twincast.process.wait(5) == 0
        twincast.stop()
        assert twincast.output == [f"{READY}127.0.0.1:{twincast.port}\n"]
        assert all(gone(pid) for pid in children)
        assert not list(twincast.state_dir.glob("*.pid"))


@pytest.mark.parametrize("role", ROLES)
def test_a_child_that_dies_is_started_again_and_no_other_notices(tmp_path: Path, role: str) -> None:
    with Twincast(tmp_path) as twincast:
        others = {other: twincast.pid(other) for other in ROLES if other != role}
        twincast.kill(role)
        assert {other: twincast.pid(other) for other in others} == others
        with wait_for(
            lambda: try_connect(twincast), what="a session after the restart", timeout=20
        ) as session:
            session.validate(source="candidate")


def try_connect(twincast: Twincast) -> object:
    try:
        return twincast.connect()
    except Exception:  # noqa: BLE001 - whatever ncclient makes of a server that is not there yet
        return None


def test_children_end_with_a_supervisor_that_was_killed(tmp_path: Path) -> None:
    with Twincast(tmp_path) as twincast:
        children = [twincast.pid(role) for role in ROLES]
        twincast.process.kill()
        wait_for(lambda: all(gone(pid) for pid in children), what="the end of the children")


def test_a_port_in_use_is_status_1_and_said(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        twincast = Twincast(tmp_path, "--listen", f"127.0.0.1:{port}")
        assert twincast.process.wait(30) == 1
        twincast.stop()
    assert any(f"127.0.0.1:{port}" in line for line in twincast.log)
    assert twincast.output == []


def test_a_module_that_is_not_there_is_status_1_and_named(tmp_path: Path) -> None:
    twincast = Twincast(tmp_path, "--module", str(tmp_path / "missing.yang"))
    assert twincast.process.wait(30) == 1
    twincast.stop()
    assert any("missing.yang" in line for line in twincast.log)


def test_a_module_with_an_error_is_status_1_with_file_and_line(tmp_path: Path) -> None:
    (tmp_path / "broken.yang").write_text(
        "module broken {\n  namespace urn:broken;\n  prefix b;\n  leaf x { type nosuch; }\n}\n"
    )
    twincast = Twincast(tmp_path, "--module", str(tmp_path / "broken.yang"))
    assert twincast.process.wait(60) == 1
    twincast.stop()
    assert any("broken.yang" in line and "4" in line for line in twincast.log)


def test_a_state_folder_in_use_is_status_1(tmp_path: Path) -> None:
    with Twincast(tmp_path):
        second = Twincast(tmp_path)
        assert second.process.wait(30) == 1
        second.stop()
    assert any("in use" in line for line in second.log)


def start_without_credentials(folder: Path) -> tuple[str, str]:
    """Start and stop it; return what it said on standard output and standard error."""
    command = [sys.executable, "-P", "-m", "cli.main", "run", "--listen", "127.0.0.1:0", "--plane", "memory"]
    process = subprocess.Popen(
        command,
        env={**os.environ, "XDG_STATE_HOME": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    ready = process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    _, log = process.communicate(timeout=10)
    return ready, log


def test_without_credentials_a_user_is_made_and_said_once(tmp_path: Path) -> None:
    ready, log = start_without_credentials(tmp_path)
    assert ready.startswith(READY)
    assert log.count("made user admin with password ") == 1
    password = log.partition("with password ")[2].split()[0]
    assert password not in (tmp_path / "twincast" / "users.json").read_text()
    assert "made user" not in start_without_credentials(tmp_path)[1]


def test_a_listening_socket_is_taken_over_as_from_systemd(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        command = [sys.executable, "-P", "-m", "cli.lab.launch", str(os.getpid()), str(listener.fileno())]
        password = tmp_path / "password"
        password.write_text(PASSWORD)
        arguments = ["run", "--state-dir", str(tmp_path / "state"), "--plane", "memory"]
        process = subprocess.Popen(
            [*command, *arguments, "--password-file", str(password)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            pass_fds=[listener.fileno()],
        )
        assert process.stdout is not None
        assert process.stdout.readline() == f"{READY}127.0.0.1:{port}\n"
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=10)
        assert process.returncode == 0


def test_a_password_file_of_two_lines_is_refused(tmp_path: Path) -> None:
    (tmp_path / "two").write_text("first\nsecond\n")
    twincast = Twincast(tmp_path, "--password-file", str(tmp_path / "two"))
    assert twincast.process.wait(30) == 1
    twincast.stop()
    assert any("expected one line" in line for line in twincast.log)
    assert not any("second" in line for line in twincast.log)

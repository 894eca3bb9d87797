"""Server and dataplane as two services under a manager that hears them: ready, status, watchdog, stopping."""

import os
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cli.health import Health, Report
from cli.status import ask
from tests.support.service_manager import ServiceManager
from tests.support.wait import wait_for

STOP_SECONDS = 30
WATCHDOG = 4.0


@pytest.fixture
def managers(tmp_path: Path) -> Iterator[tuple[ServiceManager, ServiceManager]]:
    for name in ("server", "dataplane"):
        (tmp_path / name).mkdir()
    with ServiceManager(tmp_path / "server") as server, ServiceManager(tmp_path / "dataplane") as dataplane:
        yield server, dataplane


@contextmanager
def running(process: "subprocess.Popen[str]") -> Iterator["subprocess.Popen[str]"]:
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait(STOP_SECONDS)


def dataplane(
    manager: ServiceManager, state: Path, log: Path, watchdog: float = 0.0
) -> "subprocess.Popen[str]":
    options = ("run", "--only", "dataplane", "--plane", "memory", "--state-dir", str(state))
    with log.open("a") as events:
        return manager.start(*options, watchdog=watchdog, stdout=subprocess.DEVNULL, stderr=events)


def server(
    manager: ServiceManager, state: Path, log: Path, listener: socket.socket, watchdog: float = 0.0
) -> "subprocess.Popen[str]":
    options = ("run", "--only", "server", "--no-first-user", "--state-dir", str(state))
    sockets = {"netconf": listener.fileno()}
    with log.open("a") as events:
        return manager.start(
            *options, watchdog=watchdog, sockets=sockets, stdout=subprocess.DEVNULL, stderr=events
        )


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


def test_two_services_are_one_router(
    managers: tuple[ServiceManager, ServiceManager], listener: socket.socket, tmp_path: Path
) -> None:
    state, log = tmp_path / "state", tmp_path / "log"
    with running(dataplane(managers[1], state, log)) as first:
        managers[1].wait("READY=1")
        managers[1].wait("STATUS=dataplane running")
        with running(server(managers[0], state, log, listener)):
            managers[0].wait("READY=1")
            managers[0].wait("STATUS=validator running, server running")
            wait_for(lambda: asked(state).dataplane.configured, what="in step", timeout=60)
            assert [str(problem) for problem in asked(state).problems] == [
                "dataplane: plane memory: nothing is forwarded"
            ]
            with socket.create_connection(listener.getsockname(), timeout=30) as client:
                assert client.recv(4) == b"SSH-"
            first.terminate()
            assert first.wait(STOP_SECONDS) == 0
            assert "STOPPING=1" in managers[1].heard
            assert asked(state).health is Health.DOWN
            managers[1].forget()
            with running(dataplane(managers[1], state, log)):
                managers[1].wait("READY=1")
                wait_for(lambda: asked(state).dataplane.configured, what="in step again", timeout=60)
    assert "made user" not in log.read_text()


def test_both_in_one_service_are_told_of_too(
    managers: tuple[ServiceManager, ServiceManager], listener: socket.socket, tmp_path: Path
) -> None:
    manager, state = managers[0], tmp_path / "state"
    options = ("run", "--plane", "memory", "--no-first-user", "--state-dir", str(state))
    sockets = {"netconf": listener.fileno()}
    with (tmp_path / "log").open("w") as events:
        process = manager.start(*options, sockets=sockets, stdout=subprocess.DEVNULL, stderr=events)
    with running(process):
        manager.wait("READY=1")
        manager.wait("STATUS=validator running, dataplane running, server running")
        process.terminate()
        assert process.wait(STOP_SECONDS) == 0
    assert manager.heard[-2:] == ["STOPPING=1", "STATUS=Stopping"]


def test_each_part_is_there_once(managers: tuple[ServiceManager, ServiceManager], tmp_path: Path) -> None:
    state, log = tmp_path / "state", tmp_path / "log"
    with running(dataplane(managers[1], state, log)):
        managers[1].wait("READY=1")
        with running(dataplane(managers[1], state, log)) as second:
            assert second.wait(60) == 1
    assert "is in use by another twincast run" in log.read_text()


def asked(state: Path) -> Report:
    return ask(state, state / "netconf.sock")


def pid_of(state: Path, role: str) -> int:
    return int((state / f"{role}.pid").read_text())


def test_a_child_that_hangs_is_killed_and_started_again(
    managers: tuple[ServiceManager, ServiceManager], listener: socket.socket, tmp_path: Path
) -> None:
    state, log = tmp_path / "state", tmp_path / "log"
    with (
        running(dataplane(managers[1], state, log, watchdog=WATCHDOG)),
        running(server(managers[0], state, log, listener, watchdog=WATCHDOG)),
    ):
        for manager, role in ((managers[1], "dataplane"), (managers[0], "server")):
            manager.wait("READY=1")
            manager.wait("WATCHDOG=1")
            hanging = pid_of(state, role)
            os.kill(hanging, signal.SIGSTOP)
            wait_for(lambda r=role, h=hanging: pid_of(state, r) != h, what=f"a new {role}", timeout=60)
        wait_for(lambda: asked(state).health is Health.DEGRADED, what="it serves again", timeout=60)
    assert set(re.findall(r"child-hangs child=(\w+)", log.read_text())) == {"dataplane", "server"}


def test_a_start_that_fails_says_why(managers: tuple[ServiceManager, ServiceManager], tmp_path: Path) -> None:
    with socket.socket() as closed, (tmp_path / "log").open("w") as events:
        closed.bind(("127.0.0.1", 0))  # it does not listen
        options = ("run", "--only", "server", "--state-dir", str(tmp_path / "state"))
        process = managers[0].start(*options, sockets={"netconf": closed.fileno()}, stderr=events)
        assert process.wait(60) == 1
    assert "not a listening socket" in (tmp_path / "log").read_text()
    assert "READY=1" not in managers[0].heard

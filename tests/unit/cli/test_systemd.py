"""What systemd hands over and is told, in the forms of sd_listen_fds(3) and sd_notify(3)."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli import systemd
from cli.systemd import Manager, inherited
from tests.support.service_manager import ServiceManager


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[ServiceManager]:
    with ServiceManager(tmp_path) as manager:
        yield manager


def test_what_is_told_arrives(manager: ServiceManager) -> None:
    Manager(str(manager.address)).tell("READY=1", "STATUS=it runs")
    manager.wait("STATUS=it runs")
    assert manager.heard == ["READY=1", "STATUS=it runs"]


def test_a_descriptor_is_kept_when_its_owner_closes_it(manager: ServiceManager) -> None:
    reader, writer = os.pipe()
    try:
        Manager(str(manager.address)).keep("mroute-4-0", writer)
        manager.wait("FDNAME=mroute-4-0")
        os.close(writer)
        os.write(manager.kept["mroute-4-0"], b"x")
        assert os.read(reader, 1) == b"x"
    finally:
        os.close(reader)


def test_an_abstract_address_is_one() -> None:
    name = f"twincast-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(f"\0{name}")
        listening.settimeout(30)
        Manager(f"@{name}").tell("READY=1")
        assert listening.recv(64) == b"READY=1"


def test_without_a_manager_nothing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    monkeypatch.delenv("WATCHDOG_USEC", raising=False)
    assert Manager.from_environment() == Manager("", 0.0)
    Manager("").tell("READY=1")


def test_a_manager_that_is_gone_is_no_fault(tmp_path: Path) -> None:
    Manager(str(tmp_path / "none")).tell("READY=1")


@pytest.mark.parametrize(
    ("period", "pid", "expected"),
    [("30000000", "", 30.0), ("30000000", "me", 30.0), ("30000000", "1", 0.0), ("soon", "", 0.0)],
)
def test_the_watchdog_is_for_the_process_it_names(
    monkeypatch: pytest.MonkeyPatch, period: str, pid: str, expected: float
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", "relative")
    monkeypatch.setenv("WATCHDOG_USEC", period)
    monkeypatch.setenv("WATCHDOG_PID", pid.replace("me", str(os.getpid())))
    assert Manager.from_environment() == Manager("", expected)


@pytest.mark.parametrize(
    ("pid", "count", "names", "expected"),
    [
        ("me", "2", "netconf:mroute-4-0", {"netconf": (0,), "mroute-4-0": (1,)}),
        ("me", "2", "", {"unknown": (0, 1)}),
        ("me", "1", "netconf:more", {"netconf": (0,)}),
        ("1", "2", "netconf", {}),
        ("me", "many", "", {}),
        ("me", "100000", "", {}),
    ],
)
def test_descriptors_come_by_name(
    monkeypatch: pytest.MonkeyPatch, pid: str, count: str, names: str, expected: dict[str, tuple[int, ...]]
) -> None:
    first = 900
    null = os.open(os.devnull, os.O_RDONLY)
    made = [os.dup2(null, first + number) for number in range(2)]
    try:
        monkeypatch.setattr(systemd, "FIRST_INHERITED", first)
        monkeypatch.setenv("LISTEN_PID", pid.replace("me", str(os.getpid())))
        monkeypatch.setenv("LISTEN_FDS", count)
        monkeypatch.setenv("LISTEN_FDNAMES", names)
        found = inherited()
        assert found == {name: tuple(first + each for each in numbers) for name, numbers in expected.items()}
    finally:
        for each in (*made, null):
            os.close(each)

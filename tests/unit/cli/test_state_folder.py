"""Which router a command is about."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli import state_folder
from cli.state_folder import NETCONF_SOCKET, listen_unix, router_of


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine on which nothing runs; its folder of the system."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "own"))
    monkeypatch.setattr(state_folder, "SYSTEM_FOLDER", tmp_path / "lib")
    monkeypatch.setattr(state_folder, "SYSTEM_SOCKET", tmp_path / "netconf.sock")
    (tmp_path / "lib").mkdir()
    (tmp_path / "own" / "twincast").mkdir(parents=True)
    return tmp_path / "lib"


@pytest.fixture
def services(system: Path) -> Iterator[Path]:
    """The services of the system, which listen outside of their folder."""
    with listen_unix(system.parent / "netconf.sock", 0o600):
        yield system.parent / "netconf.sock"


@pytest.fixture
def by_hand(system: Path) -> Iterator[Path]:
    """A router that was started with --state-dir and the folder of the system."""
    with listen_unix(system / NETCONF_SOCKET, 0o600):
        yield system / NETCONF_SOCKET


@pytest.mark.usefixtures("system")
def test_without_any_router_it_is_the_users_own(tmp_path: Path) -> None:
    own = tmp_path / "own" / "twincast"
    assert router_of(None, None) == (own, own / NETCONF_SOCKET)


def test_the_users_own_comes_first(tmp_path: Path, services: Path) -> None:
    own = tmp_path / "own" / "twincast"
    left = listen_unix(own / NETCONF_SOCKET, 0o600)
    with left:
        assert router_of(None, None) == (own, own / NETCONF_SOCKET)
    assert router_of(None, None)[1] == services, "the socket of a server that is gone answers nobody"


def test_the_services_are_found_without_an_option_and_by_their_folder(system: Path, services: Path) -> None:
    assert router_of(None, None) == (system, services)
    assert router_of(str(system), None) == (system, services)
    assert router_of("/elsewhere", None) == (Path("/elsewhere"), Path("/elsewhere", NETCONF_SOCKET))


def test_a_router_by_hand_in_the_folder_of_the_system_is_found_too(system: Path, by_hand: Path) -> None:
    assert router_of(None, None) == (system, by_hand)


def test_a_socket_that_was_asked_for_is_taken_as_it_is(system: Path, services: Path) -> None:
    assert router_of(str(system), "/x.sock") == (system, Path("/x.sock"))
    assert services.is_socket()
    with socket.socket(socket.AF_UNIX) as there:
        there.connect(str(services))

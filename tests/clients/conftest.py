"""The real listener for clients that others have written, and where those are."""

import shutil
import sys
from pathlib import Path

import pytest
from ssh2.exceptions import SSH2Error

from tests.support.twincast import PASSWORD, Twincast


@pytest.fixture(autouse=True)
def _prompt_client(monkeypatch):
    """ncclient looks for something to send ten times a second; a test has many requests."""
    monkeypatch.setattr("ncclient.transport.session.TICK", 0.005)


@pytest.fixture(scope="session")
def twincast(tmp_path_factory):
    """A whole `twincast run`; tests make profiles of their own names in it."""
    with Twincast(tmp_path_factory.mktemp("twincast")) as running:
        yield running


@pytest.fixture
def victim(twincast):
    """A session to be killed.

    It is none of ncclient's: when the server ends one of those, two threads of it and paramiko close the same
    descriptors, and the second may close somebody else's.
    """
    client = twincast.client()
    yield client
    client.close()


@pytest.fixture
def is_gone():
    """Tell whether a session was ended."""

    def ask(client):
        with pytest.raises((ConnectionError, SSH2Error)):
            client.rpc("<get-config><source><running/></source></get-config>")
        return True

    return ask


@pytest.fixture(scope="session")
def installed():
    """Give the path of a program that `make interop` has installed."""

    def find(name: str) -> str:
        path = Path(sys.executable).parent / name
        if not path.exists():
            pytest.skip(f"{name} is not in this environment: make interop")
        return str(path)

    return find


@pytest.fixture(scope="session")
def from_debian():
    """Give the path of a program of the distribution."""

    def find(name: str, package: str) -> str:
        path = shutil.which(name)
        if path is None:
            pytest.skip(f"the Debian package {package} is not installed")
        return path

    return find


@pytest.fixture
def askpass(tmp_path):
    """What makes OpenSSH's client take the password from a program, as an environment."""
    program = tmp_path / "askpass"
    program.write_text(f"#!/bin/sh\necho '{PASSWORD}'\n")
    program.chmod(0o700)
    return {"SSH_ASKPASS": str(program), "SSH_ASKPASS_REQUIRE": "force"}

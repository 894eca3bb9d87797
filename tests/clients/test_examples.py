"""The examples for Ansible and Nornir, each run as a user would run it, against a pair of real servers."""

import json
import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.fleet import PROFILE, Fleet, fleet

pytestmark = pytest.mark.timeout(400)
EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    with fleet(tmp_path_factory.mktemp("fleet")) as found:
        home = found.folder / ".ssh"
        home.mkdir()
        shutil.copy(found.folder / "known_hosts", home / "known_hosts")
        yield found


@contextmanager
def one_that_refuses(pair: Fleet):
    """The second router's running configuration is locked by somebody else."""
    with pair.routers["edge-b"].connect() as other, other.locked("running"):
        yield


def leaves(pair: Fleet) -> list[str]:
    return [pair.leaf(name) for name in pair.routers]


def playbook(pair: Fleet, program: str, **variables: str) -> subprocess.CompletedProcess[str]:
    hosts = {
        f"{name}.example.net": {
            "ansible_host": "127.0.0.1",
            "ansible_port": router.port,
            "ansible_user": "admin",
        }
        for name, router in pair.routers.items()
    }
    ports = pair.folder / "ports.json"
    ports.write_text(json.dumps({"edges": {"hosts": hosts}}))
    command = [program, "-i", str(EXAMPLES / "ansible" / "inventory.yml"), "-i", str(ports)]
    command += [str(EXAMPLES / "ansible" / "igmp_copy.yml"), "--private-key", str(pair.key)]
    for name, value in variables.items():
        command += ["-e", f"{name}={value}"]
    environment = {
        **os.environ,
        "HOME": str(pair.folder),
        "ANSIBLE_HOME": str(pair.folder / "ansible"),
        "ANSIBLE_COLLECTIONS_PATH": str(Path(sys.prefix) / "collections"),
        "ANSIBLE_PERSISTENT_COMMAND_TIMEOUT": "120",
        "ANSIBLE_PERSISTENT_CONNECT_TIMEOUT": "150",
    }
    return subprocess.run(
        command, capture_output=True, text=True, check=False, env=environment, cwd=pair.folder
    )


def nornir(pair: Fleet, state: str) -> subprocess.CompletedProcess[str]:
    hosts = {
        name: {"hostname": name, "port": router.port, "username": "admin", "data": {"profile": PROFILE}}
        for name, router in pair.routers.items()
    }
    inventory = pair.folder / "hosts.yaml"
    inventory.write_text(json.dumps(hosts))
    command = [sys.executable, str(EXAMPLES / "nornir" / "igmp_copy.py"), state]
    command += ["--inventory", str(inventory), "--ssh-config", str(pair.ssh_config)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=pair.folder)


def test_the_playbook_changes_both_routers(pair, installed):
    done = playbook(pair, installed("ansible-playbook"), profile=PROFILE, igmp_copy="false")
    assert done.returncode == 0, done.stdout + done.stderr
    assert leaves(pair) == ["false", "false"]


def test_the_playbook_changes_none_when_one_refuses(pair, installed):
    before = leaves(pair)
    with one_that_refuses(pair):
        done = playbook(pair, installed("ansible-playbook"), profile=PROFILE, igmp_copy="true")
    assert done.returncode != 0
    assert "running is locked by session" in done.stdout
    assert "nothing was changed" in done.stdout
    assert leaves(pair) == before


def test_the_nornir_tasks_change_both_routers(pair):
    done = nornir(pair, "on")
    assert done.returncode == 0, done.stdout + done.stderr
    assert leaves(pair) == ["true", "true"]


def test_the_nornir_tasks_change_none_when_one_refuses(pair):
    before = leaves(pair)
    with one_that_refuses(pair):
        done = nornir(pair, "off")
    assert done.returncode == 1
    assert "running is locked by session" in done.stderr
    assert leaves(pair) == before

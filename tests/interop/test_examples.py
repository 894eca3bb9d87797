"""The examples of docs/examples, each run as a user would run it, against two real servers."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.fleet import PROFILE, Fleet, fleet

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    with fleet(tmp_path_factory.mktemp("fleet")) as found:
        yield found


def igmp_copy(pair: Fleet, state: str, profile: str = PROFILE) -> subprocess.CompletedProcess[str]:
    names = [f"{name}:{router.port}" for name, router in pair.routers.items()]
    command = [sys.executable, str(EXAMPLES / "igmp_copy.py"), state, profile, *names]
    command += ["--user", "admin", "--ssh-config", str(pair.ssh_config)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def leaves(pair: Fleet) -> list[str]:
    return [pair.leaf(name) for name in pair.routers]


def test_the_script_turns_copies_off_and_on_again_on_both_routers(pair):
    done = igmp_copy(pair, "off")
    assert done.returncode == 0, done.stderr
    assert "igmp-copy of rbp3 is off on 2 routers" in done.stdout
    assert done.stdout.count("copy-state admin-disabled") == 2
    assert leaves(pair) == ["false", "false"]
    done = igmp_copy(pair, "on")
    assert done.returncode == 0, done.stderr
    assert leaves(pair) == ["", ""]


def test_the_script_changes_no_router_when_one_refuses(pair):
    second = pair.routers["edge-b"]
    with second.connect() as other, other.locked("running"):
        done = igmp_copy(pair, "off")
    assert done.returncode == 1
    assert "not changed: " in done.stderr
    assert "lock" in done.stderr
    assert leaves(pair) == ["", ""]


def test_the_script_names_a_profile_that_does_not_exist(pair):
    done = igmp_copy(pair, "off", "rbp4")
    assert done.returncode == 1
    assert "rbp4" in done.stderr
    assert leaves(pair) == ["", ""]

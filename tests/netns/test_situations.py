"""An operator's day on two real routers with real IGMP hosts: what others' users ran into, and more.

Streams have 1,000 packets a second. The bounds on losses are far above what is measured (2 packets a change
of role) and far below what a fault costs (a query interval without picture, or all of the stream).
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cli.lab.namespaces import user_namespaces_problem

pytestmark = [
    pytest.mark.timeout(400),
    pytest.mark.skipif(user_namespaces_problem() is not None, reason="user namespaces are off"),
]
A_CHANGE = 100
"""Packets that one change of role may cost on a busy machine."""


def seen(name: str, folder: Path) -> Any:
    file = folder / "seen.json"
    command = [sys.executable, "-m", "tests.netns.scenarios", name, str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(file.read_text())


def test_hosts_of_every_version_sources_and_tags(tmp_path: Path) -> None:
    found = seen("igmp-hosts", tmp_path)
    assert found["kept"] == ["239.1.1.1"]  # version 1 has no leave: it ages
    assert found["source"]["lost"] < A_CHANGE
    assert found["shared"]["lost"] == 0
    assert found["tagged"] == {"reason": "tagged", "forwarding": "false", "in_kernel": []}


def test_ten_switchovers_in_a_row_and_one_in_the_middle_of_a_leave(tmp_path: Path) -> None:
    found = seen("switchovers", tmp_path)
    assert found["lost"] < 20 * A_CHANGE
    assert found["sent"] > 5 * found["lost"]
    assert (
        found["asked_by_the_new_master"] >= 2
    )  # its startup query, and what was left to ask about the group


def test_a_cut_between_the_routers_makes_two_masters_and_heals(tmp_path: Path) -> None:
    found = seen("channel-cut", tmp_path)
    assert found["during"]["lost"] < A_CHANGE
    assert found["after"]["lost"] == 0
    assert found["after"]["duplicates"] == 0
    assert found["unknown_before_the_batch"]
    assert found["copy_states"] == ["active", "active"]
    assert found["sync_state"] == "in-sync"


def test_commits_in_the_middle_of_a_stream(tmp_path: Path) -> None:
    found = seen("commits", tmp_path)
    assert found["lost"] < A_CHANGE
    assert not found["member_that_left_came_back"]
    assert found["entries_on_backup"]


def test_disabling_the_copies_withdraws_nothing_and_enabling_them_mends_it(tmp_path: Path) -> None:
    found = seen("copying-disabled", tmp_path)
    assert found == {
        "states": ["admin-disabled", "admin-disabled"],
        "leave_copied": False,
        "came_back": False,
    }


def test_a_router_that_was_stopped_comes_back_with_its_entries_and_its_role(tmp_path: Path) -> None:
    found = seen("router-restarted", tmp_path)
    assert found["lost"] < 4 * A_CHANGE
    assert found["origin"] in ("local", "both")


def test_ten_thousand_groups_are_joined_and_left_at_once(tmp_path: Path) -> None:
    found = seen("crowd", tmp_path)
    assert found["lost"] < A_CHANGE
    assert found["left_in_the_kernels"] == 0


def test_a_subscriber_that_says_all_it_can_delays_nobody(tmp_path: Path) -> None:
    found = seen("flood", tmp_path)
    assert (
        found["refused"] > 4_900
    )  # the rest was read in the ten seconds before and after, or lost on the way
    assert found["entries"] < 10 * 183

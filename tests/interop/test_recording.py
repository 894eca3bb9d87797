"""What a running dataplane was told, written down by `--record`, gives the same state when it is replayed."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cli.lab import configuration
from tests.support.duo import Duo, free_port, running_duo
from tests.support.netconf import SPACES, edit, profile, request
from tests.support.wait import wait_for

SWITCHOVER = configuration.switchover()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("recordings")


@pytest.fixture(scope="module")
def duo(folder: Path) -> Iterator[Duo]:
    with running_duo(folder, own=lambda number: ("--record", str(recording(folder, number)))) as running:
        running.configure(free_port())
        running.connected()
        yield running


def recording(folder: Path, number: int) -> Path:
    return folder / f"{number}.jsonl"


def replayed(file: Path, *options: str) -> str:
    command = [sys.executable, "-P", "-m", "cli.main", "replay", *options, str(file)]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


def state(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(replayed(file, "--state"))
    return found


def told(duo: Duo, number: int, *path: str) -> str:
    data = duo.sessions[number].get(("subtree", configuration.profile_state("igmp-copy-status"))).data
    return str(data.findtext(".//" + "/".join(f"trb:{name}" for name in path), "", SPACES))


def same(duo: Duo, folder: Path, number: int) -> bool:
    """Whether a replay tells of members, role and counters what the router tells."""
    again = state(recording(folder, number))
    (found,) = again["profiles"]
    groups = {each["group_address"]: each["origin"] for each in again["groups"]}
    data = duo.sessions[number].get(("subtree", configuration.groups())).data
    live = {
        each.findtext("trb:group-address", "", SPACES): each.findtext("trb:origin", "", SPACES)
        for each in data.iterfind(".//trb:group", SPACES)
    }
    copied = found["subscriber_types"][0]["copied"].get("total", 0)
    role = duo.leaf(number, configuration.profile_state("local-role"), "local-role")
    return (groups, str(copied), found["local_role"]) == (live, told(duo, number, "copied", "total"), role)


def test_a_replay_tells_what_the_routers_tell(duo: Duo, folder: Path) -> None:
    duo.join(0, "239.6.0.1", "239.6.0.2")
    duo.join(1, "239.6.0.2", "239.6.0.3")
    for number in (0, 1):
        wait_for(lambda number=number: len(duo.members(number)) == 3, what="three groups")  # type: ignore[misc]
    edit(duo.sessions[0], profile("<dhcp-stb><igmp-copy>false</igmp-copy></dhcp-stb>"))
    duo.sessions[0].commit()
    duo.join(0, "239.6.0.4")
    wait_for(lambda: "239.6.0.4" in duo.members(0), what="a group that is not copied")
    role = configuration.profile_state("local-role")
    duo.wait_for(1, role, "local-role", "backup")
    assert request(duo.sessions[0], SWITCHOVER).ok
    duo.wait_for(1, role, "local-role", "master")
    for number in (0, 1):
        wait_for(lambda number=number: same(duo, folder, number), what=f"the replay of router {number}")  # type: ignore[misc]


def test_a_dataplane_that_begins_again_goes_on_in_the_file(duo: Duo, folder: Path) -> None:
    duo.routers[0].kill("dataplane")
    duo.connected()
    duo.join(0, "239.6.0.5")
    wait_for(lambda: "239.6.0.5" in duo.members(0), what="a group of the second run")
    wait_for(lambda: same(duo, folder, 0), what="the replay of the second run")
    text = recording(folder, 0).read_text(encoding="utf-8")
    assert text.count('"type":"Begin"') == 2
    assert "laboratory" not in text  # the security-key


def test_every_message_is_printed_with_its_effects(duo: Duo, folder: Path) -> None:
    lines = [json.loads(line) for line in replayed(recording(folder, 1)).splitlines()]
    assert len(lines) > 100
    kinds = {line["message"]["type"] for line in lines}
    assert {"Reconfigure", "FrameCaptured", "ChannelReceived", "HelloReceived"} <= kinds
    wanted = {effect["type"] for line in lines for effect in line["effects"]}
    assert {"SendChannel", "SetActive", "ChangeRoutes", "Notify"} <= wanted

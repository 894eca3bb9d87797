"""`twincast shell` as a program, against a whole `twincast run`: the procedure, scripts, exit status."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.shell import everything_typed, shell_model
from tests.support.twincast import Twincast

NAMESPACE = "{urn:twincast:yang:remote-backup}"
BASE = "urn:ietf:params:xml:ns:netconf:base:1.0"
CONFIG = f'<config xmlns="{BASE}" xmlns:nc="{BASE}">'
HALF_DONE = (
    f'{CONFIG}<remote-backup xmlns="{NAMESPACE[1:-1]}"><remote-backup-profile>'
    "<name>half-done</name></remote-backup-profile></remote-backup></config>"
)
SHARED = ("--shared-candidate",)
PROCEDURE = ("system-view", "remote-backup-profile rbp3", "undo dhcp-stb igmp-copy", "commit")


@pytest.fixture(scope="module")
def twincast(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Twincast]:
    with Twincast(tmp_path_factory.mktemp("shell")) as running:
        yield running


@pytest.fixture(autouse=True)
def _empty(twincast: Twincast) -> None:
    with twincast.connect() as session:
        session.discard_changes()
        session.edit_config(
            target="candidate",
            default_operation="none",
            config=f'{CONFIG}<remote-backup xmlns="{NAMESPACE[1:-1]}" nc:operation="remove"/>'
            '<interfaces xmlns="urn:ietf:params:xml:ns:yang:ietf-interfaces" nc:operation="remove"/>'
            "</config>",
        )
        session.commit()


def shell(
    twincast: Twincast, *commands: str, script: str | None = None, options: tuple[str, ...] = ()
) -> "subprocess.CompletedProcess[str]":
    arguments = [sys.executable, "-P", "-m", "cli.main", "shell", "--state-dir", str(twincast.state_dir)]
    arguments += options
    for command in commands:
        arguments += ["-c", command]
    return subprocess.run(
        arguments,
        input=script or "",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "XDG_CACHE_HOME": str(twincast.state_dir.parent / "cache")},
    )


def igmp_copy(twincast: Twincast, datastore: str = "running") -> str | None:
    with twincast.connect() as session:
        data = session.get_config(datastore).data_ele
    return data.findtext(f".//{NAMESPACE}igmp-copy")


def test_the_procedure_word_for_word_as_arguments(twincast: Twincast) -> None:
    done = shell(twincast, *PROCEDURE)
    assert (done.returncode, done.stderr) == (0, "")
    assert igmp_copy(twincast) == "false"


def test_the_procedure_and_its_reverse_on_standard_input(twincast: Twincast) -> None:
    assert shell(twincast, script="\n".join(PROCEDURE)).returncode == 0
    assert igmp_copy(twincast) == "false"
    back = "system-view\nremote-backup-profile rbp3\n# on again\ndhcp-stb igmp-copy\ncommit\n"
    assert shell(twincast, script=back).returncode == 0
    assert igmp_copy(twincast) is None


def test_the_first_mistake_ends_a_script_with_nothing_done(twincast: Twincast) -> None:
    done = shell(twincast, "system-view; remote-backup-profile rbp3; undo dhcp-stb igmp-cpy; commit")
    assert done.returncode == 1
    assert done.stderr.splitlines()[1:] == [
        "undo dhcp-stb igmp-cpy",
        "              ^",
        "Error: there is no 'igmp-cpy' here; is 'igmp-copy' meant?",
    ]
    assert igmp_copy(twincast) is None
    assert igmp_copy(twincast, "candidate") is None


def test_a_refused_commit_names_the_place_and_leaves_nothing_behind(twincast: Twincast) -> None:
    done = shell(twincast, *PROCEDURE[:3], "undo service-type multicast", "commit")
    assert done.returncode == 1
    assert "igmp-copy can be set to false only while service-type/multicast is true." in done.stderr
    assert "[remote-backup-profile rbp3 dhcp-stb igmp-copy]" in done.stderr
    assert igmp_copy(twincast, "candidate") is None


def test_a_script_that_forgets_to_commit_fails(twincast: Twincast) -> None:
    done = shell(twincast, *PROCEDURE[:3])
    assert done.returncode == 1
    assert "without commit" in done.stderr
    assert igmp_copy(twincast, "candidate") is None


def test_a_script_has_a_candidate_of_its_own(twincast: Twincast) -> None:
    with twincast.connect() as other:
        other.edit_config(target="candidate", config=HALF_DONE)
        assert shell(twincast, *PROCEDURE).returncode == 0
        assert igmp_copy(twincast) == "false"
        assert "half-done" not in other.get_config("running").data_xml
        assert "half-done" in other.get_config("candidate").data_xml


def test_a_script_does_not_commit_what_others_have_in_a_shared_candidate(twincast: Twincast) -> None:
    with twincast.connect() as other:
        other.edit_config(target="candidate", config=HALF_DONE)
        done = shell(twincast, *PROCEDURE, options=SHARED)
        assert done.returncode == 1
        assert igmp_copy(twincast) is None
        assert shell(twincast, "clear configuration candidate", *PROCEDURE, options=SHARED).returncode == 0
    assert igmp_copy(twincast) == "false"
    assert shell(twincast, *PROCEDURE[:3], "service-type multicast", options=SHARED).returncode == 0
    assert shell(twincast, *PROCEDURE[:2], "peer-backup hot", options=SHARED).returncode == 1
    assert igmp_copy(twincast, "candidate") == "false"


def test_without_a_server_it_is_status_3_and_said(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-m", "cli.main", "shell", "--state-dir", str(tmp_path), "-c", "quit"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 3
    assert str(tmp_path / "netconf.sock") in done.stderr


def test_what_is_shown_can_be_typed_again(twincast: Twincast) -> None:
    first = shell(
        twincast,
        "system-view; remote-backup-service rbs1; peer 10.0.0.2 source 10.0.0.1 port 9900; none",
        "backup block send; remote-backup-profile rbp3; backup-id 3 remote-backup-service rbs1",
        "e-trunk 1 priority 10 revert-delay 5; undo e-trunk revertive; undo dhcp-stb igmp-copy",
        "interface access0; description the access side; remote-backup-profile rbp3; igmp version 2",
        "igmp group-filter 10 action permit group-prefix 239.0.0.0/8; interface core0; upstream",
        "commit; display current-configuration",
    )
    assert (first.returncode, first.stderr) == (0, "")
    with twincast.connect() as session:
        before = session.get_config("running").data_xml
    _clear(twincast)
    shown = first.stdout.removesuffix("return\n")
    again = shell(twincast, script=f"system-view\n{shown}commit\n")
    assert (again.returncode, again.stderr) == (0, "")
    with twincast.connect() as session:
        assert session.get_config("running").data_xml == before


@pytest.mark.parametrize(
    ("typed", "kind"),
    [
        ("interface access9 description one line", "ethernetCsmacd"),
        ("interface access9 type softwareLoopback", "softwareLoopback"),
        ("remote-backup-profile rbp3; interface access9 description from another view", "ethernetCsmacd"),
    ],
)
def test_a_new_interface_has_a_type_also_on_one_line(twincast: Twincast, typed: str, kind: str) -> None:
    done = shell(twincast, "system-view", typed, "commit")
    assert (done.returncode, done.stderr) == (0, "")
    with twincast.connect() as session:
        assert f":{kind}</type>" in session.get_config("running").data_xml
    shell(twincast, "system-view; undo interface access9; undo remote-backup-profile rbp3; commit")


def _clear(twincast: Twincast) -> None:
    done = shell(
        twincast,
        "system-view; undo interface access0; undo interface core0; undo remote-backup-profile rbp3",
        "undo remote-backup-service rbs1; commit",
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_changes_and_pipes(twincast: Twincast) -> None:
    done = shell(twincast, *PROCEDURE[:3], "display configuration changes", "commit")
    assert done.stdout.splitlines() == ["+ remote-backup-profile rbp3", "+  undo dhcp-stb igmp-copy"]
    shown = shell(twincast, "display current-configuration | include igmp | count")
    assert shown.stdout == "Total lines: 1\n"
    data = json.loads(shell(twincast, "display current-configuration | json").stdout)
    [profile] = data["twincast-remote-backup:remote-backup"]["remote-backup-profile"]
    assert profile == {"name": "rbp3", "dhcp-stb": {"igmp-copy": False}}
    assert "<igmp-copy>false</igmp-copy>" in shell(twincast, "display current-configuration | xml").stdout


def test_every_line_of_the_model_is_taken_by_the_server(twincast: Twincast) -> None:
    lines = [line for _, part in everything_typed(shell_model(), "twincast-remote-backup") for line in part]
    script = [f"{line}\nreturn\nsystem-view" for line in dict.fromkeys(lines)]
    done = shell(twincast, script="\n".join(["system-view", *script, "clear configuration candidate"]))
    assert (done.returncode, done.stderr) == (0, "")


def test_a_commit_on_trial_lives_as_long_as_its_session_or_its_word(twincast: Twincast) -> None:
    done = shell(twincast, *PROCEDURE[:3], "commit trial 300")
    assert done.returncode == 1
    assert "undone now, because its session ends" in done.stderr
    assert igmp_copy(twincast) is None
    done = shell(twincast, *PROCEDURE[:3], "commit trial 300 persist word description try it")
    assert (done.returncode, done.stderr) == (0, "")
    assert igmp_copy(twincast) == "false"
    assert shell(twincast, "system-view", "abort trial").returncode == 1
    assert shell(twincast, "system-view", "commit persist-id word").returncode == 0
    assert igmp_copy(twincast) == "false"


def test_a_commit_on_trial_that_is_undone_leaves_its_changes_to_its_session(twincast: Twincast) -> None:
    done = shell(
        twincast, *PROCEDURE[:3], "commit trial 300; abort trial; display configuration changes; abort"
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "its changes are in the candidate again" in done.stdout
    assert "+  undo dhcp-stb igmp-copy" in done.stdout
    assert igmp_copy(twincast) is None


def test_the_way_back_to_an_earlier_commit(twincast: Twincast) -> None:
    shell(twincast, "system-view; remote-backup-profile rbp3; commit description before")
    listed = shell(twincast, "display configuration commit list").stdout.splitlines()
    number = listed[3].split()[0]
    assert listed[3].endswith("before")
    shell(twincast, *PROCEDURE[:3], "commit description off")
    assert igmp_copy(twincast) == "false"
    changed = shell(twincast, "display configuration commit changes").stdout
    assert changed == "+ remote-backup-profile rbp3 dhcp-stb igmp-copy false\n"
    done = shell(twincast, f"rollback configuration to commit-id {number} description it was better")
    assert (done.returncode, done.stderr) == (0, "")
    assert igmp_copy(twincast) is None
    assert "it was better" in shell(twincast, "display configuration commit list").stdout
    refused = shell(twincast, "rollback configuration to commit-id 999999")
    assert refused.returncode == 1
    assert "999999" in refused.stderr


def test_actions_and_counters(twincast: Twincast) -> None:
    done = shell(
        twincast,
        "system-view; remote-backup-service rbs1; peer 127.0.0.2 source 127.0.0.1 port 9900; none",
        "remote-backup-profile rbp3; backup-id 3 remote-backup-service rbs1; static-role backup; commit",
        "remote-backup-service rbs1; reset-statistics; return; reset multicast-rui statistic all",
        "reset remote-backup-service rbs1 statistic; switchover remote-backup-profile rbp3; display vrrp",
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "Total: 1  Master: 1  Backup: 0  Non-active: 0" in done.stdout
    refused = shell(twincast, "switchover remote-backup-profile nobody")
    assert refused.returncode == 1
    assert "[remote-backup-profile nobody" in refused.stderr


@pytest.mark.parametrize(
    "arguments", [("--port", "830"), ("--host", "h", "--socket", "s"), ("--host", "h", "--state-dir", "d")]
)
def test_options_that_contradict_each_other(arguments: tuple[str, ...]) -> None:
    command = [sys.executable, "-P", "-m", "cli.main", "shell", *arguments, "-c", "quit"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert arguments[0] in done.stderr


def test_over_ssh_without_a_terminal(twincast: Twincast, tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.touch(mode=0o600)
    key.write_bytes(twincast._key.private)
    remote = ("--host", "127.0.0.1", "--port", str(twincast.port), "--user", "admin", "--identity", str(key))
    environment = {**os.environ, "HOME": str(tmp_path), "SSH_AUTH_SOCK": ""}

    def run(*commands: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-P", "-m", "cli.main", "shell", *remote, "-c", ";".join(commands)]
        return subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env=environment,
            start_new_session=True,
        )

    unknown = run("display users")
    assert unknown.returncode == 3
    assert "is not in" in unknown.stderr
    scanned = re.search(r"(\[127.0.0.1\]:\d+)", unknown.stderr)
    assert scanned is not None
    (tmp_path / ".ssh").mkdir(mode=0o700)
    assert scanned[1] == f"[127.0.0.1]:{twincast.port}"
    (tmp_path / ".ssh" / "known_hosts").write_text(f"{scanned[1]} {host_key_of(twincast)}\n")
    done = run(*PROCEDURE)
    assert (done.returncode, done.stderr) == (0, "")
    assert igmp_copy(twincast) == "false"


def host_key_of(twincast: Twincast) -> str:
    with twincast.connect() as session:
        key = session._session.transport.get_remote_server_key()
    return f"{key.get_name()} {key.get_base64()}"


ADDED = """
module added-leaf {
  yang-version 1.1;
  namespace "urn:example:added-leaf";
  prefix al;
  import twincast-remote-backup { prefix trb; }
  revision 2026-11-27;
  augment "/trb:remote-backup/trb:remote-backup-profile" {
    leaf weight { type uint8 { range "1..9"; } description "How heavy it is."; }
  }
}
"""


def test_a_leaf_of_a_module_that_the_server_was_started_with_is_in_the_shell(tmp_path: Path) -> None:
    (tmp_path / "added-leaf.yang").write_text(ADDED)
    with Twincast(tmp_path, "--module", str(tmp_path / "added-leaf.yang")) as twincast:
        done = shell(
            twincast,
            "system-view; remote-backup-profile rbp3; we?; weight 4; commit; display this | inc weight",
        )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == ["  weight                       How heavy it is", " weight 4"]

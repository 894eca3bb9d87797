"""`twincast shell` on a terminal: prompts, completion, help, history, questions, passwords."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.shell.words import PROFILE
from tests.support.fast_client import Key
from tests.support.shell import shell_model
from tests.support.terminal import Terminal
from tests.support.twincast import PASSWORD, Twincast
from tests.support.wait import wait_for

HOST = os.uname().nodename.partition(".")[0]
USER_VIEW = f"<{HOST}>"
SETUP = "system-view; remote-backup-profile rbp3; remote-backup-profile rbp30; interface access0; commit"


@pytest.fixture(scope="module")
def twincast(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Twincast]:
    with Twincast(tmp_path_factory.mktemp("terminal")) as running:
        yield running


@pytest.fixture
def environment(tmp_path: Path, twincast: Twincast) -> dict[str, str]:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    cache = str(twincast.state_dir.parent / "cache")
    return {
        "HOME": str(home),
        "XDG_STATE_HOME": str(home / "state"),
        "XDG_CACHE_HOME": cache,
        "SSH_AUTH_SOCK": "",
    }


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-P", "-m", "cli.main", "shell", *arguments]


@pytest.fixture
def terminal(twincast: Twincast, environment: dict[str, str]) -> Iterator[Terminal]:
    local = command("--state-dir", str(twincast.state_dir))
    subprocess.run([*local, "-c", SETUP], check=True, timeout=60, env={**os.environ, **environment})
    with Terminal(local, environment) as opened:
        opened.until_last(USER_VIEW)
        yield opened


def type_line(terminal: Terminal, line: str, prompt: str) -> list[str]:
    return terminal.enter(line, prompt)


def test_the_procedure_with_its_prompts(twincast: Twincast, terminal: Terminal) -> None:
    type_line(terminal, "system-view", f"[~{HOST}]")
    type_line(terminal, "remote-backup-profile rbp3", f"[~{HOST}-rm-backup-prf-rbp3]")
    type_line(terminal, "undo dhcp-stb igmp-copy", f"[*{HOST}-rm-backup-prf-rbp3]")
    shown = type_line(terminal, "commit", f"[~{HOST}-rm-backup-prf-rbp3]")
    assert [line for line in shown if line] == [
        f"{USER_VIEW}system-view",
        "Enter system view, return to user view with 'return'.",
        f"[~{HOST}]remote-backup-profile rbp3",
        f"[~{HOST}-rm-backup-prf-rbp3]undo dhcp-stb igmp-copy",
        f"[*{HOST}-rm-backup-prf-rbp3]commit",
        f"[~{HOST}-rm-backup-prf-rbp3]",
    ]
    with twincast.connect() as session:
        assert "<igmp-copy>false</igmp-copy>" in session.get_config("running").data_xml


def test_tab_completes_words_and_names_of_the_configuration(terminal: Terminal) -> None:
    terminal.send("sys\t")
    terminal.until_last(f"{USER_VIEW}system-view")
    terminal.send("\r")
    terminal.until_last(f"[~{HOST}]")
    terminal.send("remote-backup-p\trbp\t")
    terminal.until_last(f"[~{HOST}]remote-backup-profile rbp3")
    terminal.send("\t")
    terminal.until("rbp3   rbp30") if "rbp3   rbp30" in terminal.text() else terminal.until("rbp30")
    terminal.send("\r")
    terminal.until_last(f"[~{HOST}-rm-backup-prf-rbp3]")


def test_a_question_mark_shows_what_may_come_and_leaves_the_line(terminal: Terminal) -> None:
    type_line(terminal, "system-view", f"[~{HOST}]")
    type_line(terminal, "remote-backup-profile rbp3", f"[~{HOST}-rm-backup-prf-rbp3]")
    terminal.send("undo dhcp-stb ?")
    prompt = f"[~{HOST}-rm-backup-prf-rbp3]undo dhcp-stb"
    wait_for(lambda: terminal.text().count(prompt) == 2, what="the line again")
    leaf = shell_model().find(f"{PROFILE}/dhcp-stb/igmp-copy")
    assert leaf is not None
    assert f"  igmp-copy                    {leaf.description.partition('.')[0]}" in terminal.text()


def test_a_mistake_is_marked_below_the_word(terminal: Terminal) -> None:
    lines = type_line(terminal, "display remote-backup-profil", USER_VIEW)
    type_line(terminal, "display nonsense", USER_VIEW)
    wait_for(lambda: "^" in terminal.text(), what="the mark")
    mark = next(line for line in terminal.lines() if line.strip() == "^")
    assert mark.index("^") == len(f"{USER_VIEW}display ")
    assert lines


def test_history_has_lines_of_earlier_sessions_but_no_keys(
    twincast: Twincast, terminal: Terminal, environment: dict[str, str]
) -> None:
    type_line(terminal, "system-view", f"[~{HOST}]")
    type_line(terminal, "remote-backup-service rbs1", f"[*{HOST}-rm-backup-srv-rbs1]")
    type_line(terminal, "tcp-md5 key hush-hush", f"[*{HOST}-rm-backup-srv-rbs1]")
    type_line(terminal, "tpc-md5 key hush-hush", f"[*{HOST}-rm-backup-srv-rbs1]")
    type_line(terminal, "display this candidate", f"[*{HOST}-rm-backup-srv-rbs1]")
    assert "tcp-md5 key ******" in terminal.text()
    terminal.send("abort\r")
    terminal.until_last(USER_VIEW)
    terminal.send("quit\r")
    assert terminal.wait() == 0
    [history] = Path(environment["XDG_STATE_HOME"]).rglob("shell-history")
    assert "hush" not in history.read_text()
    assert history.stat().st_mode & 0o077 == 0
    with Terminal(command("--state-dir", str(twincast.state_dir)), environment) as again:
        again.until_last(USER_VIEW)
        again.send("\x1b[A\x1b[A")
        again.until_last(f"{USER_VIEW}abort")


def test_leaving_with_changes_asks_first(terminal: Terminal) -> None:
    type_line(terminal, "system-view", f"[~{HOST}]")
    type_line(terminal, "remote-backup-profile rbp9", f"[*{HOST}-rm-backup-prf-rbp9]")
    terminal.send("return\r")
    terminal.until("Commit them? [Y(yes)/N(no)/C(cancel)]")
    type_line(terminal, "c", f"[*{HOST}-rm-backup-prf-rbp9]")
    terminal.send("return\r")
    wait_for(lambda: terminal.text().count("Commit them?") == 2, what="the question again")
    type_line(terminal, "n", USER_VIEW)
    shown = type_line(terminal, "display configuration candidate | include rbp9", USER_VIEW)
    assert shown[-2].endswith("include rbp9")
    terminal.send("\x04")
    assert terminal.wait() == 0


def edit(name: str, rest: str = "") -> str:
    return (
        '<config xmlns="urn:ietf:params:xml:ns:netconf:base:1.0"><remote-backup '
        f'xmlns="urn:twincast:yang:remote-backup"><remote-backup-profile><name>{name}</name>{rest}'
        "</remote-backup-profile></remote-backup></config>"
    )


def test_what_another_session_commits_in_the_same_place_is_told_and_decided_upon(
    twincast: Twincast, terminal: Terminal
) -> None:
    clean, changed = f"[~{HOST}-rm-backup-prf-rbp30]", f"[*{HOST}-rm-backup-prf-rbp30]"
    type_line(terminal, "system-view", f"[~{HOST}]")
    type_line(terminal, "remote-backup-profile rbp30", clean)
    type_line(terminal, "static-role master", changed)
    with twincast.connect() as other:
        other.edit_config(target="candidate", config=edit("rbp3", "<static-role>backup</static-role>"))
        other.commit()
        type_line(terminal, "", changed)
        assert "Warning" not in terminal.text()
        other.edit_config(target="candidate", config=edit("rbp30", "<static-role>backup</static-role>"))
        other.commit()
    type_line(terminal, "", changed)
    assert "Warning: another session has committed something else in the same place" in terminal.text()
    assert "remote-backup-profile rbp30 static-role" in terminal.text()
    type_line(terminal, "commit", changed)
    assert "Error: another session has committed something else" in terminal.text()
    type_line(terminal, "update prefer-candidate", changed)
    type_line(terminal, "commit", clean)
    with twincast.connect() as other:
        assert "<static-role>master</static-role>" in other.get_config("running").data_xml


def test_changes_of_others_in_a_shared_candidate_are_told_and_asked_about(
    twincast: Twincast, terminal: Terminal, environment: dict[str, str]
) -> None:
    shared = command("--state-dir", str(twincast.state_dir), "--shared-candidate")
    with Terminal(shared, environment) as sharing, twincast.connect() as other:
        sharing.until_last(USER_VIEW)
        type_line(sharing, "system-view", f"[~{HOST}]")
        other.edit_config(target="candidate", config=edit("theirs"))
        type_line(sharing, "", f"[*{HOST}]")
        assert "Warning: the candidate holds changes that are not this session's" in sharing.text()
        sharing.send("commit\r")
        sharing.until("Commit them too? [Y(yes)/N(no)]")
        type_line(sharing, "n", f"[*{HOST}]")
        other.discard_changes()
        type_line(sharing, "", f"[~{HOST}]")
        assert "another session has committed or discarded what was in the candidate" in sharing.text()


def test_over_ssh_an_unknown_host_is_asked_about_once_and_a_password_hidden(
    twincast: Twincast, terminal: Terminal, environment: dict[str, str]
) -> None:
    remote = command("--host", "127.0.0.1", "--port", str(twincast.port), "--user", "admin")
    with Terminal(remote, environment) as first:
        first.until("Connect, and keep the key? (yes/no)")
        assert "SHA256:" in first.text()
        first.send("yes\r")
        first.until("Password of admin@127.0.0.1:")
        first.send(f"{PASSWORD}\r")
        first.until_last("<127.0.0.1>")
        assert PASSWORD not in first.text()
        type_line(first, "display remote-backup-profile", "<127.0.0.1>")
        assert "Total 2 printed" in first.text()
        first.send("quit\r")
        assert first.wait() == 0
    with Terminal([*remote, "-c", "display users | count"], environment) as second:
        second.until("Password of admin@127.0.0.1:")
        assert "keep the key" not in second.text()
        second.send(f"{PASSWORD}\r")
        second.until("Total lines:")
        assert second.wait() == 0
    known = Path(environment["HOME"]) / ".ssh" / "known_hosts"
    known.write_text(f"{known.read_text().split()[0]} {Key.generate().public}\n")
    with Terminal(remote, environment) as third:
        third.until("has changed")
        assert third.wait() == 3


ACCESS = (
    "system-view; server users user ops authorized-key k key {key}",
    "nacm groups group operators user-name ops",
    "nacm rule-list operators; group operators; rule profiles path {path} access-operations * action permit",
    "commit",
)


def test_a_user_with_few_rights_sees_the_same_marks(
    twincast: Twincast, terminal: Terminal, environment: dict[str, str]
) -> None:
    """He may not compare datastores; what he may read of both tells as much."""
    key = Key.generate()
    file = Path(environment["HOME"]) / "key"
    file.touch(mode=0o600)
    file.write_bytes(key.private)
    public = " ".join(key.public.split()[:2])
    path = PROFILE.replace("/remote-backup-profile", "/twincast-remote-backup:remote-backup-profile")
    script = "; ".join(ACCESS).format(key=f'"{public}"', path=path)
    local = command("--state-dir", str(twincast.state_dir))
    whole = {**os.environ, **environment}
    done = subprocess.run([*local, "-c", script], capture_output=True, text=True, check=False, env=whole)
    assert (done.returncode, done.stderr) == (0, "")
    remote = ("--host", "127.0.0.1", "--port", str(twincast.port), "--user", "ops", "--identity", str(file))
    with Terminal(command(*remote), environment) as opened:
        opened.until("Connect, and keep the key? (yes/no)")
        opened.send("yes\r")
        opened.until_last("<127.0.0.1>")
        type_line(opened, "system-view", "[~127.0.0.1]")
        type_line(opened, "remote-backup-profile rbp3", "[~127.0.0.1-rm-backup-prf-rbp3]")
        type_line(opened, "undo dhcp-stb mld-copy", "[*127.0.0.1-rm-backup-prf-rbp3]")
        type_line(opened, "commit", "[~127.0.0.1-rm-backup-prf-rbp3]")
        type_line(opened, "interface other", "[~127.0.0.1-rm-backup-prf-rbp3]")
        assert "Error: the change is not permitted to you" in opened.text()


def test_a_key_can_be_asked_for_and_does_not_show(terminal: Terminal) -> None:
    type_line(terminal, "system-view", f"[~{HOST}]")
    type_line(terminal, "remote-backup-service rbs7", f"[*{HOST}-rm-backup-srv-rbs7]")
    terminal.send("tcp-md5 key\r")
    terminal.until("\nkey:")
    type_line(terminal, "hush hush", f"[*{HOST}-rm-backup-srv-rbs7]")
    type_line(terminal, "display this candidate", f"[*{HOST}-rm-backup-srv-rbs7]")
    assert "tcp-md5 key ******" in terminal.text()
    assert "hush" not in terminal.text()
    type_line(terminal, "abort", USER_VIEW)


def test_what_is_pasted_is_carried_out_line_by_line_until_a_mistake(terminal: Terminal) -> None:
    view = f"[*{HOST}-rm-backup-prf-rbp31]"
    lines = ["system-view", "# a comment", "remote-backup-profile rbp31", "undo dhcp-stb igmp-copy", "displ"]
    terminal.send(f"\x1b[200~{chr(13).join(lines)}\x1b[201~")
    terminal.until_last(f"{view}displ")
    terminal.send("ay this candidate\r")
    terminal.until(" undo dhcp-stb igmp-copy\n#\nreturn")
    terminal.send("\x1b[200~nonsense\rundo service-type multicast\rcommit\r\x1b[201~")
    terminal.until("The 2 lines that were pasted behind it are not carried out.")
    type_line(terminal, "abort", USER_VIEW)
    assert "commit" not in terminal.text()

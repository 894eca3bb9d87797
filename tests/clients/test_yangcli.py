"""yangcli of Debian's yuma123, which goes by the modules and features that the hello names.

It does not understand all of YANG 1.1: it edits our module from files and shows its data in the namespace
INVALID. What it knows, such as access control, it edits by paths and is notified of.
"""

import os
import pty
import re
import subprocess

import pytest
from lxml import etree

from tests.support.netconf import TRB
from tests.support.profiles import copying, stop_copying, undo, wrong
from tests.support.twincast import PASSWORD

covers = pytest.mark.covers
DATA = re.compile(r"<rpc-reply.*?</rpc-reply>", re.DOTALL)


@pytest.fixture
def yangcli(twincast, from_debian, tmp_path):
    """Run a script of commands in one session; what the program printed. It ends at the first error."""
    program = from_debian("yangcli", "yangcli")

    def run(*commands):
        script = tmp_path / "script"
        script.write_text("".join(f"{command}\n" for command in commands))
        options = {
            "server": "127.0.0.1",
            "ncport": twincast.port,
            "user": "admin",
            "password": PASSWORD,
            "run-script": script,
            "home": tmp_path,
            "display-mode": "xml",
        }
        line = [program, "--batch-mode", *(f"--{name}={value}" for name, value in options.items())]
        ours, theirs = pty.openpty()  # without a terminal it does not start
        with os.fdopen(ours, "rb"), os.fdopen(theirs, "rb") as terminal:
            done = subprocess.run(
                line,
                stdin=terminal,
                capture_output=True,
                text=True,
                timeout=120,
                check=False,
                env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
            )
        return done.stdout + done.stderr

    return run


@pytest.fixture
def written(tmp_path):
    """The content of a `<config>` as a file, as the program wants it."""

    def write(config, name="edit.xml"):
        path = tmp_path / name
        path.write_text(etree.tostring(etree.fromstring(config)[0]).decode())
        return f"@{path}"

    return write


def oks(printed):
    return printed.count("RPC OK Reply")


def data(printed):
    return [etree.fromstring(reply.replace('"INVALID"', f'"{TRB}"')) for reply in DATA.findall(printed)]


@covers("hello")
def test_it_understands_the_hello(yangcli):
    printed = yangcli("close-session")
    assert "NETCONF session established for admin" in printed
    assert "Default target set to: <candidate>" in printed
    assert "Protocol version set to: RFC 6241 (base:1.1)" in printed
    assert "notifications@2008-07-14" in printed


@covers("lock", "edit-config", "validate", "commit", "get-config", "discard-changes")
def test_a_change_is_locked_edited_validated_committed_and_read(yangcli, written):
    edit, reset = written(stop_copying("yangcli")), written(undo("yangcli"), "undo.xml")
    printed = yangcli(
        "lock target=candidate",
        f"edit-config target=candidate config={edit}",
        "validate source=candidate",
        "commit",
        "unlock target=candidate",
        "get-config source=running",
        f"edit-config target=candidate config={reset}",
        "discard-changes",
        f"edit-config target=candidate config={reset}",
        "commit",
        "get-config source=running",
    )
    assert oks(printed) == 9, printed
    before, after = data(printed)
    assert copying(before)["yangcli"] == "false"
    assert copying(after)["yangcli"] is None


@covers("confirmed-commit", "cancel-commit")
def test_a_confirmed_commit_is_confirmed_or_cancelled(yangcli, written):
    edit, reset = written(stop_copying("yangcli-confirmed")), written(undo("yangcli-confirmed"), "undo.xml")
    printed = yangcli(
        f"edit-config target=candidate config={edit}",
        "commit confirmed confirm-timeout=600",
        "commit",
        f"edit-config target=candidate config={reset}",
        "commit confirmed confirm-timeout=600",
        "cancel-commit",
        "get-config source=running",
        "discard-changes",
    )
    assert oks(printed) == 7, printed
    assert copying(data(printed)[0])["yangcli-confirmed"] == "false"


@covers("subtree", "xpath", "get", "with-defaults")
def test_what_it_edits_by_paths(yangcli):
    printed = yangcli(
        "create /nacm/groups/group[name='yangcli']",
        "merge /nacm/groups/group[name='yangcli']/user-name value=fred",
        "commit",
        "sget-config source=running /nacm/groups",
        "xget-config source=running select=/nacm/groups/group[name='yangcli']",
        "xget select=/netconf-state/statistics",
        "get-config source=running with-defaults=report-all",
        "delete /nacm/groups/group[name='yangcli']",
        "commit",
    )
    by_subtree, by_xpath, state, defaults = data(printed)
    for reply in (by_subtree, by_xpath):
        assert reply.findtext(".//{*}user-name") == "fred"
    assert int(state.findtext(".//{*}in-rpcs")) > 0
    assert defaults.findtext(".//{*}enable-nacm") == "true"
    assert oks(printed) == 5, printed


@covers("get-schema")
def test_a_module_is_fetched(yangcli):
    printed = yangcli("get-schema identifier=twincast-remote-backup")
    assert "module twincast-remote-backup {" in printed


@covers("notifications")
def test_notifications_come_beside_answers(yangcli):
    printed = yangcli(
        "create-subscription",
        "create /nacm/groups/group[name='yangcli-told']",
        "commit",
        "delete /nacm/groups/group[name='yangcli-told']",
        "commit",
        *["get-config source=running"] * 5,  # it looks for notifications while it waits for answers
    )
    assert oks(printed) == 5, printed
    assert "Incoming notification" in printed
    assert "<netconf-config-change" in printed


@covers("kill-session")
def test_another_session_is_killed(yangcli, victim, is_gone):
    assert oks(yangcli(f"kill-session session-id={victim.session_id}")) == 1
    assert is_gone(victim)


@covers("errors")
def test_what_is_refused_is_told_with_its_path(yangcli, written):
    printed = yangcli(f"edit-config target=candidate config={written(wrong('refused'))}")
    (reply,) = data(printed)
    assert reply.findtext(".//{*}error-tag") == "invalid-value"
    assert reply.findtext(".//{*}error-path").endswith("[trb:name='refused']/trb:dhcp-stb/trb:igmp-copy")

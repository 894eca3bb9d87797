"""netconf-console2, a command line that strings operations together."""

import subprocess

import pytest
from lxml import etree

from tests.support.netconf import SPACES, TRB
from tests.support.profiles import SCHEMA, copying, stop_copying, subtree, undo, wrong
from tests.support.twincast import PASSWORD

covers = pytest.mark.covers
PREFIX = f"trb={TRB}"


@pytest.fixture
def console(twincast, installed):
    """Run the program with its commands, in one session; the documents that it printed."""
    program = installed("netconf-console2")

    def run(*commands, status=0):
        target = ["--host", "127.0.0.1", "--port", str(twincast.port), "-u", "admin", "-p", PASSWORD]
        line = [program, *target, "--ns", PREFIX, *commands]
        done = subprocess.run(line, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == status, done.stdout + done.stderr
        return [part.strip() for part in done.stdout.split("<?xml version='1.0' encoding='UTF-8'?>")[1:]] or [
            done.stdout + done.stderr
        ]

    return run


@pytest.fixture
def written(tmp_path):
    """The content of a `<config>` as a file, as the program wants it."""

    def write(config, name="edit.xml"):
        path = tmp_path / name
        path.write_text(etree.tostring(etree.fromstring(config)[0]).decode())
        return str(path)

    return write


def path_of(name):
    return f"/trb:remote-backup/trb:remote-backup-profile[trb:name='{name}']"


@covers("hello")
def test_the_hello(console):
    (hello,) = console("--hello")
    announced = {element.text for element in etree.fromstring(hello).iterfind(".//{*}capability")}
    assert "urn:ietf:params:netconf:capability:candidate:1.0" in announced


@covers("lock", "edit-config", "validate", "confirmed-commit", "commit", "get-config", "xpath")
def test_a_change_is_locked_edited_validated_committed_and_read(console, written):
    edit = written(stop_copying("console"))
    change = ["--lock", "--edit-config", edit, "--validate", "candidate", "--timeout", "600"]
    answers = console("--db", "candidate", *change, "--commit", "confirmed", "--commit", "--unlock")
    assert [etree.fromstring(answer).tag.rpartition("}")[2] for answer in answers] == ["ok"] * 6
    (found,) = console("--get-config", "-x", path_of("console"))
    assert copying(found) == {"console": "false"}
    leaf = f"{path_of('console')}/trb:dhcp-stb/trb:igmp-copy"
    console("--db", "candidate", "--delete", leaf, "--commit")
    (found,) = console("--get-config", "-x", path_of("console"))
    assert copying(found) == {"console": None}


@covers("get", "with-defaults", "subtree")
def test_state_and_defaults(console, written, tmp_path):
    console("--db", "candidate", "--edit-config", written(stop_copying("console-state")), "--commit")
    (found,) = console("--get", "-x", path_of("console-state"))
    assert etree.fromstring(found).findtext(".//trb:local-role", namespaces=SPACES) == "init"
    (found,) = console("--get-config", "-x", path_of("console-state"), "--with-defaults", "report-all")
    assert etree.fromstring(found).findtext(".//trb:mode", namespaces=SPACES) == "hot"
    asked = tmp_path / "get.xml"
    asked.write_text(
        f'<nc:get-config xmlns:nc="{SPACES["nc"]}"><nc:source><nc:running/></nc:source>'
        f'<nc:filter type="subtree">{subtree("console-state")}</nc:filter></nc:get-config>'
    )
    (found,) = console("--rpc", str(asked))
    assert copying(found) == {"console-state": "false"}


@covers("discard-changes")
def test_changes_are_discarded(console, written):
    edit = written(stop_copying("console-discarded"))
    answers = console("--db", "candidate", "--edit-config", edit, "--discard-changes", "--get-config")
    assert "console-discarded" not in copying(answers[-1])


@covers("get-schema")
def test_a_module_is_fetched(console):
    (answer,) = console("--get-schema", SCHEMA)
    assert f"module {SCHEMA} {{" in answer


@covers("notifications")
def test_notifications_come_beside_answers(console, written):
    edit = written(stop_copying("console-told"))
    console("--db", "candidate", "--edit-config", edit, "--commit")
    edit = written(undo("console-told"))
    change = ["--create-subscription", "NETCONF", "--db", "candidate", "--edit-config", edit, "--commit"]
    assert "<netconf-config-change" in "".join(console(*change, "--sleep", "3"))


@covers("kill-session")
def test_another_session_is_killed(console, victim, is_gone):
    console("--kill-session", victim.session_id)
    assert is_gone(victim)


@covers("errors")
def test_what_is_refused_is_told_with_its_path(console, written):
    (answer,) = console("--db", "candidate", "--edit-config", written(wrong("refused")), status=255)
    assert "<error-tag>invalid-value<" in answer
    assert "[trb:name='refused']/trb:dhcp-stb/trb:igmp-copy</error-path>" in answer

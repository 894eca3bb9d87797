"""Ansible's collection ansible.netcommon: netconf_get, netconf_rpc and netconf_config in one playbook."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.profiles import SCHEMA, copying
from tests.support.twincast import PASSWORD

pytestmark = pytest.mark.timeout(400)
covers = pytest.mark.covers
PLAYBOOK = Path(__file__).with_name("playbook.yml")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("ansible")


@pytest.fixture(scope="module")
def victim(twincast):
    client = twincast.client()
    yield client
    client.close()


@pytest.fixture(scope="module")
def answers(twincast, installed, folder, victim):
    """What each task of the playbook was told."""
    router = {
        "ansible_host": "127.0.0.1",
        "ansible_port": twincast.port,
        "ansible_user": "admin",
        "ansible_password": PASSWORD,
        "ansible_connection": "ansible.netcommon.netconf",
        "ansible_network_os": "ansible.netcommon.default",
        "ansible_host_key_checking": False,
        "ansible_python_interpreter": sys.executable,
        "folder": str(folder),
        "victim": victim.session_id,
    }
    inventory = folder / "inventory.json"
    inventory.write_text(json.dumps({"all": {"hosts": {"router": router}}}))
    environment = {
        **os.environ,
        "HOME": str(folder),
        "ANSIBLE_HOME": str(folder / "home"),
        "ANSIBLE_COLLECTIONS_PATH": str(Path(sys.prefix) / "collections"),
        "ANSIBLE_PERSISTENT_COMMAND_TIMEOUT": "120",
        "ANSIBLE_PERSISTENT_CONNECT_TIMEOUT": "150",
    }
    command = [installed("ansible-playbook"), "-i", str(inventory), str(PLAYBOOK)]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=380, check=False, env=environment, cwd=folder
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return ast.literal_eval((folder / "answers").read_text())


@covers("hello", "lock", "edit-config", "validate", "commit", "get-config", "subtree", "xpath", "get")
def test_a_change_is_made_and_read(answers):
    assert answers["made"]["changed"]
    assert "urn:ietf:params:netconf:capability:candidate:1.0" in answers["made"]["server_capabilities"]
    assert copying(answers["subtree"]["stdout"])["ansible"] is None
    statistics = answers["xpath"]["output"]["data"]["netconf-state"]["statistics"]
    assert int(statistics["in-rpcs"]) > 0


@covers("backup", "diff")
def test_the_change_is_told_and_what_was_there_before_is_kept(answers, folder):
    assert "ansible" not in copying((folder / "before.xml").read_text())
    assert "ansible" not in copying(answers["made"]["diff"]["before"])
    assert copying(answers["made"]["diff"]["after"])["ansible"] is None
    assert not answers["again"]["changed"]


@covers("check mode", "discard-changes")
def test_what_would_change_is_told_and_not_done(answers):
    assert answers["checked"]["changed"]
    assert copying(answers["checked"]["diff"]["after"])["ansible"] == "false"
    assert not answers["discarded"]["failed"]


@covers("confirmed-commit")
def test_a_confirmed_commit_is_confirmed_and_undone_by_an_edit(answers, twincast):
    assert not answers["confirmed"]["failed"]
    assert answers["confirming"]["changed"]
    assert copying(answers["undone"]["diff"]["before"])["ansible"] == "false"
    with twincast.connect() as session:
        assert copying(session.get_config("running").data)["ansible"] is None


def test_the_confirm_of_the_module_never_reaches_the_server(answers, twincast):
    """A known defect of the collection (its issue 551); docs/clients.md shows the way around."""
    assert answers["by_the_module"]["msg"] == "Argument must be bytes or unicode, got 'int'"
    with twincast.connect() as session:
        assert "ansible-confirm" not in copying(session.get_config("running").data)


@covers("get-schema")
def test_a_module_is_fetched(answers):
    assert f"module {SCHEMA} {{".encode() in answers["schema"]["stdout"]


@covers("kill-session")
def test_another_session_is_killed(answers, victim, is_gone):
    assert not answers["killed"]["failed"]
    assert is_gone(victim)


@covers("errors")
def test_what_is_refused_is_told(answers):
    assert answers["refused"]["failed"]
    assert "perhaps" in answers["refused"]["msg"]
    assert "<config> in <edit-config> is in no namespace" in answers["bare"]["msg"]

"""The whole product, asked by clients of different make: lock, edit, validate, commit, read, unlock."""

import os
import shutil
import subprocess

import pytest
from lxml import etree
from netconf_client.connect import connect_ssh
from netconf_client.ncclient import Manager

from tests.support.netconf import NC, SERVICE, SPACES, TRB, backup, edit, profile, refused, service
from tests.support.twincast import PASSWORD, Twincast

OFF = "<dhcp-stb><igmp-copy>false</igmp-copy></dhcp-stb>"


@pytest.fixture(scope="module")
def twincast(tmp_path_factory):
    with Twincast(tmp_path_factory.mktemp("twincast")) as running:
        yield running


def _igmp_copy(data, name):
    entries = data.iterfind(".//trb:remote-backup-profile", SPACES)
    found = {entry.findtext("trb:name", namespaces=SPACES): entry for entry in entries}
    return found[name].findtext(".//trb:igmp-copy", namespaces=SPACES)


def test_ncclient(twincast):
    with twincast.connect() as session, session.locked("candidate"):
        edit(session, profile(OFF, "by-ncclient"))
        session.validate()
        session.commit()
        assert _igmp_copy(session.get_config("running").data, "by-ncclient") == "false"
        assert _igmp_copy(session.get().data, "by-ncclient") == "false"


def test_netconf_client(twincast):
    with (
        connect_ssh(host="127.0.0.1", port=twincast.port, username="admin", password=PASSWORD) as transport,
        Manager(transport, timeout=60) as session,
    ):
        session.lock(target="candidate")
        session.edit_config(backup(profile(OFF, "by-netconf-client")), target="candidate")
        session.validate(source="candidate")
        session.commit()
        assert _igmp_copy(session.get_config(source="running").data_ele, "by-netconf-client") == "false"
        assert _igmp_copy(session.get().data_ele, "by-netconf-client") == "false"
        session.unlock(target="candidate")


REQUESTS = (
    "<lock><target><candidate/></target></lock>",
    f"<edit-config><target><candidate/></target>{backup(profile(OFF, 'by-ssh'))}</edit-config>",
    "<validate><source><candidate/></source></validate>",
    "<commit/>",
    "<get-config><source><running/></source></get-config>",
    "<get/>",
    "<unlock><target><candidate/></target></unlock>",
    "<close-session/>",
)


@pytest.mark.skipif(shutil.which("ssh") is None, reason="no OpenSSH client on this machine")
def test_ssh_without_a_netconf_client(twincast, tmp_path):
    ask = tmp_path / "askpass"
    ask.write_text(f"#!/bin/sh\necho '{PASSWORD}'\n")
    ask.chmod(0o700)
    command = ["ssh", "-p", str(twincast.port), "-o", "StrictHostKeyChecking=no"]
    command += ["-o", f"UserKnownHostsFile={tmp_path / 'known'}", "-s", "admin@127.0.0.1", "netconf"]
    answer = subprocess.run(
        command,
        input=_conversation(),
        capture_output=True,
        timeout=60,
        check=True,
        env={**os.environ, "SSH_ASKPASS": str(ask), "SSH_ASKPASS_REQUIRE": "force"},
    )
    _hello, *replies, rest = answer.stdout.split(b"]]>]]>")
    assert rest.strip() == b""
    assert len(replies) == len(REQUESTS)
    assert b"<rpc-error" not in answer.stdout
    for reply in replies[4:6]:
        assert _igmp_copy(etree.fromstring(reply.strip()), "by-ssh") == "false"


def _conversation():
    capability = "<capability>urn:ietf:params:netconf:base:1.0</capability>"
    hello = f'<hello xmlns="{NC}"><capabilities>{capability}</capabilities></hello>'
    requests = [
        f'<rpc xmlns="{NC}" message-id="{number}">{each}</rpc>' for number, each in enumerate(REQUESTS)
    ]
    return "".join(f"{message}]]>]]>" for message in (hello, *requests)).encode()


def test_the_dataplane_refuses_and_the_client_gets_the_path_of_the_leaf(twincast):
    body = (
        "<peer><address>192.0.2.1</address><source-address>192.0.2.2</source-address><port>2000</port></peer>"
        "<tls><peer-key>nobody</peer-key></tls>"
    )
    with twincast.connect() as session:
        edit(session, service(body, "unprotected"))
        session.validate()
        error = refused(session.commit)
        session.discard_changes()
        assert error.tag == "operation-failed"
        assert (error.path, error.app_tag) == (
            f"{SERVICE}[trb:name='unprotected']/trb:tls/trb:peer-key",
            "key-not-usable",
        )
        assert "unprotected" not in session.get_config("running").data_xml


def test_a_commit_while_the_dataplane_is_started_again(twincast):
    with twincast.connect() as session:
        edit(session, profile(OFF, "before"))
        session.commit()
        twincast.kill("dataplane")
        edit(session, profile("", "before", f'xmlns="{TRB}" nc:operation="replace"'))
        session.commit()
        data = session.get_config("running").data
        assert _igmp_copy(data, "before") is None


def test_the_state_of_a_profile(twincast):
    wanted = f'<remote-backup xmlns="{TRB}">{profile(name="seen")}</remote-backup>'
    with twincast.connect() as session:
        edit(session, profile(name="seen"))
        session.commit()
        data = session.get(filter=("subtree", wanted)).data
        assert data.findtext(".//trb:local-role", namespaces=SPACES) == "init"
        assert len(data.findall(".//trb:remote-backup-profile", SPACES)) == 1
        edit(session, profile(name="seen", attributes='nc:operation="delete"'))
        session.commit()
        assert session.get(filter=("subtree", wanted)).data.find(".//trb:local-role", SPACES) is None

"""netconf-client, which also speaks NMDA and TLS."""

import pytest
from netconf_client.connect import connect_ssh
from netconf_client.error import RpcError
from netconf_client.ncclient import Manager

from tests.support.netconf import NCM, TRB, backup, profile
from tests.support.profiles import SCHEMA, copying, stop_copying, subtree, undo, wrong, xpath
from tests.support.twincast import PASSWORD

covers = pytest.mark.covers


@pytest.fixture
def session(twincast):
    with (
        connect_ssh(host="127.0.0.1", port=twincast.port, username="admin", password=PASSWORD) as transport,
        Manager(transport, timeout=60) as manager,
    ):
        yield manager


def filtered(name):
    return f'<filter type="subtree">{subtree(name)}</filter>'


@covers("hello", "lock", "edit-config", "validate", "commit", "get-config", "get", "subtree", "xpath")
def test_a_change_is_locked_edited_validated_committed_and_read(session):
    name = "netconf-client"
    assert "urn:ietf:params:netconf:base:1.1" in session.session.server_capabilities
    session.lock(target="candidate")
    session.edit_config(stop_copying(name), target="candidate")
    session.validate(source="candidate")
    session.commit()
    session.unlock(target="candidate")
    assert copying(session.get_config(source="running", filter=filtered(name)).data_ele) == {name: "false"}
    select = f'<filter type="xpath" xmlns:trb="{TRB}" select="{xpath(name)}"/>'
    assert copying(session.get(filter=select).data_ele) == {name: "false"}
    session.edit_config(undo(name), target="candidate")
    session.commit()
    assert copying(session.get_config(source="running", filter=filtered(name)).data_ele) == {name: None}


@covers("confirmed-commit", "cancel-commit", "discard-changes")
def test_a_confirmed_commit_is_confirmed_or_cancelled(session):
    name = "netconf-client-confirmed"
    session.edit_config(stop_copying(name), target="candidate")
    session.commit(confirmed=True, confirm_timeout=600)
    session.commit()
    session.edit_config(undo(name), target="candidate")
    session.commit(confirmed=True, persist="token")
    session.cancel_commit(persist_id="token")
    session.discard_changes()
    assert copying(session.get_config(source="running", filter=filtered(name)).data_ele) == {name: "false"}


@covers("get-data")
def test_the_operational_datastore(session):
    name = "netconf-client-nmda"
    session.edit_config(stop_copying(name), target="candidate")
    session.commit()
    wanted = f"<subtree-filter>{subtree(name)}</subtree-filter>"
    data = session.get_data("ds:operational", filter=wanted, with_origin=True).data_ele
    assert copying(data) == {name: "false"}
    assert b"origin" in session.get_data("ds:operational", filter=wanted, with_origin=True).raw_reply


@covers("with-defaults", "copy-config")
def test_defaults_are_told_and_copied(session):
    name = "netconf-client-defaults"
    session.edit_config(backup(profile("<dhcp-stb/>", name)), target="candidate")
    session.commit()
    reply = session.get_config(source="running", filter=filtered(name), with_defaults="report-all")
    assert copying(reply.data_ele) == {name: "true"}
    session.copy_config(target="candidate", source="running", with_defaults="explicit")
    assert name in copying(session.get_config(source="candidate").data_ele)


@covers("get-schema")
def test_the_schema(session):
    reply = session.dispatch(f'<get-schema xmlns="{NCM}"><identifier>{SCHEMA}</identifier></get-schema>')
    assert f"module {SCHEMA} {{" in str(reply.xml)


@covers("notifications")
def test_notifications_come_beside_answers(session):
    session.create_subscription(stream="NETCONF")
    session.edit_config(stop_copying("netconf-client-told"), target="candidate")
    session.commit()
    assert b"<netconf-config-change" in session.take_notification(timeout=30).notification_xml


@covers("kill-session")
def test_another_session_is_killed(session, victim, is_gone):
    session.kill_session(victim.session_id)
    assert is_gone(victim)


@covers("errors")
def test_what_is_refused_is_told_with_its_path(session):
    with pytest.raises(RpcError) as refused:
        session.edit_config(wrong("refused"), target="candidate")
    assert refused.value.tag == "invalid-value"
    assert b"[trb:name='refused']/trb:dhcp-stb/trb:igmp-copy</error-path>" in refused.value.reply_raw
    session.discard_changes()

"""scrapli-netconf, with three of its transports: OpenSSH's program, paramiko and libssh2."""

import pytest
from scrapli_netconf.driver import NetconfDriver

from tests.support.netconf import NCM, TRB
from tests.support.profiles import SCHEMA, copying, stop_copying, subtree, undo, wrong
from tests.support.twincast import PASSWORD

covers = pytest.mark.covers


@pytest.fixture(params=["system", "paramiko", "ssh2"])
def transport(request, from_debian):
    if request.param == "system":
        from_debian("ssh", "openssh-client")
    return request.param


@pytest.fixture
def session(twincast, transport):
    with NetconfDriver(
        host="127.0.0.1",
        port=twincast.port,
        auth_username="admin",
        auth_password=PASSWORD,
        auth_strict_key=False,
        transport=transport,
        timeout_socket=60,
        timeout_transport=60,
        timeout_ops=60,
    ) as driver:
        yield driver


@pytest.fixture
def accepted():
    """The answer, which is no error."""

    def check(response):
        assert not response.failed, response.result
        return response.xml_result

    return check


@covers("hello", "lock", "edit-config", "validate", "commit", "get-config", "get", "subtree", "xpath")
def test_a_change_is_locked_edited_validated_committed_and_read(session, accepted, transport):
    name = f"scrapli-{transport}"
    assert "urn:ietf:params:netconf:base:1.1" in session.server_capabilities
    accepted(session.lock("candidate"))
    accepted(session.edit_config(stop_copying(name), target="candidate"))
    accepted(session.validate("candidate"))
    accepted(session.commit())
    accepted(session.unlock("candidate"))
    wanted = subtree(name)
    assert copying(accepted(session.get_config("running", filter_=wanted))) == {name: "false"}
    assert copying(accepted(session.get(wanted))) == {name: "false"}
    select = f'/remote-backup/remote-backup-profile[name="{name}"]'
    assert copying(accepted(session.get_config(filter_=select, filter_type="xpath"))) == {name: "false"}
    accepted(session.edit_config(undo(name), target="candidate"))
    accepted(session.commit())
    assert copying(accepted(session.get_config("running", filter_=wanted))) == {name: None}


@covers("confirmed-commit", "discard-changes", "copy-config", "cancel-commit")
def test_a_confirmed_commit_is_confirmed_or_cancelled(session, accepted, transport):
    name = f"scrapli-confirmed-{transport}"
    accepted(session.edit_config(stop_copying(name), target="candidate"))
    accepted(session.commit(confirmed=True, timeout=600))
    accepted(session.commit())
    accepted(session.edit_config(undo(name), target="candidate"))
    accepted(session.commit(confirmed=True, timeout=600))
    accepted(session.rpc("<cancel-commit/>"))
    accepted(session.discard())
    accepted(session.copy_config("running", "candidate"))
    assert copying(accepted(session.get_config("candidate", filter_=subtree(name)))) == {name: "false"}


@covers("get-schema", "with-defaults")
def test_what_is_written_by_hand(session, accepted, transport):
    name = f"scrapli-hand-{transport}"
    accepted(session.edit_config(stop_copying(name), target="candidate"))
    accepted(session.commit())
    asked = f'<get-schema xmlns="{NCM}"><identifier>{SCHEMA}</identifier></get-schema>'
    assert f"module {SCHEMA} {{" in session.rpc(asked).result
    wanted = f'<remote-backup xmlns="{TRB}"><remote-backup-profile><name>{name}</name><mode/>'
    wanted += "</remote-backup-profile></remote-backup>"
    reported = session.get_config("running", filter_=wanted, default_type="report-all")
    assert "<mode>hot</mode>" in reported.result


@covers("kill-session")
def test_another_session_is_killed(session, accepted, victim, is_gone):
    accepted(session.rpc(f"<kill-session><session-id>{victim.session_id}</session-id></kill-session>"))
    assert is_gone(victim)


@covers("errors")
def test_what_is_refused_is_told_with_its_path(session):
    answer = session.edit_config(wrong("refused"), target="candidate")
    assert answer.failed
    assert "[trb:name='refused']/trb:dhcp-stb/trb:igmp-copy</error-path>" in answer.result
    assert not session.discard().failed

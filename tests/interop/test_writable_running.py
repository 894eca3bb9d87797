"""Writable running and the startup datastore, on a server that was started with both (RFC 6241 8.2, 8.7)."""

import subprocess
import sys

import pytest
from ncclient.transport import TransportError

from tests.support.netconf import (
    NC,
    NCM,
    PROFILE,
    backup,
    config,
    edit,
    info,
    names,
    profile,
    refused,
    request,
)
from tests.support.server import running_server
from tests.support.twincast import Twincast
from tests.support.wait import wait_for

RBP3 = f"{PROFILE}[trb:name='rbp3']"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with running_server(
        tmp_path_factory.mktemp("server"), netconf=("writable-running", "startup")
    ) as running:
        yield running


@pytest.fixture
def session(connect):
    opened = connect()
    opened.copy_config(source="running", target="startup")
    return opened


def _edit_running(session, inner, **options):
    return session.edit_config(backup(inner), target="running", **options)


def test_both_are_announced(session):
    capabilities = "\n".join(session.server_capabilities)
    for name in ("writable-running:1.0", "startup:1.0"):
        assert f"urn:ietf:params:netconf:capability:{name}" in capabilities


def test_the_datastores_of_the_monitoring(session):
    wanted = f'<netconf-state xmlns="{NCM}"><datastores/></netconf-state>'
    data = session.get(filter=("subtree", wanted)).data
    assert {element.text for element in data.iter(f"{{{NCM}}}name")} == {"running", "candidate", "startup"}


def test_an_edit_of_running_is_a_commit(session):
    _edit_running(session, profile())
    assert names(session, "running") == ["rbp3"]
    assert names(session) == ["rbp3"]  # a candidate without changes follows
    error = refused(_edit_running, session, profile("<backup-id>7</backup-id>"))
    assert (error.tag, error.app_tag, error.path) == (
        "operation-failed",
        "service-name-missing",
        f"{RBP3}/trb:backup-id",
    )
    error = refused(_edit_running, session, profile(attributes='nc:operation="create"'))
    assert (error.tag, error.path) == ("data-exists", RBP3)
    assert "backup-id" not in session.get_config("running").data_xml


def test_a_candidate_with_changes_does_not_follow(session):
    edit(session, profile(name="rbp4"))
    _edit_running(session, profile())
    assert (names(session, "running"), names(session)) == (["rbp3"], ["rbp4"])


def test_options_of_an_edit_of_running(session):
    _edit_running(session, profile(), test_option="test-only")
    assert names(session, "running") == []
    inner = profile(name="rbp1") + profile(name="rbp2", attributes='nc:operation="delete"') + profile()
    assert refused(_edit_running, session, inner, error_option="rollback-on-error").tag == "data-missing"
    assert names(session, "running") == []
    assert refused(_edit_running, session, inner, error_option="continue-on-error").tag == "data-missing"
    assert names(session, "running") == ["rbp1", "rbp3"]


def test_copies_between_all_of_them(session):
    edit(session, profile(name="candidate"))
    session.copy_config(source="candidate", target="running")
    assert names(session, "running") == ["candidate"]
    session.copy_config(source="running", target="startup")
    assert names(session, "startup") == ["candidate"]
    edit(session, profile(name="more"))
    session.copy_config(source="startup", target="candidate")
    assert names(session) == ["candidate"]
    session.delete_config("startup")
    assert names(session, "startup") == []
    session.copy_config(source="startup", target="running")
    assert names(session, "running") == []


def test_what_is_not_valid_is_not_copied(session):
    edit(session, profile("<backup-id>7</backup-id>"))
    for target in ("running", "startup"):
        assert (
            refused(session.copy_config, source="candidate", target=target).app_tag == "service-name-missing"
        )
    assert names(session, "startup") == []
    session.validate(source="startup")


def test_a_lock_keeps_others_out(connect):
    holder, other = connect(), connect()
    holder.lock("running")
    assert refused(_edit_running, other, profile()).tag == "in-use"
    holder.lock("startup")
    assert refused(other.lock, "startup").tag == "lock-denied"
    assert info(refused(other.lock, "startup")) == {"session-id": holder.session_id}
    for attempt in (
        lambda: other.copy_config(source="running", target="startup"),
        lambda: other.delete_config("startup"),
    ):
        assert refused(attempt).tag == "in-use"
    _edit_running(holder, profile())


def test_an_edit_of_running_while_a_confirmed_commit_waits(connect):
    owner, other = connect(), connect()
    edit(owner, profile(name="first"))
    owner.commit(confirmed=True, timeout="100")
    error = refused(_edit_running, other, profile(name="stranger"))
    assert (error.tag, error.app_tag) == ("in-use", "confirmed-commit-pending")
    _edit_running(owner, profile(name="second"))
    assert names(owner, "running") == ["first", "second"]
    owner.cancel_commit()
    assert names(owner, "running") == []


REFUSED = {
    "edit-config of startup": f"<edit-config><target><startup/></target>{config('')}</edit-config>",
    "copy-config of startup to itself": (
        "<copy-config><target><startup/></target><source><startup/></source></copy-config>"
    ),
}


@pytest.mark.parametrize("body", REFUSED.values(), ids=REFUSED)
def test_what_makes_no_sense(session, body):
    name, _, rest = body.removeprefix("<").partition(">")
    assert refused(request, session, f'<{name} xmlns="{NC}">{rest}').tag == "invalid-value"


def test_running_cannot_be_deleted(session):
    assert refused(session.delete_config, "running").tag == "operation-not-supported"


def test_startup_is_what_a_start_begins_with_and_running_survives_a_restart(tmp_path):
    with running_server(tmp_path, netconf=("startup",)) as server:
        with server.connect() as session:
            edit(session, profile(name="saved"))
            session.commit()
            session.copy_config(source="running", target="startup")
            edit(session, profile(name="not-saved"))
            session.commit()
            assert refused(session.copy_config, source="startup", target="running").tag == (
                "operation-not-supported"
            )
        server.kill("server")
        assert server.start_server() == "ready"
        with server.connect() as session:
            assert names(session, "running") == ["not-saved", "saved"]
        server.terminate("server")
        assert server.start_server(again=False) == "ready"
        with server.connect() as session:
            assert names(session, "running") == names(session) == names(session, "startup") == ["saved"]


def test_the_first_start_with_startup_takes_running_over(tmp_path):
    with running_server(tmp_path) as server, server.connect() as session:
        edit(session, profile(name="before"))
        session.commit()
    with running_server(tmp_path, netconf=("startup",)) as server, server.connect() as session:
        assert names(session, "running") == names(session, "startup") == ["before"]
        session.delete_config("startup")
    with running_server(tmp_path) as server, server.connect() as session:
        assert names(session, "running") == ["before"]
    with running_server(tmp_path, netconf=("startup",)) as server, server.connect() as session:
        assert names(session, "startup") == ["before"]


def test_a_confirmed_commit_and_a_restart_with_startup(tmp_path):
    with running_server(tmp_path, netconf=("startup",)) as server:
        with server.connect() as session:
            edit(session, profile(name="first"))
            session.commit()
            edit(session, profile(name="waits"))
            session.commit(confirmed=True, timeout="100", persist="x")
        server.kill("server")
        assert server.start_server() == "ready"
        with server.connect() as session:
            wait_for(lambda: names(session, "running") == ["first"], what="the rollback")


def test_the_options_of_twincast_run(tmp_path):
    options = ("--writable-running", "--startup", "--url-dir", str(tmp_path))
    with Twincast(tmp_path / "t", *options) as twincast:
        with twincast.connect() as session:
            announced = " ".join(session.server_capabilities)
            for name in ("writable-running:1.0", "startup:1.0", "url:1.0?scheme=file"):
                assert f"capability:{name}" in announced
            assert "https" not in announced
            _edit_running(session, profile(name="kept"))
        twincast.kill("server")
        session = wait_for(lambda: _connected(twincast), what="the server again", timeout=30)
        assert names(session, "running") == ["kept"]
        session.close_session()
    with Twincast(tmp_path / "t", *options) as twincast, twincast.connect() as session:
        assert names(session, "running") == []


def _connected(twincast):
    try:
        return twincast.connect()
    except (TransportError, OSError, EOFError):
        return None


@pytest.mark.parametrize("folder", ["missing", "file"])
def test_a_url_folder_that_is_none(tmp_path, folder):
    (tmp_path / "file").write_text("")
    command = [sys.executable, "-P", "-m", "cli.main", "run", "--url-dir", str(tmp_path / folder)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 2
    assert "no such folder" in ended.stderr


def _edit_data(inner):
    content = backup(inner).replace(f'<config xmlns="{NC}"', "<config", 1)
    return (
        '<edit-data xmlns="urn:ietf:params:xml:ns:yang:ietf-netconf-nmda"'
        ' xmlns:ds="urn:ietf:params:xml:ns:yang:ietf-datastores">'
        f"<datastore>ds:running</datastore>{content}</edit-data>"
    )


def test_edit_data_of_running_is_a_commit_too(session):
    request(session, _edit_data(profile()))
    assert names(session, "running") == ["rbp3"]
    error = refused(request, session, _edit_data(profile("<backup-id>7</backup-id>")))
    assert (error.app_tag, error.path) == ("service-name-missing", f"{RBP3}/trb:backup-id")

"""The confirmed commit against the whole product: every way it can end (RFC 6241 section 8.4)."""

import os
import signal
from contextlib import ExitStack

import pytest
from ncclient.operations import RPCError
from ncclient.transport import TransportError

from tests.support.netconf import NC, NCM, edit, info, make_empty, names, profile, refused, request
from tests.support.twincast import Twincast
from tests.support.wait import wait_for

CHANGES = ("with-change", "without-change")
SESSIONS = ("same-session", "other-session")
TOKENS = {"persist": "IQ,d4668", "none": None}
LONG = "600"


@pytest.fixture(scope="module")
def twincast(tmp_path_factory):
    with Twincast(tmp_path_factory.mktemp("confirmed")) as running:
        yield running


@pytest.fixture
def connect(twincast):
    """Open sessions that end with the test, with running empty before it and nothing that waits after it."""
    opened = ExitStack()
    with twincast.connect() as cleaner:
        make_empty(cleaner)

    def open_session():
        session = twincast.connect()
        opened.callback(_close, session)
        return session

    yield open_session
    opened.close()


def _close(session):
    try:
        session.close_session()
    except (TransportError, OSError, RPCError):  # a channel that ended meanwhile raises what its layer has
        session._session.close()


def _commit(session, **parameters):
    """ncclient sends no persist-id without confirmed, so the request is written out."""
    leaves = {name.replace("_", "-"): text for name, text in parameters.items() if text is not None}
    inner = "".join(f"<{name}>{text}</{name}>" if text else f"<{name}/>" for name, text in leaves.items())
    return request(session, f'<commit xmlns="{NC}">{inner}</commit>')


def _cancel(session, persist_id=None):
    inner = f"<persist-id>{persist_id}</persist-id>" if persist_id else ""
    return request(session, f'<cancel-commit xmlns="{NC}">{inner}</cancel-commit>')


def _first(session, timeout=LONG, **options):
    edit(session, profile(name="first"))
    _commit(session, confirmed="", confirm_timeout=timeout, **options)
    assert names(session, "running") == ["first"]


def _becomes(session, expected):
    wait_for(lambda: names(session, "running") == expected, what=f"running {expected}")


def _start_anew(twincast, connect):
    twincast.kill("server")
    session = wait_for(lambda: _connected(connect), what="the server again", timeout=30)
    assert names(session) == names(session, "running")
    return session


def _connected(connect):
    try:
        return connect()
    except (TransportError, OSError, EOFError):
        return None


@pytest.mark.parametrize("token", TOKENS)
@pytest.mark.parametrize("who", SESSIONS)
@pytest.mark.parametrize("change", CHANGES)
class TestMatrix:
    """`change`: there is one more in the candidate when it ends. `who` ends it, or is lost."""

    def _begin(self, connect, change, who, token, timeout=LONG):
        """Return the session that ends it, one that watches, the token and the candidate's profiles."""
        owner, other = connect(), connect()
        _first(owner, timeout, persist=TOKENS[token])
        ending, watching = (owner, other) if who == "same-session" else (other, owner)
        if change == "with-change":
            edit(ending, profile(name="second"))
        return ending, watching, TOKENS[token], ["first", "second"][: 1 + (change == "with-change")]

    def test_confirm(self, connect, change, who, token):
        ending, watching, persist_id, confirmed = self._begin(connect, change, who, token)
        if who == "other-session" and persist_id is None:
            self._refused(lambda: _commit(ending), watching)
            _commit(watching)
        else:
            _commit(ending, persist_id=persist_id)
        assert names(watching, "running") == confirmed
        assert refused(_cancel, watching).app_tag == "no-confirmed-commit"

    def test_cancel(self, connect, change, who, token):
        ending, watching, persist_id, confirmed = self._begin(connect, change, who, token)
        if who == "other-session" and persist_id is None:
            self._refused(lambda: _cancel(ending), watching)
            _cancel(watching)
        else:
            _cancel(ending, persist_id)
        assert names(watching, "running") == []
        assert names(watching) == (confirmed if change == "with-change" else [])

    def test_timeout(self, connect, change, who, token):
        ending, watching, _persist_id, confirmed = self._begin(connect, change, who, token, timeout="1")
        _becomes(watching, [])
        assert names(ending) == (confirmed if change == "with-change" else [])

    def test_session_loss(self, connect, change, who, token):
        ending, watching, persist_id, _confirmed = self._begin(connect, change, who, token)
        ended = ending.session_id
        if change == "with-change":
            ending._session._transport.sock.close()
            wait_for(lambda: ended not in _sessions(watching), what="the end of the session")
        else:
            watching.kill_session(ended)
        if who == "same-session" and persist_id is None:
            _becomes(watching, [])
            return
        assert names(watching, "running") == ["first"]
        _cancel(watching, persist_id)
        assert names(watching, "running") == []

    def test_kill_of_the_server(self, twincast, connect, change, who, token):
        self._begin(connect, change, who, token)
        session = _start_anew(twincast, connect)
        assert names(session, "running") == []
        assert refused(_cancel, session).app_tag == "no-confirmed-commit"

    @staticmethod
    def _refused(ask, owner):
        error = refused(ask)
        assert (error.tag, error.type, error.app_tag) == ("in-use", "protocol", "confirmed-commit-pending")
        assert f"session {owner.session_id}" in error.message
        assert names(owner, "running") == ["first"]


def _sessions(session):
    state = f'<netconf-state xmlns="{NCM}"><sessions/></netconf-state>'
    data = session.get(filter=("subtree", state)).data
    return {element.text for element in data.iterfind(".//{*}session-id")}


def test_it_is_announced(connect):
    capabilities = list(connect().server_capabilities)
    assert "urn:ietf:params:netconf:capability:confirmed-commit:1.1" in capabilities
    assert "urn:ietf:params:netconf:capability:confirmed-commit:1.0" in capabilities


def test_ncclient_confirms_and_cancels(connect):
    session = connect()
    edit(session, profile(name="first"))
    session.commit(confirmed=True, timeout=LONG)
    session.commit()
    edit(session, profile(name="second"))
    session.commit(confirmed=True, timeout=LONG, persist="token")
    session.cancel_commit(persist_id="token")
    assert names(session, "running") == ["first"]


def test_a_follow_up_extends_and_goes_back_to_the_first_rollback_point(connect):
    session, watching = connect(), connect()
    _first(session, "1")
    edit(session, profile(name="second"))
    _commit(session, confirmed="", confirm_timeout="2")
    _becomes(watching, [])


def test_a_commit_that_is_refused_leaves_what_waits_as_it_was(connect):
    session, watching = connect(), connect()
    _first(session, "2")
    edit(session, profile("<backup-id>7</backup-id>", name="first"))
    for again in ({}, {"confirmed": "", "confirm_timeout": LONG}):
        assert refused(lambda again=again: _commit(session, **again)).app_tag == "service-name-missing"
    assert names(watching, "running") == ["first"]
    _becomes(watching, [])


def test_locks_while_it_waits(connect):
    owner, other = connect(), connect()
    _first(owner)
    error = refused(other.lock, "running")
    assert (error.tag, info(error)) == ("lock-denied", {"session-id": owner.session_id})
    owner.lock("running")
    other.lock("candidate")
    assert refused(lambda: _commit(owner)).tag == "in-use"
    other.unlock("candidate")
    _commit(owner)
    owner.unlock("running")
    other.lock("running")


def test_a_lock_does_not_keep_the_timeout_out(connect):
    owner, watching = connect(), connect()
    owner.lock("running")
    _first(owner, "1")
    _becomes(watching, [])
    assert refused(watching.lock, "running").tag == "lock-denied"


def test_a_cancel_by_token_while_another_session_holds_running(connect):
    owner, other = connect(), connect()
    _first(owner, persist="token")
    owner.lock("running")
    assert refused(lambda: _cancel(other, "token")).tag == "in-use"
    owner.unlock("running")
    _cancel(other, "token")
    assert names(other, "running") == []


def test_the_end_of_twincast_is_the_end_of_it_too(tmp_path):
    with Twincast(tmp_path) as running:
        session = running.connect()
        _first(session, persist="token")
        os.kill(running.process.pid, signal.SIGKILL)
        running.process.wait()
        _close(session)
    with Twincast(tmp_path) as running, running.connect() as session:
        assert names(session, "running") == []


BAD_PARAMETERS = {
    "a timeout of nothing": ({"confirmed": "", "confirm_timeout": "0"}, "invalid-value", "confirm-timeout"),
    "a timeout beyond uint32": (
        {"confirmed": "", "confirm_timeout": "4294967296"},
        "invalid-value",
        "4294967295",
    ),
    "a timeout without confirmed": ({"confirm_timeout": "60"}, "missing-element", "confirmed"),
    "a token without confirmed": ({"persist": "x"}, "missing-element", "confirmed"),
    "text in confirmed": ({"confirmed": "true"}, "invalid-value", "confirmed"),
    "a token of nothing": ({"persist_id": "x"}, "invalid-value", "persist-id"),
}


@pytest.mark.parametrize(("parameters", "tag", "named"), BAD_PARAMETERS.values(), ids=BAD_PARAMETERS)
def test_parameters_that_are_refused(connect, parameters, tag, named):
    session = connect()
    edit(session, profile(name="first"))
    error = refused(lambda: _commit(session, **parameters))
    assert (error.tag, error.type) == (tag, "protocol")
    assert named in error.message
    assert names(session, "running") == []

"""twincast-server over NETCONF: what is committed takes hold at once, and what cannot be had is refused."""

import random
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import paramiko
import pytest
import ssh2.exceptions
from ncclient import manager
from ncclient.transport.errors import AuthenticationError, TransportError

from server.access.users import hash_text, hashed
from tests.interop.test_ssh_transport import make_key
from tests.support.netconf import config, refused
from tests.support.netconf_client import RawClient
from tests.support.server import PASSWORD, USER, ServerUnderTest, running_server
from tests.support.wait import wait_for

TSRV = "urn:twincast:yang:server"
SPACES = {"tsrv": TSRV}
GONE = '<{} xmlns:nc="urn:ietf:params:xml:ns:netconf:base:1.0" nc:operation="delete"/>'


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerUnderTest]:
    """A server of its own: limits are for everybody."""
    with running_server(tmp_path_factory.mktemp("server")) as running:
        yield running


def configure(session: Any, inner: str, **options: Any) -> None:
    """Put what stands below `/server` into the candidate and commit."""
    session.edit_config(config(f'<server xmlns="{TSRV}">{inner}</server>'), target="candidate")
    session.commit(**options)


def free_port() -> int:
    """A port that no outgoing connection is given meanwhile: below the system's ephemeral ones."""
    while True:
        port = random.randrange(15_000, 32_000)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


def ssh(name: str, port: int, address: str = "127.0.0.1") -> str:
    return f"<listen><ssh><name>{name}</name><address>{address}</address><port>{port}</port></ssh></listen>"


def user(name: str, password: str = "", key: str = "", group: str = "admin") -> str:
    parts = f"<name>{name}</name>"
    if password:
        parts += f"<password>{hash_text(hashed(password))}</password>"
    if key:
        parts += f"<authorized-key><name>a</name><key>{key}</key></authorized-key>"
    return f"<users><user>{parts}<group>{group}</group></user></users>"


@contextmanager
def logged_in(port: int, name: str = USER, **credentials: Any) -> Iterator[Any]:
    session = manager.connect(
        host="127.0.0.1",
        port=port,
        username=name,
        hostkey_verify=False,
        allow_agent=False,
        look_for_keys=False,
        timeout=30,
        **credentials,
    )
    try:
        yield session
    finally:
        with suppress(TransportError, OSError):
            session.close_session()


def statistics(session: Any) -> dict[str, int]:
    found = session.get(("subtree", f'<server xmlns="{TSRV}"><statistics/></server>')).data
    return {
        entry.findtext("tsrv:cause", "", SPACES): int(entry.findtext("tsrv:count", "", SPACES))
        for entry in found.iterfind(".//tsrv:refused", SPACES)
    }


def test_a_listener_comes_and_goes_with_the_configuration(session: Any) -> None:
    port = free_port()
    configure(session, ssh("second", port))
    with logged_in(port, password=PASSWORD) as other:
        assert other.get_config("running").ok
        state = session.get(("subtree", f'<server xmlns="{TSRV}"><listen/></server>')).data
        assert state.findtext(".//tsrv:listening", "", SPACES) == "true"
        configure(
            session, '<listen xmlns:nc="urn:ietf:params:xml:ns:netconf:base:1.0" nc:operation="delete"/>'
        )
        assert other.get_config("running").ok  # a session outlives its listener
    wait_for(lambda: not reachable(port), what="nobody listens")


def reachable(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except ConnectionRefusedError:
        return False
    return True


def test_an_address_that_cannot_be_had_refuses_the_commit(session: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        error = refused(configure, session, ssh("taken", port))
    assert (error.tag, error.app_tag) == ("operation-failed", "address-unusable")
    assert error.path.endswith("/tsrv:listen/tsrv:ssh[tsrv:name='taken']/tsrv:address")
    assert f"127.0.0.1 port {port} cannot be listened on: Address already in use" in error.message
    session.discard_changes()
    error = refused(configure, session, ssh("elsewhere", port, "192.0.2.1"))
    assert "Cannot assign requested address" in error.message
    assert "tsrv:listen" not in session.get_config("running").data_xml


def test_a_user_with_a_password_and_a_key(server: ServerUnderTest, session: Any, tmp_path: Any) -> None:
    line = make_key(tmp_path / "key")
    configure(session, user("zoe", "a good one", line))
    with logged_in(server.port, "zoe", password="a good one") as other:
        assert "a good one" not in other.get_config("running").data_xml
    with logged_in(server.port, "zoe", key_filename=str(tmp_path / "key")) as other:
        assert other.get_config("running").ok
    configure(session, GONE.format("users"))
    with pytest.raises(AuthenticationError):
        logged_in(server.port, "zoe", password="a good one").__enter__()


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("ssh-dss AAAA", "Keys of type 'ssh-dss' are not supported."),
        ("ssh-ed25519 AAAA", "The key is malformed."),
        ('command="x" ssh-ed25519 AAAA', "Options before the key are not supported."),
    ],
)
def test_a_key_that_is_none_is_refused_with_its_path(session: Any, key: str, message: str) -> None:
    error = refused(configure, session, user("zoe", key=key))
    assert (error.tag, error.app_tag, error.message) == ("invalid-value", "key-unusable", message)
    assert error.path.endswith("tsrv:user[tsrv:name='zoe']/tsrv:authorized-key[tsrv:name='a']/tsrv:key")


def test_clear_text_is_no_password_hash(session: Any) -> None:
    hidden = "<users><user><name>zoe</name><password>secret-word</password></user></users>"
    error = refused(configure, session, hidden)
    assert error.tag == "invalid-value"
    assert "secret-word" not in str(error.xml)


def test_sessions_of_a_user_are_limited_and_counted(server: ServerUnderTest, session: Any) -> None:
    configure(
        session, user("zoe", "a good one") + "<limits><sessions-per-user>1</sessions-per-user></limits>"
    )
    before = statistics(session)["sessions-per-user"]
    with logged_in(server.port, "zoe", password="a good one"):
        with pytest.raises((TransportError, EOFError, OSError)):
            logged_in(server.port, "zoe", password="a good one").__enter__()
        assert statistics(session)["sessions-per-user"] == before + 1
    wait_for(lambda: opens(server.port), what="there is room again")


def opens(port: int) -> bool:
    try:
        with logged_in(port, "zoe", password="a good one"):
            return True
    except (TransportError, EOFError, OSError):
        return False


def test_a_source_with_too_many_failures_is_refused(server: ServerUnderTest, session: Any) -> None:
    configure(
        session,
        "<limits><failures-per-source>2</failures-per-source><failure-window>20</failure-window></limits>",
    )
    before = statistics(session)
    for _ in range(2):
        with from_another_address(server.port) as guesser, pytest.raises(paramiko.SSHException):
            guesser.auth_password(USER, "wrong")
    with pytest.raises(paramiko.SSHException), from_another_address(server.port):
        pass  # no banner: the connection is closed at once
    after = statistics(session)
    assert after["source"] == before["source"] + 1
    assert after["password"] == before["password"] + 2
    with logged_in(server.port, password=PASSWORD) as other:  # another source is not blamed
        assert other.connected
    wait_for(lambda: comes_in(server.port), what="the failures are forgotten", timeout=20)


@contextmanager
def from_another_address(port: int) -> Iterator[paramiko.Transport]:
    sock = socket.create_connection(("127.0.0.1", port), timeout=10, source_address=("127.0.0.9", 0))
    transport = paramiko.Transport(sock)
    try:
        transport.start_client(timeout=10)
        yield transport
    finally:
        transport.close()


def comes_in(port: int) -> bool:
    try:
        with from_another_address(port) as transport:
            transport.auth_password(USER, PASSWORD)
            return True
    except paramiko.SSHException:
        return False


def test_an_idle_session_ends_and_one_with_a_subscription_does_not(
    server: ServerUnderTest, session: Any
) -> None:
    with logged_in(server.port, password=PASSWORD) as idle, logged_in(server.port, password=PASSWORD) as told:
        told.create_subscription()
        configure(session, "<limits><idle-timeout>2</idle-timeout></limits>")
        before = statistics(session)["idle-timeout"]

        def ended() -> bool:
            statistics(session)  # this session is not idle
            return not idle.connected

        wait_for(ended, what="the idle session is ended", timeout=20)
        assert told.connected
        assert statistics(session)["idle-timeout"] > before
        configure(session, "<limits><idle-timeout>0</idle-timeout></limits>")


def test_a_message_that_is_too_large_or_too_deep_is_counted(server: ServerUnderTest, session: Any) -> None:
    configure(
        session,
        "<limits><message-size>65536</message-size><nesting-depth>16</nesting-depth></limits>",
    )
    before = statistics(session)
    client = RawClient(server.port, USER, password=PASSWORD)
    client.hello()
    assert b"nested more than 16 deep" in client.rpc("<get>" + "<a>" * 20 + "</a>" * 20 + "</get>")
    assert b"too-big" in client.rpc(f"<get>{'x' * 70_000}</get>")
    with pytest.raises((EOFError, ssh2.exceptions.SSH2Error)):
        client.receive()
    client.close()
    after = statistics(session)
    assert after["message-size"] == before["message-size"] + 1
    assert after["nesting-depth"] == before["nesting-depth"] + 1


def test_every_cause_is_counted_under_its_name(session: Any) -> None:
    assert len(statistics(session)) == 25


def test_a_commit_that_would_lock_its_user_out_is_refused(server: ServerUnderTest, session: Any) -> None:
    port = free_port()
    configure(session, user("zoe", "a good one") + ssh("second", port))
    with logged_in(port, "zoe", password="a good one") as own:
        error = refused(configure, own, GONE.format("users"))
        assert (error.tag, error.app_tag) == ("operation-failed", "would-lock-out")
        assert error.path.endswith("/tsrv:users/tsrv:user[tsrv:name='zoe']")
        assert error.message.startswith("The password that you logged in with would not be accepted, so")
        own.discard_changes()
        error = refused(configure, own, user("zoe", "another one"))
        assert error.app_tag == "would-lock-out"
        own.discard_changes()
        error = refused(configure, own, GONE.format("listen"))
        assert error.path.endswith("/tsrv:listen/tsrv:ssh[tsrv:name='second']")
        own.discard_changes()
        configure(own, GONE.format("users"), confirmed=True, timeout="60")
        assert not opens(server.port)
        own.cancel_commit()
        assert opens(server.port)
        configure(own, "<limits><sessions>1999</sessions></limits>")
    configure(session, GONE.format("users"))  # another one may


def test_a_listener_that_is_renamed_locks_nobody_out(session: Any) -> None:
    port = free_port()
    configure(session, ssh("second", port))
    with logged_in(port, password=PASSWORD) as own:
        configure(
            own,
            GONE.format("listen").replace("delete", "replace").replace("/>", ">")
            + (ssh("third", port).removeprefix("<listen>")),
        )
    with logged_in(port, password=PASSWORD) as again:
        assert again.get_config("running").ok


def test_silent_and_stuck_clients_keep_nobody_from_working(server: ServerUnderTest, session: Any) -> None:
    configure(
        session,
        "<limits><unauthenticated-connections>120</unauthenticated-connections>"
        "<unauthenticated-per-source>120</unauthenticated-per-source></limits>",
    )
    with ExitStack() as stack:
        for _ in range(100):
            stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=30))
        for _ in range(20):
            stuck = RawClient(server.port, USER, password=PASSWORD)
            stack.callback(stuck.close)
            stuck.hello()
            stuck.write(b"\n#100000\n<rpc")
        with logged_in(server.port, password=PASSWORD) as worker:
            for _ in range(50):
                assert worker.get_config("running").ok

"""Call home (RFC 8071) to real clients: ncclient waits for SSH, Python's TLS for TLS."""

import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ncclient import manager

from tests.interop.test_server_configuration import GONE, SPACES, TSRV, configure, free_port, user
from tests.interop.test_tls_transport import Client, Keys
from tests.support.netconf import refused
from tests.support.server import PASSWORD, USER, ServerUnderTest, running_server
from tests.support.wait import wait_for


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerUnderTest]:
    with running_server(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture(autouse=True)
def _nobody_is_called_afterwards(session: Any) -> Iterator[None]:
    yield
    session.discard_changes()
    configure(session, f"{GONE.format('call-home').replace('delete', 'remove')}")


def client(ports: list[int], inner: str = "", transport: str = "ssh") -> str:
    endpoints = "".join(
        f"<endpoint><name>e{number}</name><address>127.0.0.1</address><port>{port}</port></endpoint>"
        for number, port in enumerate(ports)
    )
    strategy = (
        "<reconnect-strategy><max-attempts>1</max-attempts><max-backoff>1</max-backoff></reconnect-strategy>"
    )
    return (
        f"<call-home><client><name>nms</name><transport>{transport}</transport>{endpoints}{inner}{strategy}"
        "</client></call-home>"
    )


LOGIN: dict[str, Any] = {
    "username": USER,
    "password": PASSWORD,
    "hostkey_verify": False,
    "allow_agent": False,
    "look_for_keys": False,
    "timeout": 30,
}


def waiting(port: int) -> Any:
    """The session of a client that is called at `port`; ncclient's own way cannot use a port twice."""
    with socket.create_server(("127.0.0.1", port)) as listener:
        listener.settimeout(30)
        return manager.connect_ssh(host="127.0.0.1", port=port, sock=listener.accept()[0], **LOGIN)


def state(session: Any) -> dict[str, str]:
    found = session.get(("subtree", f'<server xmlns="{TSRV}"><call-home/></server>')).data
    element = found.find(".//tsrv:client/tsrv:state", SPACES)
    return {} if element is None else {each.tag.rpartition("}")[2]: each.text for each in element}


def test_ncclient_is_called(session: Any) -> None:
    port = free_port()
    configure(session, client([port]))
    wait_for(lambda: state(session).get("last-error"), what="an attempt has failed")
    assert f"127.0.0.1 port {port}: Connection refused" in state(session)["last-error"]
    called = manager.call_home(host="127.0.0.1", port=port, **LOGIN)
    assert called.get_config("running").ok
    told = state(session)
    assert (told["status"], told["connected-endpoint"]) == ("connected", "e0")
    called.close_session()
    wait_for(lambda: state(session)["status"] != "connected", what="the end is noticed")


def test_a_client_that_ended_its_session_is_called_again(session: Any) -> None:
    port = free_port()
    configure(session, client([port]))
    for number in (1, 2):
        called = waiting(port)
        assert called.get_config("running").ok
        assert state(session)["connections"] == str(number)
        called.close_session()
    wait_for(lambda: state(session)["status"] != "connected", what="the end is noticed")


def test_the_next_endpoint_is_called_where_the_first_is_away(session: Any) -> None:
    away, port = free_port(), free_port()
    configure(session, client([away, port]))
    called = waiting(port)
    assert state(session)["connected-endpoint"] == "e1"
    configure(session, GONE.format("call-home"))
    assert called.get_config("running").ok  # a session outlives its configuration
    called.close_session()


def test_a_tls_client_is_called(server: ServerUnderTest, session: Any, tmp_path: Path) -> None:
    keys = Keys(server.state_dir / "keys", tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(30)
        port = listener.getsockname()[1]
        configure(session, client([port], transport="tls") + keys.tls())
        raw, _ = listener.accept()
        with keys.client("good").wrap_socket(raw) as sock:
            assert isinstance(sock, ssl.SSLSocket)
            talker = Client(sock)
            assert b"netconf-tls" in talker.rpc("<get/>")
            assert b"<ok/>" in talker.rpc("<close-session/>")


def test_a_periodic_connection_ends_when_idle_and_comes_again(session: Any) -> None:
    port = free_port()
    periodic = "<periodic><period>3</period><idle-timeout>1</idle-timeout></periodic>"
    configure(session, client([port], periodic))
    for number in (1, 2):
        called = waiting(port)
        assert state(session)["connections"] == str(number)
        wait_for(lambda called=called: not called.connected, what="the idle session is ended")


def test_a_client_that_hangs_up_is_not_called_without_end(session: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(30)
        configure(session, client([listener.getsockname()[1]]))
        for _ in range(3):
            listener.accept()[0].close()
        listener.settimeout(0.2)
        with pytest.raises(TimeoutError):
            listener.accept()


def test_who_came_by_call_home_cannot_end_it(session: Any) -> None:
    port = free_port()
    configure(session, client([port]) + user("zoe", "a good one"))
    called = waiting(port)
    error = refused(configure, called, GONE.format("call-home"))
    assert error.app_tag == "would-lock-out"
    assert error.path.endswith("/tsrv:call-home/tsrv:client[tsrv:name='nms']")
    called.discard_changes()
    called.close_session()

"""The metrics endpoint over real sockets: what it answers, and what it refuses."""

import socket
import threading
from collections.abc import Callable, Iterator
from http.client import HTTPConnection

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.transport import scrapes
from server.transport.scrapes import ScrapeLimits, ScrapeServer
from tests.support.wait import wait_for

Start = Callable[..., tuple[ScrapeServer, int]]


def plain(accept: str) -> tuple[str, bytes]:
    return "text/plain", f"accept {accept}\n".encode()


@pytest.fixture
def start() -> Iterator[Start]:
    servers: list[ScrapeServer] = []

    def starting(
        render: Callable[[str], tuple[str, bytes]] = plain, **limits: float
    ) -> tuple[ScrapeServer, int]:
        listener = socket.create_server(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        server = ScrapeServer(listener, render, ScrapeLimits(**limits))  # type: ignore[arg-type]
        servers.append(server)
        server.start()
        return server, port

    yield starting
    for server in servers:
        server.stop()


def ask(
    port: int, method: str = "GET", path: str = "/metrics", **headers: str
) -> tuple[int, dict[str, str], bytes]:
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request(method, path, headers={"Accept": "text/plain", **headers})
        response = connection.getresponse()
        return response.status, dict(response.headers), response.read()
    finally:
        connection.close()


def test_a_scrape_is_answered(start: Start) -> None:
    _, port = start()
    status, headers, body = ask(port)
    assert (status, body) == (200, b"accept text/plain\n")
    assert headers["Content-Type"] == "text/plain"
    assert headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("host", ["127.0.0.1:9464", "LOCALHOST:9464", "localhost", "[::1]:9464", "[::1]"])
def test_a_host_that_nobody_can_let_resolve_to_it(start: Start, host: str) -> None:
    _, port = start()
    assert ask(port, Host=host)[0] == 200


@pytest.mark.parametrize("host", ["evil.example", "evil.example:9464", "", "localhost.evil.example", "[x]:1"])
def test_the_page_of_another_site_reads_nothing(start: Start, host: str) -> None:
    server, port = start()
    status, _, body = ask(port, Host=host)
    assert (status, body) == (421, b"Misdirected Request\n")
    assert server.refused()["request"] == 1


def test_head_has_no_body(start: Start) -> None:
    _, port = start()
    status, headers, body = ask(port, "HEAD")
    assert (status, body, headers["Content-Length"]) == (200, b"", "18")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("POST", "/metrics", 405), ("GET", "/", 404), ("GET", "/metrics/../x", 404)],
)
def test_other_requests_are_refused_and_counted(start: Start, method: str, path: str, status: int) -> None:
    server, port = start()
    assert ask(port, method, path)[0] == status
    assert server.refused()["request"] == 1


def raw(port: int, sent: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(sent)
        got = b""
        while chunk := connection.recv(65536):
            got += chunk
        return got


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"hello\r\n\r\n", b"400"),
        (b"GET /metrics SMTP/1.0\r\n\r\n", b"400"),
        (b"GET /metrics HTTP/1.1\r\nX: " + b"a" * 9000, b"431"),
        (b"\x80\xff\r\n\r\n", b"400"),
    ],
)
def test_what_is_no_request_is_refused(start: Start, sent: bytes, status: bytes) -> None:
    _, port = start()
    assert raw(port, sent).startswith(b"HTTP/1.1 " + status)


def test_a_client_that_sends_too_slowly_is_cut_off(start: Start) -> None:
    server, port = start(request=0.05)
    assert raw(port, b"GET /metrics HT").startswith(b"HTTP/1.1 408")
    assert server.refused()["request"] == 1


def test_a_client_too_many_is_refused(start: Start) -> None:
    server, port = start(connections=1, request=60.0)
    with socket.create_connection(("127.0.0.1", port), timeout=30):
        with socket.create_connection(("127.0.0.1", port), timeout=30) as second:
            assert second.recv(1) == b""
        assert server.refused()["connections"] == 1
    wait_for(lambda: _status(port) == 200, what="room again", timeout=30)


def _status(port: int) -> int:
    try:
        return ask(port)[0]
    except OSError:
        return 0


def test_a_fault_costs_one_scrape(start: Start) -> None:
    faults = iter([True, False])

    def render(accept: str) -> tuple[str, bytes]:
        if next(faults):
            raise ValueError("a fault")
        return plain(accept)

    server, port = start(render)
    assert raw(port, b"GET /metrics HTTP/1.1\r\n\r\n") == b""
    assert ask(port)[0] == 200
    assert server.refused()["fault"] == 1


def test_stopping_cuts_what_is_open() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    server = ScrapeServer(listener, plain)
    server.start()
    with socket.create_connection(("127.0.0.1", port), timeout=30) as client:
        client.sendall(b"GET ")
        wait_for(lambda: any(thread.name == "metrics" for thread in threading.enumerate()), what="taken")
        server.stop()
        client.settimeout(30)
        while client.recv(65536):
            pass


HEADS = st.one_of(
    st.binary(max_size=200), st.text(max_size=60).map(lambda text: f"GET /metrics {text}".encode())
)


@given(HEADS)
def test_any_head_is_a_request_or_refused_as_none(head: bytes) -> None:
    method, status = "", 0
    try:
        method, _ = scrapes.parsed(head)
    except scrapes.BadRequestError as error:
        status = error.status.value
    assert method in ("GET", "HEAD") or 400 <= status < 500

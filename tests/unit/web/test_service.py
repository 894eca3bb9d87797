"""The server over real sockets: limits, slow and broken clients, and what is counted."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from server.schema.model import load_schema
from server.schema.sources import default_sources
from server.status.picture import Event, Picture
from server.telemetry.content import Contents
from server.telemetry.replay import ReplayLog
from server.telemetry.streams import Notification, Stream
from server.web.service import WebLimits, WebServer
from server.web.watch import SOON, Watch
from tests.support.wait import wait_for

ROLE_CHANGED = "/twincast-remote-backup:remote-backup/remote-backup-profile/role-changed"


class Router:
    """What is looked at: a test changes it, and sees how often it was read."""

    def __init__(self) -> None:
        self.name = "here"
        self.reads = 0
        self.fault = threading.Event()

    def read(self, events: tuple[Event, ...]) -> Picture:
        self.reads += 1
        if self.fault.is_set():
            raise ValueError("a fault")
        return Picture(self.name, events=events)


class Served:
    def __init__(self, server: WebServer, router: Router, contents: Contents) -> None:
        self.server, self.router, self.contents = server, router, contents
        self.port = server.address[1]

    def happen(self) -> None:
        """Something is notified."""
        content = self.contents.build(ROLE_CHANGED, (("rbp3",),), {"local-role": "master"})
        self.server._watch.offer(Notification(0, content))

    def connect(self) -> socket.socket:
        return socket.create_connection(self.server.address, timeout=20)

    def send(self, head: str) -> socket.socket:
        connection = self.connect()
        connection.sendall(head.encode())
        return connection

    def ask(self, path: str = "/", method: str = "GET", more: str = "") -> tuple[int, bytes]:
        """Status and body."""
        with closing(self.send(self.head(path, method, more))) as connection:
            content = b"".join(iter(lambda: connection.recv(65536), b""))
        head, _, body = content.partition(b"\r\n\r\n")
        return int(head.split()[1]), body

    def head(self, path: str = "/", method: str = "GET", more: str = "") -> str:
        return f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\n{more}\r\n"

    @contextmanager
    def looking(self) -> Iterator[Callable[[], dict[str, object]]]:
        """An event stream; what is yielded reads the next picture."""
        with closing(self.send(self.head("/events"))) as connection, connection.makefile("rb") as lines:

            def following() -> dict[str, object]:
                line = next(line for line in lines if line.startswith(b"data: "))
                return dict(json.loads(line.removeprefix(b"data: ")))

            yield following


Serve = Callable[..., Served]


@pytest.fixture(scope="module")
def contents() -> Contents:
    return Contents(load_schema(default_sources()))


@pytest.fixture
def serve(tmp_path: Path, contents: Contents) -> Iterator[Serve]:
    running: list[WebServer | Stream] = []

    def start(**limits: float) -> Served:
        stream = Stream(contents, ReplayLog(tmp_path / "events.db", 0))
        stream.start()
        router = Router()
        listener = socket.create_server(("127.0.0.1", 0))
        server = WebServer(listener, Watch(router.read, stream), WebLimits(**limits))  # type: ignore[arg-type]
        running.extend((stream, server))
        server.start()
        return Served(server, router, contents)

    yield start
    for each in reversed(running):
        each.stop() if isinstance(each, WebServer) else each.close()


def test_the_files_of_the_page(serve: Serve) -> None:
    served = serve()
    assert [served.ask(path)[0] for path in ("/", "/app.js", "/app.css", "/icon.svg")] == [200] * 4
    assert served.ask("/app.js?now=1")[0] == 200
    assert served.ask("/", "HEAD") == (200, b"")


@pytest.mark.parametrize("path", ["/nothing", "/../app.js", "/%2e%2e/etc/passwd", "//app.js", "/app.js/"])
def test_other_paths_are_not_found(serve: Serve, path: str) -> None:
    served = serve()
    assert served.ask(path) == (404, b"404 Not Found\n")
    assert served.server.refused["not-found"] == 1


def test_refusals_have_a_status_and_are_counted(serve: Serve) -> None:
    served = serve()
    assert served.ask(method="POST")[0] == 405
    assert served.ask(more="Content-Length: 3\r\n")[0] == 413
    assert served.ask(more="Sec-Fetch-Site: cross-site\r\n")[0] == 403
    with closing(served.send("GET / HTTP/1.1\r\nHost: attacker.example\r\n\r\n")) as connection:
        assert connection.recv(20).startswith(b"HTTP/1.1 421")
    assert served.server.refused == {"method": 1, "body": 1, "cross-site": 1, "host": 1}


def test_a_head_that_is_too_large_is_refused(serve: Serve) -> None:
    assert serve().ask(more=f"Cookie: {'x' * 9000}\r\n")[0] == 431


def test_a_client_that_does_not_finish_its_request_is_let_go(serve: Serve) -> None:
    served = serve(request=0.2)
    with closing(served.send("GET / HT")) as connection:
        assert connection.recv(20).startswith(b"HTTP/1.1 408")


def test_a_client_that_goes_away_is_counted(serve: Serve) -> None:
    served = serve()
    served.send("GET / HT").close()
    wait_for(lambda: served.server.refused["connection-lost"] == 1, what="it is counted")


def test_connections_beyond_the_limit_are_refused_and_free_it_again(serve: Serve) -> None:
    served = serve(connections=2)
    held = [served.connect() for _ in range(2)]
    wait_for(lambda: served.server._connections == 2, what="both are held")
    with closing(served.connect()) as connection:
        assert connection.recv(20).startswith(b"HTTP/1.1 503")
    for each in held:
        each.close()
    wait_for(lambda: served.server._connections == 0, what="both are free")
    assert served.ask()[0] == 200


def test_who_looks_is_shown_a_picture_and_each_change(serve: Serve) -> None:
    served = serve()
    with served.looking() as following:
        assert following()["router"] == "here"
        served.router.name = "there"
        assert following()["router"] == "there"


def test_nothing_is_read_for_nobody(serve: Serve) -> None:
    served = serve()
    assert [served.ask()[0] for _ in range(3)] == [200] * 3
    assert served.ask("/events", "HEAD")[0] == 200
    assert served.router.reads == 0


def test_a_storm_of_notifications_is_no_storm_of_readings(serve: Serve) -> None:
    served = serve()
    with served.looking() as following:
        following()
        stop = threading.Event()

        def storm() -> None:
            while not stop.is_set():
                served.happen()

        thread = threading.Thread(target=storm)
        thread.start()
        try:
            before, begin = served.router.reads, time.monotonic()
            wait_for(lambda: served.router.reads >= before + 5, what="it is read again and again")
            took = time.monotonic() - begin
        finally:
            stop.set()
            thread.join()
    assert took >= 4 * SOON  # five readings have four pauses, whatever else the machine does


def test_event_streams_beyond_the_limit_are_refused(serve: Serve) -> None:
    served = serve(streams=1)
    with served.looking() as following:
        following()
        assert served.ask("/events")[0] == 503
    wait_for(lambda: served.server._streams == 0, what="it is free again")
    assert served.server.refused["too-many-streams"] == 1


def test_a_quiet_stream_says_that_it_is_alive_and_ends_in_time(serve: Serve) -> None:
    served = serve(quiet=0.1, stream=0.5)
    status, body = served.ask("/events")
    assert status == 200
    assert body.count(b"data: ") == 1
    assert b"\n: \n\n" in body


def test_a_client_that_takes_nothing_is_let_go(serve: Serve) -> None:
    served = serve(write=0.2, quiet=0.05)
    served.router.name = "x" * 20_000_000
    connection = served.connect()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    with closing(connection):
        connection.sendall(served.head("/events").encode())
        wait_for(lambda: served.server.refused["connection-lost"] == 1, what="it is let go")
        assert served.ask()[0] == 200


def test_a_fault_costs_one_picture(serve: Serve) -> None:
    served = serve()
    served.router.fault.set()
    with served.looking() as following:
        wait_for(lambda: served.router.reads > 0, what="it was read")
        served.router.fault.clear()
        assert following()["router"] == "here"

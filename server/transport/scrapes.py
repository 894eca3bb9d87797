"""The metrics endpoint: HTTP/1.1, one GET a connection, bounded in everything.

Nobody logs in here, so it listens on loopback unless told otherwise. There the Host header has to be an
address or localhost: a name that an attacker lets resolve to it ("DNS rebinding") would make his page read
ours. A client that is slow, sends too much or is one too many is refused and counted.
"""

import logging
import selectors
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from ipaddress import ip_address
from typing import Final

logger = logging.getLogger("twincast.transport.scrapes")

PATH: Final = "/metrics"
_ACCEPT_PAUSE: Final = 0.5


@dataclass(frozen=True, slots=True)
class ScrapeLimits:
    """What clients may use: connections at a time, bytes of a request's head, seconds to send and to take."""

    connections: int = 4
    head: int = 8192
    request: float = 5.0
    response: float = 10.0


Render = Callable[[str], tuple[str, bytes]]
"""Returns content type and body for the value of the header Accept."""


class BadRequestError(Exception):
    """The request cannot be answered; `status` says how that is told."""

    def __init__(self, status: HTTPStatus) -> None:
        self.status = status
        super().__init__(status.phrase)


class ScrapeServer:
    """Serves `render` on a listening socket that somebody else bound."""

    def __init__(self, listener: socket.socket, render: Render, limits: ScrapeLimits | None = None) -> None:
        self._listener = listener
        self._on_loopback = ip_address(listener.getsockname()[0]).is_loopback
        self._render = render
        self._limits = limits or ScrapeLimits()
        self._mutex = threading.Lock()
        self._refused: Counter[str] = Counter(dict.fromkeys(("connections", "request", "fault"), 0))
        self._open: set[socket.socket] = set()
        self._wake, self._waker = socket.socketpair()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="metrics-accept", daemon=True)

    def start(self) -> None:
        """Begin to accept."""
        self._listener.setblocking(False)
        self._thread.start()

    def stop(self, timeout: float = 1.0) -> None:
        """Stop accepting and cut the connections; waits `timeout` seconds at most."""
        self._stopping = True
        self._waker.send(b"x")
        self._thread.join(timeout)
        with self._mutex:
            for connection in self._open:
                _shut(connection)
        for closing in (self._listener, self._wake, self._waker):
            closing.close()

    def refused(self) -> Mapping[str, int]:
        """Return what was refused since the start, by cause."""
        with self._mutex:
            return dict(self._refused)

    def _run(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._listener, selectors.EVENT_READ)
            selector.register(self._wake, selectors.EVENT_READ)
            while not self._stopping:
                if any(key.fileobj is self._listener for key, _ in selector.select()):
                    self._accept()

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except BlockingIOError:
            return
        except OSError as error:
            logger.warning("accept-failed", extra={"cause": str(error)})
            time.sleep(_ACCEPT_PAUSE)  # without descriptors the listener stays readable
            return
        with self._mutex:
            full = len(self._open) >= self._limits.connections
            if full:
                self._refused["connections"] += 1
            else:
                self._open.add(connection)
        if full:
            connection.close()
            return
        threading.Thread(target=self._serve, args=(connection,), name="metrics", daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:  # closed last, so that who sees the end sees it counted
            try:
                self._answer(connection)
            except OSError as error:
                logger.debug("scrape-cut-off", extra={"cause": str(error)})
            except Exception:
                logger.exception("scrape-fault")
                self._count("fault")
            finally:
                with self._mutex:
                    self._open.discard(connection)

    def _count(self, cause: str) -> None:
        with self._mutex:
            self._refused[cause] += 1

    def _answer(self, connection: socket.socket) -> None:
        try:
            method, headers = self._read(connection)
            if self._on_loopback:
                _check_host(headers.get("host", "localhost"))
        except BadRequestError as error:
            self._count("request")
            phrase = f"{error.status.phrase}\n".encode()
            self._send(connection, _response(error.status, "text/plain", phrase, head=False))
            return
        content_type, body = self._render(headers.get("accept", ""))
        self._send(connection, _response(HTTPStatus.OK, content_type, body, head=method == "HEAD"))

    def _send(self, connection: socket.socket, response: bytes) -> None:
        connection.settimeout(self._limits.response)
        connection.sendall(response)
        connection.shutdown(socket.SHUT_WR)

    def _read(self, connection: socket.socket) -> tuple[str, Mapping[str, str]]:
        """Return method and headers of a request for the metrics."""
        deadline = time.monotonic() + self._limits.request
        head = b""
        while b"\r\n\r\n" not in head:
            connection.settimeout(max(0.001, deadline - time.monotonic()))
            try:
                chunk = connection.recv(self._limits.head)
            except TimeoutError:
                raise BadRequestError(HTTPStatus.REQUEST_TIMEOUT) from None
            head += chunk
            if not chunk:
                raise BadRequestError(HTTPStatus.BAD_REQUEST)
            if len(head) > self._limits.head:
                raise BadRequestError(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        return parsed(head.partition(b"\r\n\r\n")[0])


def parsed(head: bytes) -> tuple[str, Mapping[str, str]]:
    """Return method and headers, in lower case, of the head of a request for the metrics.

    Raises BadRequestError for any other.
    """
    first, *rest = head.decode("latin-1").split("\r\n")
    words = first.split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1."):
        raise BadRequestError(HTTPStatus.BAD_REQUEST)
    if words[0] not in ("GET", "HEAD"):
        raise BadRequestError(HTTPStatus.METHOD_NOT_ALLOWED)
    if words[1].partition("?")[0] != PATH:
        raise BadRequestError(HTTPStatus.NOT_FOUND)
    pairs = (line.partition(":") for line in rest)
    return words[0], {name.strip().lower(): value.strip() for name, _, value in pairs}


def _check_host(host: str) -> None:
    """Raise BadRequestError for a Host header that has a name other than localhost."""
    name, colon, port = host.rpartition(":")
    name = name if colon and "]" not in port else host
    try:
        ip_address(name.removeprefix("[").removesuffix("]"))
    except ValueError:
        if name.lower() != "localhost":
            raise BadRequestError(HTTPStatus.MISDIRECTED_REQUEST) from None


def _response(status: HTTPStatus, content_type: str, body: bytes, *, head: bool) -> bytes:
    lines = (
        f"HTTP/1.1 {status.value} {status.phrase}",
        f"Content-Type: {content_type}",
        f"Content-Length: {len(body)}",
        "Cache-Control: no-store",
        "X-Content-Type-Options: nosniff",
        "Connection: close",
    )
    allow = "Allow: GET, HEAD\r\n" if status is HTTPStatus.METHOD_NOT_ALLOWED else ""
    start = ("\r\n".join(lines) + "\r\n" + allow + "\r\n").encode("latin-1")
    return start if head else start + body


def _shut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        logger.debug("connection-already-gone")

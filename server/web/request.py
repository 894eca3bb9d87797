"""Requests of HTTP/1.1, as far as a read-only page needs them (RFC 9112, RFC 9110). Pure.

What is not understood is refused; what is refused is answered with a status and closes the connection. The
Host header has to name the address that is listened on: a name that an attacker lets resolve to it
("DNS rebinding") would make his page read ours.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from ipaddress import ip_address
from typing import Final

MAXIMUM_HEAD: Final = 8192
"""Octets of the request line and the headers together."""
MAXIMUM_HEADERS: Final = 64
METHODS: Final = ("GET", "HEAD")
HEAD_END: Final = b"\r\n\r\n"

_TOKEN: Final = frozenset("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
_FOREIGN: Final = frozenset({"cross-site", "same-site"})
"""Values of Sec-Fetch-Site for requests that another site's page makes (Fetch Metadata, W3C)."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request without a body; `path` has no query."""

    method: str
    path: str
    headers: Mapping[str, str]


class RefusedRequest(Exception):
    """A request that is answered with an error; `cause` is for the counters."""

    def __init__(self, status: HTTPStatus, cause: str) -> None:
        self.status = status
        self.cause = cause
        super().__init__(f"{status.value} {cause}")


def parse(head: bytes) -> Request:
    """Read request line and headers, up to and with the empty line. Raises RefusedRequest."""
    try:
        lines = head.removesuffix(HEAD_END).decode("ascii").split("\r\n")
    except UnicodeDecodeError as error:
        raise _bad("not-ascii") from error
    words = lines[0].split(" ")
    if len(words) != 3 or words[2] not in ("HTTP/1.1", "HTTP/1.0"):
        raise _bad("request-line")
    method, target, _ = words
    if method not in METHODS:
        raise RefusedRequest(HTTPStatus.METHOD_NOT_ALLOWED, "method")
    if not target.startswith("/"):
        raise _bad("target")
    headers = _headers(lines[1:])
    if "transfer-encoding" in headers or headers.get("content-length", "0") != "0":
        raise RefusedRequest(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "body")
    return Request(method, target.partition("?")[0], headers)


def _headers(lines: Collection[str]) -> dict[str, str]:
    if len(lines) > MAXIMUM_HEADERS:
        raise RefusedRequest(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "headers")
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if (
            not colon
            or not name
            or not _TOKEN.issuperset(name)
            or any(ord(each) < 32 for each in value.strip())
        ):
            raise _bad("header")
        if name.lower() in headers and name.lower() in ("host", "content-length"):
            raise _bad("repeated-header")
        headers[name.lower()] = value.strip()
    return headers


def admit(request: Request, address: str) -> None:
    """Check that the request was meant for this server, listening on `address`. Raises RefusedRequest.

    The port is left out: an attacker has names that lead here, never an address, and who forwards the port
    may have another at his end.
    """
    host = request.headers.get("host", "")
    if not host:
        raise _bad("no-host")
    if not _is_named(_without_port(host), address):
        raise RefusedRequest(HTTPStatus.MISDIRECTED_REQUEST, "host")
    if request.headers.get("sec-fetch-site", "none") in _FOREIGN and not _is_navigation(request):
        raise RefusedRequest(HTTPStatus.FORBIDDEN, "cross-site")


def _without_port(host: str) -> str:
    """Return the address or name in a Host header (RFC 9110 section 7.2), IPv6 without its brackets."""
    name, colon, port = host.rpartition(":")
    if not colon or "]" in port:
        name = host
    elif not (port.isascii() and port.isdigit()):
        return ""
    return name[1:-1] if name.startswith("[") and name.endswith("]") else name


def _is_named(name: str, address: str) -> bool:
    """Whether a name or address is one of the listener: any address where all of them are listened on."""
    listening = ip_address(address)
    if name.lower() == "localhost":
        return listening.is_loopback or listening.is_unspecified
    try:
        named = ip_address(name)
    except ValueError:
        return False
    return named == listening or listening.is_unspecified or (named.is_loopback and listening.is_loopback)


def _is_navigation(request: Request) -> bool:
    """Whether somebody follows a link to the page: its answer is shown, not read by the other site."""
    return request.path == "/" and request.headers.get("sec-fetch-mode") == "navigate"


def _bad(cause: str) -> RefusedRequest:
    return RefusedRequest(HTTPStatus.BAD_REQUEST, cause)

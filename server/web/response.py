"""Responses: heads with the headers that keep the page to itself, and server-sent events. Pure."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
"""Content Security Policy Level 3: nothing inline, nothing from elsewhere, in nobody's frame."""

HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-store",
    "Connection": "close",
}

KEEP_ALIVE: Final = b": \n\n"
"""An event stream's comment, so that either end notices when the other has gone."""


def head(status: HTTPStatus, kind: str, length: int | None) -> bytes:
    """Return the head of a response; `length` is None for one that ends with the connection."""
    headers = {"Content-Type": kind, **HEADERS}
    if length is not None:
        headers["Content-Length"] = str(length)
    if status is HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = "GET, HEAD"
    lines = [
        f"HTTP/1.1 {status.value} {status.phrase}",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def refusal(status: HTTPStatus) -> bytes:
    """Return a whole response that says no more than its status."""
    body = f"{status.value} {status.phrase}\n".encode()
    return head(status, "text/plain; charset=utf-8", len(body)) + body


def event(data: bytes) -> bytes:
    """Return a server-sent event (HTML, section 9.2.6) of one line of data."""
    return b"data: " + data + b"\n\n"

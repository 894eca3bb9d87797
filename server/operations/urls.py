"""Configurations behind URLs (RFC 6241 section 8.8): files in one folder, and HTTPS.

Owns the reading and writing; what is read is bounded in size and time. A file URL names a file in the folder
that the operator gave, `file:///night.xml`, and nothing outside it: no `..`, no symbolic link, no device. A
file is written beside its name and renamed, so that whoever reads it finds the old or the new one whole.
"""

import base64
import contextlib
import http.client
import os
import secrets
import ssl
import stat
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit

from lxml import etree

from server.operations.sources import Url
from server.protocol import errors
from server.protocol.errors import RpcError
from server.protocol.messages import BASE_NAMESPACE
from server.protocol.xml import XmlError, XmlReader

MAX_BYTES: Final = 64 * 1024 * 1024
"""Of a configuration that is read, as for a request."""
HTTPS_SECONDS: Final = 60.0
"""For a whole exchange."""
STEP_SECONDS: Final = 10.0
"""For the server at the other end to say or take something."""
_LONGEST: Final = 2048
_PIECE: Final = 256 * 1024
_CONFIG: Final = f"{{{BASE_NAMESPACE}}}config"
_BEGIN: Final = b'<?xml version="1.0" encoding="UTF-8"?>\n<config xmlns="%s">' % BASE_NAMESPACE.encode()
_END: Final = b"</config>\n"


class _UrlError(Exception):
    """The URL cannot be read or written; the text may go to the client."""


class Urls:
    """Reads, writes and deletes what URLs name; safe for many threads.

    `folder` is where file URLs lead, None for none; `https` whether that scheme is offered.
    """

    def __init__(self, folder: Path | None = None, *, https: bool = False) -> None:
        self._folder = folder
        self._https = https

    @property
    def schemes(self) -> tuple[str, ...]:
        """The schemes that are offered, as the capability names them."""
        return (*(("file",) if self._folder else ()), *(("https",) if self._https else ()))

    def read(self, url: Url) -> etree._Element:
        """Return the element `<config>` that the URL has; raises RpcError."""
        parts = self._split(url)
        with _blaming(url, "read"):
            data = self._read_file(parts) if parts.scheme == "file" else _Exchange(parts).get()
            return _config(data)

    def write(self, url: Url, pieces: Sequence[bytes]) -> None:
        """Make what the URL has a `<config>` with these elements; raises RpcError."""
        parts = self._split(url)
        with _blaming(url, "written"):
            if parts.scheme == "file":
                self._write_file(parts, [_BEGIN, *pieces, _END])
            else:
                _Exchange(parts).put([_BEGIN, *pieces, _END])

    def delete(self, url: Url) -> None:
        """Delete what the URL has; raises RpcError."""
        parts = self._split(url)
        with _blaming(url, "deleted"):
            if parts.scheme == "file":
                with self._opened_folder(parts) as (folder, name):
                    os.unlink(name, dir_fd=folder)
            else:
                _Exchange(parts).delete()

    def _split(self, url: Url) -> SplitResult:
        parts = _parsed(url.text)
        if parts is None:
            raise _invalid(url, f"the URL is not one, or longer than {_LONGEST} characters")
        if parts.scheme not in self.schemes:
            possible = ", ".join(self.schemes)
            raise _invalid(url, f"the scheme {parts.scheme[:32]!r} is not offered; possible: {possible}")
        if parts.scheme == "file" and parts.netloc not in ("", "localhost"):
            raise _invalid(url, "a file URL has no host: file:///NAME, in the folder of the server")
        if parts.scheme == "https" and not parts.hostname:
            raise _invalid(url, "the URL has no host")
        return parts

    def _read_file(self, parts: SplitResult) -> bytes:
        with self._opened_folder(parts) as (folder, name):
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            with open(os.open(name, flags, dir_fd=folder), "rb") as file:  # noqa: PTH123 - a descriptor
                if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                    raise _UrlError("it is not a regular file")
                data = file.read(MAX_BYTES + 1)
        return _bounded(data)

    def _write_file(self, parts: SplitResult, pieces: Sequence[bytes]) -> None:
        with self._opened_folder(parts) as (folder, name):
            beside = f".{name}.{secrets.token_hex(4)}"
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            try:
                with open(os.open(beside, flags, 0o600, dir_fd=folder), "wb") as file:  # noqa: PTH123
                    file.writelines(pieces)
                    file.flush()
                    os.fsync(file.fileno())
                os.rename(beside, name, src_dir_fd=folder, dst_dir_fd=folder)
            except BaseException:
                with contextlib.suppress(OSError):
                    os.unlink(beside, dir_fd=folder)
                raise
            os.fsync(folder)

    @contextlib.contextmanager
    def _opened_folder(self, parts: SplitResult) -> Iterator[tuple[int, str]]:
        """The folder that a file URL leads to, opened, and the name in it."""
        *above, name = unquote(parts.path, errors="strict").removeprefix("/").split("/")
        if any(step in ("", ".", "..") or "\0" in step for step in (*above, name)):
            raise _UrlError("a file URL is file:///NAME or file:///FOLDER/NAME, without '.' and '..'")
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
        descriptor = os.open(str(self._folder), flags)
        try:
            for step in above:
                inner = os.open(step, flags | os.O_NOFOLLOW, dir_fd=descriptor)
                os.close(descriptor)
                descriptor = inner
            yield descriptor, name
        finally:
            os.close(descriptor)


class _Exchange:
    """One request to an HTTPS server: its certificate is checked, a redirection is not followed."""

    def __init__(self, parts: SplitResult) -> None:
        self._parts = parts
        self._deadline = time.monotonic() + HTTPS_SECONDS

    def get(self) -> bytes:
        """Return the body of a GET."""
        return self._ask("GET", ())

    def put(self, pieces: Sequence[bytes]) -> None:
        """Send the pieces by PUT."""
        self._ask("PUT", pieces)

    def delete(self) -> None:
        """Send a DELETE."""
        self._ask("DELETE", ())

    def _ask(self, method: str, pieces: Sequence[bytes]) -> bytes:
        context = ssl.create_default_context()
        host, port = self._parts.hostname or "", self._parts.port or 443
        connection = http.client.HTTPSConnection(host, port, timeout=STEP_SECONDS, context=context)
        try:
            connection.putrequest(method, self._target())
            for name, value in self._headers(method, pieces):
                connection.putheader(name, value)
            connection.endheaders()
            for piece in pieces:
                for start in range(0, len(piece), _PIECE):
                    self._check_time()
                    connection.send(piece[start : start + _PIECE])
            response = connection.getresponse()
            if not 200 <= response.status < 300:
                raise _UrlError(f"the server answered {response.status}")
            return self._body(response) if method == "GET" else b""
        finally:
            connection.close()

    def _body(self, response: http.client.HTTPResponse) -> bytes:
        data = bytearray()
        while len(data) <= MAX_BYTES:
            self._check_time()
            piece = response.read1(_PIECE)
            if not piece:
                break
            data += piece
        return _bounded(bytes(data))

    def _target(self) -> str:
        path = self._parts.path or "/"
        return f"{path}?{self._parts.query}" if self._parts.query else path

    def _headers(self, method: str, pieces: Sequence[bytes]) -> Iterator[tuple[str, str]]:
        if method == "PUT":
            yield "Content-Type", "application/xml"
            yield "Content-Length", str(sum(map(len, pieces)))
        if self._parts.username is not None:
            pair = f"{unquote(self._parts.username)}:{unquote(self._parts.password or '')}"
            yield "Authorization", f"Basic {base64.b64encode(pair.encode()).decode()}"

    def _check_time(self) -> None:
        if time.monotonic() > self._deadline:
            raise _UrlError(f"it took more than {HTTPS_SECONDS:.0f} s")


def _parsed(text: str) -> SplitResult | None:
    if len(text) > _LONGEST:
        return None
    try:
        parts = urlsplit(text)
        _ = parts.port  # which is read only now
    except ValueError:
        return None
    return parts


def _bounded(data: bytes) -> bytes:
    if len(data) > MAX_BYTES:
        raise _UrlError(f"it is larger than {MAX_BYTES} bytes")
    return data


def _config(data: bytes) -> etree._Element:
    root = XmlReader().parse(data)
    if root.tag != _CONFIG:
        raise _UrlError(f"it holds <{etree.QName(root).localname}>, expected <config> of {BASE_NAMESPACE}")
    return root


@contextlib.contextmanager
def _blaming(url: Url, what: str) -> Iterator[None]:
    """Turn what goes wrong into an answer; the URL itself, which may hold a password, is not repeated."""
    try:
        yield
    except _UrlError as error:
        reason = str(error)
    except XmlError as error:
        reason = f"it is no configuration: {error}"
    except TimeoutError:
        reason = f"nothing came or went for {STEP_SECONDS:.0f} s"
    except ssl.SSLError as error:
        reason = f"TLS: {error.reason or 'failed'}"
    except OSError as error:
        reason = error.strerror or type(error).__name__
    except (http.client.HTTPException, UnicodeError, ValueError) as error:
        reason = type(error).__name__
    else:
        return
    raise url.blame(errors.operation_failed(f"the URL cannot be {what}: {reason}", app_tag="url-failed"))


def _invalid(url: Url, message: str) -> RpcError:
    return url.blame(errors.invalid_value(message, type=errors.ErrorType.PROTOCOL))

"""A NETCONF session with the server of this machine, over its Unix socket.

Who asks is who the kernel says; what he may do is for NACM to say. One request at a time.
"""

import socket
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final

from lxml import etree

from server.protocol.errors import ProtocolError
from server.protocol.framing import CHUNK, END_OF_MESSAGE, Framer, Framing, encode
from server.protocol.messages import BASE_1_1, BASE_NAMESPACE
from server.transport.handover import Note, connect_unix, hand_over

NC: Final = BASE_NAMESPACE
HELLO_SECONDS: Final = 10.0
CLOSE_SECONDS: Final = 2.0
REPLY_SECONDS: Final = 150.0
"""A commit of 100,000 entries takes seconds; the validator gives up after 120."""
_HELLO: Final = (
    f'<hello xmlns="{NC}"><capabilities><capability>{BASE_1_1}</capability></capabilities></hello>'
)


class UnreachableError(Exception):
    """There is no server to talk to, or it went away; the text says why."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """One `<rpc-error>`."""

    tag: str
    message: str
    path: str
    app_tag: str

    def __str__(self) -> str:
        where = f"{self.path}: " if self.path else ""
        tags = f"{self.tag}, {self.app_tag}" if self.app_tag else self.tag
        return f"{where}{self.message} ({tags})"


class RefusedError(Exception):
    """The server refused a request, for one or several reasons."""

    def __init__(self, refusals: tuple[Refusal, ...]) -> None:
        self.refusals = refusals
        super().__init__("; ".join(map(str, refusals)))


class LocalSession(AbstractContextManager["LocalSession"]):
    """A session over the socket at `path`. Raises UnreachableError."""

    def __init__(self, path: Path) -> None:
        self._framer = Framer()
        self._last_id = 0
        try:
            with connect_unix(path) as control:
                self._stream, theirs = socket.socketpair()
                with theirs:
                    hand_over(control, theirs.fileno(), theirs.fileno(), Note())
            self._send(_HELLO.encode() + END_OF_MESSAGE)
            self._receive(HELLO_SECONDS)
        except OSError as error:
            reason = f"{error.strerror or error}; is twincast run at work there?"
            raise UnreachableError(f"no server at {path}: {reason}") from error
        self._framer.switch(Framing.CHUNKED)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # a session that is not closed counts as dropped
        with suppress(UnreachableError, RefusedError):
            self.ask("<close-session/>", CLOSE_SECONDS)
        self._stream.close()

    def ask(self, operation: str, timeout: float = REPLY_SECONDS) -> etree._Element:
        """Send an operation and return its `<rpc-reply>`. Raises RefusedError, UnreachableError."""
        self._last_id += 1
        rpc = f'<rpc xmlns="{NC}" message-id="{self._last_id}">{operation}</rpc>'
        self._send(b"".join(encode(Framing.CHUNKED, [rpc.encode()])))
        reply = _parse(self._receive(timeout))
        refusals = tuple(map(_refusal, reply.iterfind(f"{{{NC}}}rpc-error")))
        if refusals:
            raise RefusedError(refusals)
        return reply

    def data(self, operation: str, timeout: float = REPLY_SECONDS) -> etree._Element:
        """Ask for data and return the `<data>` element."""
        found = self.ask(operation, timeout).find(f"{{{NC}}}data")
        if found is None:
            raise UnreachableError("the server answered without data")
        return found

    def _send(self, content: bytes) -> None:
        try:
            self._stream.settimeout(REPLY_SECONDS)
            self._stream.sendall(content)
        except OSError as error:
            raise UnreachableError(f"the server went away: {error.strerror or error}") from error

    def _receive(self, timeout: float) -> bytes:
        deadline = time.monotonic() + timeout
        while (message := self._next()) is None:
            self._stream.settimeout(max(0.001, deadline - time.monotonic()))
            try:
                chunk = self._stream.recv(CHUNK)
            except TimeoutError as error:
                raise UnreachableError(f"the server did not answer within {timeout:.0f} s") from error
            except OSError as error:
                raise UnreachableError(f"the server went away: {error.strerror}") from error
            if not chunk:
                raise UnreachableError("the server ended the session")
            self._framer.feed(chunk)
        return message

    def _next(self) -> bytes | None:
        try:
            return self._framer.next_message()
        except ProtocolError as error:
            raise UnreachableError(f"the answer cannot be read: {error}") from error


def _parse(message: bytes) -> etree._Element:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=True)
    return etree.fromstring(message, parser)


def _refusal(error: etree._Element) -> Refusal:
    found: Mapping[str, str] = {
        etree.QName(child).localname: " ".join((child.text or "").split()) for child in error
    }
    return Refusal(
        found.get("error-tag", ""),
        found.get("error-message", ""),
        found.get("error-path", ""),
        found.get("error-app-tag", ""),
    )

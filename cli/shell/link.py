"""A NETCONF session over whatever carries it: one request at a time (RFC 6241, RFC 6242)."""

import socket
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from lxml import etree

from cli.shell.editing import scope
from server.protocol.errors import ProtocolError
from server.protocol.framing import Framer, Framing, FramingLimits, encode
from server.protocol.xml import XmlError, XmlReader

if TYPE_CHECKING:
    from server.transport.ssh_client import Person, Target

BASE: Final = "urn:ietf:params:xml:ns:netconf:base:1.0"
_CHUNKED: Final = "urn:ietf:params:netconf:base:1.1"
PRIVATE: Final = "urn:ietf:params:netconf:capability:private-candidate:1.0"
"""A client that announces it has a candidate of its own (draft-ietf-netconf-privcand-09)."""
_ANNOUNCED: Final = ("urn:ietf:params:netconf:base:1.0", _CHUNKED)
_NOTIFICATION: Final = "{urn:ietf:params:xml:ns:netconf:notification:1.0}notification"
_RECEIVED: Final = 256 * 1024
_LONGEST_ANSWER: Final = 1024 * 1024 * 1024


class LinkError(Exception):
    """There is no session, or it is over; the text says why."""


class Link(Protocol):
    """A session that is open."""

    @property
    def capabilities(self) -> frozenset[str]:
        """What the server's hello said."""

    @property
    def session_id(self) -> str:
        """The number of the session."""

    def call(self, operation: etree._Element) -> etree._Element:
        """Send an operation and return the rpc-reply; raises LinkError."""

    def listen(self, seconds: float) -> etree._Element | None:
        """Return the next notification, None when none comes in time; raises LinkError."""

    def close(self) -> None:
        """End the session; what the server makes of that is its business."""


class Stream(Protocol):
    """A connected stream of bytes: a socket, or a channel of SSH."""

    def sendall(self, data: bytes, /) -> None:
        """Send all of it."""

    def recv(self, nbytes: int, /) -> bytes:
        """Return what is there; nothing at the end."""

    def settimeout(self, timeout: float | None, /) -> None:
        """Wait no longer than that, in seconds; None is for ever."""

    def close(self) -> None:
        """End it."""


class StreamLink:
    """A session over a stream, with further capabilities of ours; `hold` is called when it is closed."""

    def __init__(
        self, stream: Stream, announced: Sequence[str] = (), hold: Callable[[], None] = lambda: None
    ) -> None:
        self._stream = stream
        self._hold = hold
        self._framer = Framer(FramingLimits(message=_LONGEST_ANSWER, chunk=_LONGEST_ANSWER))
        self._reader = XmlReader(max_markup=100_000_000)
        self._numbers = count(1)
        self._heard: deque[etree._Element] = deque()
        self._send(Framing.END_OF_MESSAGE, _hello((*_ANNOUNCED, *announced)))
        hello = self._receive()
        self.capabilities = frozenset(
            (item.text or "").strip() for item in hello.iter(f"{{{BASE}}}capability")
        )
        """What the server's hello said."""
        self.session_id = hello.findtext(f"{{{BASE}}}session-id", "")
        """The number of the session."""
        self._framing = Framing.CHUNKED if _CHUNKED in self.capabilities else Framing.END_OF_MESSAGE
        self._framer.switch(self._framing)

    def call(self, operation: etree._Element) -> etree._Element:
        """Send an operation and return the rpc-reply; raises LinkError.

        A reply that nobody waits for any more, because the request was interrupted, is passed over.
        """
        number = str(next(self._numbers))
        request = etree.Element(f"{{{BASE}}}rpc", {"message-id": number}, nsmap=scope(BASE))
        request.append(operation)
        self._send(self._framing, etree.tostring(request, encoding="UTF-8"))
        while True:
            reply = self._receive()
            if reply.tag == _NOTIFICATION:
                self._heard.append(reply)
            elif reply.get("message-id", number) == number:
                return reply

    def listen(self, seconds: float) -> etree._Element | None:
        """Return the next notification, None when none comes in time. Raises LinkError."""
        if not self._heard:
            self._stream.settimeout(seconds)
            try:
                self._hear()
            finally:
                self._stream.settimeout(None)
        return self._heard.popleft() if self._heard else None

    def _hear(self) -> None:
        """Wait for one message as long as the stream does; keep it if it is a notification."""
        with _told():
            try:
                message = self._read()
            except (TimeoutError, BlockingIOError):
                return
        if message.tag == _NOTIFICATION:
            self._heard.append(message)

    def _send(self, framing: Framing, message: bytes) -> None:
        try:
            self._stream.sendall(b"".join(encode(framing, [message])))
        except OSError as error:
            raise LinkError(f"the session is over: {error.strerror}") from error

    def _receive(self) -> etree._Element:
        with _told():
            return self._read()

    def _read(self) -> etree._Element:
        while (message := self._framer.next_message()) is None:
            data = self._stream.recv(_RECEIVED)
            if not data:
                raise LinkError("the server closed the session")
            self._framer.feed(data)
        return self._reader.parse(message)

    def close(self) -> None:
        """End the session in order, as far as the server still listens."""
        try:
            self._stream.settimeout(2)
            self.call(etree.Element(f"{{{BASE}}}close-session"))
        except LinkError:
            pass
        finally:
            self._stream.close()
            self._hold()


@contextmanager
def _told() -> Iterator[None]:
    """Say in words what ended a session."""
    try:
        yield
    except OSError as error:
        raise LinkError(f"the session is over: {error.strerror}") from error
    except (ProtocolError, XmlError) as error:
        raise LinkError(f"the server's answer cannot be read: {error}") from error


def _hello(capabilities: Sequence[str]) -> bytes:
    listed = "".join(f"<capability>{each}</capability>" for each in capabilities)
    return f'<hello xmlns="{BASE}"><capabilities>{listed}</capabilities></hello>'.encode()


def connect_local(path: Path, announced: Sequence[str] = ()) -> StreamLink:
    """Open a session over the server's Unix socket; raises LinkError.

    The server takes one end of a pair of sockets, as it takes sshd's descriptors, and knows by the kernel who
    connected.
    """
    from server.transport.handover import Note, connect_unix, hand_over

    try:
        connection = connect_unix(path)
    except OSError as error:
        raise LinkError(
            f"{path}: {error.strerror}; is twincast run at work there? "
            "--state-dir or --socket names another place"
        ) from error
    ours, theirs = socket.socketpair()
    try:
        with theirs:
            hand_over(connection, theirs.fileno(), theirs.fileno(), Note())
    except OSError as error:
        raise LinkError(f"{path}: {error.strerror}") from error
    return StreamLink(ours, announced, connection.close)


def connect_ssh(target: "Target", person: "Person", announced: Sequence[str] = ()) -> StreamLink:
    """Open a session over SSH; raises LinkError."""
    from server.transport.ssh_client import SshClient, SshError

    try:
        client = SshClient(target, person)
    except SshError as error:
        raise LinkError(str(error)) from error
    return StreamLink(client.channel, announced, client.close)

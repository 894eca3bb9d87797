"""A thin NETCONF client over libssh2, fast and able to misbehave; ncclient hides too much for that."""

import contextlib
import socket
from collections.abc import Sequence
from pathlib import Path

from ssh2.session import Session

from server.protocol.framing import Framer, Framing, FramingLimits, encode
from server.protocol.messages import BASE_1_0, BASE_1_1, BASE_NAMESPACE
from server.protocol.xml import element

LIMITS = FramingLimits(message=1 << 30, chunk=1 << 30)


class RawClient:
    """One SSH connection with one session channel.

    `hello` and `rpc` behave; `write` sends any bytes and `channel` is libssh2's. Raises EOFError where the
    server has closed the channel, and what ssh2-python raises.
    """

    def __init__(self, port: int, user: str, *, key: Path | None = None, password: str = "") -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.session = Session()
        self.session.set_timeout(30_000)
        self.session.handshake(self.socket)
        if key is not None:
            self.session.userauth_publickey_fromfile(user, str(key))
        else:
            self.session.userauth_password(user, password)
        self.channel = self.session.open_session()
        self._framer = Framer(LIMITS)
        self._framing = Framing.END_OF_MESSAGE
        self._messages: list[bytes] = []
        self._message_id = 0

    def hello(self, capabilities: Sequence[str] = (BASE_1_0, BASE_1_1)) -> bytes:
        """Ask for the subsystem, exchange hellos, return the server's."""
        self.channel.subsystem("netconf")
        listed = "".join(element("capability", uri) for uri in capabilities)
        text = f'<hello xmlns="{BASE_NAMESPACE}"><capabilities>{listed}</capabilities></hello>'
        self.write(b"".join(encode(Framing.END_OF_MESSAGE, [text.encode()])))
        answer = self.receive()
        self._framing = Framing.CHUNKED if BASE_1_1 in capabilities else Framing.END_OF_MESSAGE
        self._framer.switch(self._framing)
        return answer

    def write(self, data: bytes) -> None:
        """Send bytes as they are."""
        while data:
            _, written = self.channel.write(data[:65536])
            data = data[written:]

    def send(self, body: str) -> None:
        """Send one request and do not wait for its reply."""
        self._message_id += 1
        text = f'<rpc xmlns="{BASE_NAMESPACE}" message-id="{self._message_id}">{body}</rpc>'
        self.write(b"".join(encode(self._framing, [text.encode()])))

    def receive(self) -> bytes:
        """Return the next message."""
        while not self._messages:
            size, data = self.channel.read(65536)
            if size <= 0:
                raise EOFError(f"the server closed the channel ({size})")
            self._messages = self._framer.receive(data)
        return self._messages.pop(0)

    def rpc(self, body: str) -> bytes:
        """Send one request and return its reply."""
        self.send(body)
        return self.receive()

    def close(self) -> None:
        """Drop the TCP connection without a word.

        Needed before the object goes away: libssh2 says goodbye to its peer when a channel is freed, and
        ssh2-python holds the interpreter's lock while it waits for the answer, which a server in the same
        process can then never give. libssh2 goes first, lest it writes to a descriptor that is somebody
        else's by then. May be called again.
        """
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.__dict__.pop("channel", None)
        self.__dict__.pop("session", None)
        self.socket.close()

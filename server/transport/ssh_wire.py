"""What of the SSH library this server uses, and within which bounds: algorithms, sizes, the host key.

The library's own defaults still hold CBC, 3DES, MD5 and SHA-1, accept packets of any length before
anybody has logged in, and trust a client to keep to its window.
"""

import logging
import socket
import threading
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import paramiko
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from paramiko.common import MSG_CHANNEL_DATA, MSG_CHANNEL_EXTENDED_DATA
from paramiko.packet import Packetizer

from server.access.private_file import PrivateFileError, read_private, write_private

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

WINDOW = 2 * 1024 * 1024
"""Bytes a client may have under way to us on one channel."""

LARGEST_PACKET = 256 * 1024
"""RFC 4253 section 6.1 demands 35,000 bytes; OpenSSH itself refuses more than 256 KiB."""

LONGEST_BANNER = 8 * 1024
"""RFC 4253 section 4.2 allows 255 bytes for the line that counts; some peers send others before it."""

SOFTWARE = "Twincast"
GREETING = f"SSH-2.0-{SOFTWARE}\r\n".encode()
"""The server's first line (RFC 4253 section 4.2), as the library sends it too."""

POLL = 10.0
"""Seconds between looks at a quiet socket. The library's 0.1 s costs half a core for 1,000 idle sessions;
the price is that a close reaches the peer late unless the socket is shut down first, which `cut` does."""


_LIBRARY_KEX: dict[str, type] = vars(paramiko.Transport)["_kex_info"]

_KEX = {**_LIBRARY_KEX, "curve25519-sha256": _LIBRARY_KEX["curve25519-sha256@libssh.org"]}
"""RFC 8731 gave the method its own name; the library still has the older one only."""


class HostKeyError(Exception):
    """The host key file cannot be used."""


class BoundedPacketizer(Packetizer):
    """Reads packets no larger than `LARGEST_PACKET`, and a banner no longer than `LONGEST_BANNER`."""

    _banner_octets = 0
    greeted = False
    """Whether somebody else has sent our first line."""

    def write_all(self, out: "ReadableBuffer") -> None:
        """Send octets, but not the first line twice."""
        if self.greeted and out == GREETING:
            self.greeted = False
            return
        super().write_all(out)

    def read_all(self, n: int, check_rekey: bool = False) -> bytes:
        """Read exactly n bytes. Raises SSHException when a packet claims to be larger than the limit."""
        if n > LARGEST_PACKET or n < 0:
            raise paramiko.SSHException(f"a packet claims {n} bytes")
        return super().read_all(n, check_rekey)

    def start_handshake(self, timeout: float) -> None:
        """Arm nothing: the server's own login deadline covers the handshake without a thread for each."""

    def _read_timeout(self, timeout: float) -> bytes:
        data: bytes = super()._read_timeout(timeout)  # type: ignore[misc]
        self._banner_octets += len(data)
        if self._banner_octets > LONGEST_BANNER:
            raise paramiko.SSHException("the banner has no end")
        return data


def _feed_within_window(channel: paramiko.Channel, message: paramiko.Message) -> None:
    """Take channel data, unless the client sends more than its window allows."""
    if len(channel.in_buffer) > WINDOW:
        raise paramiko.SSHException("a client sends more than its window")
    channel._feed(message)  # type: ignore[attr-defined]  # noqa: SLF001


def _ignore(channel: paramiko.Channel, message: paramiko.Message) -> None:
    """Drop extended data; NETCONF has no use for a client's standard error."""


class ServerTransport(paramiko.Transport):
    """One SSH connection as a server sees it, on a thread of its own.

    `ended` is called once on that thread with the exception that ended it, or None; `authenticated` when a
    login succeeded.
    """

    _CLIENT_ID = SOFTWARE
    _active_check_timeout = POLL
    _preferred_kex = tuple(
        name
        for name in (
            "mlkem768x25519-sha256",
            "curve25519-sha256",
            "curve25519-sha256@libssh.org",
            "ecdh-sha2-nistp256",
            "ecdh-sha2-nistp384",
            "ecdh-sha2-nistp521",
            "diffie-hellman-group16-sha512",
            "diffie-hellman-group14-sha256",
        )
        if name in _KEX
    )
    _kex_info: ClassVar = _KEX
    _preferred_ciphers = (
        "aes128-gcm@openssh.com",
        "aes256-gcm@openssh.com",
        "aes128-ctr",
        "aes192-ctr",
        "aes256-ctr",
    )
    # libssh2 knows the encrypt-then-mac forms from 1.11 on; 1.10 needs the plain ones.
    _preferred_macs = (
        "hmac-sha2-256-etm@openssh.com",
        "hmac-sha2-512-etm@openssh.com",
        "hmac-sha2-256",
        "hmac-sha2-512",
    )
    _preferred_keys = ("ssh-ed25519",)
    _preferred_pubkeys = (
        "ssh-ed25519",
        "ecdsa-sha2-nistp256",
        "ecdsa-sha2-nistp384",
        "ecdsa-sha2-nistp521",
        "rsa-sha2-512",
        "rsa-sha2-256",
    )
    _preferred_compression = ("none",)
    _channel_handler_table: ClassVar = {
        **vars(paramiko.Transport)["_channel_handler_table"],
        MSG_CHANNEL_DATA: _feed_within_window,
        MSG_CHANNEL_EXTENDED_DATA: _ignore,
    }

    def __init__(
        self,
        sock: socket.socket,
        host_key: paramiko.PKey,
        authenticated: Callable[[], None],
        ended: Callable[[BaseException | None], None],
        *,
        greeted: bool = False,
    ) -> None:
        """`greeted`: the client has our first line, `GREETING`, already."""
        super().__init__(sock, default_window_size=WINDOW, packetizer_class=BoundedPacketizer)
        self.packetizer.greeted = greeted  # type: ignore[attr-defined]
        self._authenticated = authenticated
        self._ended = ended
        self.set_log_channel("twincast.transport.ssh_wire.library")
        self.add_server_key(host_key)

    def serve(self, interface: paramiko.ServerInterface) -> None:
        """Start the connection's thread and return."""
        self.start_server(event=threading.Event(), server=interface)

    def run(self) -> None:
        """Body of the thread."""
        try:
            super().run()
        finally:
            self._ended(self.saved_exception)

    def cut(self) -> None:
        """End the connection at once, from any thread, without blocking."""
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            logging.getLogger("twincast.transport.ssh_wire").debug("socket-already-closed")

    @property
    def open_channels(self) -> int:
        """Channels that either side has not closed yet."""
        return len(self._channels)  # type: ignore[attr-defined]

    def _auth_trigger(self) -> None:
        super()._auth_trigger()  # type: ignore[misc]
        self._authenticated()

    def _log(self, _level: int, _message: object, *_arguments: object) -> None:
        """Say nothing: what matters reaches `ended`, and the library's lines carry tracebacks."""


def load_host_key(path: Path) -> paramiko.PKey:
    """Return the ed25519 host key in `path`, made on first use. Raises HostKeyError."""
    try:
        text = read_private(path)
        if text is None:
            text = _new_host_key()
            write_private(path, text)
        return paramiko.Ed25519Key(file_obj=StringIO(text.decode()))
    except (PrivateFileError, OSError, ValueError, paramiko.SSHException) as error:
        raise HostKeyError(f"host key {path}: {error}") from error


def _new_host_key() -> bytes:
    key = Ed25519PrivateKey.generate()
    return key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())


def is_ours(error: BaseException) -> bool:
    """Whether an exception came up through this server's code rather than out of what a client sent."""
    trace = error.__traceback__
    while trace is not None:
        module = trace.tb_frame.f_globals.get("__name__", "")
        if module.startswith("server.") and module != __name__:
            return True
        trace = trace.tb_next
    return False

"""IPv6 streams and the hosts that receive them: real MLD members and a source, in namespaces."""

import socket
import struct
import threading
from contextlib import suppress
from dataclasses import dataclass, field

from cli.lab.namespaces import Namespace
from tests.support.wait import wait_for

SOURCE = "2001:db8:50::9"
PORT = 5_000
MCAST_JOIN_SOURCE_GROUP = 46


@dataclass
class Stream:
    """Numbered packets from the source, one a millisecond, until stopped."""

    source: Namespace
    group: str
    sent: int = 0
    _stop: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> "Stream":
        self._socket = self.source.run(_sender)
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        return self

    def _run(self) -> None:
        while not self._stop.wait(0.001):
            self._socket.sendto(struct.pack("!I", self.sent), (self.group, PORT))
            self.sent += 1

    def stop(self) -> int:
        self._stop.set()
        self._thread.join()
        return self.sent

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._socket.close()


def _sender() -> socket.socket:
    opened = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, socket.if_nametoindex("eth0"))
    opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 8)
    wait_for(lambda: _bind(opened), what="the source's address")
    return opened


def _bind(opened: socket.socket) -> bool:
    try:
        opened.bind((SOURCE, 0))
    except OSError:
        return False
    return True


class Stb:
    """A real MLD host that joins a group, from one source if there is one, and notes what comes."""

    def __init__(self, host: Namespace, group: str, source: str | None = None) -> None:
        self._socket = host.run(_member, group, source)
        self.numbers: list[int] = []
        self._closed = threading.Event()
        # the socket has room for half a second of the stream, and the test is busy for longer
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        while not self._closed.is_set():
            with suppress(TimeoutError):
                self.numbers.append(struct.unpack("!I", self._socket.recv(64))[0])

    def heard(self) -> int:
        """How many packets came since the beginning."""
        return len(self.numbers)

    def goes_on(self) -> int:
        """Wait until more comes; return the number of the last packet."""
        before = self.heard()
        wait_for(lambda: self.heard() > before + 20, what="more of the stream")
        return self.numbers[-1]

    def lost_since(self, number: int) -> set[int]:
        """The packets that are missing between that number and the last that came."""
        return set(range(number, self.numbers[-1])) - set(self.numbers)

    def close(self) -> None:
        """Leave, and read no more."""
        self._closed.set()
        self._reader.join()
        self._socket.close()


def _member(group: str, source: str | None) -> socket.socket:
    opened = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    opened.bind((group, PORT))
    index = socket.if_nametoindex("eth0")
    packed = socket.inet_pton(socket.AF_INET6, group)
    if source is None:
        opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, packed + struct.pack("=I", index))
    else:
        addresses = b"".join(
            struct.pack("=HHI16sI100x", socket.AF_INET6, 0, 0, socket.inet_pton(socket.AF_INET6, each), 0)
            for each in (group, source)
        )
        request = struct.pack("=I4x", index) + addresses
        opened.setsockopt(socket.IPPROTO_IPV6, MCAST_JOIN_SOURCE_GROUP, request)
    opened.settimeout(0.05)
    return opened

"""One AF_PACKET socket for one interface: reads frames with IGMP or MLD, sends frames.

It passes frames on as they are; decoding is `dataplane.packets`.
"""

import errno
import socket
from dataclasses import dataclass
from struct import Struct

from dataplane import receive_queue
from dataplane.capture.filter import MEMBERSHIP_MESSAGES, attach
from dataplane.capture.ring import LARGEST_FRAME, SOL_PACKET, STATUS_VLAN_VALID, Captured, Ring, vlan_id

ACCESS_RING_BYTES = 64 << 20
"""131,072 frames: a burst of 100,000 joins is not lost while Python catches up."""
UPSTREAM_RING_BYTES = 1 << 20
"""The upstream side only hears queries."""

READ_OCTETS = 1 << 10
"""Of one reading. A report of 1,500 octets has 183 records: 256 such frames took the dataplane 0.3 s, in
which it neither sent nor heard a hello, and the peer made itself master. One at a time takes 4 ms."""

PACKET_ADD_MEMBERSHIP = 1
PACKET_STATISTICS = 6
PACKET_AUXDATA = 8
PACKET_IGNORE_OUTGOING = 23
PACKET_MR_ALLMULTI = 2
SO_TIMESTAMPNS = 35
ETH_P_ALL = 3
ARPHRD_ETHER = 1

_MEMBERSHIP = Struct("iHH8s")  # struct packet_mreq
_AUXILIARY = Struct("IIIHHHH")  # struct tpacket_auxdata
_TIMESPEC = Struct("ll")
_TOTALS = Struct("II")
_ANCILLARY_BYTES = 256
_QUEUE_BYTES = 8 << 20
_GONE = frozenset({errno.ENETDOWN, errno.ENXIO, errno.ENODEV})


class CaptureError(Exception):
    """The interface cannot be captured; the message says why."""


@dataclass(frozen=True, slots=True)
class CaptureStatistics:
    """Totals since the capture was opened."""

    received: int
    """Frames handed out by `read`."""
    dropped: int
    """Frames that the kernel dropped because the ring or the socket buffer was full."""
    send_failures: int


class Capture:
    """Frames with IGMP or MLD of one interface. Reading and sending never block.

    `ring_bytes` is what is asked for; a smaller ring, then plain recv(), is taken where it is refused, and
    0 asks for recv(). All multicast groups are let in, and what this host sends itself is left out.
    Raises CaptureError when the interface does not exist, has other headers than those of Ethernet, or the
    privilege (CAP_NET_RAW) is missing.
    When the interface is removed `alive` turns False: close this and open another when the link is back.
    """

    def __init__(self, index: int, *, ring_bytes: int = ACCESS_RING_BYTES) -> None:
        self._received = 0
        self._dropped = 0
        self._send_failures = 0
        self._alive = True
        self._ring: Ring | None = None
        try:
            # No protocol yet: a frame that came before the filter is attached would be somebody else's.
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_NONBLOCK, 0)
        except OSError as error:
            raise CaptureError(f"packet socket: {error.strerror}") from error
        try:
            self._prepare(index, ring_bytes)
        except OSError as error:
            self.close()
            raise CaptureError(f"interface {index}: {error.strerror}") from error

    def _prepare(self, index: int, ring_bytes: int) -> None:
        name = socket.if_indextoname(index)
        attach(self._socket, MEMBERSHIP_MESSAGES)
        self._socket.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
        receive_queue.enlarge(self._socket, _QUEUE_BYTES)
        self._ring = self._try_ring(ring_bytes)
        # A standby access port is no VIF, so nothing else makes it accept all groups.
        membership = _MEMBERSHIP.pack(index, PACKET_MR_ALLMULTI, 0, b"")
        self._socket.setsockopt(SOL_PACKET, PACKET_ADD_MEMBERSHIP, membership)
        self._socket.bind((name, ETH_P_ALL))
        if self._socket.getsockname()[3] != ARPHRD_ETHER:
            raise OSError(errno.EPROTOTYPE, "no Ethernet interface")

    def _try_ring(self, ring_bytes: int) -> Ring | None:
        if ring_bytes > 0:
            try:
                return Ring(self._socket, ring_bytes)
            except OSError:
                pass  # recv() does the same work more slowly
        self._socket.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
        self._socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        return None

    @property
    def mode(self) -> str:
        """How frames are read: "ring" or "recv"."""
        return "recv" if self._ring is None else "ring"

    @property
    def ring_bytes(self) -> int:
        """What the ring has of the kernel's memory; 0 for recv()."""
        return 0 if self._ring is None else self._ring.size

    @property
    def alive(self) -> bool:
        """False once the interface is gone; one that is merely down is alive."""
        return self._alive

    def fileno(self) -> int:
        """The descriptor to watch for reading (level-triggered)."""
        return self._socket.fileno()

    def read(self, limit: int = 256) -> list[Captured]:
        """Return frames that wait, oldest first; empty when there are none.

        At most `limit` frames and about READ_OCTETS octets: what is left keeps the descriptor readable.
        """
        ring = self._ring
        frames = self._receive(limit) if ring is None else list(ring.frames(limit, READ_OCTETS))
        if frames:
            self._received += len(frames)
        else:
            # A pending error would keep the descriptor readable for ever; reading it clears it.
            self._note(self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))
        return frames

    def _receive(self, limit: int) -> list[Captured]:
        frames: list[Captured] = []
        octets = 0
        while len(frames) < limit and octets < READ_OCTETS:
            try:
                frame, ancillary, _, _ = self._socket.recvmsg(LARGEST_FRAME, _ANCILLARY_BYTES)
            except BlockingIOError:
                break
            except OSError as error:
                self._note(error.errno or 0)
                break
            octets += len(frame)
            frames.append(_described(frame, ancillary))
        return frames

    def _note(self, error: int) -> None:
        """Tell an interface that is down (it comes back to this socket) from one that is gone."""
        if error in _GONE and not self._socket.getsockname()[0]:
            self._alive = False

    def send(self, frame: bytes) -> bool:
        """Send an Ethernet frame as it is, with what tags it has; False (counted) if it failed."""
        try:
            self._socket.send(frame)
        except OSError as error:
            self._note(error.errno or 0)
            self._send_failures += 1
            return False
        return True

    def statistics(self) -> CaptureStatistics:
        """Counters up to now."""
        # The kernel's totals start anew with every reading.
        _, dropped = _TOTALS.unpack(self._socket.getsockopt(SOL_PACKET, PACKET_STATISTICS, _TOTALS.size))
        self._dropped += dropped
        truncated = 0 if self._ring is None else self._ring.truncated
        return CaptureStatistics(self._received, self._dropped + truncated, self._send_failures)

    def close(self) -> None:
        """Release ring and socket."""
        if self._ring is not None:
            self._ring.close()
            self._ring = None
        self._socket.close()


def _described(frame: bytes, ancillary: list[tuple[int, int, bytes]]) -> Captured:
    vlan, timestamp = 0, 0.0
    for level, kind, data in ancillary:
        if level == SOL_PACKET and kind == PACKET_AUXDATA:
            status, _, _, _, _, tag, _ = _AUXILIARY.unpack_from(data)
            vlan = vlan_id(tag) if status & STATUS_VLAN_VALID else 0
        elif level == socket.SOL_SOCKET and kind == SO_TIMESTAMPNS:
            seconds, nanoseconds = _TIMESPEC.unpack_from(data)
            timestamp = seconds + nanoseconds * 1e-9
    return Captured(frame, vlan, timestamp)

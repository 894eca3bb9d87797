"""One AF_PACKET socket for one interface: reads IGMP frames, sends frames.

It passes frames on as they are; decoding is `dataplane.packets`.
"""

from dataclasses import dataclass
from typing import NamedTuple

ACCESS_RING_BYTES = 64 << 20
UPSTREAM_RING_BYTES = 1 << 20


class Captured(NamedTuple):
    """One frame as it was on the wire, less the outer VLAN tag, which the kernel takes off."""

    frame: bytes
    outer_vlan: int
    """VLAN id of the tag that was taken off, 0 for none."""
    timestamp: float
    """When the kernel received it: seconds of the wall clock."""


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
    """IGMP frames of one interface. Reading and sending never block.

    `ring_bytes` is what is asked for; a smaller ring, then plain recv(), is taken where it is refused.
    Raises CaptureError when the interface does not exist or the privilege (CAP_NET_RAW) is missing.
    When the interface is removed `alive` turns False: close this and open another when the link is back.
    """

    def __init__(self, index: int, *, ring_bytes: int = ACCESS_RING_BYTES) -> None:
        raise NotImplementedError

    @property
    def mode(self) -> str:
        """ "ring" or "recv"."""
        raise NotImplementedError

    @property
    def alive(self) -> bool:
        """False once the interface is gone."""
        raise NotImplementedError

    def fileno(self) -> int:
        """The descriptor to watch for reading (level-triggered)."""
        raise NotImplementedError

    def read(self, limit: int = 256) -> list[Captured]:
        """The frames that wait, at most `limit`, oldest first; empty when there are none."""
        raise NotImplementedError

    def send(self, frame: bytes, outer_vlan: int = 0) -> bool:
        """Send an Ethernet frame, with an 802.1Q tag where `outer_vlan` is not 0; False (counted) if it failed."""
        raise NotImplementedError

    def statistics(self) -> CaptureStatistics:
        """Counters up to now."""
        raise NotImplementedError

    def close(self) -> None:
        """Release ring and socket."""
        raise NotImplementedError

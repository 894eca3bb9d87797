"""The network interfaces as the dataplane sees them: facts, events, and frames. The seam to their kinds.

Owns the protocols and the kernel's kind; `dataplane.wires` has one that needs no privilege.
"""

from collections.abc import Iterable, Mapping
from threading import Lock
from typing import Final, Protocol

from dataplane.capture import ACCESS_RING_BYTES, UPSTREAM_RING_BYTES, Capture, CaptureStatistics
from dataplane.capture.ring import Captured
from dataplane.links import Link, LinkEvent, Links

RINGS_BYTES: Final = 4 * ACCESS_RING_BYTES
"""Of all access interfaces together. The kernel sets a ring aside at once and cannot swap it out: 121 of the
largest, as many as there may be access interfaces, would take 7.5 GiB."""
SMALLEST_SHARE: Final = UPSTREAM_RING_BYTES


class FrameSource(Protocol):
    """IGMP frames of one interface; see `dataplane.capture.Capture` for what each method does."""

    @property
    def mode(self) -> str:
        """How frames are read."""
        ...

    @property
    def alive(self) -> bool:
        """False once the interface is gone."""
        ...

    def fileno(self) -> int:
        """The descriptor to watch for reading."""
        ...

    def read(self, limit: int = 256) -> list[Captured]:
        """Return the frames that wait."""
        ...

    def send(self, frame: bytes) -> bool:
        """Send a frame as it is; False (counted) if it failed."""
        ...

    def statistics(self) -> CaptureStatistics:
        """Counters up to now."""
        ...

    def close(self) -> None:
        """Release everything."""
        ...


class Interfaces(Protocol):
    """All interfaces of this router."""

    @property
    def waits(self) -> bool:
        """Whether opening and closing a frame source takes long."""
        ...

    def fileno(self) -> int:
        """The descriptor to watch for events."""
        ...

    def read(self) -> list[LinkEvent]:
        """Return the events since the last call."""
        ...

    def all(self) -> Mapping[str, Link]:
        """Every interface by name."""
        ...

    def open(self, name: str, index: int, *, upstream: bool) -> FrameSource:
        """Begin to take frames of an interface. Raises CaptureError."""
        ...

    def close(self) -> None:
        """Release everything but the frame sources."""
        ...


class KernelInterfaces(Links):
    """The interfaces of this network namespace."""

    waits = True

    def __init__(self) -> None:
        super().__init__()
        self._lock = Lock()
        self._rings: list[Capture] = []
        self._promised: list[int] = []

    def open(self, name: str, index: int, *, upstream: bool) -> FrameSource:  # noqa: ARG002 - the kernel goes by index
        """Capture an interface; the upstream side only hears queries and needs a small ring.

        Threads may do this at the same time.
        """
        if upstream:
            return Capture(index, ring_bytes=UPSTREAM_RING_BYTES)
        share = self._promise()
        try:
            capture = Capture(index, ring_bytes=share)
            with self._lock:
                self._rings.append(capture)
        finally:
            with self._lock:
                self._promised.remove(share)
        return capture

    def _promise(self) -> int:
        with self._lock:
            self._rings = [each for each in self._rings if each.fileno() >= 0]
            share = ring_share([*self._promised, *(each.ring_bytes for each in self._rings)])
            self._promised.append(share)
        return share


def ring_share(others: Iterable[int]) -> int:
    """Return how large the next access interface's ring is, beside rings of these sizes.

    A quarter of what is left of RINGS_BYTES, so that the first few, which may have many subscribers each,
    have a large one and a hundred of them still have one.
    """
    return max(min(ACCESS_RING_BYTES, (RINGS_BYTES - sum(others)) // 4), SMALLEST_SHARE)

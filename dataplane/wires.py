"""Interfaces without privileges: each is a datagram socket in a folder, and a datagram is an Ethernet frame.

For the memory plane where nothing may open a packet socket. `DIR/NAME` is what interface NAME receives
from; it sends to `DIR/NAME.peer`, if somebody listens there. Which interfaces there are is read once:
`DIR/wires.json` maps each name to its IPv4 address with prefix length. They are always up.
"""

import json
import os
import socket
import time
from collections.abc import Mapping
from ipaddress import IPv4Interface
from pathlib import Path

from dataplane.capture import CaptureError, CaptureStatistics
from dataplane.capture.ring import Captured
from dataplane.links import Link, LinkEvent

MTU = 1500
_LARGEST_FRAME = 1 << 16
_FOLDER_FILE = "wires.json"


class WireInterfaces:
    """The interfaces of a folder, as those of the kernel. Raises OSError or ValueError."""

    waits = False

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        content = json.loads((folder / _FOLDER_FILE).read_text(encoding="utf-8"))
        self._links = {
            name: Link(index, name, up=True, mac=_mac(index), mtu=MTU, addresses=(IPv4Interface(address),))
            for index, (name, address) in enumerate(sorted(content.items()), start=1)
        }
        # Nothing ever changes, but a descriptor is watched all the same: a pipe that stays silent.
        self._silent, self._writer = os.pipe()

    def fileno(self) -> int:
        """A descriptor that never becomes readable."""
        return self._silent

    def read(self) -> list[LinkEvent]:
        """There are no events."""
        return []

    def get(self, name: str) -> Link | None:
        """Find the interface with this name, if there is one."""
        return self._links.get(name)

    def all(self) -> Mapping[str, Link]:
        """Every interface by name."""
        return self._links

    def open(self, name: str, index: int, *, upstream: bool) -> "WireCapture":  # noqa: ARG002 - wires go by name
        """Take the frames of an interface. Raises CaptureError."""
        return WireCapture(self._folder, name)

    def close(self) -> None:
        """Close the descriptor."""
        os.close(self._silent)
        os.close(self._writer)


def _mac(index: int) -> bytes:
    """A locally administered address for each interface."""
    return b"\x02\x00\x00\x00\x00" + bytes([index])


class WireCapture:
    """Frames of one interface of a folder, with the methods of `Capture`. Raises CaptureError."""

    mode = "wire"
    alive = True

    def __init__(self, folder: Path, name: str) -> None:
        self._path, self._peer = folder / name, folder / f"{name}.peer"
        self._received = self._send_failures = 0
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        try:
            self._path.unlink(missing_ok=True)
            self._socket.bind(str(self._path))
        except OSError as error:
            self._socket.close()
            raise CaptureError(f"wire {self._path}: {error.strerror}") from error

    def fileno(self) -> int:
        """The descriptor to watch for reading (level-triggered)."""
        return self._socket.fileno()

    def read(self, limit: int = 256) -> list[Captured]:
        """Return the frames that wait, at most `limit`, oldest first."""
        frames: list[Captured] = []
        while len(frames) < limit:
            try:
                frame = self._socket.recv(_LARGEST_FRAME)
            except BlockingIOError:
                break
            frames.append(Captured(frame, 0, time.time()))
        self._received += len(frames)
        return frames

    def send(self, frame: bytes, outer_vlan: int = 0) -> bool:
        """Send a frame; False (counted) when nobody listens or the other side does not keep up."""
        if outer_vlan:
            frame = frame[:12] + b"\x81\x00" + outer_vlan.to_bytes(2, "big") + frame[12:]
        try:
            self._socket.sendto(frame, str(self._peer))
        except OSError:
            self._send_failures += 1
            return False
        return True

    def statistics(self) -> CaptureStatistics:
        """Counters up to now; a full queue makes the sender wait, so nothing is dropped."""
        return CaptureStatistics(self._received, 0, self._send_failures)

    def close(self) -> None:
        """Close the socket and remove its name."""
        self._socket.close()
        self._path.unlink(missing_ok=True)

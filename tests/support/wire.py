"""A bad wire: a program between two interfaces that loses, delays, damages or stops frames.

`python -m tests.support.wire LEFT RIGHT` moves Ethernet frames between two interfaces of its namespace. Each
line on standard input is a JSON object with what the wire does from now on, and is answered with one line of
counters. The kernel's own netem is not everywhere; TCP sees the same from this.

    seed      of the generator that loses and damages
    loss      the part of the frames that is lost
    damage    the part of the frames of which one octet is changed (their checksum tells the receiver)
    delay     seconds that each frame takes
    reset     true: every TCP segment is answered by a forged reset besides
    stopped   directions that carry nothing: "left" is what LEFT sends, "right" what RIGHT sends
"""

import heapq
import json
import random
import selectors
import socket
import sys
import time
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from tests.support.forging import reset_for

_ETH_P_ALL = 3
_SOL_PACKET, _PACKET_IGNORE_OUTGOING = 263, 23
_LARGEST = 1 << 16
_HEADERS = 14
_AT_ONCE = 64


@dataclass
class Wire:
    """Both directions, and what they do to a frame."""

    left: socket.socket
    right: socket.socket
    generator: random.Random = field(default_factory=lambda: random.Random(0))
    loss: float = 0.0
    damage: float = 0.0
    delay: float = 0.0
    reset: bool = False
    stopped: frozenset[str] = frozenset()
    counters: dict[str, int] = field(default_factory=lambda: dict.fromkeys(("moved", "lost", "damaged"), 0))
    _waiting: list[tuple[float, int, socket.socket, bytes]] = field(default_factory=list)
    _numbers: Any = field(default_factory=count)

    def set(self, wanted: dict[str, Any]) -> None:
        if "seed" in wanted:
            self.generator = random.Random(wanted["seed"])
        self.loss, self.damage = wanted.get("loss", 0.0), wanted.get("damage", 0.0)
        self.reset = wanted.get("reset", False)
        self.delay, self.stopped = wanted.get("delay", 0.0), frozenset(wanted.get("stopped", ()))

    def take(self, side: str, now: float) -> None:
        """Take the frames that wait on one side."""
        source, target = (self.left, self.right) if side == "left" else (self.right, self.left)
        for _ in range(_AT_ONCE):
            try:
                frame = source.recv(_LARGEST)
            except BlockingIOError:
                return
            forged = reset_for(frame) if self.reset else None
            if forged is not None:
                heapq.heappush(self._waiting, (now, next(self._numbers), source, forged))
            if side in self.stopped or self.generator.random() < self.loss:
                self.counters["lost"] += 1
                continue
            heapq.heappush(
                self._waiting, (now + self.delay, next(self._numbers), target, self._damaged(frame))
            )

    def _damaged(self, frame: bytes) -> bytes:
        if self.generator.random() >= self.damage or len(frame) <= _HEADERS:
            return frame
        self.counters["damaged"] += 1
        place = self.generator.randrange(_HEADERS, len(frame))
        return frame[:place] + bytes([frame[place] ^ 0x55]) + frame[place + 1 :]

    def deliver(self, now: float) -> float | None:
        """Send what is due and return the seconds until something else is."""
        while self._waiting and self._waiting[0][0] <= now:
            _, _, target, frame = heapq.heappop(self._waiting)
            try:
                target.send(frame)
                self.counters["moved"] += 1
            except OSError:
                self.counters["lost"] += 1
        return max(0.0, self._waiting[0][0] - now) if self._waiting else None


def _interface(name: str) -> socket.socket:
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETH_P_ALL))
    sock.setsockopt(_SOL_PACKET, _PACKET_IGNORE_OUTGOING, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
    sock.bind((name, 0))
    sock.setblocking(False)
    return sock


def main(left: str, right: str) -> None:
    wire = Wire(_interface(left), _interface(right))
    selector = selectors.DefaultSelector()
    selector.register(wire.left, selectors.EVENT_READ, "left")
    selector.register(wire.right, selectors.EVENT_READ, "right")
    selector.register(sys.stdin, selectors.EVENT_READ, "control")
    print(json.dumps(wire.counters), flush=True)
    while True:
        ready = selector.select(wire.deliver(time.monotonic()))
        for key, _ in ready:
            if key.data != "control":
                wire.take(key.data, time.monotonic())
                continue
            line = sys.stdin.readline()
            if not line:
                return
            wire.set(json.loads(line))
            print(json.dumps(wire.counters), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])

"""A hundred thousand memberships: what one costs, how long a batch of all takes, and the longest turn.

Two engines in one process, on memory planes and a link without delay: no socket, no kernel, no TLS.
"""

import gc
import time
from collections.abc import Iterator
from ipaddress import IPv4Address
from pathlib import Path

from dataplane.app import COLLECTION
from dataplane.config import Role
from dataplane.engine import messages
from dataplane.packets.frames import report_frames
from dataplane.packets.messages import GroupRecord, RecordType
from tests.bench.table import Row
from tests.support.routers import PORT, Pair, Router, profile

GROUPS, BOXES = 1_000, 100


class Stopwatch:
    """The CPU time of what a router's engine is given, and the longest of it."""

    def __init__(self, router: Router) -> None:
        self.total = self.longest = 0.0
        handle = router.engine.handle

        def timed(message: messages.Message, now: float) -> list[object]:
            before = time.thread_time()
            wanted = handle(message, now)
            passed = time.thread_time() - before
            self.total += passed
            self.longest = max(self.longest, passed)
            return wanted  # type: ignore[return-value]

        router.engine.handle = timed  # type: ignore[method-assign, assignment]

    def take(self) -> tuple[float, float]:
        """Total and longest in seconds, and begin anew."""
        taken = self.total, self.longest
        self.total = self.longest = 0.0
        return taken


def _resident() -> int:
    """Octets of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def _frames() -> Iterator[bytes]:
    for box in range(1, BOXES + 1):
        for number in range(GROUPS):
            record = GroupRecord(RecordType.CHANGE_TO_EXCLUDE_MODE, IPv4Address(0xEF010000 + number))
            mac, address = b"\x02\x00\x00" + box.to_bytes(3, "big"), IPv4Address(0x0A010000 + box)
            yield report_frames(3, [record], mac, address)[0]


def rows() -> Iterator[Row]:
    """Fill the master while the channel is cut, then let the batch go."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECTION)
    pair, count = Pair(), GROUPS * BOXES
    pair.start(profile(Role.MASTER), profile(Role.BACKUP))
    pair.cut_channel()
    master, backup = Stopwatch(pair.a), Stopwatch(pair.b)
    frames = list(_frames())
    before = _resident()
    for frame in frames:
        pair.a.hear(frame, PORT)
        pair.a.order.clear()
    after = _resident()
    total, longest = master.take()
    name = f"{count:,} joins in {GROUPS:,} groups"
    yield Row(
        f"{name}, engine, each", total / count * 1e6, "us", None, f"longest turn {longest * 1e3:.1f} ms"
    )
    yield Row("memory of one membership", (after - before) / count, "octets")
    begun = time.thread_time()
    pair.mend_channel()
    pair.run(2.0)
    whole = time.thread_time() - begun
    for who, watch in (("master", master), ("backup", backup)):
        total, longest = watch.take()
        note = f"longest turn {longest * 1e3:.1f} ms"
        yield Row(f"batch of {count:,}, {who}", total / count * 1e6, "us each", None, note)
    assert len(pair.b.table()) == count
    yield Row(f"batch of {count:,}, both engines in one process", whole, "s")

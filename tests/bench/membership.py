"""What a report costs the engine: `Engine.handle` alone, one process, no sockets.

A master with a connected peer takes reports of subscribers that join, say so again, and leave. CPU time, the
least of several rounds: what else the machine does is not in it.
"""

import time
from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address

from dataplane.config import Role
from dataplane.engine import messages
from dataplane.packets.frames import report_frames
from dataplane.packets.messages import GroupRecord, RecordType
from tests.bench.table import Row
from tests.support.routers import PORT, Pair, Router, profile

REPORTS = 5_000
BURST = 50
ROUNDS = 7
SUBSCRIBERS = 500


def rows() -> Iterator[Row]:
    """Measure a join, a repeated report and a leave."""
    joins = _frames(RecordType.CHANGE_TO_EXCLUDE_MODE)
    again = _frames(RecordType.MODE_IS_EXCLUDE)
    leaves = _frames(RecordType.CHANGE_TO_INCLUDE_MODE)
    best = [min(times) for times in zip(*(_round(joins, again, leaves) for _ in range(ROUNDS)), strict=True)]
    for name, seconds in zip(("join", "repeated report", "leave"), best, strict=True):
        micro = seconds / REPORTS * 1e6
        yield Row(
            f"Engine.handle, IGMPv3 {name}, copied", micro, "us CPU", note=f"{REPORTS:,} subscribers' groups"
        )


def _frames(kind: RecordType) -> list[messages.FrameCaptured]:
    found = []
    for number in range(REPORTS):
        stb = number % SUBSCRIBERS
        mac = b"\x02\x00\x00\x00" + stb.to_bytes(2, "big")
        record = GroupRecord(kind, IPv4Address("239.100.0.0") + number)
        frame = report_frames(3, [record], mac, IPv4Address("10.1.0.1") + stb)[0]
        found.append(messages.FrameCaptured(PORT, frame, 0))
    return found


def _round(*phases: Sequence[messages.FrameCaptured]) -> list[float]:
    pair = Pair()
    pair.start(profile(Role.MASTER), profile(Role.BACKUP))
    return [_cpu(pair, pair.a, frames) for frames in phases]


def _cpu(pair: Pair, router: Router, frames: Sequence[messages.FrameCaptured]) -> float:
    """CPU seconds for these messages; the peer's answers are delivered in between and not counted."""
    engine, now = router.engine, pair.clock.now
    total = 0.0
    for start in range(0, len(frames), BURST):
        begin = time.process_time()
        effects = [effect for frame in frames[start : start + BURST] for effect in engine.handle(frame, now)]
        effects += engine.handle(messages.BurstEnded(), now)
        total += time.process_time() - begin
        for effect in effects:
            router.perform(effect)
        pair.run(0)
    return total

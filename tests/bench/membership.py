"""What a report costs the engine: `Engine.handle` alone, one process, no sockets.

A master with a connected peer takes reports of subscribers that join, say so again, and leave. CPU time, the
least of several rounds: what else the machine does is not in it.
"""

import time
from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address

from dataplane.config import Role
from dataplane.engine import messages
from dataplane.packets.ethernet import Subscriber
from dataplane.packets.frames import report_frames
from dataplane.packets.messages import Address, GroupRecord, RecordType
from tests.bench.table import Row
from tests.support.routers import PORT, Pair, Router, profile

REPORTS = 5_000
BURST = 50
ROUNDS = 7
SUBSCRIBERS = 500
PHASES = {
    "join": RecordType.CHANGE_TO_EXCLUDE_MODE,
    "repeated report": RecordType.MODE_IS_EXCLUDE,
    "leave": RecordType.CHANGE_TO_INCLUDE_MODE,
}
KINDS: dict[str, tuple[Address, tuple[int, int, int]]] = {
    "IGMPv3": (IPv4Address("239.100.0.0"), (0, 0, 0)),
    "IGMPv3 in PPPoE": (IPv4Address("239.100.0.0"), (100, 200, 1)),
    "MLDv2": (IPv6Address("ff3e::100:0"), (0, 0, 0)),
}


def rows() -> Iterator[Row]:
    """Measure a join, a repeated report and a leave of each kind of subscriber."""
    for kind, (group, tags) in KINDS.items():
        phases = [_frames(record, group, tags) for record in PHASES.values()]
        times = zip(*(_round(*phases) for _ in range(ROUNDS)), strict=True)
        for name, seconds in zip(PHASES, map(min, times), strict=True):
            micro = seconds / REPORTS * 1e6
            note = f"{REPORTS:,} subscribers' groups"
            yield Row(f"Engine.handle, {kind} {name}, copied", micro, "us CPU", note=note)


def _frames(record: RecordType, first: Address, tags: tuple[int, int, int]) -> list[messages.FrameCaptured]:
    found = []
    for number in range(REPORTS):
        stb = number % SUBSCRIBERS
        mac = b"\x02\x00\x00\x00" + stb.to_bytes(2, "big")
        source = ip_address("10.1.0.1" if first.version == 4 else "fe80::1") + stb
        outer, inner, session = tags
        to = Subscriber(outer, inner, session and session + stb, mac)
        frame = report_frames(3, [GroupRecord(record, first + number)], mac, source, 1500, to)[0]
        found.append(messages.FrameCaptured(PORT, frame, 0))
    return found


def _round(*phases: Sequence[messages.FrameCaptured]) -> list[float]:
    pair = Pair(ipv6=True)
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

"""A subscriber that says all it can, on the wire of the others (see `scenarios`)."""

import socket
from ipaddress import IPv4Address

from cli.lab.laboratory import Laboratory
from cli.lab.play import until
from dataplane.packets.frames import report_frames
from dataplane.packets.messages import GroupRecord, RecordType
from tests.netns import watching
from tests.netns.watching import wait_for

FRAMES, RECORDS = 5_000, 183
FIRST = IPv4Address("239.64.0.0")
GROUP = "239.44.0.1"
RATE = 20


def flood(laboratory: Laboratory) -> dict[str, object]:
    """5,000 full reports, 20 s of the dataplane's time if it read them, and a join right behind them."""
    watching.prepared(laboratory)
    a = laboratory.routers[0]
    a.commit(watching.access(f"<igmp><max-record-rate>{RATE}</max-record-rate></igmp>"))
    laboratory.topology.stbs[1].run(_send)
    laboratory.stbs[0].do("join", [GROUP])
    wait_for(laboratory.routers, GROUP)
    until(lambda: _refused(laboratory) > FRAMES // 2, "what was refused")
    return {"refused": _refused(laboratory), "entries": len(a.kernel_entries())}


def _send() -> None:
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as wire:
        wire.bind(("eth0", 0))
        mac = wire.getsockname()[4]
        for number in range(FRAMES):
            wire.send(_frame(mac, number))


def _frame(mac: bytes, number: int) -> bytes:
    first = FIRST + number * RECORDS
    records = [GroupRecord(RecordType.CHANGE_TO_EXCLUDE_MODE, first + each) for each in range(RECORDS)]
    (frame,) = report_frames(3, records, mac, IPv4Address("10.20.0.102"))
    return frame


def _refused(laboratory: Laboratory) -> int:
    return watching.dropped(laboratory.routers[0], "access0").get("rate-limited", 0)

"""Programs for namespaces: two send joins or zaps at a rate, one watches the kernel for their entries.

`python -m cli.lab.joins send INTERFACE COUNT RATE FIRST`, `... zap` with the same, `... watch COUNT SECONDS`;
all print JSON with CLOCK_MONOTONIC nanoseconds by group. The frames are made beforehand, so that the time of
each is that of its sending.
"""

import json
import socket
import struct
import sys
import time
from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address

from dataplane.packets.frames import report_frames
from dataplane.packets.messages import GroupRecord, RecordType

RTNLGRP_IPV4_MROUTE = 6
RTM_NEWROUTE = 24
RTA_DST = 1
SUBSCRIBERS = 50

Timed = Sequence[tuple[str, bytes]]
"""The group that each frame joins, and the frame."""


def joins(count: int, first: str) -> Iterator[tuple[str, bytes]]:
    """Yield joins of `count` groups from `first` on, by SUBSCRIBERS in turn."""
    for number in range(count):
        yield _report(number, [_join(first, number)], first)


def zaps(count: int, first: str) -> Iterator[tuple[str, bytes]]:
    """Yield changes of the channel: a new group is joined, and the one that the subscriber had is left."""
    for number in range(count):
        records = [_join(first, number)]
        if number >= SUBSCRIBERS:
            old = IPv4Address(first) + number - SUBSCRIBERS
            records.append(GroupRecord(RecordType.CHANGE_TO_INCLUDE_MODE, old, ()))
        yield _report(number, records, first)


def _join(first: str, number: int) -> GroupRecord:
    return GroupRecord(RecordType.CHANGE_TO_EXCLUDE_MODE, IPv4Address(first) + number, ())


def _report(number: int, records: list[GroupRecord], first: str) -> tuple[str, bytes]:
    mac = b"\x02\x00\x00\x00\x10" + bytes([number % SUBSCRIBERS])
    source = IPv4Address("10.20.1.1") + number % SUBSCRIBERS
    return str(IPv4Address(first) + number), report_frames(3, records, mac, source)[0]


def send(interface: str, rate: int, frames: Timed) -> dict[str, int]:
    """Send a frame each 1 / rate seconds; return when each left, by its group."""
    out = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    out.bind((interface, 0))
    sent, begin = {}, time.monotonic_ns()
    for number, (group, frame) in enumerate(frames):
        due = begin + number * 1_000_000_000 // rate
        while (wait := due - time.monotonic_ns()) > 0:
            time.sleep(wait / 1e9)
        sent[group] = time.monotonic_ns()
        out.send(frame)
    return sent


def watch(count: int, seconds: float) -> dict[str, int]:
    """Return when the kernel announced each new multicast route, until `count` came or time is up."""
    netlink = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
    netlink.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 * 1024 * 1024)
    netlink.bind((0, 1 << (RTNLGRP_IPV4_MROUTE - 1)))
    print("watching", flush=True)
    seen: dict[str, int] = {}
    deadline = time.monotonic() + seconds
    while len(seen) < count and (left := deadline - time.monotonic()) > 0:
        netlink.settimeout(left)
        try:
            message = netlink.recv(65536)
        except (TimeoutError, OSError):
            continue
        now = time.monotonic_ns()
        if struct.unpack_from("=H", message, 4)[0] == RTM_NEWROUTE and (group := _destination(message)):
            seen.setdefault(group, now)
    return seen


def _destination(message: bytes) -> str | None:
    """The group of a route message: struct nlmsghdr, struct rtmsg, attributes (rtnetlink(7))."""
    place = 16 + 12
    while place + 4 <= len(message):
        size, kind = struct.unpack_from("=HH", message, place)
        if kind == RTA_DST:
            return socket.inet_ntoa(message[place + 4 : place + 8])
        place += max(4, (size + 3) & ~3)
    return None


def main(what: str, arguments: list[str]) -> None:
    """Run one of the three."""
    if what == "watch":
        print(json.dumps(watch(int(arguments[0]), float(arguments[1]))))
        return
    interface, count, rate, first = arguments
    frames = list((zaps if what == "zap" else joins)(int(count), first))
    print(json.dumps(send(interface, int(rate), frames)))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])

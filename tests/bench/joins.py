"""Two programs for namespaces: one sends joins at a rate, one watches the kernel's table for their entries.

`python -m tests.bench.joins send INTERFACE COUNT RATE FIRST` and `... watch COUNT SECONDS`; both print JSON
with CLOCK_MONOTONIC nanoseconds by group.
"""

import json
import socket
import struct
import sys
import time
from ipaddress import IPv4Address

from dataplane.packets.frames import report_frames
from dataplane.packets.messages import GroupRecord, RecordType

RTNLGRP_IPV4_MROUTE = 6
RTM_NEWROUTE = 24
RTA_DST = 1
SUBSCRIBERS = 50


def send(interface: str, count: int, rate: int, first: str) -> dict[str, int]:
    """Send one IGMPv3 join of a new group each 1 / rate seconds; return when each left."""
    frames = []
    for number in range(count):
        group = IPv4Address(first) + number
        mac = b"\x02\x00\x00\x00\x10" + bytes([number % SUBSCRIBERS])
        source = IPv4Address("10.20.1.1") + number % SUBSCRIBERS
        record = GroupRecord(RecordType.CHANGE_TO_EXCLUDE_MODE, group, ())
        frames.append((str(group), report_frames(3, [record], mac, source)[0]))
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


if __name__ == "__main__":
    if sys.argv[1] == "send":
        print(json.dumps(send(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), sys.argv[5])))
    else:
        print(json.dumps(watch(int(sys.argv[2]), float(sys.argv[3]))))

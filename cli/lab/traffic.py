"""The stream that the laboratory watches: a source that numbers its packets, and STBs that join and listen.

Run as programs of their own, so that neither waits for the other or for the player:
`python -m cli.lab.traffic source PARENT` and `python -m cli.lab.traffic stb PARENT`. Both take one JSON
command a line on standard input and answer each with one JSON line. Times are CLOCK_MONOTONIC
nanoseconds, which all processes of a machine share.
"""

import json
import select
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable

from cli import privileges

PORT = 5004
STAMP = struct.Struct("!QQ")
"""A packet: its number and the time it was sent."""
PACKET_SIZE = 188
"""Bytes of payload, one MPEG transport stream packet: small, so that a receiver that waits loses none."""
MEMBERSHIPS_A_SOCKET = 500
MAX_PACKETS = 2_000_000
IP_ADD_SOURCE_MEMBERSHIP = 39  # linux/in.h; Python 3.11 has no name for it


class Source:
    """Sends one stream for each group that is started, at a fixed rate, until it is stopped."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 8)
        self._sent: dict[str, list[int]] = {}
        self._stops: dict[str, threading.Event] = {}

    def start(self, group: str, rate: int) -> None:
        """Begin to send `rate` packets a second to `group`."""
        self._sent[group] = []
        stop = self._stops[group] = threading.Event()
        threading.Thread(target=self._send, args=(group, rate, stop), daemon=True).start()

    def stop(self, group: str) -> list[int]:
        """Stop sending to `group`; return when each packet was sent, in order of their numbers."""
        self._stops.pop(group).set()
        return self._sent.pop(group)

    def _send(self, group: str, rate: int, stop: threading.Event) -> None:
        """Packet n leaves at the start plus n / rate: a late one does not delay those after it."""
        padding = bytes(PACKET_SIZE - STAMP.size)
        sent, begin = self._sent[group], time.monotonic_ns()
        while not stop.is_set() and len(sent) < MAX_PACKETS:
            due = begin + len(sent) * 1_000_000_000 // rate
            wait = due - time.monotonic_ns()
            if wait > 0:
                stop.wait(wait / 1e9)
            now = time.monotonic_ns()
            self._socket.sendto(STAMP.pack(len(sent), now) + padding, (group, PORT))
            sent.append(now)


class Stb:
    """Joins groups by the kernel's own IGMP; notes which packets of a stream arrive, and when."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._members: dict[str, socket.socket] = {}
        self._joiners: list[tuple[socket.socket, int]] = []
        self._received: dict[str, list[tuple[int, int]]] = {}
        self._listeners: dict[str, threading.Event] = {}

    def join(self, groups: list[str]) -> None:
        """Join every group; the kernel sends the reports."""
        for group in groups:
            member = self._roomy_socket()
            member.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, self._request(group))
            self._members[group] = member

    def leave(self, groups: list[str]) -> None:
        """Leave every group."""
        for group in groups:
            self._members.pop(group).setsockopt(
                socket.IPPROTO_IP, socket.IP_DROP_MEMBERSHIP, self._request(group)
            )

    def join_source(self, group: str, source: str) -> None:
        """Join one source of a group (IP_ADD_SOURCE_MEMBERSHIP, RFC 3678); `leave` ends it."""
        member = self._members.get(group) or socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        member.setsockopt(
            socket.IPPROTO_IP, IP_ADD_SOURCE_MEMBERSHIP, self._request(group) + socket.inet_aton(source)
        )
        self._members[group] = member

    def listen(self, group: str) -> None:
        """Begin to note what arrives for `group`."""
        self._received[group] = []
        stop = self._listeners[group] = threading.Event()
        receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        receiver.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * 1024 * 1024)
        receiver.bind((group, PORT))
        threading.Thread(target=self._note, args=(receiver, self._received[group], stop), daemon=True).start()

    def heard(self, group: str) -> int:
        """Return how many packets of `group` have arrived since `listen`."""
        return len(self._received[group])

    def first(self, group: str) -> int | None:
        """Return when the first packet of `group` arrived, None while none has."""
        received = self._received[group]
        return received[0][1] if received else None

    def finish(self, group: str) -> list[tuple[int, int]]:
        """Stop noting; return number and time of each packet that arrived."""
        self._listeners.pop(group).set()
        return self._received.pop(group)

    def _roomy_socket(self) -> socket.socket:
        if not self._joiners or self._joiners[-1][1] >= MEMBERSHIPS_A_SOCKET:
            self._joiners.append((socket.socket(socket.AF_INET, socket.SOCK_DGRAM), 0))
        member, used = self._joiners[-1]
        self._joiners[-1] = (member, used + 1)
        return member

    def _request(self, group: str) -> bytes:
        return socket.inet_aton(group) + socket.inet_aton(self._address)

    @staticmethod
    def _note(receiver: socket.socket, received: list[tuple[int, int]], stop: threading.Event) -> None:
        with receiver:
            while not stop.is_set():
                if select.select([receiver], [], [], 0.2)[0]:
                    number, _ = STAMP.unpack_from(receiver.recv(2048))
                    received.append((number, time.monotonic_ns()))


def serve(commands: dict[str, Callable[..., object]]) -> None:
    """Carry out one command a line until the input ends; a failure is answered, not hidden."""
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer: dict[str, object] = {"result": commands[request["do"]](*request["with"])}
        except OSError as error:
            answer = {"error": f"{request['do']}: {error.strerror}"}
        print(json.dumps(answer), flush=True)


def main(kind: str, parent: int, address: str) -> None:
    """Run a source or an STB."""
    privileges.die_with(parent)
    if kind == "source":
        source = Source()
        serve({"start": source.start, "stop": source.stop})
    else:
        stb = Stb(address)
        serve(
            {
                "join": stb.join,
                "join_source": stb.join_source,
                "leave": stb.leave,
                "listen": stb.listen,
                "heard": stb.heard,
                "first": stb.first,
                "finish": stb.finish,
            }
        )


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])

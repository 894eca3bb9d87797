"""The dataplane as a service of its own: while it is stopped and started again the kernel goes on forwarding.

The service manager keeps the multicast routing sockets in between, as systemd's file descriptor store does.
"""

import json
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cli.lab.namespaces import Namespace, veth
from cli.main import main
from tests.support.service_manager import ServiceManager
from tests.support.wait import wait_for

GROUP, PORT = "239.7.7.7", 5000
CONFIG = {
    "ietf-interfaces:interfaces": {
        "interface": [
            {
                "name": "access0",
                "type": "iana-if-type:ethernetCsmacd",
                "twincast-remote-backup:multicast": {
                    "remote-backup-profile": "rbp3",
                    "igmp": {"query-interval": 30, "query-max-response-time": 20},
                },
            },
            {
                "name": "core0",
                "type": "iana-if-type:ethernetCsmacd",
                "twincast-remote-backup:multicast": {"upstream": {}},
            },
        ]
    },
    "twincast-remote-backup:remote-backup": {
        "remote-backup-profile": [{"name": "rbp3", "static-role": "master"}]
    },
}
STOP_SECONDS = 30
SO_RCVBUFFORCE = 33
"""Python does not name it (include/uapi/asm-generic/socket.h)."""


class Source:
    """Numbered packets to the group, 200 a second, until stopped."""

    def __init__(self, interface: str) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        index = socket.if_nametoindex(interface).to_bytes(4, sys.byteorder)
        self._socket.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, bytes(8) + index)
        self._socket.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 8)
        self.sent = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.wait(0.005):
            self._socket.sendto(struct.pack("!I", self.sent), (GROUP, PORT))
            self.sent += 1

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()
        self._socket.close()


class Stb:
    """A member of the group, by the kernel's own IGMP; notes the numbers that come."""

    def __init__(self, interface: str) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        index = socket.if_nametoindex(interface).to_bytes(4, sys.byteorder)
        with suppress(OSError):  # the usual room is for half a second of the stream
            self._socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 4 << 20)
        self._socket.bind((GROUP, PORT))
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())
        membership = socket.inet_aton(GROUP) + bytes(4) + index
        self._socket.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, membership)
        self._socket.settimeout(0.1)
        self.heard: list[int] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self.heard.append(struct.unpack("!I", self._socket.recv(64)[:4])[0])
            except TimeoutError:
                continue

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()
        self._socket.close()


@contextmanager
def service(
    manager: ServiceManager, router: Namespace, log: Path, *options: str
) -> Iterator["subprocess.Popen[str]"]:
    with log.open("a") as events:
        process = router.run(lambda: manager.start("run", *options, stdout=subprocess.DEVNULL, stderr=events))
    try:
        manager.wait("READY=1")
        yield process
    finally:
        process.terminate()
        process.wait(STOP_SECONDS)


def test_a_restart_of_the_dataplane_stops_no_stream(tmp_path: Path) -> None:
    outside, router = Namespace("outside", new=False), Namespace("r")
    source_host, stb_host = Namespace("source"), Namespace("stb")
    veth(router, "access0", stb_host, "stb0")
    veth(router, "core0", source_host, "src0")
    router.address("access0", "10.60.0.1/24")
    router.address("core0", "10.61.0.1/24")
    source_host.address("src0", "10.61.0.10/24")
    stb_host.address("stb0", "10.60.0.10/24")
    state, log = tmp_path / "state", tmp_path / "log"
    dataplane = ("--only", "dataplane", "--plane", "kernel", "--state-dir", str(state))
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    kept = tmp_path / "config.json"
    kept.write_text(json.dumps(CONFIG))
    with ServiceManager(tmp_path / "a") as server, ServiceManager(tmp_path / "b") as manager:
        options = ("--only", "server", "--listen", "127.0.0.1:0", "--state-dir", str(state))
        with service(server, router, log, *options):
            with service(manager, router, log, *dataplane):
                wait_for(lambda: "mroute-4-0" in manager.kept, what="the sockets are kept")
                assert outside.run(lambda: main(["import", str(kept), "--state-dir", str(state)])) == 0
                stb = stb_host.run(lambda: Stb("stb0"))
                source = source_host.run(lambda: Source("src0"))
                wait_for(lambda: len(stb.heard) > 100, what="the stream", timeout=30)
            first = stb.heard[-1]
            wait_for(lambda: stb.heard[-1] > first + 100, what="the stream without a dataplane", timeout=30)
            manager.heard.clear()
            with service(manager, router, log, *dataplane):
                wait_for(lambda: "dataplane-connected" in log.read_text()[-4000:], what="in step", timeout=30)
                again = stb.heard[-1]
                wait_for(lambda: stb.heard[-1] > again + 200, what="the stream afterwards", timeout=30)
                source.stop()
                stb.stop()
    assert "kept=True" in log.read_text()
    missing = set(range(first, stb.heard[-1])) - set(stb.heard)
    assert missing == set()
    assert len(stb.heard) == len(set(stb.heard)), "nothing came twice"

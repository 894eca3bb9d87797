"""The interfaces of the kernel as the dataplane takes them."""

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial

from cli.lab.namespaces import Namespace, veth
from dataplane.capture import UPSTREAM_RING_BYTES
from dataplane.captures import Captures
from dataplane.engine.effects import OpenCapture
from dataplane.engine.messages import CaptureTold, FrameCaptured
from dataplane.interfaces import RINGS_BYTES, SMALLEST_SHARE, KernelInterfaces
from tests.support.kinds import KINDS

PORTS = 30
FLOOD = 20_000
JOIN = KINDS[0].frame(KINDS[0].messages()["join"])


@contextmanager
def router(ports):
    """A router with so many access ports."""
    with Namespace("router", new=False) as here, Namespace("stbs") as outside:
        for number in range(ports):
            veth(here, f"access{number}", outside, f"stb{number}")
        interfaces = KernelInterfaces()
        try:
            yield here, interfaces
        finally:
            interfaces.close()


def opened(here, interfaces, number):
    name = f"access{number}"
    return interfaces.open(name, here.index(name), upstream=False)


def test_many_access_interfaces_share_the_memory_for_their_rings():
    with router(PORTS) as (here, interfaces):
        captures = [opened(here, interfaces, number) for number in range(PORTS)]
        sizes = [capture.ring_bytes for capture in captures]
        assert sum(sizes) < RINGS_BYTES + PORTS * SMALLEST_SHARE
        assert min(sizes) >= SMALLEST_SHARE
        assert sizes == sorted(sizes, reverse=True)
        for capture in captures:
            capture.close()
        again = opened(here, interfaces, 0)
        assert again.ring_bytes == sizes[0]
        again.close()


def test_interfaces_that_are_opened_at_the_same_time_share_it_too():
    with router(8) as (here, interfaces):
        indices = {f"access{number}": here.index(f"access{number}") for number in range(8)}
        with ThreadPoolExecutor(4) as threads:
            work = partial(interfaces.open, upstream=False)
            captures = list(threads.map(work, indices, indices.values()))
        sizes = sorted(capture.ring_bytes for capture in captures)
        assert sum(sizes) <= RINGS_BYTES
        assert len(set(sizes)) == 8
        for capture in captures:
            capture.close()


async def _overrun(here, outside):
    told, opened = [], asyncio.Event()
    interfaces = KernelInterfaces()
    captures = Captures(
        interfaces, lambda *given: (told.extend(given), opened.set()), asyncio.get_running_loop()
    )
    captures.open(OpenCapture("access0", here.index("access0"), upstream=True))
    await opened.wait()
    with outside.run(_sender, "stb0") as sender:
        for _ in range(FLOOD):
            sender.send(JOIN)
    captures.tell(None)
    await captures.stop()
    interfaces.close()
    return told


def _sender(interface):
    raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    raw.bind((interface, 0))
    return raw


def test_frames_that_came_too_fast_are_told():
    with Namespace("router", new=False) as here, Namespace("stbs") as outside:
        veth(here, "access0", outside, "stb0")
        told = asyncio.run(_overrun(here, outside))
    read = sum(isinstance(each, FrameCaptured) for each in told)
    missed = sum(each.missed for each in told if isinstance(each, CaptureTold))
    assert missed > 0
    assert read + missed + UPSTREAM_RING_BYTES // 512 >= FLOOD

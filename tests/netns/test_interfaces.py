"""The interfaces of the kernel as the dataplane takes them."""

from contextlib import contextmanager

from cli.lab.namespaces import Namespace, veth
from dataplane.interfaces import RINGS_BYTES, SMALLEST_SHARE, KernelInterfaces

PORTS = 30


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

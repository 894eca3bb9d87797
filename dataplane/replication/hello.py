"""The UDP socket under e-trunk hellos: an asyncio shell without domain logic.

One socket a service, from its source address and port to the peer's address and the same port. It carries
the datagrams of `dataplane.roles.hello`; those from any other address are refused and counted.
"""

from collections.abc import Callable

from dataplane.config import PeerConfig


class HelloSocket:
    """One service's hello socket; `on_datagram` gets each accepted datagram on the event loop."""

    refused: int
    kernel_dropped: int

    def __init__(self, peer: PeerConfig, on_datagram: Callable[[bytes], None]) -> None: ...

    async def start(self) -> None:
        """Bind; while the source address is not on this host, try again every second."""

    def send(self, datagram: bytes) -> None:
        """Send to the peer at once; what the kernel does not take is dropped and counted."""

    async def stop(self) -> None:
        """Close the socket."""

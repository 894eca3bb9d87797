"""The kernel's multicast routing table as a plane (Linux ipmr): needs CAP_NET_ADMIN and CAP_NET_RAW."""

import socket


def open_multicast_routing_socket() -> socket.socket:
    """Open the raw IGMP socket and become this network namespace's multicast router (MRT_INIT).

    The supervisor calls it and keeps the socket: the kernel flushes the table when the last holder closes
    it. Raises PlaneError: no privilege, no kernel support, or another router daemon holds it.
    """
    raise NotImplementedError


class KernelPlane:
    """Implements `Plane` on a socket from `open_multicast_routing_socket`; makes the sink device `tc-sink`."""

    def __init__(self, routing_socket: socket.socket) -> None:
        raise NotImplementedError

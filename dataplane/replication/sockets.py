"""What the TCP and the UDP socket of a service have in common: options, addresses, words for errors."""

import errno
import socket

from dataplane.config import Address

SEARCH_FIRST = 0.1
SEARCH_LONGEST = 1.0
"""Seconds between two attempts: doubled from the first to the longest, without jitter, since only one of
two routers connects."""

_NETWORK_CONTROL = 0xC0
"""DSCP CS6 (RFC 4594 section 3.1)."""

_WORDS = {
    errno.EADDRNOTAVAIL: "source-address-missing",
    errno.EADDRINUSE: "address-in-use",
    errno.ECONNREFUSED: "connection-refused",
    errno.ECONNRESET: "connection-reset",
    errno.EPIPE: "connection-reset",
    errno.ETIMEDOUT: "connection-timeout",
    errno.EHOSTUNREACH: "peer-unreachable",
    errno.ENETUNREACH: "peer-unreachable",
    errno.EACCES: "permission-denied",
}


def word_for(error: BaseException | None) -> str:
    """The down reason for the end of a connection or a failed attempt."""
    if error is None:
        return "connection-closed"
    if isinstance(error, TimeoutError):
        return "connection-timeout"
    number = error.errno if isinstance(error, OSError) else None
    return _WORDS.get(number or 0, "connection-failed")


def family_of(address: Address) -> socket.AddressFamily:
    """AF_INET or AF_INET6."""
    return socket.AF_INET if address.version == 4 else socket.AF_INET6


def prefer(sock: socket.socket) -> None:
    """Mark what the socket sends as network control, so that subscriber traffic does not delay it."""
    if sock.family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, _NETWORK_CONTROL)
    else:
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, _NETWORK_CONTROL)


def next_pause(pause: float) -> float:
    """The pause after the next attempt that fails."""
    return min(pause * 2, SEARCH_LONGEST)

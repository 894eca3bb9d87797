"""The TCP and UDP sockets of a service: how they are made, their options, words for what goes wrong."""

import errno
import socket
from ipaddress import IPv4Address
from struct import Struct

from dataplane.config import Address, PeerConfig, Secret

USER_TIMEOUT_MS = 4_000
"""How long the kernel waits for the acknowledgement of what was sent, in milliseconds."""

SEARCH_FIRST = 0.1
SEARCH_LONGEST = 1.0
"""Seconds between two attempts: doubled from the first to the longest, without jitter, since only one of
two routers connects."""

_NETWORK_CONTROL = 0xC0
"""DSCP CS6 (RFC 4594 section 3.1)."""

_TCP_MD5SIG = 14
"""linux/tcp.h; the socket module has no name for it."""
_MD5SIG = Struct("=128sBBHI80s")
"""struct tcp_md5sig: the peer's sockaddr_storage, flags, prefix length, key length, interface index, key."""
_SOCKADDR_IN = Struct("=HH4s")
_SOCKADDR_IN6 = Struct("=HHI16s")
MAX_MD5_KEY = 80
"""Octets: TCP_MD5SIG_MAXKEYLEN of linux/tcp.h."""
BACKLOG = 4
"""Connections that wait to be accepted, and how many are taken in one turn of the loop."""

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
    errno.ENOPROTOOPT: "tcp-md5-not-supported",
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


def tcp_socket(peer: PeerConfig, port: int, md5_key: Secret | None = None) -> socket.socket:
    """Return a TCP socket bound to our source address and `port`, 0 for any; raises OSError.

    With a key its segments are signed, and those of the peer that are not are ignored (RFC 2385). They are
    marked from the first on: what a listening socket accepts inherits it.
    """
    sock = socket.socket(family_of(peer.address), socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        prefer(sock)
        if md5_key is not None:
            sign(sock, peer.address, md5_key)
        sock.bind((str(peer.source_address), port))
    except BaseException:
        sock.close()
        raise
    return sock


def listening_socket(peer: PeerConfig, md5_key: Secret | None = None) -> socket.socket:
    """Return a TCP socket that listens on our source address; raises OSError."""
    sock = tcp_socket(peer, peer.port, md5_key)
    try:
        sock.listen(BACKLOG)
    except BaseException:
        sock.close()
        raise
    return sock


def sign(sock: socket.socket, peer: Address, key: Secret) -> None:
    """Sign segments to and from an address with a key of at most MAX_MD5_KEY octets; raises OSError."""
    secret = key.value.encode()
    if peer.version == 4:
        there = _SOCKADDR_IN.pack(socket.AF_INET, 0, peer.packed)
    else:
        there = _SOCKADDR_IN6.pack(socket.AF_INET6, 0, 0, peer.packed)
    sock.setsockopt(socket.IPPROTO_TCP, _TCP_MD5SIG, _MD5SIG.pack(there, 0, 0, len(secret), 0, secret))


def md5_supported() -> bool:
    """Whether this kernel signs segments."""
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
            sign(sock, _ANYONE, Secret("probe"))
    except OSError:
        return False
    return True


_ANYONE = IPv4Address("127.0.0.1")

"""Just enough rtnetlink: requests with acknowledgement, dumps, messages and attributes (RFC 3549).

A generic library takes 25 times as long over a large dump; this walks the octets with struct.
"""

import errno
import os
import socket
from collections.abc import Iterator
from struct import Struct
from typing import NamedTuple

NLMSG_ERROR, NLMSG_DONE = 2, 3
RTM_NEWLINK, RTM_DELLINK, RTM_GETLINK = 16, 17, 18
RTM_NEWADDR, RTM_DELADDR, RTM_GETADDR = 20, 21, 22
RTM_GETROUTE = 26
RTM_NEWRULE, RTM_DELRULE, RTM_GETRULE = 32, 33, 34
REQUEST, ACKNOWLEDGE, DUMP = 0x01, 0x04, 0x300
DUMP_INTERRUPTED = 0x10
EXCLUSIVE, CREATE = 0x200, 0x400

GROUP_LINK, GROUP_IPV4_ADDRESS, GROUP_IPV6_ADDRESS = 0x1, 0x10, 0x100  # RTMGRP_LINK, RTMGRP_IPV4_IFADDR, ...

_HEADER = Struct("IHHII")  # length, type, flags, sequence, port
_ATTRIBUTE = Struct("HH")
_ERROR = Struct("i")
_TYPE_MASK = 0x3FFF  # the top bits say "nested" and "network byte order"
_BUFFER_BYTES = 1 << 16
_PATIENCE = 5.0
_ATTEMPTS = 5


class Message(NamedTuple):
    """One netlink message without its header."""

    type: int
    body: memoryview


def open_socket(groups: int = 0) -> socket.socket:
    """Open a route netlink socket that hears these multicast groups."""
    opened = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
    opened.bind((0, groups))
    return opened


def messages(data: memoryview) -> Iterator[Message]:
    """Walk the messages of one datagram."""
    position = 0
    while position + _HEADER.size <= len(data):
        length, kind, _, _, _ = _HEADER.unpack_from(data, position)
        if length < _HEADER.size:
            return
        yield Message(kind, data[position + _HEADER.size : position + length])
        position += _aligned(length)


def attributes(body: memoryview, start: int) -> dict[int, memoryview]:
    """Collect the attributes that follow a fixed part of `start` octets; the last of a type wins."""
    found: dict[int, memoryview] = {}
    position = start
    while position + _ATTRIBUTE.size <= len(body):
        length, kind = _ATTRIBUTE.unpack_from(body, position)
        if length < _ATTRIBUTE.size:
            break
        found[kind & _TYPE_MASK] = body[position + _ATTRIBUTE.size : position + length]
        position += _aligned(length)
    return found


def attribute(kind: int, value: bytes) -> bytes:
    """Compose one attribute with its padding."""
    length = _ATTRIBUTE.size + len(value)
    return _ATTRIBUTE.pack(length, kind) + value + bytes(_aligned(length) - length)


class Dump:
    """Everything of a kind, read one datagram at a time, so that a large answer need not be read at once.

    `interrupted`: it changed while it was told, and what did not change may be missing too.
    """

    def __init__(self, kind: int, body: bytes) -> None:
        self._socket = open_socket()
        self._socket.settimeout(_PATIENCE)
        self._socket.send(_request(kind, REQUEST | DUMP, body))
        self._ended = False
        self.interrupted = False

    def read(self) -> list[Message]:
        """Return the messages of the next datagram, none at the end. Raises OSError."""
        found: list[Message] = []
        while not found and not self._ended:
            datagram = self.receive()
            self.interrupted = self.interrupted or _interrupted(datagram)
            found, self._ended = told(datagram)
        return found

    def receive(self) -> bytes:
        """Return the next datagram as it is; `told` says what is in it. Raises OSError."""
        return self._socket.recv(_BUFFER_BYTES)

    def close(self) -> None:
        """Stop; what was not read is thrown away."""
        self._socket.close()


def told(datagram: bytes) -> tuple[list[Message], bool]:
    """Return the messages of a dump's datagram, and whether it was the last. Raises OSError if it says so."""
    found: list[Message] = []
    for message in messages(memoryview(datagram)):
        if message.type == NLMSG_DONE:
            return found, True
        _raise_error(message)
        found.append(message)
    return found, False


def _interrupted(datagram: bytes) -> bool:
    position = 0
    while position + _HEADER.size <= len(datagram):
        length, _, flags, _, _ = _HEADER.unpack_from(datagram, position)
        if flags & DUMP_INTERRUPTED:
            return True
        position += max(_aligned(length), _HEADER.size)
    return False


def dump(kind: int, body: bytes) -> list[Message]:
    """Ask for everything of a kind, again where it changed meanwhile. Raises OSError."""
    for _ in range(_ATTEMPTS):
        found, whole = _dump(kind, body)
        if whole:
            break
    return found


def _dump(kind: int, body: bytes) -> tuple[list[Message], bool]:
    reader = Dump(kind, body)
    try:
        every: list[Message] = []
        while found := reader.read():
            every += found
        return every, not reader.interrupted
    finally:
        reader.close()


class Query:
    """Asks for one thing after another, over one socket."""

    def __init__(self) -> None:
        self._socket = open_socket()
        self._socket.settimeout(_PATIENCE)

    def get(self, kind: int, body: bytes) -> Message:
        """Ask for one thing. Raises OSError, as the kernel answers when it is not there."""
        self._socket.send(_request(kind, REQUEST, body))
        for message in messages(memoryview(self._socket.recv(_BUFFER_BYTES))):
            _raise_error(message)
            return message
        raise OSError(errno.EBADMSG, os.strerror(errno.EBADMSG))

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()


def get(kind: int, body: bytes) -> Message:
    """Ask for one thing. Raises OSError, as the kernel answers when it is not there."""
    query = Query()
    try:
        return query.get(kind, body)
    finally:
        query.close()


def change(kind: int, flags: int, body: bytes) -> None:
    """Make one change and wait until it is done. Raises OSError."""
    with open_socket() as opened:
        opened.settimeout(_PATIENCE)
        opened.send(_request(kind, REQUEST | ACKNOWLEDGE | flags, body))
        for message in messages(memoryview(opened.recv(_BUFFER_BYTES))):
            _raise_error(message)


def _request(kind: int, flags: int, body: bytes) -> bytes:
    return _HEADER.pack(_HEADER.size + len(body), kind, flags, 1, 0) + body


def _raise_error(message: Message) -> None:
    """Raise what an error message carries; 0 is an acknowledgement."""
    if message.type == NLMSG_ERROR:
        (error,) = _ERROR.unpack_from(message.body)
        if error:
            raise OSError(-error, os.strerror(-error))


def _aligned(length: int) -> int:
    return (length + 3) & ~3

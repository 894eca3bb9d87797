"""What client and validator child say to each other: length-prefixed msgpack on a stream socket.

child, on accept:  GREETING
client:            length (4 bytes, network order) | Request
child:             length                          | Reply
"""

import socket
import struct
import time
from enum import StrEnum

import msgspec

GREETING = b"twincast-validator-2\n"
MAX_FRAME = 256 * 1024 * 1024
"""Bytes: 100,000 profiles are about 30 MB."""

_LENGTH = struct.Struct("!I")


class Work(StrEnum):
    """What is asked for."""

    CANONICAL = "canonical"
    VALIDATE = "validate"
    OPERATION = "operation"


class Phase(StrEnum):
    """Whether data could not be read (names, types, keys) or was read and broke a constraint."""

    PARSE = "parse"
    CONSTRAINT = "constraint"


class RawError(msgspec.Struct, frozen=True):
    """One error as libyang stores it; `path` has module names as prefixes, empty when there is none."""

    phase: Phase
    message: str
    path: str = ""
    app_tag: str = ""
    code: str = ""


class Request(msgspec.Struct, frozen=True):
    """One piece of work on sibling top-level elements.

    For OPERATION it is one body as `server.schema.judged_operations` has it: the parameters of an rpc or
    action in `<input>` or `<output>`, a notification as it is sent.
    """

    work: Work
    xml: bytes


class Reply(msgspec.Struct, frozen=True):
    """`xml` answers CANONICAL and OPERATION; `errors` are in the order libyang found them."""

    xml: bytes = b""
    errors: tuple[RawError, ...] = ()


class FrameTooLongError(Exception):
    """A frame is longer than MAX_FRAME."""


def encode(message: Request | Reply) -> bytes:
    """Return the frame of `message`; raises FrameTooLongError."""
    body = msgspec.msgpack.encode(message)
    if len(body) > MAX_FRAME:
        raise FrameTooLongError(f"{len(body)} bytes, at most {MAX_FRAME}")
    return _LENGTH.pack(len(body)) + body


def read_frame(connection: socket.socket, deadline: float) -> bytes:
    """Read one frame until `deadline` (monotonic seconds).

    Raises EOFError when the other side closes, also in the middle of a frame, TimeoutError at the deadline
    and FrameTooLongError.
    """
    (length,) = _LENGTH.unpack(read_exactly(connection, _LENGTH.size, deadline))
    if length > MAX_FRAME:
        raise FrameTooLongError(f"{length} bytes, at most {MAX_FRAME}")
    return read_exactly(connection, length, deadline)


def read_exactly(connection: socket.socket, length: int, deadline: float) -> bytes:
    """Read `length` bytes until `deadline`; raises EOFError and TimeoutError."""
    buffer = bytearray(length)
    view = memoryview(buffer)
    filled = 0
    while filled < length:
        remaining = deadline - time.monotonic()
        if remaining <= 0:
            raise TimeoutError("the deadline has passed")
        connection.settimeout(remaining)
        count = connection.recv_into(view[filled:])
        if count == 0:
            raise EOFError("the other side closed the connection")
        filled += count
    return bytes(buffer)

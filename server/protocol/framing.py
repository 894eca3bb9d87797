"""Bytes to messages and back: the two framings of NETCONF over SSH (RFC 6242 section 4).

Pure: no sockets, no time. Bytes may arrive in any split; the messages are always the same.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from server.protocol.errors import ProtocolError, TooLargeError

END_OF_MESSAGE = b"]]>]]>"
END_OF_CHUNKS = b"\n##\n"
LARGEST_CHUNK = 4_294_967_295
"""chunk-size of RFC 6242 section 4.2 has at most this value."""

CHUNK = 64 * 1024
"""Bytes that close a chunk on sending. ncclient reads 4 KiB at a time and each time decodes what it has of
the chunk: 20 MB took it 43 s in one chunk and 1 s in these. It also decodes each chunk by itself, so that
one must not end within a character."""

_LONGEST_HEADER = len(f"\n#{LARGEST_CHUNK}\n")


class Framing(StrEnum):
    """How messages are told apart on the wire."""

    END_OF_MESSAGE = "end-of-message"
    CHUNKED = "chunked"


@dataclass(frozen=True, slots=True)
class FramingLimits:
    """What a peer may make us hold, in bytes; `hello` is the limit for its first message.

    64 MiB holds an edit-config of about 100,000 profiles; 1 MiB about 10,000 capabilities.
    """

    hello: int = 1024 * 1024
    message: int = 64 * 1024 * 1024
    chunk: int = 64 * 1024 * 1024


class Framer:
    """The receiving side of one session; it starts in end-of-message framing, as every session does."""

    def __init__(self, limits: FramingLimits | None = None) -> None:
        self._limits = limits or FramingLimits()
        self._largest_message = self._limits.hello
        self._framing = Framing.END_OF_MESSAGE
        self._buffer = bytearray()
        self._searched = 0
        self._message = bytearray()
        self._chunk_left = 0

    def switch(self, framing: Framing) -> None:
        """Go on in `framing`; what came in after the hello is read anew by its rules."""
        self._framing = framing
        self._largest_message = self._limits.message
        self._searched = 0

    def feed(self, data: bytes) -> None:
        """Take bytes as they came."""
        self._buffer += data

    def next_message(self) -> bytes | None:
        """Return the next complete message, or None until more bytes are there. Raises ProtocolError."""
        if self._framing is Framing.CHUNKED:
            return self._next_chunked()
        return self._next_delimited()

    def receive(self, data: bytes) -> list[bytes]:
        """Take bytes and return every message they complete. Raises ProtocolError."""
        self.feed(data)
        return list(iter(self.next_message, None))

    def _next_delimited(self) -> bytes | None:
        end = self._buffer.find(END_OF_MESSAGE, self._searched)
        if (end if end >= 0 else len(self._buffer) - len(END_OF_MESSAGE)) > self._largest_message:
            raise TooLargeError(f"a message is larger than {self._largest_message} bytes")
        if end < 0:
            # The delimiter may be cut in two; all but its last five bytes need no second look.
            self._searched = max(0, len(self._buffer) - len(END_OF_MESSAGE) + 1)
            return None
        message = bytes(self._buffer[:end])
        del self._buffer[: end + len(END_OF_MESSAGE)]
        self._searched = 0
        return message

    def _next_chunked(self) -> bytes | None:
        while True:
            if self._chunk_left and not self._take_chunk():
                return None
            header = self._take_header()
            if header is None:
                return None
            if header == END_OF_CHUNKS:
                return self._finish_message()
            self._begin_chunk(header)

    def _take_chunk(self) -> bool:
        """Move what is there of the current chunk; return whether the chunk is complete."""
        taken = min(self._chunk_left, len(self._buffer))
        if taken == len(self._buffer) and not self._message:
            self._message, self._buffer = self._buffer, self._message
        else:
            self._message += memoryview(self._buffer)[:taken]
            del self._buffer[:taken]
        self._chunk_left -= taken
        return self._chunk_left == 0

    def _take_header(self) -> bytes | None:
        """Return `LF # size LF` or `LF # # LF`, or None until it is complete."""
        buffer = self._buffer
        for position, expected in enumerate(b"\n#"):
            if len(buffer) > position and buffer[position] != expected:
                raise ProtocolError("a chunk does not begin with a line feed and '#'")
        end = buffer.find(b"\n", 2, _LONGEST_HEADER)
        if end < 0:
            if len(buffer) >= _LONGEST_HEADER:
                raise ProtocolError("a chunk header is longer than a chunk-size can be")
            return None
        header = bytes(buffer[: end + 1])
        del buffer[: end + 1]
        return header

    def _begin_chunk(self, header: bytes) -> None:
        digits = header[2:-1]
        if not digits.isdigit() or digits.startswith(b"0") or int(digits) > LARGEST_CHUNK:
            raise ProtocolError(f"a chunk-size is not a number from 1 to {LARGEST_CHUNK}")
        size = int(digits)
        if size > self._limits.chunk:
            raise TooLargeError(f"a chunk is larger than {self._limits.chunk} bytes")
        if len(self._message) + size > self._largest_message:
            raise TooLargeError(f"a message is larger than {self._largest_message} bytes")
        self._chunk_left = size

    def _finish_message(self) -> bytes:
        if not self._message:
            raise ProtocolError("a message has no chunk")
        message = bytes(self._message)
        self._message = bytearray()
        return message


def encode_lazily(framing: Framing, pieces: Iterable[bytes], chunk: int = CHUNK) -> Iterator[bytes]:
    """`encode` for pieces that are made while they are sent: none is held back but for the chunk it is in."""
    if framing is Framing.END_OF_MESSAGE:
        yield from filter(None, pieces)
        yield END_OF_MESSAGE
        return
    for gathered in _chunks(filter(None, pieces), chunk):
        yield b"\n#%d\n" % sum(map(len, gathered))
        yield from gathered
    yield END_OF_CHUNKS


def encode(framing: Framing, pieces: Iterable[bytes], chunk: int = CHUNK) -> list[bytes]:
    """Frame one message given in pieces, which are passed on: neither joined nor split.

    A chunk is closed once it holds `chunk` bytes. Raises ValueError for a message without bytes, which
    chunked framing cannot express.
    """
    parts = [piece for piece in pieces if piece]
    if not parts:
        raise ValueError("a message needs at least one byte")
    if framing is Framing.END_OF_MESSAGE:
        return [*parts, END_OF_MESSAGE]
    framed: list[bytes] = []
    for gathered in _chunks(parts, chunk):
        framed.append(b"\n#%d\n" % sum(map(len, gathered)))
        framed += gathered
    return [*framed, END_OF_CHUNKS]


def _chunks(parts: Iterable[bytes], target: int) -> Iterator[list[bytes]]:
    """Gather parts until there are `target` bytes of them."""
    gathered: list[bytes] = []
    size = 0
    for part in parts:
        gathered.append(part)
        size += len(part)
        if size >= target:
            yield gathered
            gathered, size = [], 0
    if gathered:
        yield gathered

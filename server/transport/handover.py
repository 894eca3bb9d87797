"""How a program hands its client over to the server: both descriptors in one message (SCM_RIGHTS) and a note.

The program is one that somebody else has authenticated: sshd's subsystem, or the shell on this machine. From
then on the bytes go past it. Imports little, because such a program is started for every session.
"""

import array
import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

MAX_NOTE: Final = 4096
"""Bytes of the note; addresses and a key fingerprint need a few hundred."""
DESCRIPTORS: Final = 2


class HandOverError(Exception):
    """What came over the socket is not a hand-over; the text says why."""


class Note(msgspec.Struct, frozen=True):
    """What the program says of its client: for the log only, nobody has checked it.

    `source` is what sshd puts into SSH_CONNECTION, `method` the first line of what SSH_USER_AUTH names.
    """

    source: str = ""
    method: str = ""


@dataclass(frozen=True, slots=True)
class HandedOver:
    """The descriptors of a client, to be closed by whoever takes this, and the note about it."""

    reading: int
    writing: int
    note: Note


def connect_unix(path: Path) -> socket.socket:
    """Connect to a stream socket in the file system, however long its path is.

    sun_path holds 108 bytes; the folder is named by descriptor instead. Raises OSError.
    """
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.connect(f"/proc/self/fd/{folder}/{path.name}")
    except OSError:
        connection.close()
        raise
    finally:
        os.close(folder)
    return connection


def hand_over(connection: socket.socket, reading: int, writing: int, note: Note) -> None:
    """Send both descriptors and the note; they may be closed here afterwards. Raises OSError."""
    rights = array.array("i", [reading, writing]).tobytes()
    connection.sendmsg([msgspec.json.encode(note)], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])


def take_over(connection: socket.socket) -> HandedOver:
    """Receive what `hand_over` sent. Raises HandOverError, and OSError when the other end is gone."""
    space = socket.CMSG_SPACE(DESCRIPTORS * array.array("i").itemsize)
    data, ancillary, flags, _ = connection.recvmsg(MAX_NOTE, space)
    found = array.array("i")
    for level, kind, value in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            found.frombytes(value[: len(value) - len(value) % found.itemsize])
    note = _note(data)
    if note is None or flags & (socket.MSG_CTRUNC | socket.MSG_TRUNC) or len(found) != DESCRIPTORS:
        for descriptor in found:
            os.close(descriptor)
        raise HandOverError(f"expected a note and {DESCRIPTORS} descriptors")
    return HandedOver(found[0], found[1], note)


def _note(data: bytes) -> Note | None:
    try:
        return msgspec.json.decode(data, type=Note)
    except msgspec.DecodeError:
        return None

"""`twincast netconf-subsystem`: the program that sshd starts for the subsystem netconf.

It hands its standard input and output to the server and waits for the end; no byte of the session goes
through it. Small on purpose: it is started for every session.
"""

import os
import sys
from argparse import Namespace
from pathlib import Path
from typing import Final

STDIN: Final = 0
STDOUT: Final = 1


def subsystem(options: Namespace) -> int:
    """Return 0 when the session has ended, 1 when there was no server to take it."""
    from server.transport.handover import Note, connect_unix, hand_over

    note = Note(os.environ.get("SSH_CONNECTION", ""), _method(os.environ.get("SSH_USER_AUTH", "")))
    try:
        with connect_unix(Path(options.socket)) as connection:
            hand_over(connection, STDIN, STDOUT, note)
            _let_go()
            connection.recv(1)
    except OSError as error:
        print(f"twincast netconf-subsystem: {options.socket}: {error.strerror}", file=sys.stderr)
        return 1
    return 0


def _let_go() -> None:
    """The client sees the end when nobody has the descriptors any more, and then only the server has them."""
    empty = os.open(os.devnull, os.O_RDWR)
    for descriptor in (STDIN, STDOUT):
        os.dup2(empty, descriptor)
    os.close(empty)


def _method(file: str) -> str:
    """The first line of what ExposeAuthInfo of sshd tells: method and key."""
    if not file:
        return ""
    try:
        with Path(file).open(encoding="utf-8", errors="replace") as told:
            return told.readline(256).strip()
    except OSError:
        return ""

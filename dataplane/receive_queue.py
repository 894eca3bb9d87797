"""How much the kernel keeps for a socket that is not read at once."""

import socket

SO_RCVBUFFORCE = 33  # asm-generic/socket.h


def enlarge(opened: socket.socket, octets: int) -> None:
    """Ask for a deep queue; the first way may pass net.core.rmem_max, but not inside a user namespace."""
    for option in (SO_RCVBUFFORCE, socket.SO_RCVBUF):
        try:
            opened.setsockopt(socket.SOL_SOCKET, option, octets)
            return
        except PermissionError:
            continue

"""The classic BPF program that lets IGMP frames through and nothing else (see bpf(4) for the machine).

The kernel has already taken the outer VLAN tag off the frame, so one tag seen here is the inner one.
"""

import ctypes
import socket
from struct import Struct
from typing import NamedTuple

SO_ATTACH_FILTER = 26  # asm-generic/socket.h

_LOAD_HALF = 0x28  # BPF_LD | BPF_H | BPF_ABS
_LOAD_BYTE = 0x30  # BPF_LD | BPF_B | BPF_ABS
_JUMP = 0x05  # BPF_JMP | BPF_JA
_JUMP_EQUAL = 0x15  # BPF_JMP | BPF_JEQ | BPF_K
_RETURN = 0x06  # BPF_RET | BPF_K

_WHOLE_FRAME = 0x40000
_INSTRUCTION = Struct("HBBI")


class Instruction(NamedTuple):
    """One instruction; the jumps count the instructions to skip."""

    code: int
    value: int
    if_true: int = 0
    if_false: int = 0


IGMP_OVER_IPV4 = (
    Instruction(_LOAD_HALF, 12),
    Instruction(_JUMP_EQUAL, 0x0800, if_true=6),  # IPv4 → protocol of an untagged packet
    Instruction(_JUMP_EQUAL, 0x8100, if_true=1),  # 802.1Q
    Instruction(_JUMP_EQUAL, 0x88A8, if_false=7),  # 802.1ad, else drop
    Instruction(_LOAD_HALF, 16),
    Instruction(_JUMP_EQUAL, 0x0800, if_false=5),
    Instruction(_LOAD_BYTE, 27),  # protocol behind one tag
    Instruction(_JUMP, 1),
    Instruction(_LOAD_BYTE, 23),
    Instruction(_JUMP_EQUAL, socket.IPPROTO_IGMP, if_false=1),
    Instruction(_RETURN, _WHOLE_FRAME),
    Instruction(_RETURN, 0),
)

NOTHING = (Instruction(_RETURN, 0),)


def attach(raw: socket.socket, program: tuple[Instruction, ...]) -> None:
    """Have the kernel run `program` on what the socket receives. Raises OSError."""
    code = b"".join(_INSTRUCTION.pack(i.code, i.if_true, i.if_false, i.value) for i in program)
    buffer = ctypes.create_string_buffer(code, len(code))
    raw.setsockopt(
        socket.SOL_SOCKET, SO_ATTACH_FILTER, Struct("HP").pack(len(program), ctypes.addressof(buffer))
    )

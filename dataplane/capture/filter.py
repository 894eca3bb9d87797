"""The classic BPF program that lets frames with IGMP or MLD through and no others (bpf(4) has the machine).

The kernel has already taken the outer VLAN tag off the frame, so one tag seen here is the inner one. A third
one passes, so that it is counted, or is a priority (VID 0) and left out, where the frame is decoded. Most of
what runs through here is not membership but traffic: an untagged IPv4 packet takes five instructions.
"""

import ctypes
import socket
from struct import Struct
from typing import NamedTuple

SO_ATTACH_FILTER = 26  # asm-generic/socket.h

LOAD_WORD = 0x20  # BPF_LD | BPF_W | BPF_ABS
LOAD_HALF = 0x28  # BPF_LD | BPF_H | BPF_ABS
LOAD_BYTE = 0x30  # BPF_LD | BPF_B | BPF_ABS
LOAD_HALF_AT = 0x48  # BPF_LD | BPF_H | BPF_IND: at the index register and the value
LOAD_BYTE_AT = 0x50  # BPF_LD | BPF_B | BPF_IND
LOAD_INDEX = 0x01  # BPF_LDX | BPF_W | BPF_IMM
ADD = 0x04  # BPF_ALU | BPF_ADD | BPF_K
ADD_INDEX = 0x0C  # BPF_ALU | BPF_ADD | BPF_X
SHIFT_LEFT = 0x64  # BPF_ALU | BPF_LSH | BPF_K
JUMP_EQUAL = 0x15  # BPF_JMP | BPF_JEQ | BPF_K
TO_INDEX = 0x07  # BPF_MISC | BPF_TAX
FROM_INDEX = 0x87  # BPF_MISC | BPF_TXA
RETURN = 0x06  # BPF_RET | BPF_K

PACKET_TYPE = 0xFFFFF004  # SKF_AD_OFF + SKF_AD_PKTTYPE: to whom the frame is addressed
OTHER_HOST = 3  # PACKET_OTHERHOST

_WHOLE_FRAME = 0x40000
_VIRTUAL_ROUTER = 0x00005E00  # the first octets of the MAC addresses of VRRP (RFC 9568 section 7.3)
_INSTRUCTION = Struct("HBBI")


class Instruction(NamedTuple):
    """One instruction; the jumps count the instructions to skip."""

    code: int
    value: int
    if_true: int = 0
    if_false: int = 0


class _Step(NamedTuple):
    """An instruction whose jumps name labels; "" goes on with the next one. `label` names this one."""

    code: int
    value: int = 0
    if_true: str = ""
    if_false: str = ""
    label: str = ""


# The index register is what stands between the Ethernet addresses and where an untagged packet's type is.
_STEPS = (
    _Step(LOAD_HALF, 12),
    _Step(JUMP_EQUAL, 0x0800, "", "tag"),
    _Step(LOAD_BYTE, 14 + 9),
    _Step(JUMP_EQUAL, socket.IPPROTO_IGMP, "take", "drop"),
    _Step(LOAD_INDEX, 0, label="tag"),
    _Step(JUMP_EQUAL, 0x8100, "tagged"),
    _Step(JUMP_EQUAL, 0x88A8, "tagged", "type"),
    _Step(LOAD_INDEX, 4, label="tagged"),
    _Step(LOAD_HALF_AT, 12),
    _Step(JUMP_EQUAL, 0x8100, "twice"),
    _Step(JUMP_EQUAL, 0x88A8, "twice", "type"),
    _Step(LOAD_INDEX, 8, label="twice"),
    _Step(LOAD_HALF_AT, 12),
    _Step(JUMP_EQUAL, 0x0800, "ipv4", label="type"),
    _Step(JUMP_EQUAL, 0x86DD, "ipv6"),
    _Step(JUMP_EQUAL, 0x8864, "", "drop"),
    _Step(LOAD_WORD, 0),
    _Step(JUMP_EQUAL, _VIRTUAL_ROUTER, "session"),
    _Step(LOAD_WORD, PACKET_TYPE),
    _Step(JUMP_EQUAL, OTHER_HOST, "drop"),
    _Step(FROM_INDEX, label="session"),
    _Step(ADD, 8),  # PPPoE and PPP headers
    _Step(TO_INDEX),
    _Step(LOAD_HALF_AT, 12),
    _Step(JUMP_EQUAL, 0x0021, "ipv4"),
    _Step(JUMP_EQUAL, 0x0057, "ipv6", "drop"),
    _Step(LOAD_BYTE_AT, 14 + 9, label="ipv4"),
    _Step(JUMP_EQUAL, socket.IPPROTO_IGMP, "take", "drop"),
    _Step(LOAD_BYTE_AT, 14 + 6, label="ipv6"),
    _Step(JUMP_EQUAL, socket.IPPROTO_ICMPV6, "message"),
    _Step(JUMP_EQUAL, socket.IPPROTO_HOPOPTS, "", "drop"),
    _Step(LOAD_BYTE_AT, 14 + 40),
    _Step(JUMP_EQUAL, socket.IPPROTO_ICMPV6, "", "drop"),
    _Step(LOAD_BYTE_AT, 14 + 41),  # the length of the options in units of 8 octets, less one
    _Step(ADD, 1),
    _Step(SHIFT_LEFT, 3),
    _Step(ADD_INDEX),
    _Step(TO_INDEX),
    _Step(LOAD_BYTE_AT, 14 + 40, label="message"),
    _Step(JUMP_EQUAL, 130, "take"),
    _Step(JUMP_EQUAL, 131, "take"),
    _Step(JUMP_EQUAL, 132, "take"),
    _Step(JUMP_EQUAL, 143, "take", "drop"),
    _Step(RETURN, _WHOLE_FRAME, label="take"),
    _Step(RETURN, 0, label="drop"),
)


def _assembled(steps: tuple[_Step, ...]) -> tuple[Instruction, ...]:
    places = {step.label: place for place, step in enumerate(steps) if step.label}

    def distance(place: int, label: str) -> int:
        return places[label] - place - 1 if label else 0

    return tuple(
        Instruction(step.code, step.value, distance(place, step.if_true), distance(place, step.if_false))
        for place, step in enumerate(steps)
    )


MEMBERSHIP_MESSAGES = _assembled(_STEPS)
"""IGMP and MLD, untagged, tagged and in PPPoE sessions; MLD without Router Alert so that it is counted.

A session is left out when its frames go to another host: a switch floods what it has not learned. The MAC
address of a virtual router may be on a macvlan above the interface: the kernel does not count it as ours.
"""

NOTHING = (Instruction(RETURN, 0),)


def attach(raw: socket.socket, program: tuple[Instruction, ...]) -> None:
    """Have the kernel run `program` on what the socket receives. Raises OSError."""
    code = b"".join(_INSTRUCTION.pack(i.code, i.if_true, i.if_false, i.value) for i in program)
    buffer = ctypes.create_string_buffer(code, len(code))
    raw.setsockopt(
        socket.SOL_SOCKET, SO_ATTACH_FILTER, Struct("HP").pack(len(program), ctypes.addressof(buffer))
    )

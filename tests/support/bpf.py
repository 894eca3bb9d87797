"""A machine for classic BPF programs, as bpf(4) describes it: what the kernel would do with a frame."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dataplane.capture import filter as program

WORD = 0xFFFFFFFF


@dataclass
class Machine:
    """The accumulator, the index register and the frame; a load past the frame's end raises IndexError.

    `packet_type` is what the kernel knows of the frame (packet(7)): 0 is one addressed to this host.
    """

    frame: bytes
    packet_type: int = 0
    accumulator: int = 0
    index: int = 0

    def load(self, offset: int, size: int) -> None:
        if offset == program.PACKET_TYPE:
            self.accumulator = self.packet_type
            return
        if offset + size > len(self.frame):
            raise IndexError(offset)
        self.accumulator = int.from_bytes(self.frame[offset : offset + size], "big")

    def set_index(self, value: int) -> None:
        self.index = value & WORD

    def set_accumulator(self, value: int) -> None:
        self.accumulator = value & WORD


_STEPS: dict[int, Callable[[Machine, int], None]] = {
    program.LOAD_WORD: lambda machine, value: machine.load(value, 4),
    program.LOAD_HALF: lambda machine, value: machine.load(value, 2),
    program.LOAD_BYTE: lambda machine, value: machine.load(value, 1),
    program.LOAD_HALF_AT: lambda machine, value: machine.load(machine.index + value, 2),
    program.LOAD_BYTE_AT: lambda machine, value: machine.load(machine.index + value, 1),
    program.LOAD_INDEX: Machine.set_index,
    program.ADD: lambda machine, value: machine.set_accumulator(machine.accumulator + value),
    program.ADD_INDEX: lambda machine, _: machine.set_accumulator(machine.accumulator + machine.index),
    program.SHIFT_LEFT: lambda machine, value: machine.set_accumulator(machine.accumulator << value),
    program.TO_INDEX: lambda machine, _: machine.set_index(machine.accumulator),
    program.FROM_INDEX: lambda machine, _: machine.set_accumulator(machine.index),
}


def run(instructions: Sequence[program.Instruction], frame: bytes, packet_type: int = 0) -> tuple[int, int]:
    """Return how many octets the program lets through, and how many instructions that took."""
    machine, place, taken = Machine(frame, packet_type), 0, 0
    while True:
        code, value, if_true, if_false = instructions[place]
        place, taken = place + 1, taken + 1
        if code == program.RETURN:
            return value, taken
        if code == program.JUMP_EQUAL:
            place += if_true if machine.accumulator == value else if_false
            continue
        try:
            _STEPS[code](machine, value)
        except IndexError:
            return 0, taken

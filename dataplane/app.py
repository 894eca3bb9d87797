"""The dataplane process: one asyncio loop around the engine.

Owns the wiring of sockets, timers and signals to the engine's messages and effects. Decisions are the
engine's; what must outlive a crash of this process (the control listener, the multicast routing
socket) belongs to the supervisor and comes in as descriptors.
"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class DataplaneOptions:
    """What the supervisor tells the dataplane.

    `control_fd`: a listening AF_UNIX stream socket. `mroute_fd`: a raw IGMP socket with MRT_INIT done,
    held by the supervisor too; None with plane `memory`. `ready_fd`: where `ready` or
    `failed: reason` is written, one line, then closed; None for none.
    """

    control_fd: int
    plane: Literal["kernel", "memory"]
    mroute_fd: int | None = None
    ready_fd: int | None = None


def run(options: DataplaneOptions) -> int:
    """Serve until SIGTERM; return the exit status: 0 after SIGTERM, 1 when it could not start."""
    raise NotImplementedError

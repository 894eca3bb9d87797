"""The server process: builds the objects, starts and stops them in order.

Owns the wiring only. Sockets that must outlive a crash of this process come from the supervisor.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from server.schema.sources import ModuleSources


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """What the supervisor tells the server.

    `listener_fd`: a listening TCP socket for NETCONF over SSH. `ready_fd`: where `ready` or
    `failed: reason` is written, one line, then closed. `state_dir` holds `twincast.db`, `host_key`,
    `users.json`, `control.sock` and `validator.sock`.
    """

    state_dir: Path
    listener_fd: int
    ready_fd: int
    sources: "ModuleSources"


def run(options: ServerOptions) -> int:
    """Serve until SIGTERM; return the exit status: 0 after SIGTERM, 1 when it could not start."""
    raise NotImplementedError

"""Starts `twincast` the way systemd would: with a listening socket as descriptor 3 (sd_listen_fds(3)).

`python -m cli.lab.launch PARENT LISTENER ARGUMENT...`: LISTEN_PID has to name the process that serves,
so a process in between sets it for itself. It ends with PARENT, whatever way that ends.
"""

import os
import sys

from cli import privileges
from cli.main import main


def launch(parent: int, listener: int, arguments: list[str]) -> int:
    """Take over descriptor `listener` as descriptor 3 and run `twincast ARGUMENT...`."""
    privileges.die_with(parent)
    os.dup2(listener, 3)
    os.environ |= {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1"}
    return main(arguments)


if __name__ == "__main__":
    sys.exit(launch(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]))

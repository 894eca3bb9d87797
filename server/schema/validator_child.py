"""The validator process: libyang, alone with what clients sent, without privileges.

The only file that imports libyang.
"""

import socket
from typing import NoReturn

from server.schema.sources import ModuleSources


def run_child(listener: socket.socket, sources: ModuleSources) -> NoReturn:
    """Serve requests on connections to `listener` until SIGTERM (exit status 0).

    Exit status 1 when the modules cannot be loaded; the reason goes to the log.
    """
    raise NotImplementedError

"""Sessions with a router for people: this machine's over its Unix socket, another one's over SSH."""

import getpass
import socket
from argparse import Namespace as Options
from collections.abc import Sequence
from typing import Final

from cli.shell.link import StreamLink, connect_local
from cli.state_folder import router_of

NETCONF_PORT: Final = 830
"""NETCONF over SSH (RFC 6242 section 6)."""
NO_SESSION: Final = 3
"""Exit status when there is no session with the server, or it broke."""


def problem_of(options: Options) -> str:
    """What is wrong with the options taken together."""
    elsewhere = [name for name in ("port", "user", "identity") if getattr(options, name) is not None]
    here = [name for name in ("state_dir", "socket") if getattr(options, name) is not None]
    if options.host and here:
        return f"--host and --{here[0].replace('_', '-')} name two routers"
    if not options.host and elsewhere:
        return f"--{elsewhere[0]} goes with --host"
    return ""


def connect(options: Options, announced: Sequence[str] = ()) -> tuple[StreamLink, str, str]:
    """Return the session, how people call the server, and what tells it from others. Raises LinkError.

    `announced` are capabilities of ours beyond those of every session.
    """
    if options.host:
        return _connect_ssh(options, announced)
    path = router_of(options.state_dir, options.socket)[1].absolute()
    return connect_local(path, announced), socket.gethostname().partition(".")[0], str(path)


def _connect_ssh(options: Options, announced: Sequence[str]) -> tuple[StreamLink, str, str]:
    from cli.shell.link import connect_ssh
    from server.transport.ssh_client import Target, at_the_terminal

    user = options.user or getpass.getuser()
    target = Target(options.host, options.port or NETCONF_PORT, user, options.identity or "")
    link = connect_ssh(target, at_the_terminal(), announced)
    return link, options.host, f"{user}@{target.host}:{target.port}"

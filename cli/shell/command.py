"""`twincast shell`: finds the server, and gives it to a person or a script."""

import socket
import sys
from argparse import Namespace as Options
from pathlib import Path
from typing import Final

from cli.shell.link import Link, LinkError, connect_local
from cli.shell.netconf import Netconf, Refused
from cli.state_folder import NETCONF_SOCKET, state_dir

NO_SESSION: Final = 3
"""Exit status when there is no session with the server, or it broke."""


def shell(options: Options) -> int:
    """Return 0, 1 when a command of a script failed, 3 when there was no session."""
    try:
        link, host, place = _connect(options)
        return _serve(options, link, host, place)
    except LinkError as error:
        print(f"twincast shell: {error}", file=sys.stderr)
        return NO_SESSION


def _connect(options: Options) -> tuple[Link, str, str]:
    """Return the session, how the prompt calls the server, and what tells it from others."""
    path = Path(options.socket) if options.socket else state_dir(options.state_dir) / NETCONF_SOCKET
    return connect_local(path.absolute()), socket.gethostname().partition(".")[0], str(path.absolute())


def _serve(options: Options, link: Link, host: str, place: str) -> int:
    from cli.shell.model import Model
    from cli.shell.schema import cache_folder, outline
    from cli.shell.script import run_script
    from cli.shell.shell import Shell

    netconf = Netconf(link)
    try:
        model = Model(outline(netconf, place, cache_folder()))
    except Refused as error:
        raise LinkError(f"the server's model may not be read: {error}") from error
    script = _script(options)
    made = Shell(netconf, model, host)
    try:
        return run_script(made, script or "")
    finally:
        made.close()


def _script(options: Options) -> str | None:
    """The commands that were given; None when a person is there to type them."""
    if options.commands:
        return "\n".join(options.commands)
    return None if sys.stdin.isatty() else sys.stdin.read()

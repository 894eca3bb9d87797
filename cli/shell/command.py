"""`twincast shell`: finds the server, and gives it to a person or a script."""

import getpass
import socket
import sys
from argparse import Namespace as Options
from typing import Final

from cli.shell.answer import FAILED, printable
from cli.shell.link import Link, LinkError, connect_local
from cli.shell.netconf import Netconf, Refused
from cli.state_folder import router_of

NETCONF_PORT: Final = 830
"""NETCONF over SSH (RFC 6242 section 6)."""
INTERRUPTED: Final = 130
"""As for a program that SIGINT ended."""
NO_SESSION: Final = 3
"""Exit status when there is no session with the server, or it broke."""


def shell(options: Options) -> int:
    """Return 0, 1 when a command of a script failed, 2 for wrong usage, 3 when there was no session."""
    problem = _problem(options)
    if problem:
        print(f"twincast shell: {problem}", file=sys.stderr)
        return 2
    try:
        link, host, place = _connect(options)
        return _serve(options, link, host, place)
    except LinkError as error:
        print(f"twincast shell: {printable(str(error))}", file=sys.stderr)
        return NO_SESSION
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        sys.stdout = None  # whoever read has gone; nothing is left to flush at the end
        return FAILED


def _problem(options: Options) -> str:
    """What is wrong with the options taken together."""
    elsewhere = [name for name in ("port", "user", "identity") if getattr(options, name) is not None]
    here = [name for name in ("state_dir", "socket") if getattr(options, name) is not None]
    if options.host and here:
        return f"--host and --{here[0].replace('_', '-')} name two routers"
    if not options.host and elsewhere:
        return f"--{elsewhere[0]} goes with --host"
    return ""


def _connect(options: Options) -> tuple[Link, str, str]:
    """Return the session, how the prompt calls the server, and what tells it from others."""
    if options.host:
        return _connect_ssh(options)
    path = router_of(options.state_dir, options.socket)[1].absolute()
    return connect_local(path), socket.gethostname().partition(".")[0], str(path)


def _connect_ssh(options: Options) -> tuple[Link, str, str]:
    from cli.shell.link import connect_ssh
    from server.transport.ssh_client import Target, at_the_terminal

    user = options.user or getpass.getuser()
    target = Target(options.host, options.port or NETCONF_PORT, user, options.identity or "")
    link = connect_ssh(target, at_the_terminal())
    return link, options.host, f"{user}@{target.host}:{target.port}"


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
        if script is not None:
            return run_script(made, script)
        from cli.shell.interactive import Terminal

        return Terminal(made).run()
    finally:
        made.close()


def _script(options: Options) -> str | None:
    """The commands that were given; None when a person is there to type them."""
    if options.commands:
        return "\n".join(options.commands)
    return None if sys.stdin.isatty() else sys.stdin.read()

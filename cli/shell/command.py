"""`twincast shell`: finds the server, and gives it to a person or a script."""

import sys
from argparse import Namespace as Options
from typing import Final

from cli.connect import NO_SESSION, connect, problem_of
from cli.shell.answer import FAILED, printable
from cli.shell.link import PRIVATE, Link, LinkError
from cli.shell.netconf import Netconf, Refused

INTERRUPTED: Final = 130
"""As for a program that SIGINT ended."""


def shell(options: Options) -> int:
    """Return 0, 1 when a command of a script failed, 2 for wrong usage, 3 when there was no session."""
    problem = problem_of(options)
    if problem:
        print(f"twincast shell: {problem}", file=sys.stderr)
        return 2
    try:
        link, host, place = connect(options, () if options.shared_candidate else (PRIVATE,))
        return _serve(options, link, host, place)
    except LinkError as error:
        print(f"twincast shell: {printable(str(error))}", file=sys.stderr)
        return NO_SESSION
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        sys.stdout = None  # whoever read has gone; nothing is left to flush at the end
        return FAILED


def _serve(options: Options, link: Link, host: str, place: str) -> int:
    from cli.shell.candidate import PrivateCandidate, SharedCandidate
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
    offered = any(each.partition("?")[0] == PRIVATE for each in link.capabilities)
    private = offered and not options.shared_candidate
    made = Shell(netconf, model, host, PrivateCandidate(netconf) if private else SharedCandidate(netconf))
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

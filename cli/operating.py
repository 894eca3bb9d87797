"""The commands of who operates a router, their options, and which module carries them out."""

import argparse
from collections.abc import Callable, Mapping


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the commands to the command line."""
    _add_status(commands)
    _add_check_config(commands)
    _add_export(commands)
    _add_import(commands)
    _add_shell(commands)
    _add_top(commands)


def run(options: argparse.Namespace) -> int | None:
    """Carry out one of these commands; None when it was none of them."""
    work = _WORK.get(options.command)
    return None if work is None else work(options)


def _status(options: argparse.Namespace) -> int:
    from cli.status import status

    return status(options)


def _check_config(options: argparse.Namespace) -> int:
    from cli.check_config import check_config

    return check_config(options)


def _export(options: argparse.Namespace) -> int:
    from cli.configuration import export

    return export(options)


def _import(options: argparse.Namespace) -> int:
    from cli.configuration import import_

    return import_(options)


def _shell(options: argparse.Namespace) -> int:
    from cli.shell.command import shell

    return shell(options)


def _top(options: argparse.Namespace) -> int:
    from cli.top.command import top

    return top(options)


_WORK: Mapping[str, Callable[[argparse.Namespace], int]] = {
    "status": _status,
    "check-config": _check_config,
    "export": _export,
    "import": _import,
    "shell": _shell,
    "top": _top,
}


def _add_status(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    status = commands.add_parser(
        "status",
        help="tell whether the router on this machine is well",
        description="Asks the server and the dataplane on this machine. Degraded means that it serves, but "
        "that not everything configured works: a channel that is not connected, profiles that do not copy, "
        "two masters, no forwarding.",
        epilog="exit status: 0 all is well; 1 it serves but is degraded; 2 it is down or cannot be asked.",
    )
    status.add_argument("--json", action="store_true", help="print all that was found out as JSON")
    _add_server_options(status)


def _add_check_config(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    check = commands.add_parser(
        "check-config",
        help="judge a configuration without a server",
        description="Judges a whole configuration as a commit would, and prints every fault with its path.",
        epilog="exit status: 0 it is valid; 1 it is not valid; 2 it cannot be read.",
    )
    check.add_argument("file", metavar="FILE", help="XML or JSON (RFC 7951), or - for standard input")
    _add_module_options(check)


def _add_export(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    export = commands.add_parser(
        "export",
        help="print the running configuration",
        description="Prints what this user may read of the running configuration of the server on this "
        "machine. It may hold keys: a file is made for its owner only.",
        epilog="exit status: 0 done; 1 the server refused; 2 there is no server.",
    )
    export.add_argument(
        "file", metavar="FILE", nargs="?", default="-", help="where to (default: standard output)"
    )
    export.add_argument(
        "--format", choices=("xml", "json"), default="xml", help="its form (default %(default)s)"
    )
    _add_server_options(export)
    _add_module_options(export)


def _add_import(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    take = commands.add_parser(
        "import",
        help="commit a configuration from a file",
        description="Merges a configuration into that of the server on this machine, as one commit: all of "
        "it or nothing.",
        epilog="exit status: 0 committed; 1 the server refused, nothing has changed; 2 there is no server or "
        "the file cannot be read.",
    )
    take.add_argument("file", metavar="FILE", help="XML or JSON (RFC 7951), or - for standard input")
    take.add_argument(
        "--replace", action="store_true", help="put it in the place of the whole running configuration"
    )
    take.add_argument("--dry-run", action="store_true", help="have the server judge it, and commit nothing")
    _add_server_options(take)
    _add_module_options(take)


def _add_shell(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    shell = commands.add_parser(
        "shell",
        help="the command line of routers, over NETCONF",
        description="Edits, commits and shows a router's configuration and state. Without -c, and on a "
        "terminal, it asks for commands; else it carries out those of -c or standard input until one fails.",
        epilog="exit status: 0 done; 1 a command failed, and those behind it were not carried out; 2 wrong "
        "usage; 3 there is no session with a server.",
    )
    _add_server_options(shell)
    _add_host_options(shell)
    shell.add_argument(
        "--shared-candidate",
        action="store_true",
        help="edit the candidate that all sessions share, not one of this session alone",
    )
    shell.add_argument(
        "-c",
        dest="commands",
        metavar="COMMANDS",
        action="append",
        help="carry out COMMANDS, separated by semicolons or line ends; may be repeated",
    )


def _add_top(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    top = commands.add_parser(
        "top",
        help="show a router live, over NETCONF",
        description="Shows roles, copying, channels, interfaces, groups and what was notified, as the router "
        "pushes them. Keys: o overview, g groups, e events, q quit.",
        epilog="exit status: 0 done; 1 the server refused; 2 wrong usage; 3 there is no session with a "
        "server, or it broke.",
    )
    _add_server_options(top)
    _add_host_options(top)
    top.add_argument(
        "--interval",
        metavar="SECONDS",
        type=_interval,
        default=1.0,
        help="how often the router tells of itself, 0.5 to 60 (default 1)",
    )
    top.add_argument("--once", action="store_true", help="print everything once, as plain text")


def _interval(text: str) -> float:
    seconds = float(text)
    if not 0.5 <= seconds <= 60:
        raise argparse.ArgumentTypeError("expected seconds from 0.5 to 60")
    return seconds


def _add_host_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("--host", metavar="HOST", help="a router elsewhere, over SSH")
    command.add_argument("--port", metavar="N", type=int, help="its port (default: 830)")
    command.add_argument("--user", metavar="NAME", help="the user there (default: this user)")
    command.add_argument(
        "--identity",
        metavar="FILE",
        help="the private key to show (default: those of the agent and of ~/.ssh, then a password is asked)",
    )


def _add_server_options(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--state-dir",
        metavar="DIR",
        help="as for run (default: that of this user, or of the system's services)",
    )
    command.add_argument(
        "--socket",
        metavar="PATH",
        help="the --netconf-socket of the server (default: that of the state folder)",
    )


def _add_module_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("--module", metavar="FILE", action="append", default=[], help="as for run")
    command.add_argument("--yang-path", metavar="DIR", action="append", default=[], help="as for run")

"""The command `twincast`: reads the command line and hands over to the command that was asked for."""

import argparse
import re
import sys
from collections.abc import Sequence
from ipaddress import ip_address

from cli import operating
from cli.run_options import add_run
from cli.version import Version

SCENARIOS = ("core-link", "re-enable", "zapping-storm", "node-death", "partition", "vrrp")
"""The scenarios of the laboratory, by name: what plays them is not imported for a look at the help."""


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    top = argparse.ArgumentParser(prog="twincast", description="Multicast hot backup for IPTV edge routers.")
    top.add_argument("--version", action=Version, help="print the version and exit")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    add_run(commands)
    _add_lab(commands)
    _add_subsystem(commands)
    _add_keygen(commands)
    _add_keys(commands)
    commands.add_parser(
        "hash-password",
        help="make the hash of a password for twincast-server",
        description="Reads a password from the terminal or one line of standard input and prints its hash.",
    )
    _add_subscribers(commands)
    _add_replay(commands)
    _add_completion(commands)
    operating.add(commands)
    return top


def _add_lab(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    lab = commands.add_parser(
        "lab",
        help="play the main job on two routers in namespaces of their own",
        description="Builds a source, a core, two routers, an access switch and set-top boxes, plays the "
        "five cases and prints what was lost.",
    )
    lab.add_argument(
        "--once", action="store_true", help="remove everything after the cases, also on a terminal"
    )
    lab.add_argument(
        "--groups",
        metavar="N",
        type=_groups,
        default=20,
        help="groups of each case, 1 to 4000 (default %(default)s)",
    )
    lab.add_argument("--json", metavar="FILE", help="write the result of the five cases as JSON")
    lab.add_argument(
        "--scenario",
        metavar="NAME",
        choices=(*SCENARIOS, "cases", "all"),
        action="append",
        default=[],
        help=f"what to play in place of the five cases, may be repeated: {', '.join(SCENARIOS)}; or all; or "
        "cases",
    )
    lab.add_argument(
        "--report",
        metavar="DIR",
        default="",
        help="write a page with plots, the plots as SVG and PNG, and the figures as JSON",
    )


def _add_subsystem(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    subsystem = commands.add_parser(
        "netconf-subsystem",
        help="the program for sshd's subsystem netconf",
        description="Hands its standard input and output over to the server and waits for the end of the "
        "session. For sshd_config: Subsystem netconf /path/to/twincast netconf-subsystem --socket PATH",
    )
    subsystem.add_argument(
        "--socket", metavar="PATH", required=True, help="the --netconf-socket of twincast run"
    )


def _add_keygen(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    keygen = commands.add_parser(
        "keygen",
        help="make a key and a certificate for replication channels",
        description="Makes a private key and a certificate signed by itself, and prints the certificate, the "
        "public key and its pin for the other router.",
    )
    keygen.add_argument(
        "name", metavar="NAME", nargs="?", default="channel", help="their name (default %(default)s)"
    )
    keygen.add_argument(
        "--algorithm",
        choices=("ed25519", "p-256"),
        default="ed25519",
        help="the kind of key (default %(default)s)",
    )
    keygen.add_argument(
        "--days",
        metavar="N",
        type=_days,
        default=3650,
        help="how long the certificate is valid (default %(default)s)",
    )
    keygen.add_argument(
        "--address",
        metavar="ADDR",
        type=ip_address,
        action="append",
        default=[],
        help="an address of this router, as subject alternative name; may be repeated",
    )
    _add_key_options(keygen)


def _add_keys(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    keys = commands.add_parser("keys", help="keep the keys and certificates of replication channels")
    verbs = keys.add_subparsers(dest="verb", required=True, metavar="VERB")
    put = verbs.add_parser("import", help="put a certificate, public key, pin or private key in its place")
    put.add_argument("name", metavar="NAME", help="its name; SERVICE-peer is what a service looks for")
    put.add_argument("file", metavar="FILE", help="a PEM file, or - for standard input")
    put.add_argument("--pin", action="store_true", help="of a certificate keep the pin of its key only")
    _add_key_options(put)
    listed = verbs.add_parser("list", help="list them, one a line")
    shown = verbs.add_parser("show", help="print a certificate or public key, never a private one")
    shown.add_argument("name", metavar="NAME", help="its name")
    for verb in (listed, shown):
        verb.add_argument("--state-dir", metavar="DIR", help="as for run")


def _add_subscribers(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    subscribers = commands.add_parser(
        "subscribers",
        help="load the list of the subscribers that are copied",
        description="Once a list is loaded, messages of subscribers that are not in it are not copied.",
    )
    verbs = subscribers.add_subparsers(dest="verb", required=True, metavar="VERB")
    load = verbs.add_parser("load", help="take a list in place of the one before")
    load.add_argument(
        "file",
        metavar="FILE",
        help="MAC[@OUTER[.INNER]][/SESSION] or a JSON object a line, or - for standard input",
    )
    clear = verbs.add_parser("clear", help="forget a list: everyone is copied")
    show = verbs.add_parser("show", help="print how many subscribers are in the lists")
    for verb in (load, clear, show):
        verb.add_argument("--state-dir", metavar="DIR", help="as for run")
        verb.add_argument(
            "--profile",
            metavar="NAME",
            type=_profile,
            help="whose list it is (default: all profiles without a list of their own)",
        )


def _profile(text: str) -> str:
    if not re.fullmatch(r"[0-9a-z_.\-]{1,128}", text):
        raise argparse.ArgumentTypeError("expected the name of a profile")
    return text


def _add_key_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("--state-dir", metavar="DIR", help="as for run")
    command.add_argument("--force", action="store_true", help="replace what is there")


def _days(text: str) -> int:
    number = int(text)
    if not 1 <= number <= 36_500:
        raise argparse.ArgumentTypeError("expected a number from 1 to 36500")
    return number


def _add_replay(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    replay = commands.add_parser(
        "replay",
        help="play a recording of a dataplane again",
        description="Gives a new engine what `twincast run --record FILE` wrote, and prints each message "
        "with its effects, one line of JSON each.",
    )
    replay.add_argument("file", metavar="FILE", help="the recording")
    replay.add_argument(
        "--state", action="store_true", help="print the state at the end of the last run, and nothing else"
    )
    replay.add_argument("--quiet", action="store_true", help="print only how much there was")


def _add_completion(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    completion = commands.add_parser(
        "completion",
        help="print the completions for a shell",
        description="Prints a script for bash, to be sourced, or a function for zsh, to be put into a folder "
        "of $fpath as _twincast. An installed wheel has both in share.",
    )
    completion.add_argument("shell", choices=("bash", "zsh"), help="the shell")


def _print_completion(shell: str) -> int:
    from cli.reference import commands, completion

    print({"bash": completion.bash, "zsh": completion.zsh}[shell](commands.read(parser())), end="")
    return 0


def _groups(text: str) -> int:
    number = int(text)
    if not 1 <= number <= 4000:
        raise argparse.ArgumentTypeError("expected a number from 1 to 4000")
    return number


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status (2 for wrong usage)."""
    options = parser().parse_args(arguments)
    if options.command == "run":
        from cli.run import run

        return run(options)
    if options.command == "netconf-subsystem":
        from cli.subsystem import subsystem

        return subsystem(options)
    if options.command in ("keygen", "keys"):
        from cli import keys

        return keys.keygen(options) if options.command == "keygen" else keys.keys(options)
    if options.command == "hash-password":
        from cli.hash_password import hash_password

        return hash_password()
    if options.command == "subscribers":
        from cli.subscribers import subscribers

        return subscribers(options)
    if options.command == "replay":
        from cli.replay import replay

        return replay(options)
    if options.command == "completion":
        return _print_completion(options.shell)
    if (status := operating.run(options)) is not None:
        return status
    from cli.lab.command import lab

    return lab(options)


if __name__ == "__main__":
    sys.exit(main())

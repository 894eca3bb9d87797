"""The options of `twincast run`."""

import argparse


def add_run(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command and its options."""
    run = commands.add_parser(
        "run",
        help="serve NETCONF and run the dataplane, in the foreground",
        description="Starts server, validator and dataplane and serves until SIGTERM.",
    )
    _add_places(run)
    _add_first_user(run)
    _add_datastores(run)
    _add_pages(run)
    _add_recording(run)


def _add_places(run: argparse.ArgumentParser) -> None:
    """Where it listens, keeps its state, and forwards."""
    run.add_argument(
        "--listen",
        metavar="ADDR:PORT",
        default="127.0.0.1:8300",
        help="NETCONF over SSH (default %(default)s; port 0 picks a free one)",
    )
    run.add_argument(
        "--state-dir",
        metavar="DIR",
        help="where configuration, users and host key are kept (default: $XDG_STATE_HOME/twincast)",
    )
    run.add_argument(
        "--only",
        choices=("server", "dataplane"),
        help="run one of the two as a service of its own, in the state folder of the other (default: both)",
    )
    run.add_argument(
        "--plane",
        choices=("auto", "kernel", "memory"),
        default="auto",
        help="what forwards: the kernel's multicast routing, or nothing (default %(default)s)",
    )
    run.add_argument(
        "--netconf-socket",
        metavar="PATH",
        help="Unix socket for programs on this machine, such as sshd's subsystem (default: netconf.sock in "
        "the state folder)",
    )
    run.add_argument(
        "--netconf-socket-mode",
        metavar="MODE",
        type=_mode,
        default=0o600,
        help="permissions of a --netconf-socket, octal, such as 0666 for every user that sshd lets in "
        "(default 0600)",
    )


def _add_first_user(run: argparse.ArgumentParser) -> None:
    """Who may come in after the first start."""
    run.add_argument(
        "--user", metavar="NAME", help="the user that the credentials below are for (default admin)"
    )
    run.add_argument(
        "--authorized-keys", metavar="FILE", help="public keys of the user, one a line as in OpenSSH"
    )
    run.add_argument(
        "--password-file", metavar="FILE", help="password of the user, one line of clear text; kept as a hash"
    )
    run.add_argument(
        "--no-first-user",
        action="store_true",
        help="make no user where there is none yet: users are made by root, over the Unix socket",
    )


def _add_datastores(run: argparse.ArgumentParser) -> None:
    """What is served beside our own modules and the candidate."""
    run.add_argument(
        "--module",
        metavar="FILE",
        action="append",
        default=[],
        help="another YANG module to serve, FILE.yang or FILE.yang:feature,feature; may be repeated",
    )
    run.add_argument(
        "--yang-path",
        metavar="DIR",
        action="append",
        default=[],
        help="where imports of such modules are found; may be repeated",
    )
    run.add_argument(
        "--writable-running",
        action="store_true",
        help="running can be edited directly too, not by commit alone",
    )
    run.add_argument(
        "--startup",
        action="store_true",
        help="a startup datastore of its own is what running begins with; else every commit is saved",
    )
    run.add_argument(
        "--url-dir",
        metavar="DIR",
        default="",
        help="file URLs in requests name files in DIR, and nothing outside it",
    )
    run.add_argument("--url-https", action="store_true", help="https URLs in requests are read and written")


def _add_pages(run: argparse.ArgumentParser) -> None:
    """What is served to whoever asks, over HTTP."""
    run.add_argument(
        "--metrics",
        metavar="[ADDR:]PORT",
        default="",
        help="serve metrics for Prometheus, http://ADDR:PORT/metrics, to whoever asks (default: not at all; "
        "ADDR is 127.0.0.1 unless given)",
    )
    run.add_argument(
        "--web",
        metavar="[ADDR:]PORT",
        default="",
        help="serve a read-only status page, http://ADDR:PORT/, to whoever asks (default: not at all; ADDR "
        "is 127.0.0.1 unless given)",
    )


def _add_recording(run: argparse.ArgumentParser) -> None:
    """What developers and their reports need."""
    run.add_argument(
        "--wires",
        metavar="DIR",
        default="",
        help="with --plane memory: interfaces are datagram sockets in DIR, as wires.json there says",
    )
    run.add_argument(
        "--record",
        metavar="FILE",
        default="",
        help="append everything that the dataplane is told to FILE, without keys, until it holds 256 MiB; "
        "twincast replay plays it again",
    )
    run.add_argument(
        "--log-level",
        choices=("debug", "info", "warning", "error"),
        default="info",
        help="events from this level on (default %(default)s)",
    )


def _mode(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text, 8) > 0o777:
        raise argparse.ArgumentTypeError("expected permissions in octal, such as 0660")
    return int(text, 8)

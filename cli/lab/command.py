"""`twincast lab`: plays the five cases, tells what was seen, and leaves the laboratory up on a terminal."""

import json
import signal
import sys
from argparse import Namespace as Options
from pathlib import Path

from cli.lab import report
from cli.lab.hosts import USER
from cli.lab.laboratory import Laboratory, in_laboratory
from cli.lab.namespaces import user_namespaces_problem
from cli.lab.play import Player


def lab(options: Options) -> int:
    """Play the laboratory; returns 0, or 1 when a case missed its expectation or nothing could be played."""
    problem = user_namespaces_problem()
    if problem is not None:
        from cli.lab.memory import play_in_memory

        return play_in_memory(options, problem)
    return in_laboratory(lambda laboratory: _play(options, laboratory))


def _play(options: Options, laboratory: Laboratory) -> int:
    player = Player(
        laboratory.topology, laboratory.routers, laboratory.source, laboratory.stbs, options.groups
    )
    results = report.print_as_they_come("kernel", options.groups, player.play())
    if options.json:
        content = report.as_json("kernel", options.groups, results)
        Path(options.json).write_text(json.dumps(content, indent=2) + "\n")
    if not options.once and sys.stdout.isatty():
        report.print_how_to_connect(USER, laboratory.key, [router.port for router in laboratory.routers])
        signal.pause()
    return 1 if any(result.misses() for result in results) else 0

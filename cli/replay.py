"""`twincast replay FILE`: plays a recording again and prints what the engine did."""

import sys
import time
from argparse import Namespace
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import msgspec

from cli.errors import said
from dataplane.recording.journal import RecordingError, read
from dataplane.recording.plain import plain
from dataplane.recording.replay import Step, shown, state
from dataplane.recording.replay import replay as steps_of


def replay(options: Namespace) -> int:
    """Print each message with its effects, or the state at the end; returns the exit status."""
    try:
        with Path(options.file).open("rb") as file, suppress(BrokenPipeError):
            _print(steps_of(read(file)), options)
    except (RecordingError, OSError) as error:
        print(f"twincast replay: {said(error)}", file=sys.stderr)
        return 1
    return 0


def _print(steps: Iterable[Step], options: Namespace) -> None:
    started, messages, wanted, last = time.monotonic(), 0, 0, None
    for step in steps:
        messages, wanted, last = messages + 1, wanted + len(step.effects), step
        if not options.state and not options.quiet:
            line = {"at": step.at, "message": plain(step.message), "effects": [*map(shown, step.effects)]}
            print(msgspec.json.encode(line).decode())
    if last is not None and options.state:
        print(msgspec.json.format(msgspec.json.encode(state(last.engine, last.at))).decode())
    seconds = time.monotonic() - started
    print(f"{messages} messages, {wanted} effects, {seconds:.2f} s", file=sys.stderr)
